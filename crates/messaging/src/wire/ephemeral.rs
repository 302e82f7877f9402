//! What is over in a moment.

use application::ports::NodeId;
use domain::{ConversationId, EphemeralEvent, EphemeralKind, MsgNo, UserId, Username};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct SignalOut<'a> {
    node: u64,
    conversation: i64,
    signal: &'a SignalWire,
}

/// A signal as it travels.
#[derive(Serialize, Deserialize)]
pub(super) struct SignalWire {
    user: i64,
    username: String,
    kind: KindWire,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KindWire {
    Typing,
    Read(i64),
}

/// As it goes over the channel of its conversation.
pub(crate) fn signal(node: NodeId, signal: &EphemeralEvent) -> Option<Vec<u8>> {
    let wire = SignalWire {
        user: signal.user.get(),
        username: signal.username.as_str().to_owned(),
        kind: match signal.kind {
            EphemeralKind::Typing => KindWire::Typing,
            EphemeralKind::Receipt(up_to) => KindWire::Read(up_to.get()),
        },
    };
    let conversation = signal.conversation.get();
    serde_json::to_vec(&SignalOut { node: node.0, conversation, signal: &wire }).ok()
}

impl SignalWire {
    /// The signal, unless it breaks a rule of the domain.
    pub(super) fn parse(self, conversation: ConversationId) -> Option<EphemeralEvent> {
        Some(EphemeralEvent {
            conversation,
            user: UserId::new(self.user),
            username: Username::parse(&self.username).ok()?,
            kind: match self.kind {
                KindWire::Typing => EphemeralKind::Typing,
                KindWire::Read(up_to) => EphemeralKind::Receipt(MsgNo::new(up_to)),
            },
        })
    }
}
