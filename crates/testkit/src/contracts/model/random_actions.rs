//! Random actions of random users.

use domain::{
    Action, ClientId, ConversationId, Emoji, ExpectedEdits, HistoryRule, Intent, MemberStatus,
    MessageId, Role, Title, Topic, Update, UserId,
};

use super::conversation::ConversationModel;
use super::state::Model;
use crate::Dice;
use crate::values::{at, body, client_id};

#[derive(Debug, Clone, Copy)]
enum Kind {
    Send,
    Reply,
    Retry,
    Edit,
    Delete,
    React,
    Unreact,
    Pin,
    Join,
    Add,
    Accept,
    Decline,
    Remove,
    Leave,
    SetRole,
    StepDown,
    Ban,
    Unban,
    Silence,
    SetDetails,
    SetHistory,
    Close,
}

const KINDS: [(usize, Kind); 22] = [
    (300, Kind::Send),
    (60, Kind::Reply),
    (60, Kind::Retry),
    (120, Kind::Edit),
    (50, Kind::Delete),
    (100, Kind::React),
    (40, Kind::Unreact),
    (50, Kind::Pin),
    (90, Kind::Join),
    (90, Kind::Add),
    (120, Kind::Accept),
    (80, Kind::Decline),
    (25, Kind::Remove),
    (25, Kind::Leave),
    (40, Kind::SetRole),
    (10, Kind::StepDown),
    (25, Kind::Ban),
    (70, Kind::Unban),
    (40, Kind::Silence),
    (30, Kind::SetDetails),
    (20, Kind::SetHistory),
    (8, Kind::Close),
];

/// An action of any user in one of these conversations. None if there is nothing to act on.
pub(super) fn random_intent(
    dice: &mut Dice,
    model: &Model,
    users: &[UserId],
    conversations: &[ConversationId],
    number: u128,
) -> Option<Intent> {
    let conversation = dice.one_of(conversations);
    let known = model.conversation(conversation);
    let kind = dice.weighed(&KINDS);
    let action = match kind {
        Kind::Retry => return retry(dice, known, number),
        _ => action(dice, known, users, kind, number)?,
    };
    let (inside, outside): (Vec<_>, Vec<_>) = users.iter().partition(|user| known.admits(**user));
    let usual = if matches!(kind, Kind::Join) { &outside } else { &inside };
    let candidates = if usual.is_empty() || dice.percent(20) { users } else { usual };
    let permitted = permitted_actor(known, users, &action).filter(|_| dice.percent(50));
    let actor = permitted.unwrap_or_else(|| dice.one_of(candidates));
    Some(Intent { conversation, actor, action })
}

/// A user who is allowed to do it: with chance alone, most actions would be refused.
fn permitted_actor(known: &ConversationModel, users: &[UserId], action: &Action) -> Option<UserId> {
    match action {
        Action::Edit { message, .. } | Action::Delete { message, .. } => {
            known.messages.get(message).map(|message| message.author.id)
        }
        Action::Accept | Action::Decline => {
            users.iter().copied().find(|user| known.is_invited(*user))
        }
        Action::Send { .. } | Action::React { .. } | Action::Join { .. } | Action::Leave => None,
        _ => known.owner().or(users.last().copied()),
    }
}

fn action(
    dice: &mut Dice,
    known: &ConversationModel,
    users: &[UserId],
    kind: Kind,
    number: u128,
) -> Option<Action> {
    let user = dice.one_of(users);
    let role = dice.one_of(&[Role::Owner, Role::Admin, Role::Member, Role::Member, Role::Reader]);
    Some(match kind {
        Kind::Send => send(client_id(number), &text(dice), None),
        Kind::Reply => send(client_id(number), &text(dice), Some(message(dice, known)?)),
        Kind::Retry => return None,
        Kind::Edit => edit(dice, known)?,
        Kind::Delete => {
            let message = message(dice, known)?;
            Action::Delete { message, expected: expected(dice, known, message) }
        }
        Kind::React => Action::React {
            message: message(dice, known)?,
            emoji: Emoji::parse(dice.one_of(&["👍", ":x:"])).unwrap(),
            present: dice.percent(70),
        },
        Kind::Unreact => Action::Unreact {
            message: message(dice, known)?,
            user,
            emoji: Some(Emoji::parse(dice.one_of(&["👍", ":x:"])).unwrap()),
        },
        Kind::Pin => Action::Pin { message: message(dice, known)?, pinned: dice.percent(70) },
        Kind::Join => {
            let mut codes: Vec<_> = known.invites.keys().copied().collect();
            codes.sort_unstable();
            Action::Join { invite: (!codes.is_empty()).then(|| dice.one_of(&codes))? }
        }
        Kind::Add => Action::Add { user, role },
        Kind::Accept => Action::Accept,
        Kind::Decline => Action::Decline,
        Kind::Remove => Action::Remove { user },
        Kind::Leave => Action::Leave,
        Kind::SetRole => Action::SetRole { user, role },
        Kind::StepDown => Action::StepDown { successor: user },
        Kind::Ban => Action::Ban { user },
        Kind::Unban => {
            let banned = known.members.values().find(|m| m.status == MemberStatus::Banned);
            Action::Unban { user: banned.map_or(user, |banned| banned.user) }
        }
        Kind::Silence => {
            // For good, lifted, or refused because it is over.
            let until = dice.one_of(&[Some(at(i64::from(i32::MAX))), None, None, Some(at(1))]);
            Action::Silence { user, until }
        }
        Kind::SetDetails => {
            let title = dice.one_of(&[Some("A"), Some("B"), None]);
            let title = Update::Set(title.map(|title| Title::parse(title).unwrap()));
            let topic = Update::Set(Some(Topic::parse("about this").unwrap()));
            let topic = dice.one_of(&[topic, Update::Set(None), Update::Keep]);
            Action::SetDetails { title, topic, history: None }
        }
        Kind::SetHistory => {
            let history = Some(dice.one_of(&[HistoryRule::All, HistoryRule::SinceJoined]));
            Action::SetDetails { title: Update::Keep, topic: Update::Keep, history }
        }
        Kind::Close => Action::DeleteConversation,
    })
}

/// Sends an earlier message again, with the same text or another.
fn retry(dice: &mut Dice, known: &ConversationModel, number: u128) -> Option<Intent> {
    let message = &known.messages[&message(dice, known)?];
    let first = known.sent[&(message.author.id, message.client_id)].as_str();
    let is_same = dice.percent(70);
    let text = if is_same { first.to_owned() } else { format!("{first}{number}") };
    let action = send(message.client_id, &text, None);
    Some(Intent { conversation: message.conversation, actor: message.author.id, action })
}

fn send(client_id: ClientId, text: &str, reply_to: Option<MessageId>) -> Action {
    Action::Send { client_id, body: body(text), marked_edited: false, reply_to }
}

fn edit(dice: &mut Dice, known: &ConversationModel) -> Option<Action> {
    let message = message(dice, known)?;
    let body = dice.percent(80).then(|| body(&text(dice)));
    Some(Action::Edit { message, body, expected: expected(dice, known, message) })
}

/// The current number of edits, a wrong one, or any.
fn expected(dice: &mut Dice, known: &ConversationModel, message: MessageId) -> ExpectedEdits {
    let edits = known.messages[&message].edits;
    dice.one_of(&[None, Some(edits), Some(edits), Some(edits + 1)]).into()
}

/// Prefers late messages. Includes tombstones.
fn message(dice: &mut Dice, known: &ConversationModel) -> Option<MessageId> {
    let ids: Vec<MessageId> = known.messages.keys().rev().copied().collect();
    let within = if dice.percent(60) { ids.len().min(8) } else { ids.len() };
    ids.get(..within).filter(|ids| !ids.is_empty()).map(|ids| dice.one_of(ids))
}

fn text(dice: &mut Dice) -> String {
    let word = dice.one_of(&["a", "b", "hello", ""]);
    let call = dice.one_of(&["", "", "@ann.lee.", "@bob", "@eve @joe", "@all", "@root @nobody"]);
    format!("{word} {call}")
}
