//! The tables. Moments are microseconds, identifiers of 64 and 128 bits are
//! kept as signed numbers and as bytes.

diesel::table! {
    server_meta (id) {
        id -> BigInt,
        epoch -> Binary,
    }
}

diesel::table! {
    accounts (id) {
        id -> BigInt,
        username -> Text,
        email -> Nullable<Text>,
        password -> Text,
        active -> Bool,
        superuser -> Bool,
        valid_from -> BigInt,
        auth_version -> BigInt,
        created_at -> BigInt,
    }
}

diesel::table! {
    conversations (id) {
        id -> BigInt,
        kind -> Text,
    }
}

diesel::table! {
    conversation_heads (conversation_id) {
        conversation_id -> BigInt,
        seq -> BigInt,
        msg_no -> BigInt,
        last_at -> BigInt,
    }
}

diesel::table! {
    messages (id) {
        id -> BigInt,
        conversation_id -> BigInt,
        msg_no -> BigInt,
        seq_created -> BigInt,
        seq_last -> BigInt,
        author_id -> BigInt,
        client_id -> Binary,
        first_hash -> Binary,
        body -> Text,
        created_at -> BigInt,
        edited_at -> Nullable<BigInt>,
        deleted_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    members (conversation_id, user_id) {
        conversation_id -> BigInt,
        user_id -> BigInt,
        role -> Text,
        standing -> Text,
        seq_last -> BigInt,
    }
}

diesel::table! {
    refresh_families (session_id) {
        session_id -> BigInt,
        user_id -> BigInt,
        token_id -> Text,
        issued_at -> BigInt,
        expires_at -> BigInt,
        revoked -> Bool,
        forget_at -> BigInt,
    }
}

diesel::table! {
    rotated_tokens (token_id) {
        token_id -> Text,
        session_id -> BigInt,
        rotated_at -> BigInt,
    }
}

diesel::joinable!(conversation_heads -> conversations (conversation_id));
diesel::joinable!(refresh_families -> accounts (user_id));
diesel::allow_tables_to_appear_in_same_query!(accounts, refresh_families);
diesel::allow_tables_to_appear_in_same_query!(conversations, conversation_heads);
diesel::allow_tables_to_appear_in_same_query!(conversations, members);

diesel::define_sql_function! {
    /// Length of a text in bytes, without reading it.
    fn octet_length(text: diesel::sql_types::Text) -> diesel::sql_types::Integer;
}
