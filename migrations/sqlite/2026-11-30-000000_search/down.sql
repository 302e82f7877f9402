drop trigger messages_find_edited;
drop trigger messages_find_new;
drop table message_search;
