-- The times stay; earlier versions read them, too.
select 1;
