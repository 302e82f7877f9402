//! Sending messages.

use std::sync::Arc;

use domain::{
    Action, Author, Change, ConversationId, Intent, Mentions, Message, MessageBody, MsgNo, Outcome,
    Reactions, Refusal, Role, Seq,
};

use crate::Fixture;
use crate::values::{body, client_id, delete, edit, send};

const LOBBY: ConversationId = ConversationId::LOBBY;

/// The answer, the history, the changes and the single read agree.
pub async fn a_message_is_stored_as_it_was_answered(fixture: Fixture) {
    let ada = fixture.account("ada").await;

    let sent = fixture.message(send(LOBBY, ada.id, 7, "hello")).await;

    let want = Message {
        id: sent.id,
        conversation: LOBBY,
        msg_no: MsgNo::new(1),
        seq_created: Seq::new(1),
        seq_last: Seq::new(1),
        author: Author { id: ada.id, username: ada.username },
        client_id: client_id(7),
        first_hash: body("hello").hash(),
        body: body("hello"),
        created_at: sent.created_at,
        edited_at: None,
        mentions: Mentions::default(),
        reply_to: None,
        edits: 0,
        reactions: Reactions::default(),
        pinned_at: None,
        deleted_at: None,
    };
    assert_eq!(*sent, want);
    let snapshot = fixture.everything(LOBBY).await;
    assert_eq!(snapshot.messages, [Arc::clone(&sent)]);
    assert_eq!(
        (snapshot.head.seq, snapshot.head.msg_no, snapshot.head.last_at),
        (sent.seq_last, sent.msg_no, sent.created_at)
    );
    assert_eq!(snapshot.head, fixture.head(LOBBY).await);
    let page = fixture.conversations.changes_since(LOBBY, Seq::ZERO, 10).await.unwrap();
    assert_eq!(page.changes, [Change::Message(Arc::clone(&sent))]);
    let found = fixture.conversations.message(LOBBY, sent.id).await.unwrap();
    assert_eq!(found, Some(sent));
}

/// Its `edited_at` equals its `created_at`.
pub async fn a_message_may_be_marked_edited_from_the_start(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let action = Action::Send {
        client_id: client_id(1),
        body: body("hello"),
        marked_edited: true,
        reply_to: None,
    };

    let sent = fixture.message(Intent { conversation: LOBBY, actor: ada, action }).await;

    assert_eq!(sent.edited_at, Some(sent.created_at));
    assert_eq!(sent.seq_created, sent.seq_last);
    assert_eq!(fixture.everything(LOBBY).await.messages, [sent]);
}

/// The second finds the first, which is not stored yet.
pub async fn a_client_id_twice_in_one_batch_is_one_message(fixture: Fixture) {
    let ada = fixture.user("ada").await;

    let answers =
        fixture.commit(vec![send(LOBBY, ada, 1, "once"), send(LOBBY, ada, 1, "once")]).await;

    let [Ok(Outcome::Applied(Change::Message(first))), Ok(Outcome::AlreadyStored(second))] =
        &answers[..]
    else {
        panic!("not one message and one replay: {answers:?}");
    };
    assert_eq!(first, second);
    assert_eq!(fixture.everything(LOBBY).await.messages, [Arc::clone(first)]);
    assert_eq!(fixture.head(LOBBY).await.seq, Seq::new(1));
}

/// In the same batch and in a later one. The first stays unchanged.
pub async fn a_client_id_with_another_text_is_refused(fixture: Fixture) {
    let ada = fixture.user("ada").await;

    let answers =
        fixture.commit(vec![send(LOBBY, ada, 1, "one"), send(LOBBY, ada, 1, "two")]).await;
    let later = fixture.one(send(LOBBY, ada, 1, "three")).await;

    assert_eq!(answers[1], Err(Refusal::ClientIdReused));
    assert_eq!(later, Err(Refusal::ClientIdReused));
    assert_eq!(fixture.texts(LOBBY).await, ["one"]);
}

/// A retry is recognised by the text that was first sent, even after edits.
pub async fn a_later_retry_returns_the_message_in_its_current_form(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let retry = || send(LOBBY, ada, 1, "first");

    let sent = fixture.message(retry()).await;
    let untouched = fixture.one(retry()).await;
    let edited = fixture.message(edit(LOBBY, ada, sent.id, Some("second"))).await;
    let after_edit = fixture.one(retry()).await;
    let with_new_text = fixture.one(send(LOBBY, ada, 1, "second")).await;
    let deleted = fixture.message(delete(LOBBY, ada, sent.id)).await;
    let after_delete = fixture.one(retry()).await;

    assert_eq!(untouched, Ok(Outcome::AlreadyStored(sent)));
    assert_eq!(after_edit, Ok(Outcome::AlreadyStored(edited)));
    assert_eq!(with_new_text, Err(Refusal::ClientIdReused));
    assert_eq!(after_delete, Ok(Outcome::AlreadyStored(Arc::clone(&deleted))));
    assert_eq!(fixture.head(LOBBY).await.seq, deleted.seq_last);
}

/// In another conversation or from another user, it names another message.
pub async fn a_client_id_belongs_to_one_sender_in_one_conversation(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let bob = fixture.user("bob").await;
    let group = fixture.group(&[(ada, Role::Owner)]).await;

    let answers = fixture
        .commit(vec![
            send(LOBBY, ada, 1, "ada in the lobby"),
            send(LOBBY, bob, 1, "bob in the lobby"),
            send(group, ada, 1, "ada in the group"),
        ])
        .await;

    let is_applied = |answer: &Result<_, _>| matches!(answer, Ok(Outcome::Applied(_)));
    assert!(answers.iter().all(is_applied), "{answers:?}");
    assert_eq!(fixture.texts(LOBBY).await, ["ada in the lobby", "bob in the lobby"]);
    assert_eq!(fixture.texts(group).await, ["ada in the group"]);
}

/// Nothing is trimmed, folded, normalised or read as syntax.
pub async fn any_text_is_stored_unchanged(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let texts = [
        "",
        " \t\r\n ",
        "'; drop table messages; -- \\ \" ` %s $1 ? :name",
        "e\u{301} \u{e9} \u{fb01} \u{1f469}\u{200d}\u{1f680} \u{10ffff} \u{feff} \u{202e}",
        "\u{1} \u{7f} \u{85} \u{2028}",
    ];
    let sends = texts.iter().enumerate().map(|(n, text)| send(LOBBY, ada, n as u128, text));

    fixture.commit(sends.collect()).await;

    assert_eq!(fixture.texts(LOBBY).await, texts);
}

/// Two of a mebibyte in one batch, and one at the limit.
pub async fn large_texts_are_stored_unchanged(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let mebibyte = "é".repeat(512 * 1024);
    let limit = "a".repeat(MessageBody::MAX_BYTES);

    fixture.commit(vec![send(LOBBY, ada, 1, &mebibyte), send(LOBBY, ada, 2, &mebibyte)]).await;
    fixture.message(send(LOBBY, ada, 3, &limit)).await;

    let is_equal = fixture.texts(LOBBY).await == [mebibyte.clone(), mebibyte, limit];
    assert!(is_equal, "a text changed");
}

/// Disabled and unknown accounts change nothing.
pub async fn only_active_accounts_act(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let bob = fixture.user("bob").await;
    let unknown = domain::UserId::new(bob.get() + 1_000);
    let sent = fixture.message(send(LOBBY, ada, 1, "before")).await;
    fixture.accounts.set_active(ada, false).await.unwrap();

    let answers = fixture
        .commit(vec![
            send(LOBBY, ada, 2, "disabled"),
            send(LOBBY, ada, 1, "before"),
            edit(LOBBY, ada, sent.id, Some("disabled")),
            send(LOBBY, unknown, 1, "unknown"),
            send(LOBBY, bob, 1, "fine"),
        ])
        .await;
    fixture.accounts.set_active(ada, true).await.unwrap();
    fixture.message(send(LOBBY, ada, 2, "back")).await;

    assert!(answers[..4].iter().all(|answer| *answer == Err(Refusal::NoAccount)), "{answers:?}");
    assert_eq!(fixture.texts(LOBBY).await, ["before", "fine", "back"]);
}

/// Other users do not see a group. Readers see it, but cannot write.
pub async fn only_members_write(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let bob = fixture.user("bob").await;
    let eve = fixture.user("eve").await;
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Reader)]).await;

    let answers =
        fixture.commit(vec![send(group, bob, 1, "reader"), send(group, eve, 1, "stranger")]).await;

    assert_eq!(answers, [Err(Refusal::Forbidden), Err(Refusal::NotFound)]);
    assert_eq!(fixture.texts(group).await, [""; 0]);
}

/// It is not created either.
pub async fn an_unknown_conversation_is_not_found(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let unknown = ConversationId::new(987_654);

    let answer = fixture.one(send(unknown, ada, 1, "hello?")).await;

    assert_eq!(answer, Err(Refusal::NotFound));
    assert_eq!(fixture.conversations.heads(&[unknown]).await.unwrap().heads, []);
}
