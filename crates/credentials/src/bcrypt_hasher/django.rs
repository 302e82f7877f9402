//! `algorithm$…`, the format in which Django stores passwords.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

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

/// Compares passwords with stored hashes, in such a way that the time of a mismatch reveals nothing
/// about the hash.
#[derive(Debug)]
pub(super) struct Comparer {
    cost: BcryptCost,
    /// The most iterations of the imported hashes that this process has compared.
    iterations: AtomicU32,
}

impl Comparer {
    pub(super) fn new(cost: BcryptCost) -> Self {
        Self { cost, iterations: AtomicU32::new(0) }
    }

    /// `None` and malformed hashes never match. Every mismatch takes the same work, but for stored
    /// hashes of a higher cost; a password that is not typed in its prepared form takes it twice.
    pub(super) fn verify(&self, password: &Password, hash: Option<&PasswordHash>) -> Verdict {
        let hash = hash.and_then(|hash| Stored::parse(hash.as_str(), self.cost));
        match (self.compare(password.expose(), hash.as_ref()).0, password.expose_typed()) {
            // The hash of the prepared form will replace that of the typed one.
            (Verdict::Mismatch, Some(typed)) => match self.compare(typed, hash.as_ref()).0 {
                Verdict::Match | Verdict::MatchOutdated => Verdict::MatchOutdated,
                Verdict::Mismatch => Verdict::Mismatch,
            },
            (verdict, _) => verdict,
        }
    }

    fn compare(&self, password: &str, hash: Option<&Stored<'_>>) -> (Verdict, Work) {
        let mut work = Work::default();
        let verdict = match hash {
            None => Verdict::Mismatch,
            Some(Stored::Bcrypt { hash, cost }) => match work.bcrypt(password, hash, *cost) {
                true if *cost == self.cost.get() => Verdict::Match,
                true => Verdict::MatchOutdated,
                false => Verdict::Mismatch,
            },
            Some(Stored::Pbkdf2(stored)) => {
                self.iterations.fetch_max(stored.iterations, Ordering::Relaxed);
                if work.pbkdf2(password, stored) {
                    Verdict::MatchOutdated
                } else {
                    Verdict::Mismatch
                }
            }
        };
        if verdict == Verdict::Mismatch {
            work.fill_up(password, self.cost, self.iterations.load(Ordering::Relaxed));
        }
        (verdict, work)
    }
}

/// The work of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Work {
    /// Rounds of bcrypt: 2 to the power of its cost.
    rounds: u64,
    /// Iterations of PBKDF2.
    iterations: u32,
}

impl Work {
    fn bcrypt(&mut self, password: &str, hash: &str, cost: u32) -> bool {
        self.rounds += 1 << cost;
        bcrypt::non_truncating_verify(digest(password), hash).unwrap_or(false)
    }

    fn pbkdf2(&mut self, password: &str, stored: &Pbkdf2<'_>) -> bool {
        self.iterations += stored.iterations;
        stored.matches(password)
    }

    /// Compares with hashes that belong to nobody.
    fn fill_up(&mut self, password: &str, cost: BcryptCost, iterations: u32) {
        let target = 1 << cost.get();
        // 2^c, or 2^s + … + 2^(c-1) after 2^s rounds.
        let first = if self.rounds == 0 { cost.get() } else { self.rounds.ilog2() };
        for cost in first.. {
            if self.rounds >= target {
                break;
            }
            self.bcrypt(password, &format!("$2b${cost:02}${DUMMY_HASH}"), cost);
        }
        let iterations = iterations.saturating_sub(self.iterations);
        if iterations > 0 {
            self.pbkdf2(password, &Pbkdf2 { iterations, salt: "salt", result: "" });
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
    use application::ports::Verdict;
    use bcrypt::HashParts;
    use domain::Password;

    use super::{
        BCRYPT, BcryptCost, Comparer, DUMMY_HASH, MAX_ITERATIONS, MAX_STORED_COST, Stored, Work,
        hash,
    };

    const COST: BcryptCost = BcryptCost::MIN;

    #[test]
    fn the_dummy_hash_is_well_formed_so_that_comparing_takes_time() {
        let hash = format!("$2b$04${DUMMY_HASH}");

        assert!(hash.parse::<HashParts>().is_ok());
    }

    /// A hash of the password `secret`, by
    /// `base64(hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 1000))`.
    const IMPORTED: &str = "pbkdf2_sha256$1000$salt$qN+JnzxPIE2WfgrWPAkph8EAVeuwF7PZ0ordIY1Peq0=";

    #[test]
    fn every_mismatch_takes_the_same_work() {
        let comparer = Comparer::new(BcryptCost::new(6).unwrap());
        let secret = Password::claimed("secret");
        let [low, usual] =
            [COST, BcryptCost::new(6).unwrap()].map(|cost| hash(&secret, cost).unwrap());
        let stored = |text| Stored::parse(text, comparer.cost);
        let cases =
            [stored(IMPORTED), stored(low.as_str()), stored(usual.as_str()), stored("!"), None];

        assert_eq!(
            cases.iter().map(Option::is_some).collect::<Vec<_>>(),
            [true, true, true, false, false]
        );
        for (n, case) in cases.iter().enumerate() {
            let want = (Verdict::Mismatch, Work { rounds: 64, iterations: 1000 });
            assert_eq!(comparer.compare("wrong", case.as_ref()), want, "case {n}");
        }
        let matching = cases.iter().map(|case| comparer.compare("secret", case.as_ref()).0);
        let [outdated, other] = [Verdict::MatchOutdated, Verdict::Mismatch];
        assert_eq!(
            matching.collect::<Vec<_>>(),
            [outdated, outdated, Verdict::Match, other, other]
        );
    }

    #[test]
    fn work_for_imported_hashes_begins_with_the_first() {
        let comparer = Comparer::new(COST);

        assert_eq!(comparer.compare("wrong", None).1, Work { rounds: 16, iterations: 0 });
    }

    /// Parses every hash, and compares a password with those that take little time.
    #[test]
    fn fuzz_password_hashes() {
        let (password, comparer) = (Password::claimed("correct horse 7"), Comparer::new(COST));
        bolero::check!(name = "password_hashes").with_iterations(256).for_each(|input: &[u8]| {
            let text = String::from_utf8_lossy(input);
            match Stored::parse(&text, COST) {
                None => {}
                Some(Stored::Bcrypt { hash, cost }) => {
                    assert_eq!(text, format!("{BCRYPT}${hash}"));
                    assert!((4..=MAX_STORED_COST).contains(&cost));
                    if cost <= 5 {
                        let stored = Stored::Bcrypt { hash, cost };
                        let (verdict, _) = comparer.compare(password.expose(), Some(&stored));
                        assert_eq!(verdict, Verdict::Mismatch);
                    }
                }
                Some(Stored::Pbkdf2(hash)) => {
                    assert!((1..=MAX_ITERATIONS).contains(&hash.iterations));
                    assert!(text.ends_with(&format!("${}${}", hash.salt, hash.result)));
                    assert!(!hash.salt.is_empty() && !hash.salt.contains('$'));
                    assert!(hash.iterations > 1_000 || !hash.matches(password.expose()));
                }
            }
        });
    }
}
