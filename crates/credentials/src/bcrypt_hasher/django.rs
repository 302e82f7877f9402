//! `algorithm$…`, the format in which Django stores passwords.

use std::fmt::Write as _;
use std::time::Instant;

use application::ports::Verdict;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bcrypt::{BcryptError, HashParts};
use domain::{Password, PasswordHash};
use hmac::Hmac;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::BcryptCost;

const BCRYPT: &str = "bcrypt_sha256";
const PBKDF2: &str = "pbkdf2_sha256";

/// Salt and result of a well-formed hash that belongs to no known password.
const DUMMY_HASH: &str = "6f3GV.ng0ixjGVMdZriFS.0sQ27zaAbK5p6gKfAe/BfUAohPlcjSi";

/// Higher stored costs count as malformed: one comparison would take minutes.
const MAX_STORED_COST: u32 = 16;

/// More stored iterations count as malformed: one comparison would take minutes.
const MAX_ITERATIONS: u32 = 10_000_000;

/// Hashes with a new salt.
pub(super) fn hash(password: &Password, cost: BcryptCost) -> Result<PasswordHash, BcryptError> {
    let hash = bcrypt::non_truncating_hash(digest(password.expose()), cost.get())?;
    Ok(PasswordHash::new(format!("{BCRYPT}${hash}")))
}

/// A mismatch takes as long as a comparison at `cost`, even for unknown users
/// and unknown hash formats, so that its duration reveals nothing. Only a stored
/// hash of a higher cost takes longer, and a password that is not typed in its
/// prepared form takes two comparisons.
pub(super) fn verify(
    password: &Password,
    hash: Option<&PasswordHash>,
    cost: BcryptCost,
) -> Verdict {
    match (verify_text(password.expose(), hash, cost), password.expose_typed()) {
        // The hash of the prepared form will replace that of the typed one.
        (Verdict::Mismatch, Some(typed)) => match verify_text(typed, hash, cost) {
            Verdict::Match | Verdict::MatchOutdated => Verdict::MatchOutdated,
            Verdict::Mismatch => Verdict::Mismatch,
        },
        (verdict, _) => verdict,
    }
}

fn verify_text(password: &str, hash: Option<&PasswordHash>, cost: BcryptCost) -> Verdict {
    match hash.and_then(|hash| Stored::parse(hash.as_str(), cost)) {
        None => {
            burn_comparison(password, cost.get());
            Verdict::Mismatch
        }
        Some(Stored::Bcrypt { hash, cost: stored }) => {
            if bcrypt::non_truncating_verify(digest(password), hash).unwrap_or(false) {
                return if stored == cost.get() { Verdict::Match } else { Verdict::MatchOutdated };
            }
            // 2^s + (2^s + … + 2^(c-1)) = 2^c: what a comparison at full cost takes.
            (stored..cost.get()).for_each(|cost| burn_comparison(password, cost));
            Verdict::Mismatch
        }
        Some(Stored::Pbkdf2(stored)) => {
            let start = Instant::now();
            if stored.matches(password) {
                return Verdict::MatchOutdated;
            }
            pad_to_comparison(password, start, cost);
            Verdict::Mismatch
        }
    }
}

/// The 64 lower-case hex digits of SHA-256: no U+0000, and within the 72 bytes
/// after which bcrypt stops reading.
fn digest(password: &str) -> String {
    let digest = Sha256::digest(password.as_bytes());
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn burn_comparison(password: &str, cost: u32) {
    // Only the time matters, not the result.
    drop(bcrypt::non_truncating_verify(digest(password), &format!("$2b${cost:02}${DUMMY_HASH}")));
}

/// Works until as much time has passed since `start` as a comparison at `cost`
/// takes. How long that is depends on the machine, so it is measured.
fn pad_to_comparison(password: &str, start: Instant, cost: BcryptCost) {
    let part = cost.get().saturating_sub(4).max(4);
    let parts = 1_u32 << (cost.get() - part);
    let measured = Instant::now();
    burn_comparison(password, part);
    let whole = measured.elapsed().saturating_mul(parts);
    // At most one whole comparison, even if the machine was busy.
    for _ in 1..parts {
        if start.elapsed() >= whole {
            break;
        }
        burn_comparison(password, part);
    }
}

enum Stored<'a> {
    /// `hash` is well-formed.
    Bcrypt {
        hash: &'a str,
        cost: u32,
    },
    Pbkdf2(Pbkdf2<'a>),
}

impl<'a> Stored<'a> {
    fn parse(encoded: &'a str, ours: BcryptCost) -> Option<Self> {
        let (algorithm, rest) = encoded.split_once('$')?;
        match algorithm {
            BCRYPT => {
                let cost = rest.parse::<HashParts>().ok()?.get_cost();
                let is_plausible = (4..=MAX_STORED_COST.max(ours.get())).contains(&cost);
                is_plausible.then_some(Self::Bcrypt { hash: rest, cost })
            }
            PBKDF2 => Pbkdf2::parse(rest).map(Self::Pbkdf2),
            _ => None,
        }
    }
}

struct Pbkdf2<'a> {
    iterations: u32,
    /// Used as it is written, without decoding.
    salt: &'a str,
    /// Base64, padded.
    result: &'a str,
}

impl<'a> Pbkdf2<'a> {
    fn parse(rest: &'a str) -> Option<Self> {
        let (iterations, rest) = rest.split_once('$')?;
        let (salt, result) = rest.split_once('$')?;
        let iterations = iterations.parse().ok()?;
        let is_plausible = (1..=MAX_ITERATIONS).contains(&iterations)
            && !salt.is_empty()
            && STANDARD.decode(result).is_ok_and(|bytes| bytes.len() == 32);
        is_plausible.then_some(Self { iterations, salt, result })
    }

    fn matches(&self, password: &str) -> bool {
        let mut result = [0; 32];
        let derived = pbkdf2::pbkdf2::<Hmac<Sha256>>(
            password.as_bytes(),
            self.salt.as_bytes(),
            self.iterations,
            &mut result,
        );
        let encoded = STANDARD.encode(result);
        derived.is_ok() && encoded.as_bytes().ct_eq(self.result.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use bcrypt::HashParts;

    use super::DUMMY_HASH;

    #[test]
    fn the_dummy_hash_is_well_formed_so_that_comparing_takes_time() {
        let hash = format!("$2b$04${DUMMY_HASH}");

        assert!(hash.parse::<HashParts>().is_ok());
    }
}
