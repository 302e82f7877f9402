drop table rotated_tokens;
drop table refresh_families;
drop table members;
drop table messages;
drop table conversation_heads;
drop table conversations;
drop table accounts;
drop table server_meta;
