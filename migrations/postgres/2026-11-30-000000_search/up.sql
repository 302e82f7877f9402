-- The search index: the terms of each message, each prefixed with the conversation, so that a search
-- reads nothing of other conversations. The program extracts the terms.
create table message_search (
    message_id bigint primary key,
    words tsvector not null
);

create index message_search_words on message_search using gin (words);

-- Messages that the index lacks. A node indexes them soon after they were sent.
create table unindexed_messages (message_id bigint primary key);

insert into unindexed_messages select id from messages where body <> '';

create function queue_new_messages() returns trigger language plpgsql as $$
begin
    insert into unindexed_messages select id from created where body <> '';
    return null;
end
$$;

create trigger messages_queue_new after insert on messages referencing new table as created
for each statement execute function queue_new_messages();

-- The row in the queue is locked first: a node that indexes the old text either has finished, or skips
-- the message until this transaction ends.
create function queue_edited_message() returns trigger language plpgsql as $$
begin
    insert into unindexed_messages values (old.id)
    on conflict (message_id) do update set message_id = excluded.message_id;
    delete from message_search where message_id = old.id;
    if new.body = '' then
        delete from unindexed_messages where message_id = old.id;
    end if;
    return null;
end
$$;

create trigger messages_queue_edited after update of body on messages
for each row when (new.body <> old.body) execute function queue_edited_message();
