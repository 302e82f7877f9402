drop index members_by_role;
