//! Edits and deletions.

use std::sync::Arc;

use domain::{
    Action, ConversationId, Emoji, Message, MessageId, Outcome, Refusal, Role, Seq, UserId,
};

use crate::Fixture;
use crate::values::{body, delete, edit, intent, send};

const LOBBY: ConversationId = ConversationId::LOBBY;

/// Only the text, `edited_at`, `edits` and `seq_last` change.
pub async fn an_author_can_edit_a_message(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let sent = fixture.message(send(LOBBY, ada, 1, "first")).await;
    let other = fixture.message(send(LOBBY, ada, 2, "other")).await;

    let edited = fixture.message(edit(LOBBY, ada, sent.id, Some("second"))).await;

    let want = Message {
        body: body("second"),
        seq_last: Seq::new(3),
        edited_at: edited.edited_at,
        edits: 1,
        ..Message::clone(&sent)
    };
    assert_eq!(*edited, want);
    assert!(edited.edited_at > Some(other.created_at), "edited before it was sent");
    assert_eq!(fixture.everything(LOBBY).await.messages, [Arc::clone(&edited), other]);
    let head = fixture.head(LOBBY).await;
    assert_eq!((head.seq.get(), head.msg_no.get()), (3, 2));
    assert_eq!(Some(head.last_at), edited.edited_at);
}

/// It only marks the message as edited.
pub async fn an_edit_without_a_text_keeps_it(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let sent = fixture.message(send(LOBBY, ada, 1, "kept")).await;

    let edited = fixture.message(edit(LOBBY, ada, sent.id, None)).await;

    assert_eq!(edited.body, body("kept"));
    assert!(edited.is_edited());
    assert_eq!(fixture.everything(LOBBY).await.messages, [edited]);
}

/// Its numbers, author and client id stay. Only the changes contain it.
pub async fn a_tombstone_contains_no_text(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let sent = fixture.message(send(LOBBY, ada, 1, "secret")).await;

    let tombstone = fixture.message(delete(LOBBY, ada, sent.id)).await;

    let want = Message {
        body: body(""),
        seq_last: Seq::new(2),
        deleted_at: tombstone.deleted_at,
        ..Message::clone(&sent)
    };
    assert_eq!(*tombstone, want);
    assert!(tombstone.deleted_at > Some(sent.created_at), "deleted before it was sent");
    assert_eq!(fixture.everything(LOBBY).await.messages, []);
    assert_eq!(fixture.conversations.message(LOBBY, sent.id).await.unwrap(), None);
    let page = fixture.conversations.changes_since(LOBBY, Seq::ZERO, 10).await.unwrap();
    assert_eq!(page.changes, [domain::Change::Message(tombstone)]);
}

pub async fn a_message_of_another_user_cannot_be_changed(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let bob = fixture.user("bob").await;
    let sent = fixture.message(send(LOBBY, ada, 1, "mine")).await;

    let answers = fixture
        .commit(vec![
            edit(LOBBY, bob, sent.id, Some("yours")),
            edit(LOBBY, bob, sent.id, None),
            delete(LOBBY, bob, sent.id),
        ])
        .await;

    assert_eq!(answers, [const { Err(Refusal::Forbidden) }; 3]);
    assert_eq!(fixture.everything(LOBBY).await.messages, [sent]);
}

/// Unknown, deleted, or in another conversation.
pub async fn missing_and_deleted_messages_are_not_found(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    let deleted = fixture.message(send(LOBBY, ada, 1, "gone")).await;
    fixture.message(delete(LOBBY, ada, deleted.id)).await;
    let other = fixture.message(send(group, ada, 1, "there")).await;
    let unknown = MessageId::new(other.id.get() + 1_000);
    let head = fixture.head(LOBBY).await;

    for id in [unknown, deleted.id, other.id] {
        let answers =
            fixture.commit(vec![edit(LOBBY, ada, id, Some("new")), delete(LOBBY, ada, id)]).await;
        assert_eq!(answers, [const { Err(Refusal::NotFound) }; 2]);
    }

    assert_eq!(fixture.head(LOBBY).await, head);
    assert_eq!(fixture.everything(group).await.messages, [other]);
}

/// Each intent sees the effects of those before it. The row is written once.
pub async fn one_batch_changes_a_message_step_by_step(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let sent = fixture.message(send(LOBBY, ada, 1, "one")).await;

    let answers = fixture
        .commit(vec![
            edit(LOBBY, ada, sent.id, Some("two")),
            send(LOBBY, ada, 1, "one"),
            edit(LOBBY, ada, sent.id, Some("three")),
            delete(LOBBY, ada, sent.id),
            edit(LOBBY, ada, sent.id, Some("four")),
        ])
        .await;

    let seen: Vec<_> = answers
        .iter()
        .map(|answer| {
            let message = answer.as_ref().map(|outcome| outcome.message().unwrap());
            message.map(|message| (message.body.as_str(), message.seq_last.get()))
        })
        .collect();
    let gone = &Refusal::NotFound;
    assert_eq!(seen, [Ok(("two", 2)), Ok(("two", 2)), Ok(("three", 3)), Ok(("", 4)), Err(gone)]);
    assert!(matches!(answers[1], Ok(Outcome::AlreadyStored(_))), "{:?}", answers[1]);
    let page = fixture.conversations.changes_since(LOBBY, Seq::ZERO, 10).await.unwrap();
    let Ok(Outcome::Applied(last)) = &answers[3] else { panic!("not deleted: {answers:?}") };
    assert_eq!(page.changes, std::slice::from_ref(last));
    assert_eq!(fixture.head(LOBBY).await.seq, Seq::new(4));
}

/// In one conversation, whatever the other reactions are. Deleted messages have none.
pub async fn messages_are_found_by_a_reaction_of_a_user(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Member)]).await;
    let other = fixture.group(&[(ada, Role::Owner), (bob, Role::Member)]).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(fixture.message(send(group, ada, n, "x")).await.id);
    }
    let elsewhere = fixture.message(send(other, ada, 9, "x")).await.id;
    let react = |group, actor, message, emoji: &str| {
        let emoji = Emoji::parse(emoji).unwrap();
        intent(group, actor, Action::React { message, emoji, present: true })
    };
    let reactions = [
        react(group, bob, ids[0], ":b:"),
        react(group, ada, ids[1], ":a:"),
        react(group, ada, ids[2], ":a:"),
        react(group, bob, ids[2], ":a:"),
        react(group, bob, ids[3], ":b:"),
        react(group, ada, ids[3], ":b:"),
        react(group, ada, ids[3], ":a:"),
        react(group, bob, ids[4], ":b:"),
        react(other, bob, elsewhere, ":b:"),
        delete(group, ada, ids[4]),
    ];
    assert!(fixture.commit(reactions.to_vec()).await.iter().all(Result::is_ok));

    let reacted = async |user, limit| {
        let mut found = fixture.conversations.reacted_by(group, user, limit).await.unwrap();
        found.sort();
        found
    };

    assert_eq!(reacted(bob, 9).await, [ids[0], ids[2], ids[3]]);
    assert_eq!(reacted(ada, 9).await, [ids[1], ids[2], ids[3]]);
    assert_eq!(reacted(bob, 2).await.len(), 2);
    assert_eq!(reacted(UserId::new(bob.get() + 1_000), 9).await, []);
}
