alter table accounts add column display_name text;
alter table accounts add column about text;
-- Others do not learn whether, and when, it was there.
alter table accounts add column hide_presence boolean not null default false;
-- When the last of its connections to a node ended.
alter table accounts add column last_seen_at bigint;

-- Programs that do not know better leave it out.
alter table sessions add column opened_at bigint;

-- One's own list of sessions.
create index sessions_by_use on sessions (user_id, revoked, issued_at, session_id);
