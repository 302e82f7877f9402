//! Fresh stores, with short methods to use them.

use std::any::Any;
use std::sync::Arc;

use application::ports::{
    AccountStore, AuditLog, ConversationStore, InboxStore, InviteStore, KnownAddressStore,
    NewAccount, SearchIndex, SessionStore, Snapshot, SnapshotLimit,
};
use domain::{
    Account, Conversation, ConversationId, Head, Intent, Member, Message, Outcome, Refusal, Role,
    UserId,
};

use crate::{ManualClock, values};

/// Empty stores on one database: the start of every storage contract.
pub struct Fixture {
    pub conversations: Arc<dyn ConversationStore>,
    pub accounts: Arc<dyn AccountStore>,
    pub sessions: Arc<dyn SessionStore>,
    pub inbox: Arc<dyn InboxStore>,
    pub invites: Arc<dyn InviteStore>,
    pub audits: Arc<dyn AuditLog>,
    pub search_index: Arc<dyn SearchIndex>,
    pub addresses: Arc<dyn KnownAddressStore>,
    /// The clock of the stores, unless their database has one.
    pub clock: Arc<ManualClock>,
    /// A folder or a server, which must outlive the stores.
    _keep: Box<dyn Any + Send + Sync>,
}

impl Fixture {
    /// `store` implements all ports and reads `clock`.
    #[must_use]
    pub fn over<S>(store: Arc<S>, clock: Arc<ManualClock>) -> Self
    where
        S: ConversationStore + AccountStore + SessionStore + InboxStore + InviteStore + AuditLog,
        S: KnownAddressStore + SearchIndex + 'static,
    {
        Self {
            conversations: Arc::clone(&store) as _,
            accounts: Arc::clone(&store) as _,
            sessions: Arc::clone(&store) as _,
            inbox: Arc::clone(&store) as _,
            invites: Arc::clone(&store) as _,
            audits: Arc::clone(&store) as _,
            search_index: Arc::clone(&store) as _,
            addresses: store,
            clock,
            _keep: Box::new(()),
        }
    }

    /// Keeps `thing`, such as a temporary folder, until the stores are dropped.
    #[must_use]
    pub fn keeping(self, thing: impl Any + Send + Sync) -> Self {
        Self { _keep: Box::new(thing), ..self }
    }

    pub async fn account(&self, name: &str) -> Account {
        self.accounts.create(values::new_account(name)).await.unwrap()
    }

    pub async fn superuser(&self, name: &str) -> Account {
        let new = NewAccount { superuser: true, ..values::new_account(name) };
        self.accounts.create(new).await.unwrap()
    }

    pub async fn user(&self, name: &str) -> UserId {
        self.account(name).await.id
    }

    pub async fn group(&self, members: &[(UserId, Role)]) -> ConversationId {
        let new = values::new_group(members.to_vec());
        let (id, is_new) = self.conversations.create_group(new).await.unwrap().unwrap();
        assert!(is_new, "the group was created before");
        id
    }

    pub async fn commit(&self, intents: Vec<Intent>) -> Vec<Result<Outcome, Refusal>> {
        self.conversations.commit(intents).await.unwrap()
    }

    /// Commits one intent.
    pub async fn one(&self, intent: Intent) -> Result<Outcome, Refusal> {
        let [answer] = <[_; 1]>::try_from(self.commit(vec![intent]).await).unwrap();
        answer
    }

    /// Commits one intent that changes a message.
    pub async fn message(&self, intent: Intent) -> Arc<Message> {
        let outcome = self.one(intent).await.unwrap();
        Arc::clone(outcome.message().expect("the intent must change a message"))
    }

    pub async fn head(&self, conversation: ConversationId) -> Head {
        let found = self.conversations.heads(&[conversation]).await.unwrap();
        let [head] = <[_; 1]>::try_from(found.heads).unwrap();
        head
    }

    /// All messages, without a limit.
    pub async fn everything(&self, conversation: ConversationId) -> Snapshot {
        self.conversations.newest(conversation, SnapshotLimit::ALL).await.unwrap()
    }

    /// The texts of all messages, in order.
    pub async fn texts(&self, conversation: ConversationId) -> Vec<String> {
        let snapshot = self.everything(conversation).await;
        snapshot.messages.iter().map(|message| message.body.as_str().to_owned()).collect()
    }

    /// An existing conversation, and the row of a user in it.
    pub async fn membership(
        &self,
        conversation: ConversationId,
        user: UserId,
    ) -> (Conversation, Option<Member>) {
        let view = self.conversations.view(conversation, user).await.unwrap().unwrap();
        (view.conversation, view.member)
    }
}
