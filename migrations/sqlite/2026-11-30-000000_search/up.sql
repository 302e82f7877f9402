-- The search index: the words of each message, each prefixed with the conversation, so that a search
-- reads nothing of other conversations. The program extracts the words (`message_words`).
create virtual table message_search using fts5 (
    words,
    content = '',
    detail = none,
    columnsize = 0,
    tokenize = "ascii tokenchars ':'"
);

-- Erases removed words at once, not with a later merge.
insert into message_search (message_search, rank) values ('secure-delete', 1);

insert into message_search (rowid, words)
select id, message_words(conversation_id, body) from messages where body <> '';

create trigger messages_find_new after insert on messages when new.body <> ''
begin
    insert into message_search (rowid, words)
    values (new.id, message_words(new.conversation_id, new.body));
end;

create trigger messages_find_edited after update of body on messages when new.body <> old.body
begin
    insert into message_search (message_search, rowid, words)
    values ('delete', old.id, message_words(old.conversation_id, old.body));
    insert into message_search (rowid, words)
    values (new.id, message_words(new.conversation_id, new.body));
end;
