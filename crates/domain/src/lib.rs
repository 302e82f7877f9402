//! The types and rules of the chat: pure, without I/O, clocks or randomness.
//!
//! Every change to a conversation is an [`Intent`]. [`policy::decide`] decides it by the
//! [`Facts`], and returns a [`Decision`] or a [`Refusal`].

mod ids;
mod named;
pub mod text;
mod timestamp;

mod account;
mod email;
mod password;
mod username;

mod session;

mod audit;
mod body;
mod change;
mod conversation;
mod ephemeral;
mod facts;
mod intent;
mod invite;
mod label;
mod member;
mod mention;
mod message;
pub mod policy;
mod reaction;
mod search;
mod viewer;

pub use account::{Account, AddedBy, Profile, ProfileUpdate};
pub use audit::{AuditEntry, AuditedAction};
pub use body::{BodyHash, MessageBody, MessageBodyError};
pub use change::{Change, MessageEvent, Outcome};
pub use conversation::{
    Conversation, ConversationKind, Details, FirstMember, Head, HistoryRule, NewGroup, Pair,
};
pub use email::{Email, EmailError};
pub use ephemeral::{EphemeralEvent, EphemeralKind};
pub use facts::{AccountFacts, AdditionFacts, FactNotLoaded, Facts, Needs, Writes};
pub use ids::{
    AuthVersion, ClientId, ConversationId, Epoch, MessageId, MsgNo, Seq, SessionId, TokenId, UserId,
};
pub use intent::{Action, ExpectedEdits, Intent, Update};
pub use invite::{Invite, InviteCode};
pub use label::{About, DisplayName, LabelError, Title, Topic};
pub use member::{Member, MemberStatus, Role};
pub use mention::Mentions;
pub use message::{Author, Message};
pub use password::{Password, PasswordError, PasswordHash};
pub use policy::{DecideError, Decision, Refusal};
pub use reaction::{Emoji, EmojiError, Reaction, Reactions};
pub use search::{SearchQuery, SearchQueryError, search_terms};
pub use session::{Exchange, ExchangeRules, RefreshToken, ReplayRule, Session, Successor};
pub use timestamp::Timestamp;
pub use username::{NameRule, Username, UsernameError};
pub use viewer::Viewer;
