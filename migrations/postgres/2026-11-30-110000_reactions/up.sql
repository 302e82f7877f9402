-- For finding the reactions of a user.
create index messages_with_reactions on messages (conversation_id, msg_no) where reactions <> '';
