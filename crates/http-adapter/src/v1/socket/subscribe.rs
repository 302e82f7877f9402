//! Greeting a client, following its list of conversations, and opening one.

use std::collections::HashSet;
use std::sync::Arc;

use application::ports::{InboxEntry, InboxPage};
use application::{CatchUp, ChatError, Cursor, Reading};
use domain::{Account, ConversationId, Epoch, Refusal, UserId, Viewer, policy};

use super::client::{News, Opened, Ticket};
use super::server_frame::{self, ServerFrame};
use super::session::Session;
use crate::v1::changes::ChangesResponse;
use crate::v1::problem::{Kind, Problem};

/// Conversations of which a socket is told; more are to be had over REST.
const CONVERSATIONS: usize = 1_000;
/// Rows of one frame of changes.
const ROWS: usize = 500;
/// ServerFrame of changes that one `open` is answered with; the client asks again.
const PAGES: usize = 20;

/// Brings what the client is told of in line with its list of conversations:
/// greets it with the list, or tells how the list has changed.
pub(super) async fn refresh(session: &Session) -> Result<(), ChatError> {
    let services = session.services();
    let account = session.account();
    let chat = &services.chat;
    // First it is listened, then read: what comes in between is told as a gap.
    let mut page = chat.conversations(&account, None, CONVERSATIONS).await?;
    let blocked = chat.blocked_ids(account.id).await?;
    let reader = |entry: &InboxEntry| {
        Viewer::new(account.id, &entry.conversation, entry.member.as_ref(), &blocked)
    };
    let is_new = |entry: &&InboxEntry| !session.client.watches(entry.conversation.id);
    let new: Vec<_> = page.entries.iter().filter(is_new).collect();
    let new: Vec<_> = new.iter().map(|entry| (entry.conversation.id, reader(entry))).collect();
    if !new.is_empty() {
        session.place.enter(new).await?;
        page = chat.conversations(&account, None, CONVERSATIONS).await?;
    }
    // After the list: of a block that comes in between, the next look tells.
    let blocked = chat.blocked_ids(account.id).await?;
    let epoch = chat.epoch().await?;
    show(session, &account, &page);
    let mut gone: HashSet<ConversationId> = session.client.watched().into_iter().collect();
    for entry in &page.entries {
        let id = entry.conversation.id;
        gone.remove(&id);
        if !session.client.watches(id) {
            // It was joined between the two reads: the next look finds it.
            session.client.doubt_inbox();
            continue;
        }
        learn(session, epoch, entry, &blocked);
    }
    if !session.client.is_greeted() {
        greet(session, &account, epoch, &page);
    } else if session.client.learn_profile(&page.profile) {
        session.say(&ServerFrame::Me { profile: (&page.profile).into() });
    }
    follow_rest(session, page, gone).await
}

/// Those of which the client is told lie further down in its list, or no longer there.
async fn follow_rest(
    session: &Session,
    mut page: InboxPage,
    mut gone: HashSet<ConversationId>,
) -> Result<(), ChatError> {
    let chat = &session.services().chat;
    let account = session.account();
    while page.more && !gone.is_empty() {
        let Some(last) = page.entries.last().map(InboxEntry::cursor) else { break };
        page = chat.conversations(&account, Some(last), CONVERSATIONS).await?;
        let blocked = chat.blocked_ids(account.id).await?;
        let epoch = chat.epoch().await?;
        for entry in &page.entries {
            if gone.remove(&entry.conversation.id) {
                learn(session, epoch, entry, &blocked);
            }
        }
    }
    for id in gone {
        session.place.leave(id);
        session.say(&ServerFrame::Left { conversation: id.get() });
    }
    Ok(())
}

/// Takes in how a conversation stands, and tells what of that is new.
fn learn(session: &Session, epoch: Epoch, entry: &InboxEntry, blocked: &Arc<HashSet<UserId>>) {
    let id = entry.conversation.id;
    let user = session.client.user;
    let reader = Viewer::new(user, &entry.conversation, entry.member.as_ref(), blocked);
    let news = session.client.learn(id, reader, entry.into());
    if !session.client.is_greeted() {
        return;
    }
    if news == News::View {
        let head = Cursor { epoch, view_version: entry.view_version, seq: entry.head.seq };
        session.client.answer(server_frame::reset(None, id, head, &session.services().budget));
    }
    if news != News::Nothing {
        session.say(&ServerFrame::Conversation { conversation: entry.into() });
    }
}

/// Others see it in the lobby, if they may.
fn show(session: &Session, account: &Account, page: &InboxPage) {
    let is_lobby = |entry: &InboxEntry| entry.conversation.id == ConversationId::LOBBY;
    let is_there = page.more || page.entries.iter().any(is_lobby);
    if is_there && policy::shows_presence(&page.profile) {
        session.place.appear(&account.username);
    } else {
        session.place.disappear();
    }
}

/// After it has entered the lobby: what happens after the list is told, and
/// nothing before it.
fn greet(session: &Session, account: &Account, epoch: Epoch, page: &InboxPage) {
    let services = session.services();
    session.client.learn_profile(&page.profile);
    let online = services.presence.online();
    let hello = server_frame::hello(account, epoch.get(), page, &online, &services.budget);
    session.client.answer(hello);
    session.client.greet();
    services.hub.saw_inbox(account.id, page.inbox_version);
}

/// Tells what happened in a conversation since a position, and what happens
/// from then on: neither gap nor double.
pub(super) async fn open(
    session: &Session,
    reference: &str,
    conversation: ConversationId,
    since: Option<Cursor>,
) -> Result<(), Problem> {
    let chat = &session.services().chat;
    let account = session.account();
    let _turn = session.turn.lock().await;
    if !session.client.watches(conversation) {
        // Joined a moment ago, or far down in the list.
        let entry = chat.conversation(&account, conversation).await?;
        let blocked = chat.blocked_ids(account.id).await?;
        let reader = Viewer::new(account.id, &entry.conversation, entry.member.as_ref(), &blocked);
        let entered = session.place.enter(vec![(conversation, reader)]).await;
        entered.map_err(|error| Problem::backend(&error))?;
        session.client.doubt_inbox();
    }
    let ticket = session.client.begin_opening(conversation);
    let ticket = ticket.ok_or_else(|| Problem::from(Refusal::NotFound))?;
    let opened = tell(session, reference, (conversation, ticket), since).await;
    if !matches!(opened, Ok(true)) {
        session.client.give_up_opening(conversation, ticket);
    }
    opened.map(drop)
}

async fn tell(
    session: &Session,
    reference: &str,
    (conversation, ticket): (ConversationId, Ticket),
    since: Option<Cursor>,
) -> Result<bool, Problem> {
    let chat = &session.services().chat;
    let account = session.account();
    let mut reading: Reading = chat.reading(&account, conversation).await?;
    let mut position = since.unwrap_or(reading.head);
    let mut has_told = false;
    for _ in 0..PAGES {
        session.client.has_room().await;
        let caught_up = chat.changes(&reading, conversation, position, ROWS).await?;
        if !session.client.is_opening(conversation, ticket) {
            // It was closed meanwhile, or its reader sees something else now.
            return if has_told { Ok(false) } else { Err(Problem::new(Kind::Unavailable)) };
        }
        let page = match caught_up {
            CatchUp::Reset(head) => {
                let budget = &session.services().budget;
                let reset = server_frame::reset(Some(reference), conversation, head, budget);
                session.client.answer(reset);
                return Ok(false);
            }
            CatchUp::Changes(page) => page,
        };
        let changes = ChangesResponse::of(&page, position);
        session.say(&ServerFrame::Changes { reference, conversation: conversation.get(), changes });
        has_told = true;
        position.seq = page.to;
        // It goes on meanwhile: who was told more than the head of before is not ahead.
        reading.head.seq = reading.head.seq.max(page.to);
        if page.changes.iter().any(|change| reading.reader.is_stale_after(change)) {
            session.client.doubt_inbox();
            return Ok(false);
        }
        if page.more {
            continue;
        }
        match session.client.finish_opening(conversation, ticket, page.to) {
            Opened::Yes => return Ok(true),
            Opened::Gone => return Ok(false),
            Opened::Behind => {}
        }
    }
    Ok(false)
}
