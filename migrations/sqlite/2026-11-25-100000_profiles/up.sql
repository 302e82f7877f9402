alter table accounts add column display_name text;
alter table accounts add column about text;
-- Hides from others whether and when the user is online.
alter table accounts add column hide_presence integer not null default 0 check (hide_presence in (0, 1));
-- When the user's last connection ended.
alter table accounts add column last_seen_at integer;

-- Null for sessions that the previous version of the program opens.
alter table sessions add column opened_at integer;

-- For a user's list of sessions.
create index sessions_by_use on sessions (user_id, revoked, issued_at, session_id);
