//! What only the operating system knows: the time, and what nobody can guess.

use std::time::{SystemTime, UNIX_EPOCH};

use application::ports::{Clock, IdSource};
use domain::{ClientId, SessionId, Timestamp};
use uuid::Uuid;

/// The clock of this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that all others ask")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// The random numbers of the operating system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RandomIds;

impl IdSource for RandomIds {
    // Ascending, so that the index over them is only appended to.
    fn client_id(&self) -> ClientId {
        ClientId::new(Uuid::now_v7().as_u128())
    }

    fn session(&self) -> SessionId {
        SessionId::new(random())
    }

    fn token(&self) -> u64 {
        random()
    }
}

fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "no randomness to be had");
        // Tokens that can be guessed would be worse than no server.
        std::process::abort()
    })
}
