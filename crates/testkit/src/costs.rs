//! What lists cost by how long they are.

use application::ports::{First, PageRange};
use domain::{
    Action, ConversationId, Details, Emoji, Intent, Invite, InviteCode, MessageId, MsgNo, NewGroup,
    Role, Seq, UserId,
};

use crate::values::{self, at, body, client_id, intent};
use crate::{Fixture, values::new_account};

/// Lists of `count` items each, and how many statements it takes to read them,
/// or to write them in one batch. `statements` tells how many were asked so far.
pub async fn of_lists(
    fixture: &Fixture,
    count: usize,
    statements: impl AsyncFn() -> i64,
) -> Vec<(&'static str, i64)> {
    let lists = Lists::fill(fixture, count).await;
    let mut costs = Vec::new();
    for name in LISTS {
        let before = statements().await;
        let found = lists.use_one(fixture, name).await;
        costs.push((name, statements().await - before));
        assert!(found >= count, "{found} of {count} {name}");
    }
    costs
}

const LISTS: [&str; 13] = [
    "conversations",
    "direct conversations",
    "heads",
    "messages",
    "newest messages",
    "changes",
    "members",
    "pins",
    "invites",
    "blocked accounts",
    "accounts to approach",
    "versions of accounts",
    "a batch of messages",
];

/// Everything of one owner, with as many others as the lists are long.
struct Lists {
    count: usize,
    owner: UserId,
    others: Vec<UserId>,
    room: ConversationId,
    rooms: Vec<ConversationId>,
}

impl Lists {
    async fn fill(fixture: &Fixture, count: usize) -> Self {
        let owner = fixture.user("owner").await;
        let mut others = Vec::new();
        for n in 0..count {
            others.push(fixture.accounts.create(new_account(&format!("u{n}"))).await.unwrap().id);
        }
        let members = others.iter().map(|user| (*user, Role::Member));
        let members = [(owner, Role::Owner)].into_iter().chain(members).collect();
        let new = NewGroup { details: Details::default(), members };
        let room = fixture.conversations.create_group(new).await.unwrap();
        let mut rooms = Vec::new();
        for other in &others {
            rooms.push(fixture.group(&[(owner, Role::Owner)]).await);
            let pair = domain::Pair::of(owner, *other).unwrap();
            rooms.push(fixture.conversations.open_direct(pair).await.unwrap().0);
        }
        let lists = Self { count, owner, others, room, rooms };
        lists.talk(fixture).await;
        lists.invite(fixture).await;
        lists
    }

    /// Everybody says and pins something, everybody reacts, everybody calls.
    async fn talk(&self, fixture: &Fixture) {
        let sends = self.others.iter().map(|user| values::send(self.room, *user, 1, "@owner"));
        let answers = fixture.commit(sends.collect()).await;
        let sent: Vec<MessageId> =
            answers.into_iter().map(|answer| answer.unwrap().message().unwrap().id).collect();
        let by = |user: &UserId, message: &MessageId| {
            let (emoji, message) = (Emoji::parse("x").unwrap(), *message);
            let react = Action::React { message, emoji, present: true };
            let pin = Action::Pin { message, pinned: true };
            [intent(self.room, *user, react), intent(self.room, self.owner, pin)]
        };
        let rest: Vec<Intent> =
            self.others.iter().zip(&sent).flat_map(|(user, message)| by(user, message)).collect();
        assert!(fixture.commit(rest).await.iter().all(Result::is_ok));
    }

    async fn invite(&self, fixture: &Fixture) {
        for n in 0..self.count {
            let invite = Invite {
                code: InviteCode::new(n as u128),
                conversation: self.room,
                created_by: self.owner,
                created_at: at(1),
                role: Role::Member,
                expires_at: None,
                max_uses: None,
                uses: 0,
                revoked: false,
            };
            fixture.invites.add_invite(invite).await.unwrap();
        }
        for other in &self.others {
            fixture.inbox.set_blocked(self.owner, *other, true).await.unwrap();
        }
    }

    /// How much it found.
    async fn use_one(&self, fixture: &Fixture, name: &str) -> usize {
        let (rooms, inbox) = (&fixture.conversations, &fixture.inbox);
        let (room, most) = (self.room, 10 * self.count);
        match name {
            "conversations" => {
                inbox.conversations(self.owner, None, most).await.unwrap().entries.len()
            }
            "direct conversations" => {
                let page = inbox.conversations(self.owner, None, most).await.unwrap();
                page.entries.iter().filter(|entry| entry.other.is_some()).count()
            }
            "heads" => rooms.heads(&self.rooms).await.unwrap().heads.len(),
            "messages" => {
                let range = PageRange { after: MsgNo::ZERO, before: None, first: First::Newest };
                rooms.page(room, range, most).await.unwrap().messages.len()
            }
            "newest messages" => fixture.everything(room).await.messages.len(),
            "changes" => rooms.changes_since(room, Seq::ZERO, most).await.unwrap().changes.len(),
            "members" => rooms.members(room, None, most).await.unwrap().len(),
            "pins" => rooms.pinned(room, MsgNo::ZERO, None, most).await.unwrap().len(),
            "invites" => {
                fixture.invites.invites(room, Role::Owner, None, most).await.unwrap().len()
            }
            "blocked accounts" => inbox.blocked_by(self.owner).await.unwrap().len(),
            "accounts to approach" => {
                inbox.contact_statuses(self.owner, &self.others).await.unwrap().len()
            }
            "versions of accounts" => fixture.accounts.versions(&self.others).await.unwrap().len(),
            "a batch of messages" => self.say(fixture).await,
            other => panic!("no list: {other}"),
        }
    }

    /// In one batch, each in answer to another.
    async fn say(&self, fixture: &Fixture) -> usize {
        let all = fixture.everything(self.room).await.messages;
        let action = |n: usize| Action::Send {
            client_id: client_id(n as u128 + 2),
            body: body("@owner @u0"),
            marked_edited: false,
            reply_to: Some(all[n].id),
        };
        let say = |(n, user): (usize, &UserId)| intent(self.room, *user, action(n));
        let answers = fixture.commit(self.others.iter().enumerate().map(say).collect()).await;
        answers.iter().filter(|answer| answer.is_ok()).count()
    }
}
