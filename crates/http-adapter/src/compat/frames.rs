//! What the socket says: JSON in text frames, encoded once for all who are told the same.

use application::ports::Snapshot;
use domain::{Message, MessageEvent, Seq, Username};
use time::UtcOffset;

use super::json_text;
use super::message_view::{MessageView, write_list};
use crate::budget::Budget;
use crate::websocket::Frame;

/// Bytes of a message around its text and its author's name.
const AROUND: usize = 200;

/// A history as it goes to everybody who asked for it at the same moment.
#[derive(Debug)]
pub struct History {
    pub(crate) frame: Frame,
    /// Everything up to here is in it.
    pub(crate) head: Seq,
    pub(crate) rows: usize,
}

/// What `Snapshots` has to be given for the sockets.
pub fn history_renderer(
    offset: UtcOffset,
    budget: Budget,
) -> impl Fn(&Snapshot) -> History + Send + Sync + 'static {
    move |snapshot| {
        let texts: usize = snapshot.messages.iter().map(|m| m.body.as_str().len() + AROUND).sum();
        let frame = Frame::text(&budget, texts, |out| {
            out.extend_from_slice(br#"{"type":"message_history","messages":"#);
            write_list(out, snapshot, offset);
            out.push(b'}');
        });
        History { frame, head: snapshot.head.seq, rows: snapshot.messages.len() }
    }
}

/// Encodes what is told as it happens.
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
        Frame::text(&self.budget, message.body.as_str().len() + AROUND, |out| {
            out.extend_from_slice(beginning);
            MessageView::new(message, self.offset).write(out);
            out.push(b'}');
        })
    }

    /// Somebody came or went.
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

    /// Everyone who is there.
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
