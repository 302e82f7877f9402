//! Random numbers that can be repeated.

use std::hash::{BuildHasher as _, RandomState};

/// The environment variable of the seed. Without it, every run has another seed.
const SEED: &str = "CHAT_TEST_SEED";

/// A seeded random number generator. It prints its seed at the start, and again
/// when a test fails, so that the run can be repeated.
#[derive(Debug)]
pub struct Dice {
    seed: u64,
    state: u64,
}

impl Dice {
    /// Uses the seed of the environment, or a random one.
    #[must_use]
    pub fn cast() -> Self {
        let seed = match std::env::var(SEED) {
            Ok(seed) => {
                seed.parse().unwrap_or_else(|_| panic!("{SEED} must be a number, not {seed}"))
            }
            Err(_) => RandomState::new().hash_one(SEED),
        };
        let dice = Self { seed, state: seed };
        dice.print_seed();
        dice
    }

    /// A number below `end`, which is above 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// True with this probability.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Panics if `all` is empty.
    pub fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// One of the values, with a probability in proportion to its weight.
    pub fn weighed<T: Copy>(&mut self, all: &[(usize, T)]) -> T {
        let mut left = self.below(all.iter().map(|(weight, _)| weight).sum());
        for (weight, value) in all {
            if left < *weight {
                return *value;
            }
            left -= weight;
        }
        unreachable!("`left` is below the sum of the weights")
    }

    /// `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn print_seed(&self) {
        eprintln!("{SEED}={}", self.seed);
    }
}

impl Drop for Dice {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.print_seed();
        }
    }
}
