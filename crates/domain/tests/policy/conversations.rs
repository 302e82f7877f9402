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
fn who_manages_a_group_names_it_and_owners_say_what_it_shows() {
    let facts = scene();

    let wish = set(None);
    in_group(&facts, &wish, [Y, Y, NO, NO, NO, UNSEEN, OUT, UNSEEN, UNSEEN, GONE]);
    in_lobby(&facts, &wish, [NO, NO, OUT, NO, GONE]);
    in_direct(&facts, &wish, [NO, UNSEEN, UNSEEN, GONE]);
    let wish = set(Some(HistoryRule::All));
    in_group(&facts, &wish, [Y, NO, NO, NO, NO, UNSEEN, OUT, UNSEEN, UNSEEN, GONE]);
}

#[test]
fn owners_delete_a_group_and_then_it_is_not_there() {
    let mut facts = scene();

    let wish = Action::Close;
    in_group(&facts, &wish, [Y, NO, NO, NO, NO, UNSEEN, OUT, UNSEEN, UNSEEN, GONE]);
    in_lobby(&facts, &wish, [NO, NO, OUT, NO, GONE]);
    in_direct(&facts, &wish, [NO, UNSEEN, UNSEEN, GONE]);

    let close = Intent { conversation: GROUP, actor: OWNER, action: wish };
    assert!(facts.decide_loaded(&[close], NOW).iter().all(Result::is_ok));
    for actor in [OWNER, MEMBER, ROOT] {
        for wish in [Action::Close, Action::Leave, Action::Ban { user: MEMBER }, set(None)] {
            assert_eq!(verdict(&facts, GROUP, actor, &wish), UNSEEN, "{actor}: {wish:?}");
        }
    }
}
