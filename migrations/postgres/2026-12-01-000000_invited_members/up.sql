-- Whose additions to a group make the account a member at once: everyone's, those of acquaintances, or nobody's.
alter table accounts add column added_by text not null default 'everyone';
-- The user who invited a user whose status is 'left'. Without meaning for other statuses.
alter table members add column invited_by bigint;
create index members_invited on members (user_id) where invited_by is not null;
