//! Randomness.

use domain::{ClientId, SessionId};

/// Gives out identifiers that nobody can guess.
pub trait IdSource: Send + Sync {
    /// For a send whose client named none.
    fn client_id(&self) -> ClientId;

    /// For a new sign-in.
    fn session(&self) -> SessionId;

    /// The random half of a token's `jti`.
    fn token(&self) -> u64;
}
