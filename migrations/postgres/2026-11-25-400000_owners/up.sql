-- For counting the owners of a conversation of any size.
create index members_by_role on members (conversation_id, role, status);
