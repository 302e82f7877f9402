//! Runs the commands of a client.

use std::sync::Arc;

use application::accounts::AuthenticateError;
use application::ports::Audience;
use application::{ChatError, PendingOutcome};
use domain::{Account, ConversationId, Message, MsgNo};
use futures_util::FutureExt as _;

use super::client_frame::{ClientFrame, Command};
use super::server_frame::ServerFrame;
use super::session::{Job, Session};
use super::subscribe;
use crate::v1::problem::{Kind, Problem};
use crate::v1::responses::MessageResponse;

/// Starts a command. The returned job runs concurrently with others.
///
/// An action is in the queue of the batcher once this returns, so that the actions of one client
/// keep their order.
pub(super) async fn begin(session: &Session, frame: ClientFrame) -> Option<Job<'_>> {
    let ClientFrame { reference, command } = frame;
    let account = session.account();
    let chat = &session.services().chat;
    let job = match command {
        Command::Ping => {
            session.send(&ServerFrame::Pong { reference: &reference });
            return None;
        }
        Command::Auth { token } => {
            renew(session, &reference, &token).await;
            return None;
        }
        Command::Unsubscribe { conversation } => {
            session.client.unsubscribe(conversation);
            acknowledge(session, &reference, Ok(None));
            return None;
        }
        Command::Act { conversation, action } => {
            let begun = if session.client.follows(conversation) {
                chat.begin_inside(&account, conversation, action).await
            } else {
                chat.begin(&account, conversation, action).await
            };
            let pending = match begun {
                Ok(pending) => pending,
                Err(error) => {
                    refuse(session, &reference, &error.into());
                    return None;
                }
            };
            async move {
                let shown = acted_upon(session, &account, pending).await;
                acknowledge(session, &reference, shown.map_err(Problem::from));
            }
            .boxed_local()
        }
        Command::Read { conversation, up_to } => {
            mark_read(session, reference, account, conversation, up_to).boxed_local()
        }
        Command::Typing { conversation } => async move {
            let shown = chat.show_typing(&account, conversation).await;
            acknowledge(session, &reference, shown.map(|()| None).map_err(Problem::from));
        }
        .boxed_local(),
        Command::Subscribe { conversation, since } => {
            let id = session.client.begin_subscribe(conversation);
            async move {
                let outcome = match chat.begin_subscribe(&account).await {
                    Ok(()) => {
                        let conversation = (id, conversation);
                        subscribe::subscribe(session, &reference, conversation, since).await
                    }
                    Err(wait) => Err(wait.into()),
                };
                session.client.end_subscribe(id);
                if let Err(problem) = outcome {
                    refuse(session, &reference, &problem);
                }
            }
            .boxed_local()
        }
    };
    Some(job)
}

/// The message that an action has altered, if it is one, as the client sees it.
async fn acted_upon(
    session: &Session,
    account: &Account,
    pending: PendingOutcome,
) -> Result<Option<Arc<Message>>, ChatError> {
    match pending.answer().await?.message().cloned() {
        Some(message) => session.services().chat.show(account, message).await.map(Some),
        None => Ok(None),
    }
}

async fn mark_read(
    session: &Session,
    reference: String,
    account: Account,
    conversation: ConversationId,
    up_to: MsgNo,
) {
    match session.services().chat.mark_read(&account, conversation, up_to).await {
        Ok(read_no) => {
            let (reference, read_no) = (&reference, Some(read_no.get()));
            session.send(&ServerFrame::Ack { reference, message: None, read_no });
        }
        Err(error) => refuse(session, &reference, &error.into()),
    }
}

/// Extends the session by a newer token of the same account.
async fn renew(session: &Session, reference: &str, token: &str) {
    match session.services().accounts.authenticate(token, Audience::V1).await {
        Ok(caller) if caller.account.id == session.client.socket.user => {
            session.renew(caller);
            acknowledge(session, reference, Ok(None));
        }
        Ok(_) => {
            let problem = Problem::field("token", "account", "must be of the same account");
            refuse(session, reference, &problem);
        }
        Err(AuthenticateError::Backend(cause)) => refuse(session, reference, &cause.into()),
        Err(_) => refuse(session, reference, &Problem::new(Kind::Unauthenticated)),
    }
}

fn acknowledge(session: &Session, reference: &str, outcome: Result<Option<Arc<Message>>, Problem>) {
    match outcome {
        Ok(message) => {
            let message = message.as_deref().map(MessageResponse::from);
            session.send(&ServerFrame::Ack { reference, message, read_no: None });
        }
        Err(problem) => refuse(session, reference, &problem),
    }
}

fn refuse(session: &Session, reference: &str, problem: &Problem) {
    session.send(&ServerFrame::error(Some(reference), problem));
}
