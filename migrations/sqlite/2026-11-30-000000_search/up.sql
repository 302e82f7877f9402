-- The search index: the terms of each message, each prefixed with the conversation, so that a search
-- reads nothing of other conversations. The program extracts the terms (`search_terms`).
create virtual table message_search using fts5 (
    words,
    content = '',
    detail = none,
    columnsize = 0,
    tokenize = "ascii tokenchars ':'"
);

-- Erases removed words at once, not with a later merge.
insert into message_search (message_search, rank) values ('secure-delete', 1);

-- Messages that the index lacks. The program indexes them soon after they were sent.
create table unindexed_messages (message_id integer primary key) strict;

insert into unindexed_messages select id from messages where body <> '';

create trigger messages_queue_new after insert on messages when new.body <> ''
begin
    insert into unindexed_messages values (new.id);
end;

create trigger messages_queue_edited after update of body on messages when new.body <> old.body
begin
    insert into message_search (message_search, rowid, words)
    select 'delete', old.id, search_terms(old.conversation_id, old.body)
    where old.body <> ''
        and not exists (select 1 from unindexed_messages where message_id = old.id);
    delete from unindexed_messages where message_id = old.id;
    insert into unindexed_messages select new.id where new.body <> '';
end;
