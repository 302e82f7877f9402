-- The addresses from which a user has signed in, as digests under a key that is not in the database.
create table known_addresses (
    digest blob primary key check (length(digest) = 16),
    account_id integer not null references accounts (id) on delete cascade,
    until integer not null
) strict, without rowid;

create index known_addresses_by_account on known_addresses (account_id, until);
create index known_addresses_by_end on known_addresses (until);
