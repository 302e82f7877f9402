//! The contract of [`application::ports::PasswordHasher`].

use std::sync::Arc;

use application::ports::{PasswordHasher, Verdict};
use domain::{Password, PasswordHash};
use futures_util::future::join_all;

/// Runs every case of the contract as its own test.
///
/// `$hasher` is an `async fn() -> Arc<dyn PasswordHasher>`. Use the lowest cost.
#[macro_export]
macro_rules! password_hasher_contract {
    ($hasher:ident) => {
        $crate::contract_cases! { password_hasher, $hasher,
            a_password_matches_its_hash_and_no_other,
            equal_passwords_have_different_hashes,
            every_character_of_a_password_counts,
            a_password_matches_however_it_is_typed,
            an_unknown_user_never_matches,
            a_malformed_hash_never_matches,
            parallel_calls_get_their_own_answers,
        }
    };
}

type Hasher = Arc<dyn PasswordHasher>;

fn password(text: &str) -> Password {
    Password::claimed(text)
}

async fn verify(hasher: &Hasher, text: &str, hash: &PasswordHash) -> Verdict {
    hasher.verify(password(text), Some(hash.clone())).await.unwrap()
}

pub async fn a_password_matches_its_hash_and_no_other(hasher: Hasher) {
    let hash = hasher.hash(password("correct horse")).await.unwrap();

    assert_eq!(verify(&hasher, "correct horse", &hash).await, Verdict::Match);
    for other in ["Correct horse", "correct  horse", "correct hors", "", "battery staple"] {
        assert_eq!(verify(&hasher, other, &hash).await, Verdict::Mismatch, "{other:?}");
    }
}

/// Because of their salts. Both match.
pub async fn equal_passwords_have_different_hashes(hasher: Hasher) {
    let first = hasher.hash(password("twice used")).await.unwrap();
    let second = hasher.hash(password("twice used")).await.unwrap();

    assert_ne!(first, second);
    assert_eq!(verify(&hasher, "twice used", &first).await, Verdict::Match);
    assert_eq!(verify(&hasher, "twice used", &second).await, Verdict::Match);
}

/// At any length and in any script.
pub async fn every_character_of_a_password_counts(hasher: Hasher) {
    let long = "a".repeat(10_000);
    let cases = [
        ("past 72 bytes", format!("{}b", "a".repeat(72)), format!("{}c", "a".repeat(72))),
        ("very long", format!("{long}b"), format!("{long}c")),
        ("cyrillic", "пароль1".to_owned(), "пароль2".to_owned()),
        ("accents", "éèé".to_owned(), "ééé".to_owned()),
        ("a null character", "before\0one".to_owned(), "before\0two".to_owned()),
    ];
    for (name, right, wrong) in cases {
        let hash = hasher.hash(password(&right)).await.unwrap();
        assert_eq!(verify(&hasher, &right, &hash).await, Verdict::Match, "case: {name}");
        assert_eq!(verify(&hasher, &wrong, &hash).await, Verdict::Mismatch, "case: {name}");
    }
}

/// Because it is prepared before it is hashed.
pub async fn a_password_matches_however_it_is_typed(hasher: Hasher) {
    let hash = hasher.hash(password("cafe\u{301} １２３ ")).await.unwrap();

    for typed in ["caf\u{e9} 123", "cafe\u{301} 123", " caf\u{e9}\u{a0}１２３\n"] {
        assert_eq!(verify(&hasher, typed, &hash).await, Verdict::Match, "{typed:?}");
    }
    for other in ["cafe 123", "CAF\u{c9} 123", "caf\u{e9}123"] {
        assert_eq!(verify(&hasher, other, &hash).await, Verdict::Mismatch, "{other:?}");
    }
}

pub async fn an_unknown_user_never_matches(hasher: Hasher) {
    for claimed in ["", "password", "correct horse"] {
        let verdict = hasher.verify(password(claimed), None).await.unwrap();
        assert_eq!(verdict, Verdict::Mismatch, "{claimed:?}");
    }
}

/// Including Django's mark of an account without a password.
pub async fn a_malformed_hash_never_matches(hasher: Hasher) {
    for hash in ["", "!", "!unusable", "md5$salt$abc", "bcrypt_sha256$", "pbkdf2_sha256$0$$", "$$$"]
    {
        let verdict = verify(&hasher, "password", &PasswordHash::new(hash)).await;
        assert_eq!(verdict, Verdict::Mismatch, "{hash:?}");
    }
}

pub async fn parallel_calls_get_their_own_answers(hasher: Hasher) {
    let tries = (0..8).map(|n| {
        let hasher = Arc::clone(&hasher);
        tokio::spawn(async move {
            let hash = hasher.hash(password(&format!("secret {n}"))).await.unwrap();
            let right = verify(&hasher, &format!("secret {n}"), &hash).await;
            let wrong = verify(&hasher, &format!("secret {}", n + 1), &hash).await;
            (right, wrong)
        })
    });

    for verdicts in join_all(tries).await {
        assert_eq!(verdicts.unwrap(), (Verdict::Match, Verdict::Mismatch));
    }
}
