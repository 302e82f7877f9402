//! A client that applies every frame has the same state as a client that fetches everything.

mod device;

use domain::{
    Account, Action, ConversationId, Emoji, ExpectedEdits, HistoryRule, MessageId, Role, Title,
    Update,
};
use testkit::{Dice, values};

use self::device::{Device, fetch};
use crate::world::{Options, World};

const STEPS: usize = 2_500;
/// Steps of one story, which has its own group.
const STEPS_PER_STORY: usize = 120;
/// Messages that exceed all buffers between the server and a client that does not read.
const FLOOD: usize = 160;

#[derive(Debug, Clone, Copy)]
enum Step {
    Send,
    Edit,
    Delete,
    React,
    Pin,
    Retitle,
    History,
    Rejoin,
    Ban,
    Silence,
    SetRole,
    Block,
    Drop,
    Unsubscribe,
    Read,
    Flood,
}

const STEPS_BY_WEIGHT: [(usize, Step); 16] = [
    (160, Step::Send),
    (60, Step::Edit),
    (40, Step::Delete),
    (50, Step::React),
    (30, Step::Pin),
    (15, Step::Retitle),
    (10, Step::History),
    (15, Step::Rejoin),
    (15, Step::Ban),
    (15, Step::Silence),
    (15, Step::SetRole),
    (25, Step::Block),
    (30, Step::Drop),
    (25, Step::Unsubscribe),
    (60, Step::Read),
    (4, Step::Flood),
];

/// Two members get different frames: each blocks users, is banned and added again, and reads at
/// random times.
#[actix_web::test]
async fn applying_frames_through_drops_and_gaps_equals_a_fresh_fetch() {
    let mut dice = Dice::cast();
    let mut options = Options::default_profile();
    // A client that does not read gets gaps early.
    options.settings.queue_soft_bytes = 16 * 1024;
    let world = World::start(options);
    let mut accounts = Vec::new();
    for name in ["ann", "bob", "eve"] {
        accounts.push(world.account(name).await);
    }
    let (mut gaps, mut resets, mut skips) = (0, 0, 0);
    for number in 0..STEPS.div_ceil(STEPS_PER_STORY) {
        let mut story = Story::begin(&world, &accounts, number).await;
        for step in 0..STEPS_PER_STORY {
            story.step(&mut dice, step).await;
        }
        story.compare().await;
        for device in &story.devices {
            gaps += device.gaps;
            resets += device.resets;
            skips += device.skips;
        }
    }

    assert!(gaps > 0 && resets > 0 && skips > 0, "{gaps} gaps, {resets} resets, {skips} skips");
}

struct Story<'a> {
    world: &'a World,
    /// The first is the owner.
    accounts: &'a [Account],
    group: ConversationId,
    devices: Vec<Device>,
    sent: Vec<MessageId>,
    names: u128,
}

impl<'a> Story<'a> {
    async fn begin(world: &'a World, accounts: &'a [Account], number: usize) -> Self {
        let roles = [Role::Owner, Role::Member, Role::Member];
        let members: Vec<_> = accounts.iter().zip(roles).collect();
        let group = world.group(&members).await;
        let mut devices = Vec::new();
        for account in &accounts[1..] {
            devices.push(Device::new(world, account, group).await);
        }
        let names = number as u128 * 1_000_000;
        Self { world, accounts, group, devices, sent: Vec::new(), names }
    }

    async fn step(&mut self, dice: &mut Dice, number: usize) {
        let step = dice.weighed(&STEPS_BY_WEIGHT);
        let actor = dice.one_of(self.accounts);
        let device = dice.below(self.devices.len());
        match step {
            Step::Drop => self.devices[device].reconnect(self.world).await,
            Step::Unsubscribe => {
                self.devices[device].unsubscribe().await;
                if dice.percent(50) {
                    self.devices[device].subscribe().await;
                }
            }
            Step::Read => drop(self.devices[device].read(self.world).await),
            Step::Block => {
                let other = dice.one_of(self.accounts).id;
                let change = self.world.services.chat.set_blocked(&actor, other, dice.percent(40));
                assert_eq!(change.await.is_ok(), other != actor.id);
            }
            Step::Flood => self.flood().await,
            _ => self.alter(dice, step, &actor).await,
        }
        if number % 40 == 39 {
            self.compare().await;
        }
    }

    /// Changes the group, with and without the necessary rights.
    async fn alter(&mut self, dice: &mut Dice, step: Step, actor: &Account) {
        let accounts = self.accounts;
        let owner = &accounts[0];
        let user = dice.one_of(&accounts[1..]).id;
        let late = self.sent.len().saturating_sub(10);
        let message = self.sent.get(late..).filter(|sent| !sent.is_empty());
        let message = message.map(|sent| dice.one_of(sent));
        let present = dice.percent(60);
        let details = |title, history| Action::SetDetails { title, topic: Update::Keep, history };
        match (step, message) {
            (Step::Send, _) => {
                let text = dice.one_of(&["a", "b", "@bob", "@all @eve"]);
                self.act(actor, self.send(text)).await;
            }
            (Step::Edit, Some(message)) => {
                let body = dice.percent(80).then(|| values::body("edited @eve"));
                self.act(actor, Action::Edit { message, body, expected: ExpectedEdits::Any }).await;
            }
            (Step::Delete, Some(message)) => {
                self.act(actor, Action::Delete { message, expected: ExpectedEdits::Any }).await;
            }
            (Step::React, Some(message)) => {
                let emoji = Emoji::parse(":x:").unwrap();
                self.act(actor, Action::React { message, emoji, present }).await;
            }
            (Step::Pin, Some(message)) => {
                self.act(owner, Action::Pin { message, pinned: present }).await;
            }
            (Step::Retitle, _) => {
                let title = Title::parse(dice.one_of(&["A", "B"])).unwrap();
                self.act(owner, details(Update::Set(present.then_some(title)), None)).await;
            }
            (Step::History, _) => {
                let rule = if present { HistoryRule::All } else { HistoryRule::SinceJoined };
                self.act(owner, details(Update::Keep, Some(rule))).await;
            }
            (Step::Rejoin, _) => {
                self.act(owner, Action::Remove { user }).await;
                self.act(owner, Action::Add { user, role: Role::Member }).await;
            }
            (Step::Ban, _) => {
                self.act(owner, Action::Ban { user }).await;
                if present {
                    self.act(owner, Action::Unban { user }).await;
                    self.act(owner, Action::Add { user, role: Role::Member }).await;
                }
            }
            (Step::Silence, _) => {
                let until = present.then_some(values::at(i64::from(i32::MAX)));
                self.act(owner, Action::Silence { user, until }).await;
            }
            (Step::SetRole, _) => {
                let role = dice.one_of(&[Role::Reader, Role::Member, Role::Admin]);
                self.act(owner, Action::SetRole { user, role }).await;
                // Brings users back who were banned or removed.
                self.act(owner, Action::Unban { user }).await;
                self.act(owner, Action::Add { user, role }).await;
            }
            _ => {}
        }
        self.names += 1;
    }

    /// Sends more than a client can leave unread, and deletes it again.
    async fn flood(&mut self) {
        let accounts = self.accounts;
        let owner = &accounts[0];
        let long = "é".repeat(4_000);
        let from = self.sent.len();
        for _ in 0..FLOOD {
            self.names += 1;
            self.act(owner, self.send(&long)).await;
        }
        for message in self.sent.split_off(from) {
            self.act(owner, Action::Delete { message, expected: ExpectedEdits::Any }).await;
        }
    }

    fn send(&self, text: &str) -> Action {
        let (client_id, body) = (values::client_id(self.names), values::body(text));
        Action::Send { client_id, body, marked_edited: false, reply_to: self.sent.last().copied() }
    }

    async fn act(&mut self, actor: &Account, action: Action) {
        let intent = domain::Intent { conversation: self.group, actor: actor.id, action };
        let answer = self.world.services.batcher.submit(vec![intent]).await.pop().unwrap();
        let message = answer.ok().and_then(|outcome| outcome.message().map(|message| message.id));
        if let Some(message) = message.filter(|message| !self.sent.contains(message)) {
            self.sent.push(message);
        }
    }

    async fn compare(&mut self) {
        for device in &mut self.devices {
            device.catch_up(self.world).await;
            let fresh = fetch(self.world, &device.account, self.group).await.unwrap_or_default();
            assert_eq!(device.rows, fresh, "{}", device.account.username.as_str());
        }
    }
}
