//! Passwords and tokens: the two ports that need cryptography.

mod bcrypt_hasher;
mod jwt_signer;

pub use bcrypt_hasher::{BcryptCost, BcryptHasher, BcryptHasherError, HashingLimits};
pub use jwt_signer::{JwtSigner, SigningKey};
