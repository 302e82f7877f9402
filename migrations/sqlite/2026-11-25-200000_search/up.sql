-- The words by which a message is found, each behind its conversation: a search reads nothing of other
-- conversations. The program makes them (`message_words`), and here they are only kept.
create virtual table message_search using fts5 (
    words,
    content = '',
    detail = none,
    columnsize = 0,
    tokenize = "ascii tokenchars ':'"
);

-- What is taken out is erased at once, and not with a later merge.
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
