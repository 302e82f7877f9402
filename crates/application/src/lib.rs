//! The use cases, and the ports that they need.

pub mod ports;

pub mod accounts;
mod chat;

mod batcher;
mod connections;
mod hub;
mod last_seen;
mod limits;
mod node;
mod page_size;
mod presence;
mod search_indexer;
mod security_log;
mod snapshots;

pub use batcher::{Batcher, BatcherTask, CommitError};
pub use chat::{
    CatchUp, Chat, ChatError, ChatPorts, Cursor, Export, ManageGroups, ManageGroupsError,
    NewInvite, PendingOutcome, VisibleMembers, VisiblePage, VisiblePins,
};
pub use connections::{ConnectionGuard, Connections};
pub use hub::{Hub, HubTask, HubTiming};
pub use last_seen::{LastSeen, LastSeenTask};
pub use limits::{
    ClientAddress, ClientNetwork, KnownAddresses, LimitRules, Limits, ReadPermit, SignInAttempt,
    SignInOrigin, SocketPermit, TooManySockets,
};
pub use node::{Node, NodePorts, NodeSettings};
pub use presence::{Presence, PresenceTask, PresenceTiming};
pub use search_indexer::{SearchIndexer, SearchIndexerTask};
pub use security_log::SecurityLog;
pub use snapshots::{Snapshots, SnapshotsTask};
