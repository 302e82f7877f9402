-- The newest message of the lobby when the account was made: later mentions of the account count as unread.
alter table accounts add column lobby_msg_no integer;
