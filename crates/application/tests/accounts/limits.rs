use std::sync::Arc;
use std::time::Duration;

use application::LimitRules;
use application::accounts::{RegisterError, SignInError};
use application::ports::{
    AccountStore as _, BackendError, Backoff, PasswordHasher, Quota, RetryAfter, Verdict,
};
use async_trait::async_trait;
use domain::{Password, PasswordHash};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use testkit::values::wide_limits;
use tokio::task::JoinSet;

use crate::world::{HOME, PASSWORD, Place, World, limited_world, registration};

const MINUTE: Duration = Duration::from_mins(1);
const MONTH: Duration = Duration::from_hours(30 * 24);
const WRONG: &str = "wrong horse";

fn rules() -> LimitRules {
    LimitRules {
        credentials_by_address: Quota::new(60, MINUTE, 20),
        failed_sign_ins: Backoff { free: 5, longest: 15 * MINUTE, forgotten_after: 60 * MINUTE },
        sign_ins_from_new_addresses: Quota::new(12, 60 * MINUTE, 3),
        known_address: MONTH,
        registrations_by_address: Quota::new(3, 60 * MINUTE, 3),
        ..wide_limits()
    }
}

fn stranger(number: u8) -> Place {
    Place([203, 0, 113, number])
}

/// Somebody who has registered at home.
async fn with_alice() -> World {
    let world = limited_world(rules());
    world.register("alice").await.unwrap();
    world
}

/// What a sign-in comes to: how long to wait, if it was not looked at.
async fn attempt(world: &World, place: Place, name: &str, password: &str) -> Result<bool, u64> {
    match world.sign_in_at(place, name, password).await {
        Ok(_) => Ok(true),
        Err(SignInError::NoActiveAccount) => Ok(false),
        Err(SignInError::Limited(RetryAfter(wait))) => Err(wait.as_secs()),
        Err(SignInError::Busy(busy)) => panic!("{busy}"),
        Err(SignInError::Backend(error)) => panic!("{error}"),
    }
}

#[tokio::test]
async fn failures_wait_longer_each_time_and_success_ends_that() {
    let world = with_alice().await;
    let mut waits = Vec::new();
    for _ in 0..9 {
        match attempt(&world, stranger(1), "alice", WRONG).await {
            Ok(_) => waits.push(0),
            Err(wait) => {
                waits.push(wait);
                world.clock.advance(Duration::from_secs(wait));
                assert_eq!(attempt(&world, stranger(1), "alice", WRONG).await, Ok(false));
            }
        }
    }
    assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8]);

    world.clock.advance(Duration::from_secs(16));
    assert_eq!(attempt(&world, stranger(1), "alice", PASSWORD).await, Ok(true));

    for _ in 0..5 {
        assert_eq!(attempt(&world, stranger(2), "alice", WRONG).await, Ok(false));
    }
    assert_eq!(attempt(&world, stranger(2), "alice", WRONG).await, Err(1));
}

/// No call may run or wait.
struct Full;

#[async_trait]
impl PasswordHasher for Full {
    fn places(&self) -> usize {
        0
    }

    async fn hash(&self, _: Password) -> Result<PasswordHash, BackendError> {
        panic!("there is no place")
    }

    async fn verify(&self, _: Password, _: Option<PasswordHash>) -> Result<Verdict, BackendError> {
        panic!("there is no place")
    }
}

#[tokio::test]
async fn a_sign_in_that_finds_no_place_is_not_counted() {
    let world = with_alice().await;
    for _ in 0..9 {
        let got = world.sign_in_with(Arc::new(Full), "alice", WRONG).await;
        assert!(matches!(got, Err(SignInError::Busy(_))), "{got:?}");
    }

    assert_eq!(attempt(&world, HOME, "alice", PASSWORD).await, Ok(true));
    assert_eq!(attempt(&world, stranger(1), "alice", WRONG).await, Ok(false));
}

#[tokio::test]
async fn unknown_names_are_slowed_down_like_known_ones_and_nothing_is_compared() {
    let world = with_alice().await;
    for name in ["alice", "nobody", "", "\u{1f980}"] {
        for _ in 0..5 {
            assert_eq!(attempt(&world, stranger(1), name, WRONG).await, Ok(false));
        }
        let before = world.hasher.compared();

        assert_eq!(attempt(&world, stranger(1), name, WRONG).await, Err(1), "name: {name}");
        assert_eq!(world.hasher.compared(), before, "name: {name}");
        world.clock.advance(MINUTE);
    }
}

#[tokio::test]
async fn an_address_that_tries_many_accounts_is_stopped_before_anything_is_compared() {
    let world = with_alice().await;
    let mut compared = 0;
    while attempt(&world, HOME, &format!("user{compared}"), WRONG).await == Ok(false) {
        compared += 1;
    }

    assert_eq!(compared, 20);
    assert_eq!(world.hasher.compared(), 20);
    assert_eq!(attempt(&world, HOME, "alice", PASSWORD).await, Err(1));
    assert_eq!(attempt(&world, stranger(1), "alice", PASSWORD).await, Ok(true));
}

#[tokio::test]
async fn whoever_guesses_where_the_owner_is_waits_as_well() {
    let world = with_alice().await;
    for _ in 0..5 {
        assert_eq!(attempt(&world, HOME, "alice", WRONG).await, Ok(false));
    }

    assert_eq!(attempt(&world, HOME, "alice", PASSWORD).await, Err(1));
    assert_eq!(attempt(&world, stranger(1), "alice", PASSWORD).await, Ok(true));
}

#[tokio::test]
async fn an_address_is_known_after_one_success_and_for_a_time() {
    let world = with_alice().await;
    let office = stranger(200);
    assert_eq!(attempt(&world, office, "alice", PASSWORD).await, Ok(true));
    let attacked = async || {
        for number in 0..20 {
            while attempt(&world, stranger(number), "alice", WRONG).await.is_ok() {}
        }
    };

    attacked().await;
    assert_eq!(attempt(&world, office, "alice", PASSWORD).await, Ok(true));

    world.clock.advance(MONTH);
    attacked().await;
    assert!(attempt(&world, office, "alice", PASSWORD).await.is_err());
}

#[tokio::test]
async fn a_restart_forgets_failures_and_no_address() {
    let world = with_alice().await.restarted(rules());
    while attempt(&world, stranger(1), "alice", WRONG).await.is_ok() {}

    assert_eq!(attempt(&world, HOME, "alice", PASSWORD).await, Ok(true));
}

#[tokio::test]
async fn an_address_in_use_stays_known() {
    let world = with_alice().await;
    for _ in 0..10 {
        world.clock.advance(MONTH * 2 / 3);
        while attempt(&world, stranger(1), "alice", WRONG).await.is_ok() {}

        assert_eq!(attempt(&world, HOME, "alice", PASSWORD).await, Ok(true));
    }
}

/// Otherwise a whole list could be tried in the time of one comparison.
#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_guesses_only_the_free_ones_are_compared() {
    let world = Arc::new(with_alice().await);
    let mut guesses = JoinSet::new();
    for number in 0..50 {
        let world = Arc::clone(&world);
        guesses
            .spawn(async move { attempt(&world, stranger(number), "alice", WRONG).await.is_ok() });
    }

    guesses.join_all().await;

    let (free, from_new_addresses) = (5, 3);
    assert_eq!(world.hasher.compared(), free + from_new_addresses);
}

#[tokio::test]
async fn an_owner_under_attack_gets_in_from_new_addresses() {
    let world = with_alice().await;
    while attempt(&world, stranger(1), "alice", WRONG).await.is_ok() {}

    // More often than the lane allows failures.
    for number in 10..20 {
        assert_eq!(attempt(&world, stranger(number), "alice", PASSWORD).await, Ok(true));
        // The account knows the address by now.
        assert_eq!(attempt(&world, stranger(number), "alice", PASSWORD).await, Ok(true));
    }
    assert!(attempt(&world, stranger(1), "alice", PASSWORD).await.is_err());
}

#[tokio::test]
async fn each_guess_during_a_wait_costs_a_fresh_address() {
    let world = with_alice().await;
    while attempt(&world, stranger(1), "alice", WRONG).await.is_ok() {}
    // Refused attempts take nothing from the slow lane.
    for _ in 0..10 {
        assert_eq!(attempt(&world, stranger(1), "alice", PASSWORD).await, Err(1));
    }

    for number in [2, 3, 4] {
        assert_eq!(attempt(&world, stranger(number), "alice", WRONG).await, Ok(false));
        assert_eq!(attempt(&world, stranger(number), "alice", PASSWORD).await, Err(1));
    }
    let before = world.hasher.compared();
    assert_eq!(attempt(&world, stranger(5), "alice", PASSWORD).await, Err(1));
    assert_eq!(world.hasher.compared(), before);
}

/// As many as both rates allow, from any number of addresses.
#[tokio::test]
async fn guesses_of_a_day_are_bounded() {
    let world = with_alice().await;
    let mut addresses = (0_u32..).map(|number| Place((0xac10_0000 + number).to_be_bytes()));

    for _ in 0..24 * 60 {
        while attempt(&world, addresses.next().unwrap(), "alice", WRONG).await.is_ok() {}
        world.clock.advance(MINUTE);
    }

    let (by_waits, from_new_addresses) = (15 + 24 * 4, 3 + 24 * 12);
    let compared = world.hasher.compared();
    assert!((from_new_addresses..=by_waits + from_new_addresses).contains(&compared), "{compared}");
}

#[tokio::test]
async fn an_address_registers_so_many_and_hashes_nothing_more() {
    let world = limited_world(rules());
    for name in ["alice", "bob", "carol"] {
        world.register(name).await.unwrap();
    }
    world.hasher.refuse_to_hash();

    let fourth = world.register("dave").await;

    let wait = 20 * MINUTE;
    assert!(matches!(fourth, Err(RegisterError::Limited(RetryAfter(got))) if got == wait));
    assert!(world.chat.by_username("dave").await.unwrap().is_none());
}

#[tokio::test]
async fn names_cannot_be_tried_out_without_end() {
    let world = with_alice().await;
    let taken = async || {
        let command = registration("alice");
        world.accounts.taken(HOME.client(), Some(&command.username), None).await
    };
    for _ in 0..20 {
        assert!(taken().await.unwrap().username);
    }

    assert!(matches!(taken().await, Err(RegisterError::Limited(_))));
    let nothing = world.accounts.taken(HOME.client(), None, None).await.unwrap();
    assert!(!nothing.username && !nothing.email);
}

#[tokio::test]
async fn asking_about_an_address_costs_a_registration() {
    let world = with_alice().await;
    let alice = registration("alice");
    for _ in 0..2 {
        let taken = world.accounts.taken(HOME.client(), None, Some(&alice.email)).await;
        assert!(taken.unwrap().email);
    }

    let third = world.accounts.taken(HOME.client(), None, Some(&alice.email)).await;

    assert!(matches!(third, Err(RegisterError::Limited(_))));
    assert!(matches!(world.register("bob").await, Err(RegisterError::Limited(_))));
}

#[tokio::test]
async fn a_taken_name_is_refused_before_a_password_is_hashed() {
    let world = with_alice().await;
    world.hasher.refuse_to_hash();

    let again = world.register("alice").await;

    assert!(matches!(again, Err(RegisterError::Taken(taken)) if taken.username && taken.email));
}

/// What happens around an account.
#[derive(Debug, Clone, Copy)]
enum Move {
    StrangersGuess { from: u8, guesses: u8 },
    TimePasses { seconds: u16 },
    OwnerSignsIn,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let guess =
        (any::<u8>(), 0..30_u8).prop_map(|(from, guesses)| Move::StrangersGuess { from, guesses });
    let pass = (0..2_000_u16).prop_map(|seconds| Move::TimePasses { seconds });
    prop::collection::vec(prop_oneof![4 => guess, 2 => pass, 1 => Just(Move::OwnerSignsIn)], 0..60)
}

async fn owner_gets_in(moves: Vec<Move>) -> Result<(), TestCaseError> {
    let world = with_alice().await;
    for step in moves.into_iter().chain([Move::OwnerSignsIn]) {
        match step {
            Move::StrangersGuess { from, guesses } => {
                for _ in 0..guesses {
                    let guess = attempt(&world, stranger(from), "alice", WRONG).await;
                    prop_assert_ne!(guess, Ok(true));
                }
            }
            Move::TimePasses { seconds } => {
                world.clock.advance(Duration::from_secs(seconds.into()));
            }
            Move::OwnerSignsIn => {
                // Nobody types faster.
                world.clock.advance(Duration::from_secs(1));
                prop_assert_eq!(attempt(&world, HOME, "alice", PASSWORD).await, Ok(true));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_strangers_do_the_owner_gets_in_from_the_usual_address(moves in moves()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(owner_gets_in(moves))?;
    }
}
