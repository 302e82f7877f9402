//! Greets a client, follows its inbox, and subscribes to conversations.

use std::collections::HashSet;

use application::ports::{InboxEntry, InboxPage};
use application::{CatchUp, ChatError, Cursor};
use domain::{Account, ConversationId, Refusal, Username, policy};

use super::client::EntryChange;
use super::server_frame::ServerFrame;
use super::session::Session;
use crate::sockets::{Attempt, CaughtUp};
use crate::v1::changes::ChangesResponse;
use crate::v1::formats::uuid;
use crate::v1::problem::{Kind, Problem};
use crate::v1::responses::{ConversationResponse, UserResponse};

/// Conversations that a socket follows. Further ones are only in REST.
const MAX_CONVERSATIONS: usize = 1_000;
/// Rows of one `changes` frame.
const PAGE_ROWS: usize = 500;
/// `changes` frames in answer to one subscribe. The client subscribes again after them.
const MAX_PAGES: usize = 20;

/// Sends the inbox, or the changes since the last call.
pub(super) async fn refresh_inbox(session: &Session) -> Result<(), ChatError> {
    let services = session.services();
    let account = session.account();
    let chat = &services.chat;
    let client = &session.client;
    let mut page = chat.conversations(&account, None, MAX_CONVERSATIONS).await?;
    let new: Vec<_> = page
        .entries
        .iter()
        .filter(|entry| !client.follows(entry.conversation.id))
        .filter_map(|entry| Some((entry.conversation.id, page.viewer(account.id, entry)?)))
        .collect();
    if !new.is_empty() {
        // Follows first and reads again, so that changes in between become gaps.
        session.follow(new).await?;
        page = chat.conversations(&account, None, MAX_CONVERSATIONS).await?;
    }
    show_presence(session, &account, &page);
    let moved = client.set_hidden_names(&page.hidden_names);
    let mut gone: HashSet<ConversationId> = client.followed().into_iter().collect();
    for entry in &page.entries {
        let id = entry.conversation.id;
        gone.remove(&id);
        if client.follows(id) {
            update(session, &page, entry);
        } else {
            // The user joined between the two reads.
            client.request_inbox_refresh();
        }
    }
    if client.socket.follows_presence.get() {
        show_moved(session, &moved);
        if client.update_profile(&page.profile) {
            session.send(&ServerFrame::Me { profile: (&page.profile).into() });
        }
        if client.invitations.replace(page.invitations) != page.invitations {
            session.send(&ServerFrame::Invitations { count: page.invitations });
        }
    } else {
        greet(session, &account, &page);
    }
    update_rest(session, page, gone).await
}

/// Updates followed conversations that are not on the first page: on a later page, not listed yet,
/// or left.
async fn update_rest(
    session: &Session,
    mut page: InboxPage,
    mut gone: HashSet<ConversationId>,
) -> Result<(), ChatError> {
    let chat = &session.services().chat;
    let account = session.account();
    while page.more && !gone.is_empty() {
        let Some(last) = page.entries.last().map(InboxEntry::cursor) else { break };
        page = chat.conversations(&account, Some(last), MAX_CONVERSATIONS).await?;
        for entry in &page.entries {
            if gone.remove(&entry.conversation.id) {
                update(session, &page, entry);
            }
        }
    }
    for id in gone {
        match chat.conversation(&account, id).await {
            // A direct conversation without a message.
            Ok(entry) => update(session, &page, &entry),
            Err(ChatError::Refused(_)) => {
                session.unfollow(id);
                session.send(&ServerFrame::Left { conversation: id.get() });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Applies an inbox entry, and sends the difference to the state that the client knows.
fn update(session: &Session, page: &InboxPage, entry: &InboxEntry) {
    let id = entry.conversation.id;
    let client = &session.client;
    let Some(viewer) = page.viewer(client.socket.user, entry) else { return };
    let change = client.update(id, viewer, entry.into());
    if !client.socket.follows_presence.get() {
        // The greeting contains all entries.
        return;
    }
    if change == EntryChange::View {
        let (epoch, view_version) = (page.epoch, entry.view_version);
        let head = Cursor { epoch, view_version, seq: entry.head.seq };
        session.send(&ServerFrame::reset(None, id, head));
    }
    if change != EntryChange::None {
        session.send(&ServerFrame::Conversation { conversation: entry.into() });
    }
}

/// Shows the user online to others, unless the user is not in the lobby or hides presence.
fn show_presence(session: &Session, account: &Account, page: &InboxPage) {
    let is_lobby = |entry: &InboxEntry| entry.conversation.id == ConversationId::LOBBY;
    let is_in_lobby = page.more || page.entries.iter().any(is_lobby);
    if is_in_lobby && policy::shows_presence(page.profile.hides_presence) {
        session.registration.connection.appear(&account.username);
    } else {
        session.registration.connection.disappear();
    }
}

/// Shows users who came into sight or went out of it because of a block, as far as they are online.
fn show_moved(session: &Session, moved: &[(Username, bool)]) {
    let presence = &session.services().presence;
    for (user, online) in moved.iter().filter(|(user, _)| presence.connections(user) > 0) {
        session.send(&ServerFrame::Presence { username: user.as_str(), online: *online });
    }
}

/// Sends `hello`. The client gets changes of presence from then on.
fn greet(session: &Session, account: &Account, page: &InboxPage) {
    session.client.update_profile(&page.profile);
    session.client.invitations.set(page.invitations);
    let online = session.client.seen_of(session.services().presence.online());
    session.send(&ServerFrame::Hello {
        epoch: uuid(page.epoch.get()),
        user: UserResponse::new(account.id, &account.username),
        conversations: page.entries.iter().map(ConversationResponse::from).collect(),
        more: page.more,
        invitations: page.invitations,
        online: online.iter().map(Username::as_str).collect(),
    });
    session.client.socket.follows_presence.set(true);
    session.registration.connection.saw_inbox(page.inbox_version);
}

/// Sends the changes of a conversation since a cursor, and then its events. The client misses no
/// change and gets none twice.
pub(super) async fn subscribe(
    session: &Session,
    reference: &str,
    (id, conversation): (u64, ConversationId),
    since: Option<Cursor>,
) -> Result<(), Problem> {
    let chat = &session.services().chat;
    let account = session.account();
    let client = &session.client;
    let _guard = session.catching_up.lock().await;
    if !client.follows(conversation) {
        // The user has just joined, or the conversation is on a later page of the inbox.
        let (_, viewer) = chat.view(&account, conversation).await?;
        session.follow(vec![(conversation, viewer)]).await?;
        client.request_inbox_refresh();
    }
    if !client.wants_subscribe(id) {
        return Err(Problem::new(Kind::Cancelled));
    }
    let attempt = client.catch_up(conversation);
    let attempt = attempt.ok_or_else(|| Problem::from(Refusal::NotFound))?;
    let has_answered = catch_up(session, reference, (conversation, attempt), since).await;
    // No effect once the client is live.
    client.give_up(conversation, attempt);
    match has_answered? {
        true => Ok(()),
        false if client.wants_subscribe(id) => Err(Problem::unavailable()),
        false => Err(Problem::new(Kind::Cancelled)),
    }
}

/// Returns whether the client has got an answer. It gets none if the attempt was cancelled before.
async fn catch_up(
    session: &Session,
    reference: &str,
    (conversation, attempt): (ConversationId, Attempt),
    since: Option<Cursor>,
) -> Result<bool, Problem> {
    let chat = &session.services().chat;
    let account = session.account();
    let (mut view, viewer) = chat.view(&account, conversation).await?;
    let mut cursor = since.unwrap_or(Cursor::at_head(&view));
    let mut has_answered = false;
    for _ in 0..MAX_PAGES {
        session.client.answered().await;
        let caught_up = chat.changes(&view, &viewer, cursor, PAGE_ROWS).await?;
        if !session.client.is_catching_up(conversation, attempt) {
            // The client has unsubscribed, or its rights have changed.
            return Ok(has_answered);
        }
        let page = match caught_up {
            CatchUp::Reset(head) => {
                session.send(&ServerFrame::reset(Some(reference), conversation, head));
                return Ok(true);
            }
            CatchUp::Changes(page) => page,
        };
        let (conversation_id, changes) = (conversation.get(), ChangesResponse::of(&page, cursor));
        session.send(&ServerFrame::Changes { reference, conversation: conversation_id, changes });
        has_answered = true;
        cursor.seq = page.to;
        // Later changes may move the cursor past the head that was read first.
        view.head.seq = view.head.seq.max(page.to);
        if page.changes.iter().any(|change| viewer.is_stale_after(change)) {
            session.client.request_inbox_refresh();
            return Ok(true);
        }
        if page.more {
            continue;
        }
        match session.client.finish(conversation, attempt, page.to) {
            CaughtUp::Behind => {}
            CaughtUp::Live | CaughtUp::Cancelled | CaughtUp::Stale | CaughtUp::OutboxFull(_) => {
                return Ok(true);
            }
        }
    }
    Ok(true)
}
