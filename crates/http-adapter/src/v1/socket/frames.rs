//! What the server says: JSON in text frames.

use application::Position;
use application::ports::{InboxPage, PresenceUpdate};
use domain::{Account, Change, ConversationId, Message, MsgNo, Seq, Signal, SignalKind, Username};
use serde::Serialize;

use super::client::Gap;
use crate::fanout::{Budget, Frame};
use crate::v1::changes::{ChangeView, ChangesView};
use crate::v1::problem::{Problem, ProblemView};
use crate::v1::profile::ProfileView;
use crate::v1::views::{EntryView, MessageView, UserView, uuid};

/// Everything that the server may say.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Frames<'a> {
    /// The client is known: where everything stands.
    Hello {
        epoch: String,
        user: UserView<'a>,
        conversations: Vec<EntryView<'a>>,
        /// There are more conversations, to be had over REST.
        more: bool,
        /// Who is there, by name.
        online: Vec<&'a str>,
    },
    /// What was asked for is done.
    Ack {
        #[serde(rename = "ref")]
        reference: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<MessageView<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        read_no: Option<i64>,
    },
    /// What was asked for is not done.
    Error {
        #[serde(rename = "ref")]
        reference: Option<&'a str>,
        problem: ProblemView<'a>,
    },
    /// Something happened in an open conversation.
    Event {
        conversation: i64,
        #[serde(flatten)]
        change: ChangeView<'a>,
    },
    /// Something happened that one does not see: the cursor moves all the same.
    Skip { conversation: i64, seq: i64 },
    /// Some of what happened since a cursor.
    Changes {
        #[serde(rename = "ref")]
        reference: &'a str,
        conversation: i64,
        #[serde(flatten)]
        changes: ChangesView<'a>,
    },
    /// A conversation has come so far; what happened is to be asked for. With the
    /// newest message among it, and the newest of one's own.
    Gap {
        conversation: i64,
        seq: i64,
        #[serde(skip_serializing_if = "is_zero")]
        msg_no: i64,
        #[serde(skip_serializing_if = "is_zero")]
        read_no: i64,
    },
    /// What is known of a conversation counts for nothing: fetch it anew.
    Reset { conversation: i64, epoch: String, view_no: i64, seq: i64 },
    /// What one alone is shown of a conversation has become another: it was
    /// joined, read or muted on another device.
    Conversation { conversation: EntryView<'a> },
    /// A conversation is no longer one's own.
    Left { conversation: i64 },
    /// Somebody else is typing in an open conversation.
    Typing { conversation: i64, user: UserView<'a> },
    /// Somebody else has read so far in an open conversation.
    Read { conversation: i64, user: UserView<'a>, msg_no: i64 },
    /// What one shows of oneself has become another, perhaps on another device.
    Me {
        #[serde(flatten)]
        profile: ProfileView<'a>,
    },
    /// Somebody came, or went.
    Presence { username: &'a str, online: bool },
    /// So many came and went that this is who is there now.
    Online { usernames: Vec<&'a str> },
    /// The answer to `ping`.
    Pong {
        #[serde(rename = "ref")]
        reference: &'a str,
    },
}

impl Frames<'_> {
    /// As it goes over the wire.
    pub(super) fn encode(&self, budget: &Budget) -> Frame {
        Frame::text(budget, 512, |out| {
            // Writing into memory cannot fail, nor can these types be refused.
            let _ = serde_json::to_writer(out, self);
        })
    }
}

/// A change, the same for all who see it.
pub(super) fn event(change: &Change, budget: &Budget) -> Frame {
    let conversation = change.conversation().get();
    Frames::Event { conversation, change: change.into() }.encode(budget)
}

/// What somebody does, the same for all who notice it.
pub(super) fn signal(signal: &Signal, budget: &Budget) -> Frame {
    let conversation = signal.conversation.get();
    let user = UserView::new(signal.user, &signal.username);
    let frame = match signal.kind {
        SignalKind::Typing => Frames::Typing { conversation, user },
        SignalKind::Read(up_to) => Frames::Read { conversation, user, msg_no: up_to.get() },
    };
    frame.encode(budget)
}

/// Who came and went, the same for everybody.
pub(super) fn presence(update: &PresenceUpdate, budget: &Budget) -> Vec<Frame> {
    if update.moves.is_empty() {
        return vec![online(&update.online, budget)];
    }
    let moved = |(user, online): &(Username, bool)| {
        Frames::Presence { username: user.as_str(), online: *online }.encode(budget)
    };
    update.moves.iter().map(moved).collect()
}

/// Who is there.
pub(super) fn online(users: &[Username], budget: &Budget) -> Frame {
    Frames::Online { usernames: users.iter().map(Username::as_str).collect() }.encode(budget)
}

pub(super) fn skip(conversation: ConversationId, to: Seq, budget: &Budget) -> Frame {
    Frames::Skip { conversation: conversation.get(), seq: to.get() }.encode(budget)
}

pub(super) fn gap(conversation: ConversationId, gap: Gap, budget: &Budget) -> Frame {
    Frames::Gap {
        conversation: conversation.get(),
        seq: gap.seq.get(),
        msg_no: gap.msg_no.get(),
        read_no: gap.read_no.get(),
    }
    .encode(budget)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

pub(super) fn reset(conversation: ConversationId, head: Position, budget: &Budget) -> Frame {
    Frames::Reset {
        conversation: conversation.get(),
        epoch: uuid(head.epoch.get()),
        view_no: head.view_no,
        seq: head.seq.get(),
    }
    .encode(budget)
}

pub(super) fn hello(
    account: &Account,
    epoch: u128,
    page: &InboxPage,
    online: &[Username],
    budget: &Budget,
) -> Frame {
    Frames::Hello {
        epoch: uuid(epoch),
        user: UserView::new(account.id, &account.username),
        conversations: page.entries.iter().map(EntryView::from).collect(),
        more: page.more,
        online: online.iter().map(Username::as_str).collect(),
    }
    .encode(budget)
}

pub(super) fn ack(reference: &str, message: Option<&Message>, budget: &Budget) -> Frame {
    let message = message.map(MessageView::from);
    Frames::Ack { reference, message, read_no: None }.encode(budget)
}

pub(super) fn read_ack(reference: &str, read_no: MsgNo, budget: &Budget) -> Frame {
    Frames::Ack { reference, message: None, read_no: Some(read_no.get()) }.encode(budget)
}

pub(super) fn error(reference: Option<&str>, problem: &Problem, budget: &Budget) -> Frame {
    Frames::Error { reference, problem: problem.view() }.encode(budget)
}
