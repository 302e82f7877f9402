//! Random histories of everything that can happen.

use std::collections::{BTreeSet, HashMap};

use application::ports::{First, InboxCursor};
use application::{ChatError, NewInvite};
use domain::{
    ConversationId, Details, Epoch, HistoryRule, Invite, Message, MsgNo, Refusal, Role, UserId,
};
use futures_util::{StreamExt as _, stream};

use super::client::Client;
use super::record::{Pending, Record};
use super::room::Room;
use super::wishes;
use super::world::World;
use crate::values::at;
use crate::{Dice, Fixture};

/// So many in one run, at least.
const STEPS: usize = 10_000;
/// Of one history, with groups of its own.
const CHAPTERS: usize = 2;
const STEPS_OF_CHAPTER: usize = 300;
/// Devices that catch up at once.
const AT_ONCE: usize = 6;
/// What may become of wishes, all of which has to happen.
const KINDS: usize = 19;
/// Wishes that may be under way at once.
const BURST: usize = 12;

/// Users do everything that there is to do, in groups, between two and in the
/// lobby; their devices lose answers, connections and all that they know, and
/// are behind by more or less. At the end of each chapter every device that
/// only applied what it was told knows, row by row, what a new one fetches; and
/// both know what was answered to those who did it, as far as they may see it.
pub async fn who_applies_changes_ends_where_who_fetches_begins(fixture: Fixture) {
    let mut dice = Dice::cast();
    let world = World::over(fixture).await;
    let mut story = Story::new(&world);
    while story.steps < STEPS {
        story.open(&mut dice).await;
        for _ in 0..CHAPTERS {
            for _ in 0..STEPS_OF_CHAPTER {
                story.step(&mut dice).await;
            }
            story.compare(&mut dice).await;
        }
        story.compare_lists(&mut dice).await;
    }

    eprintln!("{} steps: {:?}", story.steps, story.record.done);
    assert!(story.steps >= STEPS);
    let done = &story.record.done;
    assert_eq!(done.len(), KINDS, "something never happened: {done:?}");
    let resets: usize = story.clients.iter().map(|client| client.resets).sum();
    assert!(resets > 0);
}

struct Story<'a> {
    world: &'a World,
    record: Record,
    pending: Pending,
    /// Those of this history: rooms, and a device of each user in each.
    rooms: Vec<ConversationId>,
    clients: Vec<Client>,
    steps: usize,
    epochs: u128,
}

impl<'a> Story<'a> {
    fn new(world: &'a World) -> Self {
        let (rooms, clients) = (Vec::new(), Vec::new());
        let pending = Pending::default();
        Self { world, record: Record::new(world), pending, rooms, clients, steps: 0, epochs: 0 }
    }

    /// Two groups, two conversations of two, and the lobby.
    async fn open(&mut self, dice: &mut Dice) {
        let users = self.world.users();
        let mut rooms = vec![ConversationId::LOBBY];
        for history in [HistoryRule::SinceJoined, HistoryRule::All] {
            let group = self.open_group(dice, history).await;
            // Weighs as much as everything else.
            rooms.extend([group, group]);
        }
        for pair in users.windows(2).take(2) {
            rooms.extend(self.open_direct(pair[0], pair[1]).await);
        }
        let places: BTreeSet<ConversationId> = rooms.iter().copied().collect();
        // Devices stay where the rooms do.
        self.clients.retain(|client| places.contains(&client.room));
        for room in places {
            for user in &users {
                if !self.clients.iter().any(|c| (c.room, c.user) == (room, *user)) {
                    self.clients.push(Client::new(*user, room));
                }
            }
        }
        self.rooms = rooms;
    }

    async fn open_group(&mut self, dice: &mut Dice, history: HistoryRule) -> ConversationId {
        let caller = dice.one_of(&self.world.accounts);
        let others = self.world.users().into_iter();
        let others = others.filter(|user| !self.record.blocks(*user, caller.id));
        let others = others.filter(|_| dice.percent(60)).collect();
        let details = Details { title: None, topic: None, history };
        let entry = self.world.chat.open_group(&caller, details, others).await.unwrap();
        let room = entry.conversation.id;
        self.note_room(room, entry.conversation).await;
        room
    }

    /// None between those who do not want to hear from each other.
    async fn open_direct(&mut self, one: UserId, other: UserId) -> Option<ConversationId> {
        let caller = self.world.account(one);
        match self.world.chat.open_direct(caller, other).await {
            Ok((entry, _)) => {
                let room = entry.conversation.id;
                assert_eq!(entry.other.map(|(user, _)| user), Some(other));
                self.note_room(room, entry.conversation).await;
                Some(room)
            }
            Err(ChatError::Refused(Refusal::Blocked)) => {
                assert!(self.record.blocks(other, one));
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    async fn note_room(&mut self, room: ConversationId, conversation: domain::Conversation) {
        let members = self.world.store.members(room, None, 100).await.unwrap();
        self.record.add(Room::new(conversation, members));
    }

    /// One thing happens.
    async fn step(&mut self, dice: &mut Dice) {
        self.steps += 1;
        let users = self.world.users();
        let what = dice.below(100);
        if what < 70 {
            let number = self.steps as u128;
            let wish = wishes::wish(dice, &self.record, &users, &self.rooms, number);
            if let Some(wish) = wish {
                let account = self.world.account(wish.actor);
                let (room, action) = (wish.conversation, wish.action.clone());
                let answering = self.world.chat.begin(account, room, action).await.unwrap();
                self.pending.push(wish, answering);
            }
            if self.pending.len() < BURST {
                return;
            }
        }
        self.pending.settle(&mut self.record).await;
        match what {
            ..70 => {}
            70..88 => self.use_device(dice).await,
            88..91 => self.block(dice).await,
            91..94 => self.mark(dice).await,
            94..96 => self.invite(dice).await,
            96 => self.revoke(dice).await,
            97 => self.mute(dice).await,
            98 => self.look_at_one(dice).await,
            _ => {
                if dice.percent(20) {
                    self.epochs += 1;
                    self.world.store.new_epoch(Epoch::new(self.epochs)).await.unwrap();
                } else {
                    self.open_direct(users[0], users[1]).await;
                }
            }
        }
    }

    async fn use_device(&mut self, dice: &mut Dice) {
        let which = dice.below(self.clients.len());
        let limit = 1 + dice.below(7);
        let first = dice.one_of(&[First::Newest, First::Oldest]);
        let client = &mut self.clients[which];
        match dice.below(20) {
            0 => client.forget(),
            1..4 => client.ask_in_vain(self.world, limit).await,
            _ => {
                for _ in 0..=dice.below(3) {
                    client.pull(self.world, &self.record, limit, first).await;
                }
            }
        }
    }

    async fn block(&mut self, dice: &mut Dice) {
        let (caller, other) = (dice.one_of(&self.world.accounts), dice.one_of(&self.world.users()));
        let present = dice.percent(40);
        let answer = self.world.chat.set_blocked(&caller, other, present).await;
        assert_eq!(answer.is_ok(), caller.id != other);
        if answer.is_ok() {
            self.record.set_blocked(caller.id, other, present);
        }
        let told = self.world.chat.blocked(&caller).await.unwrap();
        let told: BTreeSet<UserId> = told.into_iter().map(|(user, _)| user).collect();
        assert_eq!(told, self.record.blocked_by(caller.id));
    }

    async fn mark(&mut self, dice: &mut Dice) {
        let (caller, room) = (dice.one_of(&self.world.accounts), dice.one_of(&self.rooms));
        let head = self.record.room(room).msg_no.get();
        let up_to = MsgNo::new(i64::try_from(dice.below(20)).unwrap() + head - 15);
        let answer = self.world.chat.mark_read(&caller, room, up_to).await;
        if self.record.room(room).admits(caller.id) {
            self.record.settle(self.world, room, caller.id);
            assert_eq!(answer, Ok(self.record.read(room, caller.id, up_to)));
        } else {
            assert_eq!(answer, Err(Refusal::NotFound.into()));
        }
    }

    async fn mute(&mut self, dice: &mut Dice) {
        let (caller, room) = (dice.one_of(&self.world.accounts), dice.one_of(&self.rooms));
        let answer = self.world.chat.set_muted(&caller, room, dice.percent(50)).await;
        assert_eq!(answer.is_ok(), self.record.room(room).admits(caller.id));
        if answer.is_ok() {
            self.record.settle(self.world, room, caller.id);
        }
    }

    async fn invite(&mut self, dice: &mut Dice) {
        let room = dice.one_of(&self.rooms);
        let Some(owner) = self.record.room(room).owner() else { return };
        let new = NewInvite {
            role: dice.one_of(&[Role::Admin, Role::Member, Role::Reader]),
            expires_at: dice.one_of(&[None, None, Some(at(1))]),
            max_uses: dice.one_of(&[None, Some(1), Some(2)]),
        };
        let caller = self.world.account(owner);
        match self.world.chat.invite(caller, room, new).await {
            Ok(invite) => drop(self.record.room_mut(room).invites.insert(invite.code, invite)),
            Err(error) => assert!(!self.record.room(room).admits(owner), "{error}"),
        }
    }

    async fn revoke(&mut self, dice: &mut Dice) {
        let room = dice.one_of(&self.rooms);
        let known = self.record.room_mut(room);
        let Some(owner) = known.owner().filter(|owner| known.admits(*owner)) else { return };
        let Some(invite) = known.invites.values_mut().min_by_key(|invite| invite.code) else {
            return;
        };
        let was_open = !std::mem::replace(&mut invite.revoked, true);
        let (caller, code) = (self.world.account(owner), invite.code);
        let answer = self.world.chat.revoke_invite(caller, room, code).await;
        assert_eq!(answer, if was_open { Ok(()) } else { Err(Refusal::NotFound.into()) });
    }

    async fn look_at_one(&mut self, dice: &mut Dice) {
        let (caller, room) = (dice.one_of(&self.world.accounts), dice.one_of(&self.rooms));
        let known = self.record.room(room);
        let all: Vec<&Message> = known.messages.values().map(|message| &**message).collect();
        if all.is_empty() {
            return;
        }
        let message = dice.one_of(&all);
        let found = self.world.chat.read(&caller, room, message.id).await;
        if !message.is_deleted() && self.record.may_see(caller.id, message) {
            assert_eq!(&*found.unwrap(), message);
        } else {
            assert!(found.is_err(), "{found:?}");
        }
    }

    /// Everybody catches up.
    async fn compare(&mut self, dice: &mut Dice) {
        self.pending.settle(&mut self.record).await;
        let limit = dice.one_of(&[7, 20, 50, 100]);
        let (world, record) = (self.world, &self.record);
        let comparing = self.clients.iter_mut().map(async |client| {
            client.pull_all(world, record, limit, First::Newest).await;
            compare_one(world, record, client, limit).await;
        });
        stream::iter(comparing).buffer_unordered(AT_ONCE).collect::<()>().await;
        for room in self.rooms.iter().collect::<BTreeSet<_>>() {
            self.compare_invites(*room).await;
        }
    }

    async fn compare_invites(&self, room: ConversationId) {
        let known = self.record.room(room);
        let Some(owner) = known.owner().filter(|owner| known.admits(*owner)) else { return };
        if known.conversation.kind != domain::ConversationKind::Group {
            return;
        }
        let owner = self.world.account(owner);
        let mut found: HashMap<_, Invite> = HashMap::new();
        let mut before = None;
        loop {
            let page = self.world.chat.invites(owner, room, before, 2).await.unwrap();
            before = page.last().map(|invite| (invite.created_at, invite.code));
            let is_last = page.len() < 2;
            for invite in page {
                assert_eq!(found.insert(invite.code, invite), None, "listed twice");
            }
            if is_last {
                break;
            }
        }
        assert_eq!(found, known.open_invites());
    }

    /// Each list of conversations holds all of one's own, the last active first.
    async fn compare_lists(&self, dice: &mut Dice) {
        let limit = 1 + dice.below(20);
        for account in &self.world.accounts {
            let mut cursors: Vec<InboxCursor> = Vec::new();
            loop {
                let before = cursors.last().copied();
                let page = self.world.chat.conversations(account, before, limit).await.unwrap();
                for entry in &page.entries {
                    compare_entry(&self.record, account.id, entry);
                    cursors.push(entry.cursor());
                }
                if !page.more {
                    break;
                }
            }
            assert!(cursors.windows(2).all(|pair| pair[0] > pair[1]), "{cursors:?}");
            let listed: BTreeSet<_> = cursors.iter().map(|cursor| cursor.conversation).collect();
            assert_eq!(listed, self.record.list(account.id));
        }
    }
}

/// What a device knows is what a new one fetches, and what there is to see.
async fn compare_one(world: &World, record: &Record, client: &Client, limit: usize) {
    let (room, account) = (record.room(client.room), world.account(client.user));
    let mut fresh = Client::new(client.user, client.room);
    fresh.pull_all(world, record, limit, First::Oldest).await;
    assert_eq!(client.is_following(), room.admits(client.user));
    assert_eq!(fresh.is_following(), room.admits(client.user));
    let pinned = pins(world, client, limit).await;
    let entry = world.chat.conversation(account, client.room).await;
    if !room.admits(client.user) {
        assert!(pinned.is_err() && entry.is_err());
        assert!(client.messages.is_empty() && client.members.is_empty());
        return;
    }
    let shown = room.shown(client.user, &record.blocked_by(client.user));
    let context = format!("{} in {}", client.user, client.room);
    for known in [client, &fresh] {
        assert_eq!(known.messages, shown, "{context}");
        assert_eq!(known.members, room.told_members(), "{context}");
        assert_eq!(known.conversation.as_ref(), Some(&room.conversation), "{context}");
    }
    let mut own: Vec<&Message> = client.messages.values().map(|message| &**message).collect();
    own.retain(|message| message.pinned_at.is_some());
    own.sort_by_key(|message| std::cmp::Reverse(message.pinned_at));
    assert_eq!(pinned.unwrap().iter().collect::<Vec<_>>(), own, "{context}");
    compare_entry(record, client.user, &entry.unwrap());
}

async fn pins(world: &World, client: &Client, limit: usize) -> Result<Vec<Message>, ChatError> {
    let account = world.account(client.user);
    let mut all = Vec::new();
    let mut before = None;
    loop {
        let page = world.chat.pinned(account, client.room, before, limit).await?;
        all.extend(page.messages.iter().map(|message| Message::clone(message)));
        before = page.next;
        if before.is_none() {
            return Ok(all);
        }
    }
}

/// The numbers beside a conversation are what its rows add up to.
fn compare_entry(record: &Record, user: UserId, entry: &application::ports::InboxEntry) {
    let room = record.room(entry.conversation.id);
    assert_eq!(entry.conversation, room.conversation);
    assert_eq!((entry.head.seq, entry.head.msg_no), (room.seq, room.msg_no));
    assert_eq!(entry.read_no, room.marker(user), "{user} in {}", entry.conversation.id);
    assert!(entry.read_no <= entry.head.msg_no);
    assert_eq!(entry.unread(), room.msg_no.get() - room.marker(user).get());
    assert_eq!(entry.member.as_ref(), room.members.get(&user));
    assert_eq!(entry.unread_mentions, room.calls(user, &record.blocked_by(user)));
}
