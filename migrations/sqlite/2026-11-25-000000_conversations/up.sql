-- Rises when the account's inbox (its conversations, read markers, blocks) changes.
alter table accounts add column inbox_version integer not null default 0;
-- Rises when what the account may see changes in all conversations.
alter table accounts add column view_version integer not null default 0;

-- Direct conversations are groups to the previous version of the program.
alter table conversations add column direct_low integer;
alter table conversations add column direct_high integer;
alter table conversations add column title text;
alter table conversations add column topic text;
alter table conversations add column history text not null default 'since_joined';
alter table conversations add column view_version integer not null default 0;
alter table conversations add column deleted_at integer;
alter table conversations add column seq_last integer not null default 0;

-- One direct conversation for each pair.
create table direct_pairs (
    low_id integer not null references accounts (id),
    high_id integer not null references accounts (id),
    conversation_id integer not null references conversations (id),
    primary key (low_id, high_id),
    check (low_id < high_id)
) strict, without rowid;

alter table messages add column reply_to integer;
alter table messages add column edits integer not null default 0;
-- User ids separated by spaces; "all" for everyone.
alter table messages add column mentions text not null default '';
-- A line for each emoji: the emoji and the ids of the users who reacted with it, separated by spaces.
alter table messages add column reactions text not null default '';
alter table messages add column pinned_at integer;

update messages set edits = 1 where edited_at is not null;

create index messages_pinned on messages (conversation_id, pinned_at) where pinned_at is not null;

-- The users that a message mentions, for counting unread mentions.
create table mentions (
    conversation_id integer not null references conversations (id),
    msg_no integer not null,
    -- The author of the message.
    author_id integer not null,
    -- 0 stands for everyone in the conversation.
    user_id integer not null,
    primary key (conversation_id, msg_no, user_id)
) strict, without rowid;

create index mentions_by_user on mentions (user_id, conversation_id, msg_no, author_id);

alter table members add column silenced_until integer;
alter table members add column visible_after integer not null default 0;
alter table members add column view_version integer not null default 0;
-- These two belong to the member; they are not changes of the conversation.
alter table members add column read_no integer not null default 0;
alter table members add column muted integer not null default 0 check (muted in (0, 1));

create index members_by_user on members (user_id, conversation_id);

create table invites (
    code blob primary key check (length(code) = 16),
    conversation_id integer not null references conversations (id),
    created_by integer not null references accounts (id),
    created_at integer not null,
    role text not null check (role in ('admin', 'member', 'reader')),
    expires_at integer,
    max_uses integer,
    uses integer not null,
    revoked integer not null check (revoked in (0, 1))
) strict, without rowid;

create index invites_by_conversation on invites (conversation_id, created_at);

create table blocks (
    blocker_id integer not null references accounts (id),
    blocked_id integer not null references accounts (id),
    created_at integer not null,
    primary key (blocker_id, blocked_id)
) strict, without rowid;

-- Actions that needed the rights of a superuser.
create table audit_log (
    id integer primary key autoincrement,
    at integer not null,
    actor_id integer not null references accounts (id),
    conversation_id integer not null references conversations (id),
    act text not null,
    user_id integer,
    message_id integer,
    until integer
) strict;
