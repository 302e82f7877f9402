//! Random runs of everything that can happen.

use std::collections::{BTreeSet, HashMap};

use application::ports::{First, InboxCursor, InboxEntry};
use application::{ChatError, NewInvite};
use domain::{
    Conversation, ConversationId, ConversationKind, Details, Epoch, HistoryRule, Invite, Message,
    MsgNo, Refusal, Role, UserId,
};
use futures_util::{StreamExt as _, stream};

use super::client::Client;
use super::conversation::{ConversationModel, shown};
use super::random_actions::random_intent;
use super::state::{Model, PendingIntents};
use super::system::System;
use crate::values::at;
use crate::{Dice, Fixture};

/// The steps of one test, at least.
const MIN_STEPS: usize = 10_000;
/// Every round has new groups. Each of its phases ends with a comparison.
const PHASES_PER_ROUND: usize = 2;
const STEPS_PER_PHASE: usize = 300;
/// Clients that catch up at the same time.
const CONCURRENCY: usize = 6;
/// The kinds of applied actions. Each has to occur.
const ACTION_KINDS: usize = 22;
/// Intents that may be under way at the same time.
const MAX_PENDING: usize = 12;

/// Users do everything that is possible in groups, direct conversations and the
/// lobby. Their clients lose answers, connections and everything they know, and
/// lag behind more or less. At the end of each phase, every client that applied
/// changes knows exactly what a new client fetches, and both know what the users
/// were answered, as far as they may see it.
pub async fn applying_changes_equals_fetching_everything(fixture: Fixture) {
    let mut dice = Dice::cast();
    let system = System::new(fixture).await;
    let mut run = Run::new(&system);
    while run.steps < MIN_STEPS {
        run.start_round(&mut dice).await;
        for _ in 0..PHASES_PER_ROUND {
            for _ in 0..STEPS_PER_PHASE {
                run.step(&mut dice).await;
            }
            run.compare(&mut dice).await;
        }
        run.compare_inboxes(&mut dice).await;
    }

    eprintln!("{} steps: {:?}", run.steps, run.model.done);
    assert!(run.steps >= MIN_STEPS);
    let done = &run.model.done;
    assert_eq!(done.len(), ACTION_KINDS, "some kind never occurred: {done:?}");
    let resets: usize = run.clients.iter().map(|client| client.resets).sum();
    assert!(resets > 0);
}

struct Run<'a> {
    system: &'a System,
    model: Model,
    pending: PendingIntents,
    /// The conversations of this round, the likelier ones more than once.
    conversations: Vec<ConversationId>,
    /// One for each user and conversation.
    clients: Vec<Client>,
    steps: usize,
    epochs: u128,
}

impl<'a> Run<'a> {
    fn new(system: &'a System) -> Self {
        let (conversations, clients) = (Vec::new(), Vec::new());
        let (model, pending) = (Model::new(system), PendingIntents::default());
        Self { system, model, pending, conversations, clients, steps: 0, epochs: 0 }
    }

    /// Uses two new groups, up to two direct conversations, and the lobby.
    async fn start_round(&mut self, dice: &mut Dice) {
        let users = self.system.users();
        let mut conversations = vec![ConversationId::LOBBY];
        for history in [HistoryRule::SinceJoined, HistoryRule::All] {
            let group = self.open_group(dice, history).await;
            // Twice, so that groups get as many actions as the rest together.
            conversations.extend([group, group]);
        }
        for pair in users.windows(2).take(2) {
            conversations.extend(self.open_direct(pair[0], pair[1]).await);
        }
        let distinct: BTreeSet<ConversationId> = conversations.iter().copied().collect();
        self.clients.retain(|client| distinct.contains(&client.conversation_id));
        for conversation in distinct {
            for user in &users {
                if !self
                    .clients
                    .iter()
                    .any(|c| (c.conversation_id, c.user) == (conversation, *user))
                {
                    self.clients.push(Client::new(*user, conversation));
                }
            }
        }
        self.conversations = conversations;
    }

    async fn open_group(&mut self, dice: &mut Dice, history: HistoryRule) -> ConversationId {
        let caller = dice.one_of(&self.system.accounts);
        let others = self.system.users().into_iter();
        let others = others.filter(|user| !self.model.blocks(*user, caller.id));
        let others = others.filter(|_| dice.percent(60)).collect();
        let details = Details { title: None, topic: None, history };
        let opened = self.system.chat.open_group(&caller, None, details, others).await;
        let (entry, _) = opened.unwrap();
        let id = entry.conversation.id;
        self.add_conversation(entry.conversation).await;
        id
    }

    /// None if the other user blocks the caller.
    async fn open_direct(&mut self, one: UserId, other: UserId) -> Option<ConversationId> {
        let caller = self.system.account(one);
        match self.system.chat.open_direct(caller, other).await {
            Ok((entry, _)) => {
                let id = entry.conversation.id;
                assert_eq!(entry.other.map(|(user, _)| user), Some(other));
                self.add_conversation(entry.conversation).await;
                Some(id)
            }
            Err(ChatError::Refused(Refusal::Blocked)) => {
                assert!(self.model.blocks(other, one));
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    async fn add_conversation(&mut self, conversation: Conversation) {
        let members = self.system.store.members(conversation.id, None, 100).await.unwrap();
        self.model.add(ConversationModel::new(conversation, members));
    }

    async fn step(&mut self, dice: &mut Dice) {
        self.steps += 1;
        let users = self.system.users();
        let what = dice.below(100);
        if what < 70 {
            let number = self.steps as u128;
            let intent = random_intent(dice, &self.model, &users, &self.conversations, number);
            if let Some(intent) = intent {
                let account = self.system.account(intent.actor);
                let (conversation, action) = (intent.conversation, intent.action.clone());
                let outcome = self.system.chat.begin(account, conversation, action).await.unwrap();
                self.pending.push(intent, outcome);
            }
            if self.pending.len() < MAX_PENDING {
                return;
            }
        }
        self.pending.settle(&mut self.model).await;
        match what {
            ..70 => {}
            70..88 => self.use_client(dice).await,
            88..91 => self.block(dice).await,
            91..94 => self.mark_read(dice).await,
            94..96 => self.invite(dice).await,
            96 => self.revoke(dice).await,
            97 => self.mute(dice).await,
            98 => self.read_message(dice).await,
            _ => {
                if dice.percent(20) {
                    self.epochs += 1;
                    self.system.store.new_epoch(Epoch::new(self.epochs)).await.unwrap();
                } else {
                    self.open_direct(users[0], users[1]).await;
                }
            }
        }
    }

    async fn use_client(&mut self, dice: &mut Dice) {
        let which = dice.below(self.clients.len());
        let limit = 1 + dice.below(7);
        let first = dice.one_of(&[First::Newest, First::Oldest]);
        let client = &mut self.clients[which];
        match dice.below(20) {
            0 => client.forget(),
            1..4 => client.pull_and_lose(self.system, limit).await,
            _ => {
                for _ in 0..=dice.below(3) {
                    client.pull(self.system, &self.model, limit, first).await;
                }
            }
        }
    }

    async fn block(&mut self, dice: &mut Dice) {
        let (caller, other) =
            (dice.one_of(&self.system.accounts), dice.one_of(&self.system.users()));
        let present = dice.percent(40);
        let answer = self.system.chat.set_blocked(&caller, other, present).await;
        assert_eq!(answer.is_ok(), caller.id != other);
        if answer.is_ok() {
            self.model.set_blocked(caller.id, other, present);
        }
        let blocked = self.system.chat.blocked(&caller).await.unwrap();
        let blocked: BTreeSet<UserId> = blocked.into_iter().map(|(user, _)| user).collect();
        assert_eq!(blocked, self.model.blocked_by(caller.id));
    }

    async fn mark_read(&mut self, dice: &mut Dice) {
        let caller = dice.one_of(&self.system.accounts);
        let conversation = dice.one_of(&self.conversations);
        let head = self.model.conversation(conversation).msg_no.get();
        let up_to = MsgNo::new(i64::try_from(dice.below(20)).unwrap() + head - 15);
        let answer = self.system.chat.mark_read(&caller, conversation, up_to).await;
        if self.model.conversation(conversation).admits(caller.id) {
            self.model.add_row(self.system, conversation, caller.id);
            assert_eq!(answer.unwrap(), self.model.mark_read(conversation, caller.id, up_to));
        } else {
            assert!(matches!(answer, Err(ChatError::Refused(Refusal::NotFound))), "{answer:?}");
        }
    }

    async fn mute(&mut self, dice: &mut Dice) {
        let caller = dice.one_of(&self.system.accounts);
        let conversation = dice.one_of(&self.conversations);
        let answer = self.system.chat.set_muted(&caller, conversation, dice.percent(50)).await;
        assert_eq!(answer.is_ok(), self.model.conversation(conversation).admits(caller.id));
        if answer.is_ok() {
            self.model.add_row(self.system, conversation, caller.id);
        }
    }

    async fn invite(&mut self, dice: &mut Dice) {
        let conversation = dice.one_of(&self.conversations);
        let Some(owner) = self.model.conversation(conversation).owner() else { return };
        let new = NewInvite {
            role: dice.one_of(&[Role::Admin, Role::Member, Role::Reader]),
            expires_at: dice.one_of(&[None, None, Some(at(i64::from(u32::MAX)))]),
            max_uses: dice.one_of(&[None, Some(1), Some(2)]),
        };
        let caller = self.system.account(owner);
        match self.system.chat.invite(caller, conversation, new).await {
            Ok(invite) => self.model.conversation_mut(conversation).add_invite(invite),
            Err(error) => assert!(!self.model.conversation(conversation).admits(owner), "{error}"),
        }
    }

    async fn revoke(&mut self, dice: &mut Dice) {
        let conversation = dice.one_of(&self.conversations);
        let known = self.model.conversation_mut(conversation);
        let Some(owner) = known.owner().filter(|owner| known.admits(*owner)) else { return };
        let Some(invite) = known.invites.values_mut().min_by_key(|invite| invite.code) else {
            return;
        };
        let was_open = !std::mem::replace(&mut invite.revoked, true);
        let (caller, code) = (self.system.account(owner), invite.code);
        let answer = self.system.chat.revoke_invite(caller, conversation, code).await;
        if was_open {
            answer.unwrap();
        } else {
            assert!(matches!(answer, Err(ChatError::Refused(Refusal::NotFound))), "{answer:?}");
        }
    }

    async fn read_message(&mut self, dice: &mut Dice) {
        let caller = dice.one_of(&self.system.accounts);
        let conversation = dice.one_of(&self.conversations);
        let known = self.model.conversation(conversation);
        let all: Vec<&Message> = known.messages.values().map(|message| &**message).collect();
        if all.is_empty() {
            return;
        }
        let message = dice.one_of(&all);
        let found = self.system.chat.read(&caller, conversation, message.id).await;
        if !message.is_deleted() && self.model.may_see(caller.id, message) {
            assert_eq!(found.unwrap(), shown(message, &self.model.blocked_by(caller.id)));
        } else {
            assert!(found.is_err(), "{found:?}");
        }
    }

    /// All clients catch up, and are compared with the model.
    async fn compare(&mut self, dice: &mut Dice) {
        self.pending.settle(&mut self.model).await;
        let limit = dice.one_of(&[7, 20, 50, 100]);
        let (system, model) = (self.system, &self.model);
        let comparing = self.clients.iter_mut().map(async |client| {
            client.pull_all(system, model, limit, First::Newest).await;
            compare_client(system, model, client, limit).await;
        });
        stream::iter(comparing).buffer_unordered(CONCURRENCY).collect::<()>().await;
        for conversation in self.conversations.iter().collect::<BTreeSet<_>>() {
            self.compare_invites(*conversation).await;
        }
    }

    async fn compare_invites(&self, conversation: ConversationId) {
        let known = self.model.conversation(conversation);
        let Some(owner) = known.owner().filter(|owner| known.admits(*owner)) else { return };
        if known.conversation.kind != ConversationKind::Group {
            return;
        }
        let owner = self.system.account(owner);
        let mut found: HashMap<_, Invite> = HashMap::new();
        let mut before = None;
        loop {
            let page = self.system.chat.invites(owner, conversation, before, 2).await.unwrap();
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

    /// Every inbox lists all conversations of its user but empty direct ones, the last active first.
    async fn compare_inboxes(&self, dice: &mut Dice) {
        let limit = 1 + dice.below(20);
        for account in &self.system.accounts {
            let mut cursors: Vec<InboxCursor> = Vec::new();
            loop {
                let before = cursors.last().copied();
                let page = self.system.chat.conversations(account, before, limit).await.unwrap();
                for entry in &page.entries {
                    compare_entry(&self.model, account.id, entry);
                    cursors.push(entry.cursor());
                }
                if !page.more {
                    break;
                }
            }
            assert!(cursors.windows(2).all(|pair| pair[0] > pair[1]), "{cursors:?}");
            let listed: BTreeSet<_> = cursors.iter().map(|cursor| cursor.conversation).collect();
            assert_eq!(listed, self.model.inbox(account.id));
        }
    }
}

/// The client, a new client and the model agree.
async fn compare_client(system: &System, model: &Model, client: &Client, limit: usize) {
    let (expected, account) =
        (model.conversation(client.conversation_id), system.account(client.user));
    let mut fresh = Client::new(client.user, client.conversation_id);
    fresh.pull_all(system, model, limit, First::Oldest).await;
    assert_eq!(client.is_following(), expected.admits(client.user));
    assert_eq!(fresh.is_following(), expected.admits(client.user));
    let pinned = pins(system, client, limit).await;
    let entry = system.chat.conversation(account, client.conversation_id).await;
    if !expected.admits(client.user) {
        assert!(pinned.is_err() && entry.is_err());
        assert!(client.messages.is_empty() && client.members.is_empty());
        return;
    }
    let blocked = model.blocked_by(client.user);
    let visible = expected.visible_messages(client.user, &blocked);
    let members = expected.listed_members(client.user, &blocked);
    let context = format!("{} in {}", client.user, client.conversation_id);
    for known in [client, &fresh] {
        assert_eq!(known.messages, visible, "{context}");
        assert_eq!(known.members, members, "{context}");
        assert_eq!(known.conversation.as_ref(), Some(&expected.conversation), "{context}");
    }
    let mut own: Vec<&Message> = client.messages.values().map(|message| &**message).collect();
    own.retain(|message| message.pinned_at.is_some());
    own.sort_by_key(|message| std::cmp::Reverse(message.pinned_at));
    assert_eq!(pinned.unwrap().iter().collect::<Vec<_>>(), own, "{context}");
    compare_entry(model, client.user, &entry.unwrap());
}

async fn pins(system: &System, client: &Client, limit: usize) -> Result<Vec<Message>, ChatError> {
    let account = system.account(client.user);
    let mut all = Vec::new();
    let mut before = None;
    loop {
        let page = system.chat.pinned(account, client.conversation_id, before, limit).await?;
        all.extend(page.messages.iter().map(|message| Message::clone(message)));
        before = page.next;
        if before.is_none() {
            return Ok(all);
        }
    }
}

/// The numbers of an inbox entry agree with the rows.
fn compare_entry(model: &Model, user: UserId, entry: &InboxEntry) {
    let expected = model.conversation(entry.conversation.id);
    assert_eq!(entry.conversation, expected.conversation);
    assert_eq!((entry.head.seq, entry.head.msg_no), (expected.seq, expected.msg_no));
    assert_eq!(entry.read_no, expected.read_no(user), "{user} in {}", entry.conversation.id);
    assert!(entry.read_no <= entry.head.msg_no);
    assert_eq!(entry.unread(), expected.msg_no.get() - expected.read_no(user).get());
    assert_eq!(entry.member.as_ref(), expected.members.get(&user));
    assert_eq!(entry.unread_mentions, expected.unread_mentions(user, &model.blocked_by(user)));
}
