alter table accounts drop column lobby_msg_no;
