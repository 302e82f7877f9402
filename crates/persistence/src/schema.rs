//! The tables. Times are in microseconds. Unsigned 64-bit ids are stored as signed numbers, 128-bit
//! ids as bytes.

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
        inbox_version -> BigInt,
        view_version -> BigInt,
        display_name -> Nullable<Text>,
        about -> Nullable<Text>,
        hide_presence -> Bool,
        last_seen_at -> Nullable<BigInt>,
        username_key -> Nullable<Text>,
        email_key -> Nullable<Text>,
        lobby_msg_no -> Nullable<BigInt>,
        added_by -> Text,
    }
}

diesel::table! {
    conversations (id) {
        id -> BigInt,
        kind -> Text,
        direct_low -> Nullable<BigInt>,
        direct_high -> Nullable<BigInt>,
        title -> Nullable<Text>,
        topic -> Nullable<Text>,
        history -> Text,
        view_version -> BigInt,
        deleted_at -> Nullable<BigInt>,
        seq_last -> BigInt,
    }
}

diesel::table! {
    direct_pairs (low_id, high_id) {
        low_id -> BigInt,
        high_id -> BigInt,
        conversation_id -> BigInt,
    }
}

diesel::table! {
    created_groups (creator_id, client_id) {
        creator_id -> BigInt,
        client_id -> Binary,
        conversation_id -> BigInt,
        first_hash -> Binary,
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
        reply_to -> Nullable<BigInt>,
        edits -> BigInt,
        mentions -> Text,
        reactions -> Text,
        pinned_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    mentions (conversation_id, msg_no, user_id) {
        conversation_id -> BigInt,
        msg_no -> BigInt,
        author_id -> BigInt,
        user_id -> BigInt,
    }
}

diesel::table! {
    members (conversation_id, user_id) {
        conversation_id -> BigInt,
        user_id -> BigInt,
        role -> Text,
        status -> Text,
        seq_last -> BigInt,
        silenced_until -> Nullable<BigInt>,
        visible_after -> BigInt,
        view_version -> BigInt,
        read_no -> BigInt,
        muted -> Bool,
        invited_by -> Nullable<BigInt>,
    }
}

diesel::table! {
    invites (code) {
        code -> Binary,
        conversation_id -> BigInt,
        created_by -> BigInt,
        created_at -> BigInt,
        role -> Text,
        expires_at -> Nullable<BigInt>,
        max_uses -> Nullable<BigInt>,
        uses -> BigInt,
        revoked -> Bool,
    }
}

diesel::table! {
    blocks (blocker_id, blocked_id) {
        blocker_id -> BigInt,
        blocked_id -> BigInt,
        created_at -> BigInt,
    }
}

diesel::table! {
    audit_log (id) {
        id -> BigInt,
        at -> BigInt,
        actor_id -> BigInt,
        conversation_id -> BigInt,
        act -> Text,
        user_id -> Nullable<BigInt>,
        message_id -> Nullable<BigInt>,
        until -> Nullable<BigInt>,
    }
}

diesel::table! {
    sessions (session_id) {
        session_id -> BigInt,
        user_id -> BigInt,
        token_id -> Text,
        issued_at -> BigInt,
        expires_at -> BigInt,
        revoked -> Bool,
        forget_at -> BigInt,
        // Nullable in the database, but no row is without it.
        opened_at -> BigInt,
    }
}

diesel::table! {
    rotated_tokens (token_id) {
        token_id -> Text,
        session_id -> BigInt,
        rotated_at -> BigInt,
    }
}

diesel::table! {
    known_addresses (digest) {
        digest -> Binary,
        account_id -> BigInt,
        until -> BigInt,
    }
}

diesel::joinable!(conversation_heads -> conversations (conversation_id));
diesel::joinable!(members -> conversations (conversation_id));
diesel::joinable!(members -> accounts (user_id));
diesel::joinable!(blocks -> accounts (blocked_id));
diesel::joinable!(sessions -> accounts (user_id));
diesel::allow_tables_to_appear_in_same_query!(accounts, sessions);
diesel::allow_tables_to_appear_in_same_query!(
    accounts,
    conversations,
    conversation_heads,
    members,
    messages,
    mentions,
    blocks,
    server_meta
);

diesel::define_sql_function! {
    /// The length of a text in bytes, which the database knows without reading the text.
    fn octet_length(text: diesel::sql_types::Text) -> diesel::sql_types::Integer;
}
