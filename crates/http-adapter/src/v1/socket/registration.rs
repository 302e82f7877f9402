//! A client's place among the others.

use std::cell::RefCell;
use std::rc::Rc;

use application::accounts::Caller;
use application::ports::BackendError;
use domain::{ConversationId, Username, Viewer};

use super::client::Client;
use super::worker::Rooms;

/// A client's place among the others. Dropping it undoes exactly what was done.
pub(super) struct Registration {
    pub(super) rooms: Rc<Rooms>,
    client: Rc<Client>,
    number: usize,
    /// By this name it is seen to be there.
    appears_as: RefCell<Option<Username>>,
}

impl Registration {
    pub(super) fn take(rooms: &Rc<Rooms>, caller: &Caller, client: &Rc<Client>) -> Self {
        let account = &caller.account;
        let hub = &rooms.services().hub;
        hub.connected(account.id, account.auth_version);
        hub.watch_inbox(account.id);
        Self {
            number: rooms.add(Rc::clone(client)),
            rooms: Rc::clone(rooms),
            client: Rc::clone(client),
            appears_as: RefCell::default(),
        }
    }

    /// Others see that it is there.
    pub(super) fn appear(&self, username: &Username) {
        if self.appears_as.borrow_mut().replace(username.clone()).is_none() {
            self.rooms.services().presence.enter(username);
        }
    }

    /// They do no longer.
    pub(super) fn disappear(&self) {
        if let Some(username) = self.appears_as.take() {
            self.rooms.services().presence.leave(&username);
        }
    }

    /// The client is told of these, besides those of before: of everything that
    /// is committed once this returns.
    pub(super) async fn enter(
        &self,
        conversations: Vec<(ConversationId, Viewer)>,
    ) -> Result<(), BackendError> {
        if conversations.is_empty() {
            return Ok(());
        }
        let hub = &self.rooms.services().hub;
        let ids = conversations.iter().map(|(conversation, _)| *conversation).collect();
        hub.subscribe_all(ids).await?;
        for (conversation, reader) in conversations {
            if self.client.expect(conversation, reader) {
                self.rooms.enter(conversation, &self.client);
            } else {
                hub.unsubscribe(conversation);
            }
        }
        Ok(())
    }

    /// The client is told of this one no longer.
    pub(super) fn leave(&self, conversation: ConversationId) {
        if self.client.forget(conversation) {
            self.rooms.leave(conversation, &self.client);
            self.rooms.services().hub.unsubscribe(conversation);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let services = self.rooms.services();
        self.disappear();
        for conversation in self.client.watched() {
            self.leave(conversation);
        }
        services.hub.unwatch_inbox(self.client.user);
        services.disconnected(self.client.user);
        self.rooms.remove(self.number, &self.client);
    }
}
