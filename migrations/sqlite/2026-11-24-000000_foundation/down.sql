drop table rotated_tokens;
drop table sessions;
drop table members;
drop table messages;
drop table conversation_heads;
drop table conversations;
drop table accounts;
drop table server_meta;
