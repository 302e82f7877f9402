-- Times are microseconds since 1970-01-01T00:00:00Z.

create table server_meta (
    id integer primary key check (id = 1),
    -- A new epoch means that sequence numbers may repeat, for example after a restore.
    epoch blob not null check (length(epoch) = 16)
) strict;

insert into server_meta (id, epoch) values (1, randomblob(16));

create table accounts (
    id integer primary key autoincrement,
    username text not null unique,
    email text unique,
    password text not null,
    active integer not null check (active in (0, 1)),
    superuser integer not null check (superuser in (0, 1)),
    valid_from integer not null,
    auth_version integer not null,
    created_at integer not null
) strict;

create table conversations (
    id integer primary key autoincrement,
    kind text not null check (kind in ('lobby', 'group'))
) strict;

-- Narrow and apart from the conversation, because every commit updates it.
create table conversation_heads (
    conversation_id integer primary key references conversations (id),
    seq integer not null,
    msg_no integer not null,
    last_at integer not null
) strict;

insert into conversations (id, kind) values (1, 'lobby');
insert into conversation_heads (conversation_id, seq, msg_no, last_at) values (1, 0, 0, 0);

create table messages (
    id integer primary key autoincrement,
    conversation_id integer not null references conversations (id),
    msg_no integer not null,
    seq_created integer not null,
    seq_last integer not null check (seq_last >= seq_created),
    author_id integer not null references accounts (id),
    client_id blob not null check (length(client_id) = 16),
    first_hash blob not null check (length(first_hash) = 32),
    body text not null,
    created_at integer not null,
    edited_at integer,
    deleted_at integer
) strict;

-- For pages.
create unique index messages_by_number on messages (conversation_id, msg_no);
-- For the newest messages, however many were deleted since.
create index messages_shown on messages (conversation_id, msg_no) where deleted_at is null;
-- For the changes since a sequence number.
create index messages_by_change on messages (conversation_id, seq_last);
-- For retries. The client id comes first: one list of them looks up a whole batch, and ids that
-- ascend with time are appended.
create unique index messages_by_client_id on messages (client_id, author_id, conversation_id);

create table members (
    conversation_id integer not null references conversations (id),
    user_id integer not null references accounts (id),
    role text not null check (role in ('owner', 'admin', 'member', 'reader')),
    status text not null check (status in ('active', 'left', 'banned')),
    seq_last integer not null,
    primary key (conversation_id, user_id)
) strict, without rowid;

create index members_by_change on members (conversation_id, seq_last);

-- A sign-in on one device, and its current refresh token.
create table sessions (
    -- The 64 bits of the id as a signed number.
    session_id integer primary key,
    user_id integer not null references accounts (id),
    token_id text not null,
    issued_at integer not null,
    expires_at integer not null,
    revoked integer not null check (revoked in (0, 1)),
    -- None of its tokens is valid after this time.
    forget_at integer not null
) strict;

create index sessions_by_end on sessions (forget_at);
-- For ending all sessions of an account.
create index sessions_by_user on sessions (user_id);

-- Refresh tokens that were exchanged within the grace period. Tokens of other servers stay until they expire.
create table rotated_tokens (
    token_id text primary key,
    session_id integer not null references sessions (session_id) on delete cascade,
    rotated_at integer not null
) strict, without rowid;

create index rotated_tokens_by_session on rotated_tokens (session_id);
