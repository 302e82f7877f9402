-- The client ids of groups, so that a repeated creation returns the first group.
create table created_groups (
    creator_id integer not null references accounts (id),
    client_id blob not null check (length(client_id) = 16),
    conversation_id integer not null references conversations (id),
    -- SHA-256 of the group as it was created.
    first_hash blob not null check (length(first_hash) = 32),
    primary key (creator_id, client_id)
) strict, without rowid;
