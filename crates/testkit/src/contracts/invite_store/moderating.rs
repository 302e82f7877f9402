//! The audit log.

use application::ports::AuditId;
use domain::{Action, AuditedAction, ConversationId, Role};

use crate::Fixture;
use crate::values::{at, ban, delete, intent, send};

const LOBBY: ConversationId = ConversationId::LOBBY;

/// In order, and in pages.
pub async fn what_a_superuser_does_is_written_down_with_it(fixture: Fixture) {
    let root = fixture.superuser("root").await.id;
    let (ada, eve) = (fixture.user("ada").await, fixture.user("eve").await);
    let group = fixture.group(&[(ada, Role::Owner), (eve, Role::Member)]).await;
    let spam = fixture.message(send(group, eve, 1, "spam")).await.id;
    let until = Some(at(i64::from(i32::MAX)));

    fixture
        .commit(vec![
            delete(group, root, spam),
            ban(group, root, eve),
            intent(group, root, Action::Unban { user: eve }),
            intent(LOBBY, root, Action::Silence { user: eve, until }),
        ])
        .await;
    let newest = fixture.audits.audited(None, 3).await.unwrap();
    let rest = fixture.audits.audited(newest.last().map(|(id, _)| *id), 3).await.unwrap();

    let acts: Vec<_> = newest.iter().chain(&rest).map(|(_, entry)| entry.act).collect();
    let want = [
        AuditedAction::Silence(eve, until),
        AuditedAction::Unban(eve),
        AuditedAction::Ban(eve),
        AuditedAction::DeleteMessage(spam),
    ];
    assert_eq!(acts, want);
    let (_, entry) = rest[0];
    assert_eq!((entry.actor, entry.conversation), (root, group));
    assert!(newest[0].0 > newest[1].0);
    assert_eq!(fixture.audits.audited(Some(AuditId(i64::MIN)), 9).await.unwrap(), []);
}

/// An owner's acts are the group's own business.
pub async fn what_members_do_and_what_is_refused_is_not(fixture: Fixture) {
    let root = fixture.superuser("root").await.id;
    let (ada, eve) = (fixture.user("ada").await, fixture.user("eve").await);
    let group = fixture.group(&[(ada, Role::Owner), (eve, Role::Member)]).await;
    let spam = fixture.message(send(group, eve, 1, "spam")).await.id;

    fixture.commit(vec![delete(group, ada, spam), ban(group, ada, eve)]).await;
    let refused = fixture.commit(vec![ban(group, root, ada), delete(group, root, spam)]).await;

    assert!(refused.iter().all(Result::is_err), "{refused:?}");
    assert_eq!(fixture.audits.audited(None, 9).await.unwrap(), []);
}
