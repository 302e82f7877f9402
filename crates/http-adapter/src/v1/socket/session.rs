//! The life of one socket, from its handshake to its end.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use application::SocketPermit;
use application::accounts::{AuthenticateError, Caller};
use application::ports::{Audience, BackendError};
use domain::{Account, ConversationId, Viewer};
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::client::Client;
use super::client_frame::{ClientFrame, Command, InvalidFrame};
use super::commands;
use super::protocol::{V1, V1WorkerSockets};
use super::server_frame::ServerFrame;
use super::subscribe;
use crate::sockets::{
    ClientsBy, Data, Reader, Registration, SessionEnd, SocketServices, UserSocket, permit_for,
    until_closed,
};
use crate::v1::request;
use crate::websocket::{Backlog, CloseCode};

/// How long a client may take to authenticate.
const AUTH_TIMEOUT: Duration = Duration::from_secs(5);
/// Concurrent commands of one client.
const MAX_JOBS: usize = 32;

const UNAUTHENTICATED: SessionEnd = SessionEnd::Close(CloseCode::Unauthenticated, Backlog::Flush);

/// Admits a client and serves it.
pub(super) async fn run(
    sockets: Rc<V1WorkerSockets>,
    reader: Reader,
    token: Option<String>,
    message_chars: usize,
) -> SessionEnd {
    let outbox = Rc::clone(&reader.outbox);
    let serving = serve(sockets, reader, token, message_chars);
    until_closed(&outbox, serving).await.unwrap_or_else(|end| end)
}

async fn serve(
    sockets: Rc<V1WorkerSockets>,
    mut reader: Reader,
    token: Option<String>,
    message_chars: usize,
) -> Result<SessionEnd, SessionEnd> {
    let services = &sockets.services;
    // Rare futures are boxed, here and below, so that an idle socket keeps no memory for them.
    let (caller, _permit) = Box::pin(admit(services, token, &mut reader)).await?;
    reader.set_limit(request::longest(message_chars));
    let socket = UserSocket::new(caller.account.id, &reader);
    let expires = Instant::now() + services.accounts.time_left(&caller);
    let client = Rc::new(Client::new(socket, expires, services.budget.clone()));
    let registration = Registration::new(&sockets, &caller.account, Rc::clone(&client));
    registration.connection.watch_inbox();
    let session = Session {
        registration,
        client,
        caller: RefCell::new(caller),
        catching_up: Mutex::new(()),
        message_chars,
    };
    Ok(session.run(&mut reader).await)
}

async fn admit(
    services: &SocketServices,
    token: Option<String>,
    reader: &mut Reader,
) -> Result<(Caller, SocketPermit), SessionEnd> {
    let token = match token {
        Some(token) => token,
        None => timeout(AUTH_TIMEOUT, read_token(services, reader))
            .await
            .map_err(|_elapsed| SessionEnd::Close(CloseCode::AuthTimeout, Backlog::Flush))??,
    };
    let caller =
        services.accounts.authenticate(&token, Audience::V1).await.map_err(
            |error| match error {
                AuthenticateError::Backend(cause) => SessionEnd::failed(&cause),
                _ => UNAUTHENTICATED,
            },
        )?;
    let permit = permit_for(services, caller.account.id).await?;
    Ok((caller, permit))
}

/// Reads the token of the first frame, which must be `auth`.
async fn read_token(services: &SocketServices, reader: &mut Reader) -> Result<String, SessionEnd> {
    let Data::Text(text) = reader.next().await? else { return Err(UNAUTHENTICATED) };
    match ClientFrame::parse(&text, 0, || services.ids.client_id()) {
        Ok(ClientFrame { command: Command::Auth { token }, .. }) => Ok(token),
        _ => Err(UNAUTHENTICATED),
    }
}

/// The session of an authenticated client. Dropping this ends what the client follows.
pub(super) struct Session {
    pub(super) registration: Registration<V1>,
    pub(super) client: Rc<Client>,
    /// Replaced when the token is renewed.
    pub(super) caller: RefCell<Caller>,
    /// Held while the client catches up with a conversation, so that only one page at a time waits
    /// for the outbox.
    pub(super) catching_up: Mutex<()>,
    message_chars: usize,
}

/// A running command.
pub(super) type Job<'a> = LocalBoxFuture<'a, ()>;

impl Session {
    pub(super) fn services(&self) -> &SocketServices {
        &self.registration.sockets.services
    }

    pub(super) fn account(&self) -> Account {
        self.caller.borrow().account.clone()
    }

    /// Also follows these conversations. Every commit after this returns is delivered.
    pub(super) async fn follow(
        &self,
        conversations: Vec<(ConversationId, Viewer)>,
    ) -> Result<(), BackendError> {
        let ids = conversations.iter().map(|(conversation, _)| *conversation).collect();
        self.registration.connection.subscribe_all(ids).await?;
        for (conversation, viewer) in conversations {
            if self.client.follow(conversation, viewer) {
                self.followers().insert(conversation, &self.client);
            }
        }
        Ok(())
    }

    pub(super) fn unfollow(&self, conversation: ConversationId) {
        if self.client.unfollow(conversation) {
            self.followers().remove(&conversation, &self.client);
            self.registration.connection.unsubscribe(conversation);
        }
    }

    fn followers(&self) -> &ClientsBy<ConversationId, Client> {
        &self.registration.sockets.protocol.followers
    }

    async fn run(&self, reader: &mut Reader) -> SessionEnd {
        let mut jobs: FuturesUnordered<Job<'_>> = FuturesUnordered::new();
        let socket = &self.client.socket;
        loop {
            // Reads no commands while answers wait, so that they stay few.
            let all_fit = self.client.flush();
            if all_fit && socket.take_omitted_presence() {
                let online = self.client.seen_of(self.services().presence.online());
                self.send(&ServerFrame::online(&online));
                continue;
            }
            if all_fit && self.client.take_inbox_request() {
                if let Err(error) = Box::pin(subscribe::refresh_inbox(self)).await {
                    return SessionEnd::failed(&error);
                }
                continue;
            }
            tokio::select! {
                // Answers take precedence over new commands.
                biased;
                () = socket.recheck_requested() => {
                    if let Err(end) = Box::pin(self.recheck()).await {
                        return end;
                    }
                }
                Some(()) = jobs.next() => {}
                () = socket.outbox.drained(), if !all_fit || socket.omits_presence.get() => {}
                () = socket.woken() => {}
                data = reader.next(), if all_fit && jobs.len() < MAX_JOBS => match data {
                    Ok(Data::Text(text)) => {
                        if let Some(job) = Box::pin(self.begin(&text)).await {
                            jobs.push(job);
                        }
                    }
                    Ok(Data::Binary) => {
                        return SessionEnd::Close(CloseCode::Unsupported, Backlog::Flush);
                    }
                    Ok(Data::TooBig) => {
                        return SessionEnd::Close(CloseCode::TooBig, Backlog::Flush);
                    }
                    Err(end) => return end,
                },
            }
        }
    }

    async fn begin(&self, text: &str) -> Option<Job<'_>> {
        let ids = &self.services().ids;
        match ClientFrame::parse(text, self.message_chars, || ids.client_id()) {
            Ok(frame) => commands::begin(self, frame).await,
            Err(InvalidFrame { reference, problem }) => {
                self.send(&ServerFrame::error(reference.as_deref(), &problem));
                None
            }
        }
    }

    /// Checks the access of the account again.
    async fn recheck(&self) -> Result<(), SessionEnd> {
        let caller = self.caller.borrow().clone();
        match self.services().accounts.recheck(&caller).await {
            Ok(caller) => {
                *self.caller.borrow_mut() = caller;
                Ok(())
            }
            Err(AuthenticateError::Backend(cause)) => Err(SessionEnd::failed(&cause)),
            Err(_) => Err(UNAUTHENTICATED),
        }
    }

    pub(super) fn renew(&self, caller: Caller) {
        let left = self.services().accounts.time_left(&caller);
        self.client.expires.set(Instant::now() + left);
        *self.caller.borrow_mut() = caller;
    }

    pub(super) fn send(&self, frame: &ServerFrame<'_>) {
        self.client.answer(frame.encode(&self.services().budget));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for conversation in self.client.followed() {
            self.followers().remove(&conversation, &self.client);
        }
    }
}
