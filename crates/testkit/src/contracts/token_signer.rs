//! The contract of [`application::ports::TokenSigner`].
//!
//! Tokens that the port itself never signs (other algorithms, missing claims)
//! are tested by the adapter.
#![expect(clippy::unused_async, reason = "all cases of all contracts run the same way")]

use std::sync::Arc;

use application::ports::{Audience, Claims, PresentedToken, TokenError, TokenKind, TokenSigner};
use domain::{SessionId, Timestamp, TokenId, UserId};

use crate::values::{at, username};

/// Runs every case of the contract as its own test.
///
/// `$signer` is an `async fn() -> Arc<dyn TokenSigner>`.
#[macro_export]
macro_rules! token_signer_contract {
    ($signer:ident) => {
        $crate::contract_cases! { token_signer, $signer,
            a_token_contains_the_signed_claims,
            an_access_token_is_for_one_audience,
            equal_claims_make_equal_tokens,
            every_claim_changes_the_token,
            a_token_is_invalid_from_its_expiry_on,
            a_token_from_a_slightly_fast_clock_is_valid,
            damaged_and_forged_tokens_are_invalid,
        }
    };
}

type Signer = Arc<dyn TokenSigner>;

fn claims() -> Claims {
    Claims {
        kind: TokenKind::Refresh,
        expires_at: at(2_000),
        issued_at: at(1_000),
        id: TokenId::of(SessionId::new(u64::MAX), 7),
        user: UserId::new(i64::MAX),
        username: username("Ада.b+c-d_e@f"),
        audience: Audience::Compat,
    }
}

pub async fn a_token_contains_the_signed_claims(signer: Signer) {
    for (kind, text) in [(TokenKind::Access, "access"), (TokenKind::Refresh, "refresh")] {
        let claims = Claims { kind, ..claims() };

        let token = signer.sign(&claims).unwrap();
        let got = signer.read(&token, at(1_500)).unwrap();

        let want = PresentedToken {
            kind: Some(text.to_owned()),
            expires_at: claims.expires_at,
            issued_at: Some(claims.issued_at),
            id: Some(claims.id.clone()),
            names_user: true,
            user: Some(claims.user),
            audience: Some(Audience::Compat),
        };
        assert_eq!(got, want);
        assert_eq!(got.expect(kind), Ok(&claims.id));
    }
}

pub async fn an_access_token_is_for_one_audience(signer: Signer) {
    for (audience, other) in [(Audience::Compat, Audience::V1), (Audience::V1, Audience::Compat)] {
        let claims = Claims { kind: TokenKind::Access, audience, ..claims() };

        let token = signer.read(&signer.sign(&claims).unwrap(), at(1_500)).unwrap();

        assert_eq!(token.expect_access(audience), Ok(&claims.id));
        assert_eq!(token.expect_access(other), Err(TokenError::Invalid));
    }
}

/// A replay within the grace needs this to get the same successor.
pub async fn equal_claims_make_equal_tokens(signer: Signer) {
    assert_eq!(signer.sign(&claims()).unwrap(), signer.sign(&claims()).unwrap());
}

pub async fn every_claim_changes_the_token(signer: Signer) {
    let variants = [
        claims(),
        Claims { kind: TokenKind::Access, ..claims() },
        Claims { expires_at: at(2_001), ..claims() },
        Claims { issued_at: at(1_001), ..claims() },
        Claims { id: TokenId::of(SessionId::new(1), 7), ..claims() },
        Claims { user: UserId::new(1), ..claims() },
        Claims { username: username("other"), ..claims() },
        Claims { audience: Audience::V1, ..claims() },
    ];

    let mut tokens: Vec<_> = variants.iter().map(|variant| signer.sign(variant).unwrap()).collect();
    tokens.sort();
    tokens.dedup();

    assert_eq!(tokens.len(), variants.len());
}

/// Exact to the microsecond, without leeway.
pub async fn a_token_is_invalid_from_its_expiry_on(signer: Signer) {
    let token = signer.sign(&claims()).unwrap();
    let last = Timestamp::from_micros(at(2_000).micros() - 1);

    assert!(signer.read(&token, last).is_ok());
    assert_eq!(signer.read(&token, at(2_000)), Err(TokenError::Invalid));
    assert_eq!(signer.read(&token, at(9_000)), Err(TokenError::Invalid));
}

/// By up to 5 seconds.
pub async fn a_token_from_a_slightly_fast_clock_is_valid(signer: Signer) {
    let token = signer.sign(&claims()).unwrap();

    assert!(signer.read(&token, at(1_000)).is_ok());
    assert!(signer.read(&token, at(995)).is_ok());
    assert_eq!(signer.read(&token, at(994)), Err(TokenError::Invalid));
}

/// Empty, cut, or with one character changed anywhere.
pub async fn damaged_and_forged_tokens_are_invalid(signer: Signer) {
    let token = signer.sign(&claims()).unwrap();
    let mut forgeries: Vec<String> =
        ["", ".", "..", "a.b.c", " ", "é.é.é"].map(str::to_owned).into();
    forgeries.push(token.chars().take(token.chars().count() / 2).collect());
    forgeries.push(format!("{token}x"));
    for index in 0..token.chars().count() - 1 {
        let swap = |(n, c)| match (n == index, c) {
            (false, c) => c,
            (true, 'A') => 'B',
            (true, _) => 'A',
        };
        forgeries.push(token.chars().enumerate().map(swap).collect());
    }

    for forgery in forgeries {
        let got = signer.read(&forgery, at(1_500));
        assert_eq!(got, Err(TokenError::Invalid), "accepted: {forgery}");
    }
}
