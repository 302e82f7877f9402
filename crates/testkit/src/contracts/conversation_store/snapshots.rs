//! Reading the newest, heads and single messages.

use std::sync::Arc;

use application::ports::{Snapshot, SnapshotLimit};
use domain::{ConversationId, Epoch, Head, MessageId, Outcome, Role, Seq, UserId};

use crate::Fixture;
use crate::values::{delete, edit, send};

const LOBBY: ConversationId = ConversationId::LOBBY;

async fn say(fixture: &Fixture, user: UserId, texts: &[&str]) -> Vec<MessageId> {
    let sends = texts.iter().enumerate().map(|(n, text)| send(LOBBY, user, n as u128, text));
    let answers = fixture.commit(sends.collect()).await;
    answers.into_iter().map(|answer| answer.unwrap().message().unwrap().id).collect()
}

async fn newest(fixture: &Fixture, rows: usize, bytes: usize) -> Vec<String> {
    let limit = SnapshotLimit { rows, bytes };
    let snapshot = fixture.conversations.newest(LOBBY, limit).await.unwrap();
    snapshot.messages.iter().map(|message| message.body.as_str().to_owned()).collect()
}

/// The newest rows, in ascending order.
pub async fn newest_is_bounded_by_rows(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    say(&fixture, ada, &["a", "b", "c", "d"]).await;

    assert_eq!(newest(&fixture, 1, usize::MAX).await, ["d"]);
    assert_eq!(newest(&fixture, 3, usize::MAX).await, ["b", "c", "d"]);
    assert_eq!(newest(&fixture, 4, usize::MAX).await, ["a", "b", "c", "d"]);
    assert_eq!(newest(&fixture, 5, usize::MAX).await, ["a", "b", "c", "d"]);
}

/// Bytes, not characters. It stops at the first message that does not fit, but
/// always contains the newest.
pub async fn newest_is_bounded_by_bytes(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    say(&fixture, ada, &["a", "éééé", "éé", "b", "ééé"]).await;

    assert_eq!(newest(&fixture, 9, 0).await, ["ééé"]);
    assert_eq!(newest(&fixture, 9, 5).await, ["ééé"]);
    assert_eq!(newest(&fixture, 9, 6).await, ["ééé"]);
    assert_eq!(newest(&fixture, 9, 7).await, ["b", "ééé"]);
    assert_eq!(newest(&fixture, 9, 10).await, ["b", "ééé"]);
    assert_eq!(newest(&fixture, 9, 11).await, ["éé", "b", "ééé"]);
    assert_eq!(newest(&fixture, 9, 18).await, ["éé", "b", "ééé"]);
    assert_eq!(newest(&fixture, 9, 20).await, ["a", "éééé", "éé", "b", "ééé"]);
    assert_eq!(newest(&fixture, 2, 20).await, ["b", "ééé"]);
}

/// They do not count towards the limits.
pub async fn newest_skips_tombstones(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let ids = say(&fixture, ada, &["a", "b", "c", "d", "e"]).await;
    for gone in [0, 2, 4] {
        fixture.message(delete(LOBBY, ada, ids[gone])).await;
    }

    assert_eq!(newest(&fixture, 1, usize::MAX).await, ["d"]);
    assert_eq!(newest(&fixture, 2, 2).await, ["b", "d"]);
    assert_eq!(newest(&fixture, 9, 9).await, ["b", "d"]);
}

/// Its head is that of a new conversation.
pub async fn an_unknown_conversation_is_empty(fixture: Fixture) {
    let unknown = ConversationId::new(987_654);

    let snapshot = fixture.everything(unknown).await;

    assert_eq!(snapshot, Snapshot { head: Head::new(unknown), messages: Vec::new() });
    let page = fixture.conversations.changes_since(unknown, Seq::ZERO, 10).await.unwrap();
    assert_eq!((page.changes, page.to, page.more), (Vec::new(), Seq::ZERO, false));
}

/// While messages are sent and edited, the snapshot contains exactly what its
/// head says.
pub async fn a_snapshot_and_its_head_are_consistent(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let store = Arc::clone(&fixture.conversations);
    let writer = tokio::spawn(async move {
        for n in 0..100 {
            let answers = store.commit(vec![send(LOBBY, ada, n, "x")]).await.unwrap();
            let id = answers[0].as_ref().unwrap().message().unwrap().id;
            let edits = vec![edit(LOBBY, ada, id, Some("y")), edit(LOBBY, ada, id, Some("z"))];
            store.commit(edits).await.unwrap();
        }
    });

    let mut reads = 0;
    while reads < 10 || !writer.is_finished() {
        let rows = if reads % 2 == 0 { usize::MAX } else { 3 };
        let limit = SnapshotLimit { rows, bytes: usize::MAX };
        let Snapshot { head, messages } = fixture.conversations.newest(LOBBY, limit).await.unwrap();
        let count = usize::try_from(head.msg_no.get()).unwrap();
        assert_eq!(messages.len(), count.min(rows), "head {head:?}");
        let newest = messages.iter().map(|message| message.seq_last).max();
        assert_eq!(newest.unwrap_or(Seq::ZERO), head.seq);
        assert!(messages.is_sorted_by_key(|message| message.msg_no));
        reads += 1;
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}

/// And unknown else.
pub async fn a_message_is_found_only_in_its_conversation(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    let sent = fixture.message(send(group, ada, 1, "here")).await;
    let edited = fixture.message(edit(group, ada, sent.id, Some("still here"))).await;
    let unknown = MessageId::new(sent.id.get() + 1_000);
    let find = async |conversation, id| fixture.conversations.message(conversation, id).await;

    assert_eq!(find(group, sent.id).await.unwrap(), Some(edited));
    assert_eq!(find(LOBBY, sent.id).await.unwrap(), None);
    assert_eq!(find(ConversationId::new(987_654), sent.id).await.unwrap(), None);
    assert_eq!(find(group, unknown).await.unwrap(), None);
    assert_eq!(find(group, MessageId::new(i64::MAX)).await.unwrap(), None);
    assert_eq!(find(group, MessageId::new(-1)).await.unwrap(), None);
}

/// Each known one comes once, in any order.
pub async fn heads_leave_unknown_conversations_out(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    let sent = fixture.message(send(group, ada, 1, "x")).await;
    let unknown = ConversationId::new(987_654);

    let found = fixture.conversations.heads(&[group, unknown, LOBBY]).await.unwrap();
    let none = fixture.conversations.heads(&[]).await.unwrap();

    let mut heads = found.heads;
    heads.sort_by_key(|head| head.conversation);
    let (seq, msg_no, last_at) = (sent.seq_last, sent.msg_no, sent.created_at);
    assert_eq!(heads, [Head::new(LOBBY), Head { conversation: group, seq, msg_no, last_at }]);
    assert_eq!((none.epoch, none.heads), (found.epoch, Vec::new()));
}

/// More than a database accepts as parameters of one statement.
pub async fn very_many_heads_are_read_at_once(fixture: Fixture) {
    let ids: Vec<_> = (0..70_000).map(ConversationId::new).collect();

    let found = fixture.conversations.heads(&ids).await.unwrap();

    assert_eq!(found.heads, [Head::new(LOBBY)]);
}

/// It comes with every head. A new one changes nothing else.
pub async fn an_epoch_lasts_until_the_next(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let epoch = async || fixture.conversations.heads(&[LOBBY]).await.unwrap().epoch;
    let first = epoch().await;
    let answer = fixture.one(send(LOBBY, ada, 1, "x")).await;
    let still = epoch().await;
    let other = Epoch::new(0x8000_0000_0000_0000_ffff_ffff_ffff_fff0);

    fixture.conversations.new_epoch(other).await.unwrap();

    assert!(matches!(answer, Ok(Outcome::Applied(_))), "{answer:?}");
    assert_eq!(first, still);
    assert_eq!(epoch().await, other);
    assert_eq!(fixture.texts(LOBBY).await, ["x"]);
    assert_eq!(fixture.head(LOBBY).await.seq, Seq::new(1));
}
