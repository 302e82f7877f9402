//! `algorithm$…`, as Django writes passwords down.

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

/// Salt and result of a well-formed hash that no known password has.
const NOBODYS: &str = "6f3GV.ng0ixjGVMdZriFS.0sQ27zaAbK5p6gKfAe/BfUAohPlcjSi";

/// Stored costs past this are taken for nonsense: one comparison would take minutes.
const MAX_STORED_COST: u32 = 16;

/// Stored iterations past this are taken for nonsense: one comparison would take minutes.
const MAX_ITERATIONS: u32 = 10_000_000;

/// A new hash of `password`, with a new salt.
pub(super) fn hash(password: &Password, cost: BcryptCost) -> Result<PasswordHash, BcryptError> {
    let hash = bcrypt::non_truncating_hash(digest(password), cost.get())?;
    Ok(PasswordHash::new(format!("{BCRYPT}${hash}")))
}

/// Compares. What does not match takes the work of a comparison at `cost`,
/// unknown users and what is no hash that we know included; only a dearer hash
/// of before takes more.
pub(super) fn verify(
    password: &Password,
    hash: Option<&PasswordHash>,
    cost: BcryptCost,
) -> Verdict {
    match hash.and_then(|hash| Stored::parse(hash.as_str(), cost)) {
        None => {
            work_in_vain(password, cost.get());
            Verdict::Mismatch
        }
        Some(Stored::Bcrypt { hash, cost: stored }) => {
            if bcrypt::non_truncating_verify(digest(password), hash).unwrap_or(false) {
                return if stored == cost.get() { Verdict::Match } else { Verdict::MatchOutdated };
            }
            // 2^s + (2^s + … + 2^(c-1)) = 2^c: what a comparison at full cost takes.
            (stored..cost.get()).for_each(|cost| work_in_vain(password, cost));
            Verdict::Mismatch
        }
        Some(Stored::Pbkdf2(stored)) => {
            let begun = Instant::now();
            if stored.is_of(password) {
                return Verdict::MatchOutdated;
            }
            fill_up(password, begun, cost);
            Verdict::Mismatch
        }
    }
}

/// The 64 lower-case hex digits of SHA-256: no U+0000, and within the 72 bytes
/// after which bcrypt stops reading.
fn digest(password: &Password) -> String {
    let digest = Sha256::digest(password.expose().as_bytes());
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn work_in_vain(password: &Password, cost: u32) {
    // Only the time counts: whatever it says is not told.
    drop(bcrypt::non_truncating_verify(digest(password), &format!("$2b${cost:02}${NOBODYS}")));
}

/// Brings what was begun then to the time of a comparison at `cost`: how much
/// other work that would have been depends on the machine.
fn fill_up(password: &Password, begun: Instant, cost: BcryptCost) {
    let part = cost.get().saturating_sub(4).max(4);
    let parts = 1_u32 << (cost.get() - part);
    let measured = Instant::now();
    work_in_vain(password, part);
    let whole = measured.elapsed().saturating_mul(parts);
    // Never more than a whole comparison, even if the machine was busy elsewhere.
    for _ in 1..parts {
        if begun.elapsed() >= whole {
            break;
        }
        work_in_vain(password, part);
    }
}

enum Stored<'a> {
    /// Well-formed.
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
                let is_sane = (4..=MAX_STORED_COST.max(ours.get())).contains(&cost);
                is_sane.then_some(Self::Bcrypt { hash: rest, cost })
            }
            PBKDF2 => Pbkdf2::parse(rest).map(Self::Pbkdf2),
            _ => None,
        }
    }
}

struct Pbkdf2<'a> {
    iterations: u32,
    /// The text itself, not what it may encode.
    salt: &'a str,
    /// Base64, padded.
    result: &'a str,
}

impl<'a> Pbkdf2<'a> {
    fn parse(rest: &'a str) -> Option<Self> {
        let (iterations, rest) = rest.split_once('$')?;
        let (salt, result) = rest.split_once('$')?;
        let iterations = iterations.parse().ok()?;
        let is_sane = (1..=MAX_ITERATIONS).contains(&iterations)
            && !salt.is_empty()
            && STANDARD.decode(result).is_ok_and(|bytes| bytes.len() == 32);
        is_sane.then_some(Self { iterations, salt, result })
    }

    fn is_of(&self, password: &Password) -> bool {
        let mut result = [0; 32];
        let derived = pbkdf2::pbkdf2::<Hmac<Sha256>>(
            password.expose().as_bytes(),
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

    use super::NOBODYS;

    #[test]
    fn the_hash_for_nobody_is_well_formed_so_that_comparing_takes_its_time() {
        let hash = format!("$2b$04${NOBODYS}");

        assert!(hash.parse::<HashParts>().is_ok());
    }
}
