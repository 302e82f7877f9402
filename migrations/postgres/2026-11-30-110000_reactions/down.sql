drop index messages_with_reactions;
