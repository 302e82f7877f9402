//! How many statements lists of different lengths take.

use application::ports::{First, PageRange};
use domain::{
    Action, ConversationId, Emoji, Intent, Invite, InviteCode, MessageId, MsgNo, Role, Seq, UserId,
};

use crate::values::{self, at, body, client_id, intent};
use crate::{Fixture, values::new_account};

/// Fills lists of `count` items, and returns how many statements it takes to
/// read each, or to write it in one batch. `statements` returns the number of
/// statements so far.
pub async fn of_lists(
    fixture: &Fixture,
    count: usize,
    statements: impl AsyncFn() -> i64,
) -> Vec<(&'static str, i64)> {
    let lists = Lists::fill(fixture, count).await;
    let mut costs = Vec::new();
    for name in LISTS {
        let before = statements().await;
        let found = lists.use_list(fixture, name).await;
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
    "contact statuses",
    "account versions",
    "a batch of messages",
];

/// The lists belong to one owner, and are as long as there are others.
struct Lists {
    count: usize,
    owner: UserId,
    others: Vec<UserId>,
    group: ConversationId,
    conversations: Vec<ConversationId>,
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
        let members: Vec<_> = members;
        let group = fixture.group(&members).await;
        let mut conversations = Vec::new();
        for other in &others {
            conversations.push(fixture.group(&[(owner, Role::Owner)]).await);
            let pair = domain::Pair::of(owner, *other).unwrap();
            let direct = fixture.conversations.open_direct(pair).await.unwrap().0;
            // A direct conversation is listed from its first message on.
            fixture.message(values::send(direct, owner, 1, "x")).await;
            conversations.push(direct);
        }
        let lists = Self { count, owner, others, group, conversations };
        lists.send_messages(fixture).await;
        lists.add_invites_and_blocks(fixture).await;
        lists
    }

    /// Every user sends a message with a mention, which is pinned, and reacts to one.
    async fn send_messages(&self, fixture: &Fixture) {
        let sends = self.others.iter().map(|user| values::send(self.group, *user, 1, "@owner"));
        let answers = fixture.commit(sends.collect()).await;
        let sent: Vec<MessageId> =
            answers.into_iter().map(|answer| answer.unwrap().message().unwrap().id).collect();
        let by = |user: &UserId, message: &MessageId| {
            let (emoji, message) = (Emoji::parse(":x:").unwrap(), *message);
            let react = Action::React { message, emoji, present: true };
            let pin = Action::Pin { message, pinned: true };
            [intent(self.group, *user, react), intent(self.group, self.owner, pin)]
        };
        let rest: Vec<Intent> =
            self.others.iter().zip(&sent).flat_map(|(user, message)| by(user, message)).collect();
        assert!(fixture.commit(rest).await.iter().all(Result::is_ok));
    }

    async fn add_invites_and_blocks(&self, fixture: &Fixture) {
        for n in 0..self.count {
            let invite = Invite {
                code: InviteCode::new(n as u128),
                conversation: self.group,
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

    /// Returns how many items there were.
    async fn use_list(&self, fixture: &Fixture, name: &str) -> usize {
        let (store, inbox) = (&fixture.conversations, &fixture.inbox);
        let (group, most) = (self.group, 10 * self.count);
        match name {
            "conversations" => {
                inbox.conversations(self.owner, None, most).await.unwrap().entries.len()
            }
            "direct conversations" => {
                let page = inbox.conversations(self.owner, None, most).await.unwrap();
                page.entries.iter().filter(|entry| entry.other.is_some()).count()
            }
            "heads" => store.heads(&self.conversations).await.unwrap().heads.len(),
            "messages" => {
                let range = PageRange { after: MsgNo::ZERO, before: None, first: First::Newest };
                store.page(group, range, most).await.unwrap().messages.len()
            }
            "newest messages" => fixture.everything(group).await.messages.len(),
            "changes" => store.changes_since(group, Seq::ZERO, most).await.unwrap().changes.len(),
            "members" => store.members(group, None, most).await.unwrap().len(),
            "pins" => store.pinned(group, MsgNo::ZERO, None, most).await.unwrap().messages.len(),
            "invites" => {
                fixture.invites.invites(group, Role::Owner, None, most).await.unwrap().len()
            }
            "blocked accounts" => inbox.blocked_by(self.owner).await.unwrap().len(),
            "contact statuses" => {
                inbox.contact_statuses(self.owner, &self.others).await.unwrap().len()
            }
            "account versions" => fixture.accounts.versions(&self.others).await.unwrap().len(),
            "a batch of messages" => self.send_replies(fixture).await,
            other => panic!("no list: {other}"),
        }
    }

    /// In one batch, each a reply to another message.
    async fn send_replies(&self, fixture: &Fixture) -> usize {
        let all = fixture.everything(self.group).await.messages;
        let action = |n: usize| Action::Send {
            client_id: client_id(n as u128 + 2),
            body: body("@owner @u0"),
            marked_edited: false,
            reply_to: Some(all[n].id),
        };
        let reply = |(n, user): (usize, &UserId)| intent(self.group, *user, action(n));
        let answers = fixture.commit(self.others.iter().enumerate().map(reply).collect()).await;
        answers.iter().filter(|answer| answer.is_ok()).count()
    }
}
