//! Random wishes.

use domain::{
    Action, ClientId, ConversationId, Emoji, HistoryRule, Intent, MemberStatus, MessageId, Role,
    Title, Topic, Update, UserId,
};

use super::record::Record;
use super::room::Room;
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
    Pin,
    Join,
    Add,
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

const KINDS: [(usize, Kind); 19] = [
    (300, Kind::Send),
    (60, Kind::Reply),
    (60, Kind::Retry),
    (120, Kind::Edit),
    (50, Kind::Delete),
    (100, Kind::React),
    (50, Kind::Pin),
    (90, Kind::Join),
    (90, Kind::Add),
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

/// A wish of anybody, in one of these conversations.
pub(super) fn wish(
    dice: &mut Dice,
    record: &Record,
    users: &[UserId],
    rooms: &[ConversationId],
    number: u128,
) -> Option<Intent> {
    let conversation = dice.one_of(rooms);
    let room = record.room(conversation);
    let kind = dice.weighed(&KINDS);
    let action = match kind {
        Kind::Retry => return retry(dice, room, number),
        _ => action(dice, room, users, kind, number)?,
    };
    let (inside, outside): (Vec<_>, Vec<_>) = users.iter().partition(|user| room.admits(**user));
    let those = if matches!(kind, Kind::Join) { &outside } else { &inside };
    let anybody = if those.is_empty() || dice.percent(20) { users } else { those };
    let likely = likely(room, users, &action).filter(|_| dice.percent(50));
    let actor = likely.unwrap_or_else(|| dice.one_of(anybody));
    Some(Intent { conversation, actor, action })
}

/// Somebody who may do it: chance alone would have most wishes refused.
fn likely(room: &Room, users: &[UserId], action: &Action) -> Option<UserId> {
    match action {
        Action::Edit { message, .. } | Action::Delete { message } => {
            room.messages.get(message).map(|message| message.author.id)
        }
        Action::Send { .. } | Action::React { .. } | Action::Join { .. } | Action::Leave => None,
        _ => room.owner().or(users.last().copied()),
    }
}

fn action(
    dice: &mut Dice,
    room: &Room,
    users: &[UserId],
    kind: Kind,
    number: u128,
) -> Option<Action> {
    let user = dice.one_of(users);
    let role = dice.one_of(&[Role::Owner, Role::Admin, Role::Member, Role::Member, Role::Reader]);
    Some(match kind {
        Kind::Send => send(client_id(number), &text(dice), None),
        Kind::Reply => send(client_id(number), &text(dice), Some(message(dice, room)?)),
        Kind::Retry => return None,
        Kind::Edit => edit(dice, room)?,
        Kind::Delete => Action::Delete { message: message(dice, room)? },
        Kind::React => Action::React {
            message: message(dice, room)?,
            emoji: Emoji::parse(dice.one_of(&["👍", "x"])).unwrap(),
            present: dice.percent(70),
        },
        Kind::Pin => Action::Pin { message: message(dice, room)?, pinned: dice.percent(70) },
        Kind::Join => {
            let mut codes: Vec<_> = room.invites.keys().copied().collect();
            codes.sort_unstable();
            Action::Join { invite: (!codes.is_empty()).then(|| dice.one_of(&codes))? }
        }
        Kind::Add => Action::Add { user, role },
        Kind::Remove => Action::Remove { user },
        Kind::Leave => Action::Leave,
        Kind::SetRole => Action::SetRole { user, role },
        Kind::StepDown => Action::StepDown { successor: user },
        Kind::Ban => Action::Ban { user },
        Kind::Unban => {
            let banned = room.members.values().find(|m| m.status == MemberStatus::Banned);
            Action::Unban { user: banned.map_or(user, |banned| banned.user) }
        }
        Kind::Silence => {
            // For good, no longer, and never at all.
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
        Kind::Close => Action::Close,
    })
}

/// Of something that was sent before: the same text, or another.
fn retry(dice: &mut Dice, room: &Room, number: u128) -> Option<Intent> {
    let message = &room.messages[&message(dice, room)?];
    let first = room.sent[&(message.author.id, message.client_id)].as_str();
    let is_same = dice.percent(70);
    let text = if is_same { first.to_owned() } else { format!("{first}{number}") };
    let action = send(message.client_id, &text, None);
    Some(Intent { conversation: message.conversation, actor: message.author.id, action })
}

fn send(client_id: ClientId, text: &str, reply_to: Option<MessageId>) -> Action {
    Action::Send { client_id, body: body(text), marked_edited: false, reply_to }
}

/// Of what it is known to be, of something else, or of whatever it is.
fn edit(dice: &mut Dice, room: &Room) -> Option<Action> {
    let message = message(dice, room)?;
    let edits = room.messages[&message].edits;
    let body = dice.percent(80).then(|| body(&text(dice)));
    let expected_edits = dice.one_of(&[None, Some(edits), Some(edits), Some(edits + 1)]);
    Some(Action::Edit { message, body, expected_edits })
}

/// A late one more often than an early one; tombstones too.
fn message(dice: &mut Dice, room: &Room) -> Option<MessageId> {
    let ids: Vec<MessageId> = room.messages.keys().rev().copied().collect();
    let within = if dice.percent(60) { ids.len().min(8) } else { ids.len() };
    ids.get(..within).filter(|ids| !ids.is_empty()).map(|ids| dice.one_of(ids))
}

fn text(dice: &mut Dice) -> String {
    let word = dice.one_of(&["a", "b", "hello", ""]);
    let call = dice.one_of(&["", "", "@ann.lee.", "@bob", "@eve @joe", "@all", "@root @nobody"]);
    format!("{word} {call}")
}
