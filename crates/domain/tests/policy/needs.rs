//! [`Needs`] name every fact that a decision asks for.

use domain::{
    Action, ClientId, DecideError, Decision, Emoji, ExpectedEdits, Facts, HistoryRule, Intent,
    Invite, InviteCode, MessageBody, Needs, Role, Title, Update, policy,
};

use crate::scene::{
    ADMIN, BANNED, DIRECT, GROUP, LATER, LOBBY, MEMBER, MEMBER_2, NOW, OWNER, SILENCED, STRANGER,
    message_of, needs, scene,
};

const INVITE: InviteCode = InviteCode::new(1);

fn samples() -> Vec<Action> {
    let body = MessageBody::parse("@member2 @nobody x").unwrap();
    let (own, reply_to) = (message_of(GROUP, OWNER), Some(message_of(GROUP, MEMBER)));
    let mut samples = vec![
        Action::Send {
            client_id: ClientId::new(9),
            body: body.clone(),
            marked_edited: false,
            reply_to,
        },
        Action::Edit { message: own, body: Some(body), expected: ExpectedEdits::Any },
        Action::Join { invite: INVITE },
        Action::Add { user: STRANGER, role: Role::Member },
        Action::Remove { user: OWNER },
        Action::Remove { user: ADMIN },
        Action::Accept,
        Action::Decline,
        Action::Leave,
        Action::SetRole { user: OWNER, role: Role::Member },
        Action::SetRole { user: MEMBER, role: Role::Owner },
        Action::StepDown { successor: ADMIN },
        Action::Ban { user: MEMBER },
        Action::Unban { user: BANNED },
        Action::Silence { user: SILENCED, until: Some(LATER) },
        Action::SetDetails {
            title: Update::Set(Some(Title::parse("T").unwrap())),
            topic: Update::Keep,
            history: Some(HistoryRule::All),
        },
        Action::DeleteConversation,
    ];
    for message in [own, message_of(LOBBY, MEMBER_2), message_of(DIRECT, OWNER)] {
        samples.push(Action::Edit { message, body: None, expected: Some(0).into() });
        samples.push(Action::Delete { message, expected: ExpectedEdits::Any });
        samples.push(Action::React { message, emoji: Emoji::parse(":x:").unwrap(), present: true });
        for emoji in [Some(Emoji::parse(":x:").unwrap()), None] {
            samples.push(Action::Unreact { message, user: BANNED, emoji });
        }
        samples.push(Action::Pin { message, pinned: true });
    }
    samples
}

/// Returns the number of an action's kind; a new action fails to compile until it is counted
/// here.
fn kind(action: &Action) -> usize {
    match action {
        Action::Send { .. } => 0,
        Action::Edit { .. } => 1,
        Action::Delete { .. } => 2,
        Action::React { .. } => 3,
        Action::Pin { .. } => 4,
        Action::Join { .. } => 5,
        Action::Add { .. } => 6,
        Action::Remove { .. } => 7,
        Action::Leave => 8,
        Action::SetRole { .. } => 9,
        Action::StepDown { .. } => 10,
        Action::Ban { .. } => 11,
        Action::Unban { .. } => 12,
        Action::Silence { .. } => 13,
        Action::SetDetails { .. } => 14,
        Action::DeleteConversation => 15,
        Action::Unreact { .. } => 16,
        Action::Accept => 17,
        Action::Decline => 18,
    }
}

/// Every sample action by every actor in every conversation.
fn intents() -> Vec<Intent> {
    let mut intents = Vec::new();
    for action in samples() {
        for conversation in [LOBBY, GROUP, DIRECT, domain::ConversationId::new(99)] {
            for actor in (1..=13).map(domain::UserId::new) {
                intents.push(Intent { conversation, actor, action: action.clone() });
            }
        }
    }
    intents
}

fn facts() -> Facts {
    let mut facts = scene();
    facts.add_invite(Invite {
        code: INVITE,
        conversation: GROUP,
        created_by: OWNER,
        created_at: NOW,
        role: Role::Member,
        expires_at: None,
        max_uses: None,
        uses: 0,
        revoked: false,
    });
    facts
}

fn decide(facts: &mut Facts, intent: &Intent, needs: Needs) -> Result<Decision, DecideError> {
    facts.mark_loaded(needs);
    policy::decide(intent, facts, NOW)
}

#[test]
fn the_samples_cover_every_action() {
    let kinds: std::collections::BTreeSet<usize> = samples().iter().map(kind).collect();
    assert!(kinds.into_iter().eq(0..19));
}

#[test]
fn no_decision_asks_for_more_than_its_needs() {
    let mut facts = facts();
    for intent in intents() {
        let needs = needs(&facts, std::slice::from_ref(&intent));

        let decided = decide(&mut facts, &intent, needs);

        assert!(!matches!(decided, Err(DecideError::NotLoaded(_))), "{decided:?}: {intent:?}");
    }
}

/// A missing fact never looks like one that does not exist.
#[test]
fn a_missing_need_is_an_error_or_changes_nothing() {
    let mut facts = facts();
    let mut missed = [0; 11];
    for intent in intents() {
        let needs = needs(&facts, std::slice::from_ref(&intent));
        let want = decide(&mut facts, &intent, needs.clone());
        for (count, fewer) in missed.iter_mut().zip(without_one(&needs)) {
            for needs in fewer {
                match decide(&mut facts, &intent, needs) {
                    Err(DecideError::NotLoaded(_)) => *count += 1,
                    got => assert_eq!(got, want, "{intent:?}"),
                }
            }
        }
    }
    assert!(missed.iter().all(|count| *count > 0), "needs that nothing asks for: {missed:?}");
}

/// For each kind of needs, the same needs without one entry.
fn without_one(needs: &Needs) -> [Vec<Needs>; 11] {
    macro_rules! without {
        ($field:ident) => {{
            let without = |key| {
                let mut needs = needs.clone();
                needs.$field.remove(key);
                needs
            };
            needs.$field.iter().map(without).collect()
        }};
    }
    [
        without!(conversations),
        without!(owner_counts),
        without!(accounts),
        without!(names),
        without!(members),
        without!(messages),
        without!(seen),
        without!(sends),
        without!(writes),
        without!(invites),
        without!(additions),
    ]
}
