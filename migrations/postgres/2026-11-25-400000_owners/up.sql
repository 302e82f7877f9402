-- How many owners are left, however many members there are.
create index members_by_role on members (conversation_id, role, status);
