-- What equal names, and equal addresses, have in common. The program computes it; it is null while an
-- older program made the account. Not unique, because existing names may be equal.
alter table accounts add column username_key text;
alter table accounts add column email_key text;
create index accounts_by_username_key on accounts (username_key);
create index accounts_by_email_key on accounts (email_key);
-- For computing what is missing.
create index accounts_without_key on accounts (id) where username_key is null;
