drop trigger messages_queue_edited on messages;
drop trigger messages_queue_new on messages;
drop function queue_edited_message();
drop function queue_new_messages();
drop table unindexed_messages;
drop table message_search;
