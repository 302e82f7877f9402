use domain::{Action, HistoryRule, Intent, Title, Update};

use crate::scene::{
    DecideLoaded as _, GONE, GROUP, MEMBER, NO, NOW, OUT, OWNER, ROOT, UNSEEN, Y, in_direct,
    in_group, in_lobby, scene, verdict,
};

fn set(history: Option<HistoryRule>) -> Action {
    let title = Update::Set(Some(Title::parse("T").unwrap()));
    Action::SetDetails { title, topic: Update::Keep, history }
}

#[test]
fn group_admins_set_the_title_and_owners_the_history_rule() {
    let facts = scene();

    let action = set(None);
    in_group(&facts, &action, [Y, Y, NO, NO, NO, UNSEEN, OUT, UNSEEN, UNSEEN, GONE]);
    in_lobby(&facts, &action, [NO, NO, OUT, NO, GONE]);
    in_direct(&facts, &action, [NO, UNSEEN, UNSEEN, GONE]);
    let action = set(Some(HistoryRule::All));
    in_group(&facts, &action, [Y, NO, NO, NO, NO, UNSEEN, OUT, UNSEEN, UNSEEN, GONE]);
}

#[test]
fn a_group_deleted_by_its_owner_is_not_found() {
    let mut facts = scene();

    let action = Action::DeleteConversation;
    in_group(&facts, &action, [Y, NO, NO, NO, NO, UNSEEN, OUT, UNSEEN, UNSEEN, GONE]);
    in_lobby(&facts, &action, [NO, NO, OUT, NO, GONE]);
    in_direct(&facts, &action, [NO, UNSEEN, UNSEEN, GONE]);

    let close = Intent { conversation: GROUP, actor: OWNER, action };
    assert!(facts.decide_loaded(&[close], NOW).iter().all(Result::is_ok));
    for actor in [OWNER, MEMBER, ROOT] {
        for action in
            [Action::DeleteConversation, Action::Leave, Action::Ban { user: MEMBER }, set(None)]
        {
            assert_eq!(verdict(&facts, GROUP, actor, &action), UNSEEN, "{actor}: {action:?}");
        }
    }
}
