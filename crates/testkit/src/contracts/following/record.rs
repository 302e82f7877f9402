//! What became of everything, by the answers that its users got.

use std::collections::{BTreeMap, BTreeSet};

use application::{ChatError, PendingOutcome};
use domain::{
    Action, Change, Conversation, ConversationId, ConversationKind, Intent, Member, Message, MsgNo,
    Outcome, Refusal, Role, UserId,
};

use super::room::Room;
use super::world::World;

/// What is known of the world without asking it.
#[derive(Debug)]
pub(super) struct Record {
    rooms: BTreeMap<ConversationId, Room>,
    blocks: BTreeSet<(UserId, UserId)>,
    root: UserId,
    /// How often each kind of wish was carried out.
    pub(super) done: BTreeMap<&'static str, usize>,
}

impl Record {
    pub(super) fn new(world: &World) -> Self {
        let root = world.accounts.last().expect("there are users").id;
        let (blocks, done) = (BTreeSet::new(), BTreeMap::new());
        let mut record = Self { rooms: BTreeMap::new(), blocks, root, done };
        record.add(Room::new(Conversation::lobby(), Vec::new()));
        record
    }

    pub(super) fn add(&mut self, room: Room) {
        self.rooms.entry(room.conversation.id).or_insert(room);
    }

    pub(super) fn room(&self, id: ConversationId) -> &Room {
        &self.rooms[&id]
    }

    pub(super) fn room_mut(&mut self, id: ConversationId) -> &mut Room {
        self.rooms.get_mut(&id).expect("a room of the history")
    }

    /// Conversations in somebody's list.
    pub(super) fn list(&self, user: UserId) -> BTreeSet<ConversationId> {
        let rooms = self.rooms.iter().filter(|(_, room)| room.admits(user));
        rooms.map(|(id, _)| *id).collect()
    }

    /// Whom somebody blocks.
    pub(super) fn blocked_by(&self, user: UserId) -> BTreeSet<UserId> {
        self.blocks.iter().filter(|(by, _)| *by == user).map(|(_, blocked)| *blocked).collect()
    }

    pub(super) fn blocks(&self, by: UserId, user: UserId) -> bool {
        self.blocks.contains(&(by, user))
    }

    pub(super) fn set_blocked(&mut self, by: UserId, user: UserId, present: bool) {
        if present {
            self.blocks.insert((by, user));
        } else {
            self.blocks.remove(&(by, user));
        }
    }

    /// Whether somebody may be told of a message, or of what became of it.
    pub(super) fn may_see(&self, user: UserId, message: &Message) -> bool {
        let room = self.room(message.conversation);
        room.admits(user) && room.reaches(user, message) && !self.blocks(user, message.author.id)
    }

    /// Those of the members that a list has to tell of.
    pub(super) fn told(
        &self,
        room: ConversationId,
        members: Vec<Member>,
    ) -> BTreeMap<UserId, Member> {
        let is_lobby = self.room(room).is_lobby();
        let told = members.into_iter().filter(|m| !is_lobby || m.seq_last > domain::Seq::ZERO);
        told.map(|member| (member.user, member)).collect()
    }

    /// Takes in what came of a wish.
    pub(super) fn take(&mut self, wish: &Intent, answer: &Result<Outcome, Refusal>) {
        let Intent { conversation, actor, action } = wish;
        if let Ok(outcome) = answer {
            assert!(self.may_do(wish), "{wish:?} became {outcome:?}");
            *self.done.entry(name(action, outcome)).or_default() += 1;
        }
        self.room_mut(*conversation).take(*actor, action, answer);
    }

    /// What holds of everything that is carried out, whoever may do what.
    fn may_do(&self, Intent { conversation, actor, action }: &Intent) -> bool {
        let room = self.room(*conversation);
        let is_private = matches!(room.conversation.kind, ConversationKind::Direct(_));
        let moderates =
            *actor == self.root && !is_private && room.conversation.deleted_at.is_none();
        match action {
            Action::Join { .. } => room.role_of(*actor).is_none(),
            Action::Delete { .. }
            | Action::Ban { .. }
            | Action::Unban { .. }
            | Action::Silence { .. }
                if moderates =>
            {
                true
            }
            _ => {
                let seen = action.message().is_none_or(|id| {
                    room.messages.get(&id).is_some_and(|message| room.reaches(*actor, message))
                });
                room.admits(*actor) && (seen || matches!(action, Action::Send { .. }))
            }
        }
    }

    /// Somebody moved a marker, or muted a conversation: it has a row from now on.
    pub(super) fn settle(&mut self, world: &World, room: ConversationId, user: UserId) {
        let username = world.account(user).username.clone();
        self.room_mut(room).settle(Member::first(room, user, username, Role::Member));
    }

    pub(super) fn read(&mut self, room: ConversationId, user: UserId, up_to: MsgNo) -> MsgNo {
        self.room_mut(room).read(user, up_to)
    }
}

/// Wishes whose answers are under way, in their order.
#[derive(Default)]
pub(super) struct Pending(Vec<(Intent, PendingOutcome)>);

impl Pending {
    pub(super) fn push(&mut self, wish: Intent, answering: PendingOutcome) {
        self.0.push((wish, answering));
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Waits for all of them.
    pub(super) async fn settle(&mut self, record: &mut Record) {
        for (wish, answering) in self.0.drain(..) {
            let answer = match answering.answer().await {
                Ok(outcome) => Ok(outcome),
                Err(ChatError::Refused(refusal)) => Err(refusal),
                Err(error) => panic!("{wish:?}: {error}"),
            };
            record.take(&wish, &answer);
        }
    }
}

fn name(action: &Action, outcome: &Outcome) -> &'static str {
    match (action, outcome) {
        (_, Outcome::Replayed(_)) => "retry",
        (Action::Send { reply_to: Some(_), .. }, _) => "reply",
        (Action::Send { .. }, _) => "send",
        (Action::Edit { expected_edits: Some(_), .. }, _) => "edit of what is known",
        (Action::Edit { .. }, _) => "edit",
        (Action::Delete { .. }, _) => "delete",
        (Action::React { .. }, _) => "react",
        (Action::Pin { .. }, _) => "pin",
        (Action::Join { .. }, _) => "join",
        (Action::Add { .. }, _) => "add",
        (Action::Remove { .. }, _) => "remove",
        (Action::Leave, _) => "leave",
        (Action::SetRole { .. } | Action::StepDown { .. }, _) => "set role",
        (Action::Ban { .. }, _) => "ban",
        (Action::Unban { .. }, _) => "unban",
        (Action::Silence { .. }, _) => "silence",
        (
            Action::SetDetails { history: Some(_), .. },
            Outcome::Applied(Change::Conversation(_)),
        ) => "set history",
        (Action::SetDetails { .. }, _) => "set details",
        (Action::Close, _) => "close",
    }
}
