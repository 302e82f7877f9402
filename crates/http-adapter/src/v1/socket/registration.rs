//! The registration of one client and the conversations that it follows.

use std::rc::Rc;

use application::ConnectionGuard;
use application::ports::BackendError;
use domain::{Account, ConversationId, Viewer};

use super::client::Client;
use super::protocol::{V1, V1WorkerSockets};
use crate::sockets::{Registration, SocketServices};

/// Dropping this unregisters the client.
pub(super) struct ClientRegistration(Registration<V1>);

impl ClientRegistration {
    pub(super) fn new(
        sockets: &Rc<V1WorkerSockets>,
        account: &Account,
        client: Rc<Client>,
    ) -> Self {
        let registration = Registration::new(sockets, account, client);
        registration.connection.watch_inbox();
        Self(registration)
    }

    pub(super) fn services(&self) -> &SocketServices {
        &self.0.sockets.services
    }

    pub(super) fn connection(&self) -> &ConnectionGuard {
        &self.0.connection
    }

    /// Also follows these conversations. Every commit after this returns is delivered.
    pub(super) async fn follow(
        &self,
        conversations: Vec<(ConversationId, Viewer)>,
    ) -> Result<(), BackendError> {
        let ids = conversations.iter().map(|(conversation, _)| *conversation).collect();
        self.0.connection.subscribe_all(ids).await?;
        for (conversation, viewer) in conversations {
            if self.0.client.follow(conversation, viewer) {
                self.0.sockets.protocol.follow(conversation, &self.0.client);
            }
        }
        Ok(())
    }

    pub(super) fn unfollow(&self, conversation: ConversationId) {
        if self.0.client.unfollow(conversation) {
            self.0.sockets.protocol.unfollow(conversation, &self.0.client);
            self.0.connection.unsubscribe(conversation);
        }
    }
}

impl Drop for ClientRegistration {
    fn drop(&mut self) {
        for conversation in self.0.client.followed() {
            self.0.sockets.protocol.unfollow(conversation, &self.0.client);
        }
    }
}
