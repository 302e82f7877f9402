drop index members_invited;
alter table members drop column invited_by;
alter table accounts drop column added_by;
