//! A fresh set of stores, and short ways to use it.

use std::any::Any;
use std::sync::Arc;

use application::ports::{
    AccountStore, AuditLog, ConversationStore, InboxStore, InviteStore, KnownAddressStore,
    NewAccount, SessionStore, Snapshot, SnapshotLimit,
};
use domain::{
    Account, Conversation, ConversationId, Details, Head, Intent, Member, Message, NewGroup,
    Outcome, Refusal, Role, UserId,
};

use crate::{ManualClock, values};

/// Empty stores over one database: what the contracts of the storage ports start
/// from.
pub struct Fixture {
    /// Under test.
    pub conversations: Arc<dyn ConversationStore>,
    /// Under test, or there to make the actors.
    pub accounts: Arc<dyn AccountStore>,
    /// Under test.
    pub sessions: Arc<dyn SessionStore>,
    /// Under test.
    pub inbox: Arc<dyn InboxStore>,
    /// Under test.
    pub invites: Arc<dyn InviteStore>,
    /// Under test.
    pub audits: Arc<dyn AuditLog>,
    /// Under test.
    pub addresses: Arc<dyn KnownAddressStore>,
    /// What the stores take the time from, unless their database has a clock.
    pub clock: Arc<ManualClock>,
    /// Dropped last: a folder, a server.
    _keep: Box<dyn Any + Send + Sync>,
}

impl Fixture {
    /// All ports are of one adapter, which reads `clock`.
    #[must_use]
    pub fn over<S>(store: Arc<S>, clock: Arc<ManualClock>) -> Self
    where
        S: ConversationStore + AccountStore + SessionStore + InboxStore + InviteStore + AuditLog,
        S: KnownAddressStore + 'static,
    {
        Self {
            conversations: Arc::clone(&store) as _,
            accounts: Arc::clone(&store) as _,
            sessions: Arc::clone(&store) as _,
            inbox: Arc::clone(&store) as _,
            invites: Arc::clone(&store) as _,
            audits: Arc::clone(&store) as _,
            addresses: store,
            clock,
            _keep: Box::new(()),
        }
    }

    /// Keeps `thing` (a temporary folder) until the stores are gone.
    #[must_use]
    pub fn keeping(self, thing: impl Any + Send + Sync) -> Self {
        Self { _keep: Box::new(thing), ..self }
    }

    /// Registers somebody.
    pub async fn account(&self, name: &str) -> Account {
        self.accounts.create(values::new_account(name)).await.unwrap()
    }

    /// Registers somebody who may moderate.
    pub async fn superuser(&self, name: &str) -> Account {
        let new = NewAccount { superuser: true, ..values::new_account(name) };
        self.accounts.create(new).await.unwrap()
    }

    /// Registers somebody, and says only who.
    pub async fn user(&self, name: &str) -> UserId {
        self.account(name).await.id
    }

    /// Opens a group.
    pub async fn group(&self, members: &[(UserId, Role)]) -> ConversationId {
        let new = NewGroup { details: Details::default(), members: members.to_vec() };
        self.conversations.create_group(new).await.unwrap()
    }

    /// Commits a batch.
    pub async fn commit(&self, intents: Vec<Intent>) -> Vec<Result<Outcome, Refusal>> {
        self.conversations.commit(intents).await.unwrap()
    }

    /// Commits one intent alone.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] that it gets.
    pub async fn one(&self, intent: Intent) -> Result<Outcome, Refusal> {
        let [answer] = <[_; 1]>::try_from(self.commit(vec![intent]).await).unwrap();
        answer
    }

    /// Commits one intent that is carried out on a message.
    pub async fn message(&self, intent: Intent) -> Arc<Message> {
        let outcome = self.one(intent).await.unwrap();
        Arc::clone(outcome.message().expect("the intent concerns a message"))
    }

    /// The head of a known conversation.
    pub async fn head(&self, conversation: ConversationId) -> Head {
        let found = self.conversations.heads(&[conversation]).await.unwrap();
        let [head] = <[_; 1]>::try_from(found.heads).unwrap();
        head
    }

    /// Everything that is to be seen.
    pub async fn everything(&self, conversation: ConversationId) -> Snapshot {
        self.conversations.newest(conversation, SnapshotLimit::ALL).await.unwrap()
    }

    /// Every visible text, in order.
    pub async fn texts(&self, conversation: ConversationId) -> Vec<String> {
        let snapshot = self.everything(conversation).await;
        snapshot.messages.iter().map(|message| message.body.as_str().to_owned()).collect()
    }

    /// A known conversation and somebody's row in it.
    pub async fn membership(
        &self,
        conversation: ConversationId,
        user: UserId,
    ) -> (Conversation, Option<Member>) {
        self.conversations.membership(conversation, user).await.unwrap().unwrap()
    }
}
