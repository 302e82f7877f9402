drop index messages_by_word;
drop function message_words;
