//! The doubles of hasher and signer keep the contracts of their ports.

use std::future::{Ready, ready};
use std::sync::Arc;

use application::ports::{PasswordHasher, TokenSigner};
use testkit::{InstantHasher, PlainSigner};

fn hasher() -> Ready<Arc<dyn PasswordHasher>> {
    ready(Arc::new(InstantHasher::default()))
}

fn signer() -> Ready<Arc<dyn TokenSigner>> {
    ready(Arc::new(PlainSigner))
}

testkit::password_hasher_contract!(hasher);
testkit::token_signer_contract!(signer);
