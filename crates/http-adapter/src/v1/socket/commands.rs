//! Doing what a client wishes.

use application::accounts::AuthenticateError;
use domain::{Account, ConversationId, MsgNo};
use futures_util::FutureExt as _;

use super::client_frame::{ClientFrame, Command};
use super::server_frame;
use super::server_frame::ServerFrame;
use super::session::{Job, Session};
use super::subscribe;
use crate::v1::problem::{Kind, Problem};

/// Begins a command; what is left of it is to be run beside others.
///
/// What alters a conversation has its place in line once this returns, so that
/// the order of what one client says is kept.
pub(super) async fn begin(session: &Session, said: ClientFrame) -> Option<Job<'_>> {
    let ClientFrame { reference, command } = said;
    let account = session.account();
    match command {
        Command::Ping => session.say(&ServerFrame::Pong { reference: &reference }),
        Command::Act { conversation, action } => {
            let chat = &session.services().chat;
            let begun = if session.client.watches(conversation) {
                chat.begin_inside(&account, conversation, action).await
            } else {
                chat.begin(&account, conversation, action).await
            };
            return match begun {
                Ok(answering) => Some(
                    async move {
                        let outcome = answering.answer().await;
                        let told = outcome.map(|outcome| outcome.message().cloned());
                        acknowledge(session, &reference, told.map_err(Problem::from));
                    }
                    .boxed_local(),
                ),
                Err(error) => {
                    refuse(session, &reference, &error.into());
                    None
                }
            };
        }
        Command::Read { conversation, up_to } => {
            return Some(mark_read(session, reference, account, conversation, up_to).boxed_local());
        }
        Command::Typing { conversation } => {
            return Some(
                async move {
                    let shown = session.services().chat.show_typing(&account, conversation).await;
                    let told = shown.map(|()| None);
                    acknowledge(session, &reference, told.map_err(Problem::from));
                }
                .boxed_local(),
            );
        }
        Command::Open { conversation, since } => {
            return Some(
                async move {
                    let opened = subscribe::open(session, &reference, conversation, since).await;
                    if let Err(problem) = opened {
                        refuse(session, &reference, &problem);
                    }
                }
                .boxed_local(),
            );
        }
        Command::Close { conversation } => {
            session.client.close(conversation);
            acknowledge(session, &reference, Ok(None));
        }
        Command::Auth { token } => renew(session, &reference, &token).await,
    }
    None
}

async fn mark_read(
    session: &Session,
    reference: String,
    account: Account,
    conversation: ConversationId,
    up_to: MsgNo,
) {
    let services = session.services();
    match services.chat.mark_read(&account, conversation, up_to).await {
        Ok(marker) => {
            session.client.answer(server_frame::read_ack(&reference, marker, &services.budget));
        }
        Err(error) => refuse(session, &reference, &error.into()),
    }
}

/// A newer token of the same account: the socket lasts as long as that.
async fn renew(session: &Session, reference: &str, token: &str) {
    match session.services().authenticate.execute(token).await {
        Ok(caller) if caller.account.id == session.client.user => {
            session.renew(caller);
            acknowledge(session, reference, Ok(None));
        }
        Ok(_) => {
            let problem = Problem::field("token", "account", "must be of the same account");
            refuse(session, reference, &problem);
        }
        Err(AuthenticateError::Backend(error)) => {
            refuse(session, reference, &Problem::backend(&error));
        }
        Err(_) => refuse(session, reference, &Problem::new(Kind::Unauthenticated)),
    }
}

fn acknowledge(
    session: &Session,
    reference: &str,
    told: Result<Option<std::sync::Arc<domain::Message>>, Problem>,
) {
    let budget = &session.services().budget;
    match told {
        Ok(message) => {
            session.client.answer(server_frame::ack(reference, message.as_deref(), budget))
        }
        Err(problem) => refuse(session, reference, &problem),
    }
}

fn refuse(session: &Session, reference: &str, problem: &Problem) {
    let budget = &session.services().budget;
    session.client.answer(server_frame::error(Some(reference), problem, budget));
}
