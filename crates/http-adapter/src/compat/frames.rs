//! The frames of the lobby, each encoded once for all clients that get it.

use application::ports::Snapshot;
use domain::{Message, MessageEvent, Seq, Username};
use time::UtcOffset;

use super::json_text;
use super::message_view::{MessageView, write_list};
use crate::budget::Budget;
use crate::websocket::Frame;

/// Bytes of an encoded message besides its text.
const MESSAGE_OVERHEAD: usize = 200;

/// An encoded history, shared by all clients that request it at the same time.
#[derive(Debug)]
pub struct History {
    pub(crate) frame: Frame,
    /// The newest change in the history.
    pub(crate) head: Seq,
    pub(crate) rows: usize,
}

/// Returns the renderer that `Snapshots` uses for the sockets.
pub fn history_renderer(
    offset: UtcOffset,
    budget: Budget,
) -> impl Fn(&Snapshot) -> History + Send + Sync + 'static {
    move |snapshot| {
        let texts: usize =
            snapshot.messages.iter().map(|m| m.body.as_str().len() + MESSAGE_OVERHEAD).sum();
        let frame = Frame::text(&budget, texts, |out| {
            out.extend_from_slice(br#"{"type":"message_history","messages":"#);
            write_list(out, snapshot, offset);
            out.push(b'}');
        });
        History { frame, head: snapshot.head.seq, rows: snapshot.messages.len() }
    }
}

#[derive(Debug)]
pub(super) struct Frames {
    pub(super) offset: UtcOffset,
    pub(super) budget: Budget,
}

impl Frames {
    pub(super) fn message(&self, message: &Message, event: MessageEvent) -> Frame {
        match event {
            MessageEvent::Created => self.whole(br#"{"type":"chat_message","message":"#, message),
            MessageEvent::Updated => {
                self.whole(br#"{"type":"message_updated","message":"#, message)
            }
            MessageEvent::Deleted => Frame::text(&self.budget, 64, |out| {
                out.extend_from_slice(br#"{"type":"message_deleted","message_id":"#);
                json_text::write(out, &message.id.get());
                out.push(b'}');
            }),
        }
    }

    fn whole(&self, beginning: &[u8], message: &Message) -> Frame {
        Frame::text(&self.budget, message.body.as_str().len() + MESSAGE_OVERHEAD, |out| {
            out.extend_from_slice(beginning);
            MessageView::new(message, self.offset).write(out);
            out.push(b'}');
        })
    }

    pub(super) fn moved(&self, user: &Username, came: bool) -> Frame {
        Frame::text(&self.budget, 48 + user.as_str().len(), |out| {
            let kind: &[u8] = if came { b"user_join" } else { b"user_leave" };
            out.extend_from_slice(br#"{"type":""#);
            out.extend_from_slice(kind);
            out.extend_from_slice(br#"","username":"#);
            json_text::write(out, user.as_str());
            out.push(b'}');
        })
    }

    pub(super) fn online(&self, users: &[Username]) -> Frame {
        let names: usize = users.iter().map(|user| user.as_str().len() + 3).sum();
        Frame::text(&self.budget, names + 48, |out| {
            out.extend_from_slice(br#"{"type":"online_info","users_online":["#);
            for (n, user) in users.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                json_text::write(out, user.as_str());
            }
            out.extend_from_slice(b"]}");
        })
    }
}
