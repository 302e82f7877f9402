//! Password hashes, checked against vectors made by Django 4.1.
#![expect(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::num::NonZeroUsize;
use std::sync::Arc;

use application::ports::{PasswordHasher, Verdict};
use credentials::{BcryptCost, BcryptHasher, HashingLimits};
use domain::{Password, PasswordHash};

const PLAIN: &str = "correct horse";
const BEYOND_ASCII: &str = "pässwörd Ж 🦀";

fn hasher_of_cost(cost: u32) -> BcryptHasher {
    let limits = HashingLimits { threads: NonZeroUsize::MIN, waiting: 8 };
    BcryptHasher::start(BcryptCost::new(cost).unwrap(), limits).unwrap()
}

async fn hasher() -> Arc<dyn PasswordHasher> {
    Arc::new(BcryptHasher::start(BcryptCost::MIN, HashingLimits::of_this_machine()).unwrap())
}

testkit::password_hasher_contract!(hasher);

/// 4,000 characters. Only the last one differs from [`other_long`].
fn long() -> String {
    "x".repeat(3_999) + "y"
}

fn other_long() -> String {
    "x".repeat(4_000)
}

async fn verdict(hasher: &BcryptHasher, password: &str, hash: &str) -> Verdict {
    hasher.verify(Password::claimed(password), Some(PasswordHash::new(hash))).await.unwrap()
}

#[tokio::test]
async fn bcrypt_hashes_of_django_match() {
    let hasher = hasher_of_cost(4);
    let long = long();
    let cases = [
        (PLAIN, "bcrypt_sha256$$2b$04$6vK3/TieJ5mcHd5LkixMFunA1NEUIotnfsCkfJKNstaR2gvwISF/a"),
        (
            BEYOND_ASCII,
            "bcrypt_sha256$$2b$04$eKxNcZYohLFGLpyr7zcoku/FZA1RYEJFNuoLiP4tZdnRtgVcar1F.",
        ),
        (&long, "bcrypt_sha256$$2b$04$/sFpWmTLuY401hoGzjzJnuy5d/jlxeThJSx2SH5ok25BMuYqPYp.q"),
    ];

    for (password, hash) in cases {
        assert_eq!(verdict(&hasher, password, hash).await, Verdict::Match, "hash: {hash}");
        assert_eq!(verdict(&hasher, "other", hash).await, Verdict::Mismatch, "hash: {hash}");
        assert_eq!(verdict(&hasher, &other_long(), hash).await, Verdict::Mismatch, "hash: {hash}");
    }
}

#[tokio::test]
async fn a_match_of_another_cost_is_outdated() {
    let hash = "bcrypt_sha256$$2b$05$L6JHFkbWb4F4.DUZPSIUtO6y0LfAAWI3f3hu1KE1CDte6aP2At.uq";

    for (cost, want) in
        [(4, Verdict::MatchOutdated), (5, Verdict::Match), (6, Verdict::MatchOutdated)]
    {
        let hasher = hasher_of_cost(cost);
        assert_eq!(verdict(&hasher, PLAIN, hash).await, want, "cost: {cost}");
        assert_eq!(verdict(&hasher, "other", hash).await, Verdict::Mismatch, "cost: {cost}");
    }
}

#[tokio::test]
async fn pbkdf2_hashes_of_django_match_and_are_outdated() {
    let hasher = hasher_of_cost(4);
    let long = long();
    let cases = [
        (
            PLAIN,
            "pbkdf2_sha256$1000$seasalt1234567890abcde$WRCDrV/lUfwiwZ6E4g0pAfVZ/NbQbI7F/emyw9mTLBM=",
        ),
        (
            BEYOND_ASCII,
            "pbkdf2_sha256$1000$seasalt1234567890abcde$Iy8q8CBVr5Vw67K8BoOI2LLhxrf3ecd/eHyuWyU63L8=",
        ),
        (
            &long,
            "pbkdf2_sha256$1000$seasalt1234567890abcde$obg6YfYRJVElDGmn10dFVxAESygTtl/twYc9ngFrsVw=",
        ),
        (
            "pässwörd 1",
            "pbkdf2_sha256$390000$seasalt1234567890abcde$13H9yB1H+uw+f41/iBKpMof/KFgbrYaRvXMRbnuIHwA=",
        ),
    ];

    for (password, hash) in cases {
        assert_eq!(verdict(&hasher, password, hash).await, Verdict::MatchOutdated, "hash: {hash}");
        assert_eq!(verdict(&hasher, "other", hash).await, Verdict::Mismatch, "hash: {hash}");
    }
}

#[tokio::test]
async fn malformed_hashes_match_nothing() {
    let hasher = hasher_of_cost(4);
    let malformed = [
        "",
        "!",
        "!s4qO61EbfJur3mG8gQL8EXDx1qptwl0PPaZ3lkN1",
        "correct horse",
        "md5$salt$d1",
        "bcrypt_sha256",
        "bcrypt_sha256$",
        "bcrypt_sha256$$2b$04$short",
        "bcrypt_sha256$$2b$31$6vK3/TieJ5mcHd5LkixMFunA1NEUIotnfsCkfJKNstaR2gvwISF/a",
        "bcrypt_sha256$$2b$00$6vK3/TieJ5mcHd5LkixMFunA1NEUIotnfsCkfJKNstaR2gvwISF/a",
        "bcrypt_sha256$$2b$04$éK3/TieJ5mcHd5LkixMFunA1NEUIotnfsCkfJKNstaR2gvwISF/a",
        "pbkdf2_sha256$1000$salt",
        "pbkdf2_sha256$1000$salt$",
        "pbkdf2_sha256$1000$salt$AA==",
        "pbkdf2_sha256$0$seasalt1234567890abcde$WRCDrV/lUfwiwZ6E4g0pAfVZ/NbQbI7F/emyw9mTLBM=",
        "pbkdf2_sha256$-1$seasalt1234567890abcde$WRCDrV/lUfwiwZ6E4g0pAfVZ/NbQbI7F/emyw9mTLBM=",
        "pbkdf2_sha256$4000000000$seasalt$WRCDrV/lUfwiwZ6E4g0pAfVZ/NbQbI7F/emyw9mTLBM=",
        "pbkdf2_sha256$1000$$WRCDrV/lUfwiwZ6E4g0pAfVZ/NbQbI7F/emyw9mTLBM=",
    ];

    for hash in malformed {
        assert_eq!(verdict(&hasher, PLAIN, hash).await, Verdict::Mismatch, "hash: {hash}");
    }
}

#[tokio::test]
async fn a_new_hash_has_djangos_format_and_a_salt() {
    let hasher = hasher_of_cost(4);
    let first = hasher.hash(Password::claimed(BEYOND_ASCII)).await.unwrap();
    let second = hasher.hash(Password::claimed(BEYOND_ASCII)).await.unwrap();

    assert!(first.as_str().starts_with("bcrypt_sha256$$2b$04$"));
    assert_eq!(first.as_str().len(), "bcrypt_sha256$".len() + 60);
    assert_ne!(first, second);
    assert_eq!(verdict(&hasher, BEYOND_ASCII, first.as_str()).await, Verdict::Match);
}
