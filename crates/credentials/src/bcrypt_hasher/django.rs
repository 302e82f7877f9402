//! `algorithm$…`, the format in which Django stores passwords.

use std::fmt::Write as _;
use std::hint::black_box;
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

/// As long as the salts of Django.
const DUMMY_SALT: &str = "Yw2vTn8qLr5kXb0dHs7mPe";

/// Higher stored costs count as malformed: one comparison would take minutes.
const MAX_STORED_COST: u32 = 16;

/// More stored iterations count as malformed: one comparison would take minutes.
const MAX_ITERATIONS: u32 = 10_000_000;

/// Hashes with a new salt.
pub(super) fn hash(password: &Password, cost: BcryptCost) -> Result<PasswordHash, BcryptError> {
    let hash = bcrypt::non_truncating_hash(digest(password.expose()), cost.get())?;
    Ok(PasswordHash::new(format!("{BCRYPT}${hash}")))
}

/// The most PBKDF2 iterations that a mismatch does for others' sake: as many as Django 6.0 uses.
const MOST_BURNT_ITERATIONS: u32 = 1_200_000;

/// Compares passwords with stored hashes.
///
/// Every mismatch does the same work, even for unknown users and unknown hash formats, so that its
/// duration reveals nothing: a bcrypt comparison at `cost`, and as many PBKDF2 iterations as the
/// largest hash of that kind needs that was compared since the start. Only a stored hash that needs
/// more than that takes longer, and a password that is not typed in its prepared form takes two
/// comparisons.
#[derive(Debug)]
pub(super) struct Verifier {
    cost: BcryptCost,
    /// The most iterations of an imported hash so far. Without such hashes, nothing is burnt.
    iterations: AtomicU32,
}

impl Verifier {
    pub(super) fn new(cost: BcryptCost) -> Self {
        Self { cost, iterations: AtomicU32::new(0) }
    }

    pub(super) fn verify(&self, password: &Password, hash: Option<&PasswordHash>) -> Verdict {
        let compare = |text| self.compare(text, hash, &mut Work::default());
        match (compare(password.expose()), password.expose_typed()) {
            // The hash of the prepared form will replace that of the typed one.
            (Verdict::Mismatch, Some(typed)) => match compare(typed) {
                Verdict::Match | Verdict::MatchOutdated => Verdict::MatchOutdated,
                Verdict::Mismatch => Verdict::Mismatch,
            },
            (verdict, _) => verdict,
        }
    }

    fn compare(&self, password: &str, hash: Option<&PasswordHash>, work: &mut Work) -> Verdict {
        let verdict = match hash.and_then(|hash| Stored::parse(hash.as_str(), self.cost)) {
            None => Verdict::Mismatch,
            Some(Stored::Bcrypt { hash, cost }) => {
                if !work.bcrypt(password, hash, cost) {
                    Verdict::Mismatch
                } else if cost == self.cost.get() {
                    Verdict::Match
                } else {
                    Verdict::MatchOutdated
                }
            }
            Some(Stored::Pbkdf2(stored)) => {
                self.remember(stored.iterations);
                if stored.matches(password, work) {
                    Verdict::MatchOutdated
                } else {
                    Verdict::Mismatch
                }
            }
        };
        if verdict == Verdict::Mismatch {
            work.burn_up_to(self.target(), password);
        }
        verdict
    }

    fn remember(&self, iterations: u32) {
        self.iterations.fetch_max(iterations.min(MOST_BURNT_ITERATIONS), Ordering::Relaxed);
    }

    /// The work of each mismatch.
    fn target(&self) -> Work {
        Work {
            bcrypt_rounds: 1 << self.cost.get(),
            iterations: self.iterations.load(Ordering::Relaxed),
        }
    }
}

/// The work done for a comparison, counted by the functions that do it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Work {
    /// The sum of 2^cost.
    bcrypt_rounds: u64,
    /// Of PBKDF2.
    iterations: u32,
}

impl Work {
    /// `hash` is well-formed and has this cost.
    fn bcrypt(&mut self, password: &str, hash: &str, cost: u32) -> bool {
        self.bcrypt_rounds = self.bcrypt_rounds.saturating_add(1 << cost);
        bcrypt::non_truncating_verify(digest(password), hash).unwrap_or(false)
    }

    fn pbkdf2(&mut self, password: &str, salt: &str, iterations: u32) -> Option<[u8; 32]> {
        self.iterations = self.iterations.saturating_add(iterations);
        let mut result = [0; 32];
        let (password, salt) = (password.as_bytes(), salt.as_bytes());
        let derived = pbkdf2::pbkdf2::<Hmac<Sha256>>(password, salt, iterations, &mut result);
        derived.is_ok().then_some(result)
    }

    /// Does what is missing from `target`, without use for the results.
    fn burn_up_to(&mut self, target: Self, password: &str) {
        // What is missing is a sum of costs: 2^c = 2^s + (2^s + … + 2^(c-1)).
        while let Some(cost) =
            target.bcrypt_rounds.saturating_sub(self.bcrypt_rounds).checked_ilog2()
            && cost >= BcryptCost::MIN.get()
        {
            self.bcrypt(password, &format!("$2b${cost:02}${DUMMY_HASH}"), cost);
        }
        let missing = target.iterations.saturating_sub(self.iterations);
        if missing > 0 {
            black_box(self.pbkdf2(password, DUMMY_SALT, missing));
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

    fn matches(&self, password: &str, work: &mut Work) -> bool {
        let Some(result) = work.pbkdf2(password, self.salt, self.iterations) else { return false };
        STANDARD.encode(result).as_bytes().ct_eq(self.result.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use application::ports::Verdict;
    use bcrypt::HashParts;
    use domain::{Password, PasswordHash};

    use super::{
        BCRYPT, DUMMY_HASH, MAX_ITERATIONS, MAX_STORED_COST, MOST_BURNT_ITERATIONS, Stored,
        Verifier, Work, hash,
    };
    use crate::BcryptCost;

    const IMPORTED: &str =
        "pbkdf2_sha256$1000$seasalt1234567890abcde$WRCDrV/lUfwiwZ6E4g0pAfVZ/NbQbI7F/emyw9mTLBM=";

    fn verifier() -> Verifier {
        Verifier::new(BcryptCost::new(6).unwrap())
    }

    fn bcrypt(cost: u32) -> PasswordHash {
        hash(&Password::claimed("right"), BcryptCost::new(cost).unwrap()).unwrap()
    }

    /// What a comparison that fails does.
    fn work(verifier: &Verifier, hash: Option<&PasswordHash>) -> Work {
        let mut work = Work::default();
        assert_eq!(verifier.compare("wrong", hash, &mut work), Verdict::Mismatch, "{hash:?}");
        work
    }

    #[test]
    fn the_dummy_hash_is_well_formed_so_that_comparing_takes_time() {
        let hash = format!("$2b$04${DUMMY_HASH}");

        assert!(hash.parse::<HashParts>().is_ok());
    }

    /// An unknown user, an unusable hash, bcrypt of every cost up to ours, and PBKDF2.
    #[test]
    fn every_mismatch_does_the_same_work() {
        let verifier = verifier();
        let smaller = IMPORTED.replace("$1000$", "$10$");
        let texts = ["!unusable", "md5$salt$d1", IMPORTED, &smaller];
        let hashes = texts.map(PasswordHash::new).into_iter().chain([4, 5, 6].map(bcrypt));
        let hashes: Vec<_> = hashes.map(Some).chain([None]).collect();
        let bcrypt_rounds = 64;

        let unknown = work(&verifier, None);
        work(&verifier, Some(&PasswordHash::new(IMPORTED)));

        assert_eq!(unknown, Work { bcrypt_rounds, iterations: 0 }, "nothing was imported");
        for hash in &hashes {
            let want = Work { bcrypt_rounds, iterations: 1_000 };
            assert_eq!(work(&verifier, hash.as_ref()), want, "{hash:?}");
        }
    }

    #[test]
    fn a_match_of_an_imported_hash_makes_mismatches_equal() {
        let verifier = verifier();
        let imported = PasswordHash::new(IMPORTED);

        let verdict = verifier.verify(&Password::claimed("correct horse"), Some(&imported));

        assert_eq!(verdict, Verdict::MatchOutdated);
        assert_eq!(work(&verifier, None).iterations, 1_000);
    }

    #[test]
    fn one_extreme_hash_does_not_slow_down_every_mismatch() {
        let verifier = verifier();

        verifier.remember(10_000_000);

        assert_eq!(verifier.target().iterations, MOST_BURNT_ITERATIONS);
    }

    #[test]
    fn a_costlier_hash_does_no_work_beyond_its_own() {
        let want = Work { bcrypt_rounds: 128, iterations: 0 };

        assert_eq!(work(&verifier(), Some(&bcrypt(7))), want);
    }

    /// Parses every hash, and compares a password with those that take little time.
    #[test]
    fn fuzz_password_hashes() {
        let (password, verifier) =
            (Password::claimed("correct horse 7"), Verifier::new(BcryptCost::MIN));
        bolero::check!(name = "password_hashes").with_iterations(256).for_each(|input: &[u8]| {
            let text = String::from_utf8_lossy(input);
            match Stored::parse(&text, BcryptCost::MIN) {
                None => {}
                Some(Stored::Bcrypt { hash, cost }) => {
                    assert_eq!(text, format!("{BCRYPT}${hash}"));
                    assert!((4..=MAX_STORED_COST).contains(&cost));
                    if cost <= 5 {
                        let hash = PasswordHash::new(&*text);
                        let verdict = verifier.verify(&password, Some(&hash));
                        assert_eq!(verdict, Verdict::Mismatch);
                    }
                }
                Some(Stored::Pbkdf2(hash)) => {
                    assert!((1..=MAX_ITERATIONS).contains(&hash.iterations));
                    assert!(text.ends_with(&format!("${}${}", hash.salt, hash.result)));
                    assert!(!hash.salt.is_empty() && !hash.salt.contains('$'));
                    assert!(
                        hash.iterations > 1_000
                            || !hash.matches(password.expose(), &mut Work::default())
                    );
                }
            }
        });
    }
}
