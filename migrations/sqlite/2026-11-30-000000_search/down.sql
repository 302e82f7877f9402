drop trigger messages_queue_edited;
drop trigger messages_queue_new;
drop table unindexed_messages;
drop table message_search;
