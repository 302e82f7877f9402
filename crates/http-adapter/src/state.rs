//! What handlers work with.

use std::sync::Arc;

use application::accounts::{
    Authenticate, ChangePassword, EditProfile, FindAccount, FindUsers, ListSessions, Refresh,
    Register, SignIn, SignOut, VerifyToken,
};
use application::ports::{IdSource, SnapshotLimit};
use application::{Chat, Snapshots};
use bytes::Bytes;
use time::UtcOffset;

use crate::budget::Budget;
use crate::cors::AllowedOrigins;
use crate::health::Readiness;
use crate::proxies::TrustedProxies;
use crate::v1::V1Settings;

/// Everything that the handlers of REST and pages need. Shared by all workers.
pub struct State {
    /// Of the compat face.
    pub settings: CompatSettings,
    /// Of v1.
    pub v1: V1Settings,
    /// What one does with an account.
    pub accounts: Accounts,
    /// What one does in conversations.
    pub chat: Chat,
    /// The newest messages as the array that the list shows; rendered by
    /// [`crate::list_renderer`].
    pub list: Snapshots<Bytes>,
    /// Names requests.
    pub ids: Arc<dyn IdSource>,
    /// Whether requests should come here.
    pub readiness: Readiness,
    /// Bounds what all request bodies hold; shared with the sockets.
    pub budget: Budget,
    /// Whose word about the client is taken.
    pub proxies: TrustedProxies,
    /// Whose pages may use v1.
    pub origins: AllowedOrigins,
}

/// The use cases around accounts.
pub struct Accounts {
    /// Whose token it is.
    pub authenticate: Authenticate,
    /// Making an account.
    pub register: Register,
    /// A password for tokens.
    pub sign_in: SignIn,
    /// A refresh token for the next pair.
    pub refresh: Refresh,
    /// Whether a token is worth anything.
    pub verify: VerifyToken,
    /// Who has an id.
    pub find: FindAccount,
    /// How people see each other.
    pub people: FindUsers,
    /// Where one is signed in.
    pub sessions: ListSessions,
    /// Ending sessions.
    pub sign_out: SignOut,
    /// Another password.
    pub change_password: ChangePassword,
    /// What one shows of oneself.
    pub edit_profile: EditProfile,
}

/// How the compat face behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompatSettings {
    /// How much of the history is shown.
    pub history: SnapshotLimit,
    /// Of the times in answers.
    pub utc_offset: UtcOffset,
    /// Longest text of a message, in bytes of UTF-8.
    pub message_bytes: usize,
    /// Longest request body, in bytes.
    pub body_bytes: usize,
}
