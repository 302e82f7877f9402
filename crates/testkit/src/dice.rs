//! Chance that can be repeated.

use std::hash::{BuildHasher as _, RandomState};

/// Names the seed of random tests; without it every run has another.
const SEED: &str = "CHAT_TEST_SEED";

/// A source of chance. It says by which seed a run can be repeated, at its start
/// and again when a test fails.
#[derive(Debug)]
pub struct Dice {
    seed: u64,
    state: u64,
}

impl Dice {
    /// By the seed that the environment names, or one that nobody knows.
    #[must_use]
    pub fn cast() -> Self {
        let seed = match std::env::var(SEED) {
            Ok(seed) => seed.parse().unwrap_or_else(|_| panic!("{SEED} is a number, not {seed}")),
            Err(_) => RandomState::new().hash_one(SEED),
        };
        let dice = Self { seed, state: seed };
        dice.tell();
        dice
    }

    /// A number below `end`, which is above 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// True so often out of a hundred times.
    pub fn percent(&mut self, often: usize) -> bool {
        self.below(100) < often
    }

    /// One of these, of which there is one at least.
    pub fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// One of these, each as often as its weight says.
    pub fn weighed<T: Copy>(&mut self, all: &[(usize, T)]) -> T {
        let mut left = self.below(all.iter().map(|(weight, _)| weight).sum());
        for (weight, one) in all {
            if left < *weight {
                return *one;
            }
            left -= weight;
        }
        unreachable!("it is below the sum")
    }

    /// By the rule called `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn tell(&self) {
        eprintln!("{SEED}={}", self.seed);
    }
}

impl Drop for Dice {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.tell();
        }
    }
}
