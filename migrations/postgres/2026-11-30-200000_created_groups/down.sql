drop table created_groups;
