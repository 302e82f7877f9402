-- From where an account was signed in to, each as a digest under a key that is not here.
create table known_addresses (
    digest blob primary key check (length(digest) = 16),
    account_id integer not null references accounts (id) on delete cascade,
    until integer not null
) strict, without rowid;

create index known_addresses_by_account on known_addresses (account_id, until);
create index known_addresses_by_end on known_addresses (until);
