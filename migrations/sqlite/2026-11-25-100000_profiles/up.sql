alter table accounts add column display_name text;
alter table accounts add column about text;
-- Others do not learn whether, and when, it was there.
alter table accounts add column hide_presence integer not null default 0 check (hide_presence in (0, 1));
-- When the last of its connections to a node ended.
alter table accounts add column last_seen_at integer;

-- Programs that do not know better leave it out.
alter table sessions add column opened_at integer;

-- One's own list of sessions.
create index sessions_by_use on sessions (user_id, revoked, issued_at, session_id);
