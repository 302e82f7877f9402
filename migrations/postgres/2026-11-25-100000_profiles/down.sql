drop index sessions_by_use;
alter table sessions drop column opened_at;
alter table accounts drop column last_seen_at;
alter table accounts drop column hide_presence;
alter table accounts drop column about;
alter table accounts drop column display_name;
