-- For finding those who block a user.
create index blocks_by_blocked on blocks (blocked_id, blocker_id);
