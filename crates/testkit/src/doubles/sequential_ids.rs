//! Predictable identifiers.

use std::sync::atomic::{AtomicU64, Ordering};

use application::ports::IdSource;
use domain::{ClientId, InviteCode, SessionId};

/// Counts up from 1. All kinds share one counter.
#[derive(Debug, Default)]
pub struct SequentialIds(AtomicU64);

impl SequentialIds {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

impl IdSource for SequentialIds {
    fn client_id(&self) -> ClientId {
        ClientId::new(self.next().into())
    }

    fn session(&self) -> SessionId {
        SessionId::new(self.next())
    }

    fn token(&self) -> u64 {
        self.next()
    }

    fn invite_code(&self) -> InviteCode {
        InviteCode::new(self.next().into())
    }
}
