-- The client ids of groups, so that a repeated creation returns the first group.
create table created_groups (
    creator_id bigint not null references accounts (id),
    client_id bytea not null check (octet_length(client_id) = 16),
    conversation_id bigint not null references conversations (id),
    -- SHA-256 of the group as it was created.
    first_hash bytea not null check (octet_length(first_hash) = 32),
    primary key (creator_id, client_id)
);
