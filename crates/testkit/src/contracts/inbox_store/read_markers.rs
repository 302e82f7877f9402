//! Read markers of other members.

use application::ports::ReadMarker;
use domain::{Action, ConversationId, MsgNo, Pair, ProfileUpdate, Role, UserId, policy};

use crate::Fixture;
use crate::values::{ban, intent, send, username};

const LOBBY: ConversationId = ConversationId::LOBBY;

async fn is_shown(fixture: &Fixture, user: UserId, id: ConversationId, no: i64) -> bool {
    let marked = fixture.inbox.mark_read(user, id, MsgNo::new(no)).await.unwrap().unwrap();
    assert_eq!(marked.read_no.get(), no);
    marked.is_shown
}

/// Members who left do not count. The lobby is never small.
pub async fn a_moved_marker_is_shown_in_small_conversations(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let mut members = vec![(ada, Role::Owner), (bob, Role::Member)];
    for n in members.len()..=policy::SMALL_GROUP {
        members.push((fixture.user(&format!("user{n}")).await, Role::Member));
    }
    let [small, large] = [&members[1..], &members[..]];
    let [small, large] = [fixture.group(small).await, fixture.group(large).await];
    let pair = Pair::of(ada, bob).unwrap();
    let (direct, _) = fixture.conversations.open_direct(pair).await.unwrap();
    let other = members[2].0;
    for id in [small, large, direct, ConversationId::LOBBY] {
        let author = if id == direct { ada } else { other };
        is_shown(&fixture, bob, id, 0).await;
        fixture.message(send(id, author, 1, "x")).await;
        fixture.message(send(id, author, 2, "x")).await;
    }

    let mut shown = Vec::new();
    for id in [small, large, direct, ConversationId::LOBBY] {
        shown.push(is_shown(&fixture, bob, id, 1).await);
    }
    fixture.one(ban(large, ada, other)).await.unwrap();

    assert_eq!(shown, [true, false, true, false]);
    assert!(is_shown(&fixture, bob, large, 2).await);
}

/// Nor is a marker that its user moved by sending.
pub async fn an_unmoved_marker_is_not_shown(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Member)]).await;
    fixture.message(send(group, ada, 1, "x")).await;

    let shown = [
        is_shown(&fixture, bob, group, 1).await,
        is_shown(&fixture, bob, group, 1).await,
        is_shown(&fixture, ada, group, 1).await,
    ];

    let lobby = fixture.inbox.mark_read(bob, LOBBY, MsgNo::new(0)).await.unwrap().unwrap();
    let again = fixture.inbox.mark_read(bob, group, MsgNo::new(1)).await.unwrap().unwrap();
    fixture.message(send(group, ada, 2, "x")).await;
    let further = fixture.inbox.mark_read(bob, group, MsgNo::new(2)).await.unwrap().unwrap();

    assert_eq!(shown, [true, false, false]);
    assert_eq!([lobby, again, further].map(|marked| marked.has_moved), [false, false, true]);
}

/// In ascending order, and no more than the limit.
pub async fn read_markers_are_those_of_active_members(fixture: Fixture) {
    let (ada, bob, eve) =
        (fixture.user("ada").await, fixture.user("bob").await, fixture.user("eve").await);
    let members = [(eve, Role::Reader), (ada, Role::Owner), (bob, Role::Member)];
    let group = fixture.group(&members).await;
    for n in 1..=3 {
        fixture.message(send(group, ada, n, "x")).await;
    }
    is_shown(&fixture, eve, group, 2).await;
    fixture.one(intent(group, bob, Action::Leave)).await.unwrap();
    let marker = |user, name, no| ReadMarker {
        user,
        username: username(name),
        read_no: MsgNo::new(no),
        hides_presence: false,
    };

    let all = fixture.inbox.markers(group, 50).await.unwrap();
    let first = fixture.inbox.markers(group, 1).await.unwrap();
    let none = fixture.inbox.markers(ConversationId::new(999), 50).await.unwrap();

    assert_eq!(all, [marker(ada, "ada", 3), marker(eve, "eve", 2)]);
    assert_eq!((first.as_slice(), none.as_slice()), (&all[..1], [].as_slice()));
}

/// It still moves.
pub async fn a_marker_of_a_user_who_hides_presence_is_not_shown(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Member)]).await;
    for n in 1..=2 {
        fixture.message(send(group, ada, n, "x")).await;
    }
    let hiding = ProfileUpdate { hides_presence: Some(true), ..ProfileUpdate::default() };
    assert!(is_shown(&fixture, bob, group, 1).await);

    fixture.accounts.set_profile(bob, hiding).await.unwrap();

    assert!(!is_shown(&fixture, bob, group, 2).await);
    let markers = fixture.inbox.markers(group, 9).await.unwrap();
    let hidden: Vec<_> = markers.iter().map(|marker| marker.hides_presence).collect();
    assert_eq!(hidden, [false, true]);
    let hides = async |user| fixture.conversations.view(group, user).await.unwrap().unwrap();
    assert!(hides(bob).await.hides_presence && !hides(ada).await.hides_presence);
}
