drop index accounts_without_key;
drop index accounts_by_email_key;
drop index accounts_by_username_key;
alter table accounts drop column email_key;
alter table accounts drop column username_key;
