//! Interfaces that the use cases depend on. Every adapter passes its port's contract suite in
//! `testkit`.

mod account_store;
mod audit_log;
mod backend_error;
mod bus;
mod clock;
mod conversation_store;
mod id_source;
mod inbox_store;
mod invite_store;
mod known_address_store;
mod local_broadcast;
mod password_hasher;
mod rate_limiter;
mod roster_exchange;
mod search_index;
mod session_store;
mod token_signer;

pub use account_store::{
    AccountStore, AccountVersions, CreateAccountError, NewAccount, StoredAccount, Taken,
};
pub use audit_log::{AuditId, AuditLog};
pub use backend_error::{BackendError, StoreError, with_causes};
pub use bus::{Bus, BusEvent};
pub use clock::Clock;
pub use conversation_store::{
    ChangePage, ConversationStore, ConversationView, First, Heads, MessagePage, PageRange, PinPage,
    SearchPage, SearchRequest, Snapshot, SnapshotLimit,
};
pub use id_source::IdSource;
pub use inbox_store::{
    ACQUAINTANCE_MESSAGES, ContactStatus, InboxCursor, InboxEntry, InboxPage, InboxStore,
    InboxVersion, Invitation, MOST_BLOCKERS, MarkedRead, ReadMarker,
};
pub use invite_store::InviteStore;
pub use known_address_store::{AddressDigest, KnownAddressStore, MOST_KNOWN_ADDRESSES};
pub use local_broadcast::{Delivery, LocalBroadcast, PresenceMove, PresenceUpdate};
pub use password_hasher::{PasswordHasher, Verdict};
pub use rate_limiter::{
    Attempts, Backoff, CLOCK_SLACK, HeldCount, LimitKey, LimitScope, Quota, RateLimiter, RetryAfter,
};
pub use roster_exchange::{NodeId, Roster, RosterExchange, RosterMoves, Rosters};
pub use search_index::SearchIndex;
pub use session_store::{
    ActiveSession, NewSession, OpenSessionError, Rotation, SessionCursor, SessionState,
    SessionStore,
};
pub use token_signer::{Audience, Claims, PresentedToken, TokenError, TokenKind, TokenSigner};
