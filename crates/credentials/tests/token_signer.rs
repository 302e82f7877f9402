//! Tokens, checked against those of the reference and against forgeries.
#![expect(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::sync::Arc;

use application::ports::{Audience, Claims, PresentedToken, TokenError, TokenKind, TokenSigner};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credentials::{JwtSigner, SigningKey};
use domain::{SessionId, Timestamp, TokenId, UserId, Username};
use jsonwebtoken::{Algorithm, EncodingKey};
use proptest::prelude::*;
use serde_json::{Value, json};

const SECRET: &[u8] = b"a key of thirty-two bytes, or so!";
const NOW: i64 = 1_767_225_600;

/// Made by `PyJWT` 2.6 from [`claims`].
const REFERENCE_TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzY3MjI3NDAwLCJpYXQiOjE3NjcyMjU2MDAsImp0aSI6ImZlZWQwMDAwMDAwMDAwMDEwMDAwMDAwMDAwMDAwMDA3IiwidXNlcl9pZCI6NDIsInVzZXJuYW1lIjoiYmVldGxlIn0.NyXfyxWgiB29aPVEhmUWPQMgWFyIGChkzZQhLy5-Flw";

fn signer() -> JwtSigner {
    JwtSigner::new(SigningKey::new(SECRET))
}

async fn fresh() -> Arc<dyn TokenSigner> {
    Arc::new(signer())
}

testkit::token_signer_contract!(fresh);

fn claims() -> Claims {
    Claims {
        kind: TokenKind::Access,
        expires_at: at(NOW + 1_800),
        issued_at: at(NOW),
        id: TokenId::of(SessionId::new(0xfeed_0000_0000_0001), 7),
        user: UserId::new(42),
        username: Username::parse("beetle").unwrap(),
        audience: Audience::Compat,
    }
}

fn presented() -> PresentedToken {
    PresentedToken {
        kind: Some("access".into()),
        expires_at: at(NOW + 1_800),
        issued_at: Some(at(NOW)),
        id: Some(claims().id),
        names_user: true,
        user: Some(UserId::new(42)),
        audience: Some(Audience::Compat),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// The payload of [`claims`] with `changes`. `null` removes a claim.
fn payload(changes: &Value) -> Value {
    let mut payload = json!({
        "token_type": "access", "exp": NOW + 1_800, "iat": NOW,
        "jti": "feed0000000000010000000000000007", "user_id": 42, "username": "beetle",
    });
    let claims = payload.as_object_mut().unwrap();
    for (claim, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.remove(claim),
            value => claims.insert(claim.clone(), value.clone()),
        };
    }
    payload
}

/// A correctly signed token with any header and payload.
fn forged(header: &str, payload: &[u8]) -> String {
    // Creating a signer installs the provider that signs below.
    drop(signer());
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let message = format!("{}.{}", encode(header.as_bytes()), encode(payload));
    let key = EncodingKey::from_secret(SECRET);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn read(payload: &str) -> Result<PresentedToken, TokenError> {
    signer().read(&forged(r#"{"alg":"HS256","typ":"JWT"}"#, payload.as_bytes()), at(NOW))
}

#[test]
fn a_token_equals_that_of_the_reference_byte_for_byte() {
    assert_eq!(signer().sign(&claims()).unwrap(), REFERENCE_TOKEN);
    assert_eq!(signer().read(REFERENCE_TOKEN, at(NOW)), Ok(presented()));
}

#[test]
fn tokens_for_v1_name_their_issuer_and_audience() {
    let ours = signer().sign(&Claims { audience: Audience::V1, ..claims() }).unwrap();
    let payload_of_ours = URL_SAFE_NO_PAD.decode(ours.split('.').nth(1).unwrap()).unwrap();
    let payload_of_ours: Value = serde_json::from_slice(&payload_of_ours).unwrap();
    let (iss, aud) = ("online-chat", "/api/v1");
    let cases = [
        (json!({}), Some(Audience::Compat)),
        (json!({"iss": iss}), Some(Audience::Compat)),
        (json!({"iss": iss, "aud": aud}), Some(Audience::V1)),
        (json!({"iss": iss, "aud": ["other", aud]}), Some(Audience::V1)),
        (json!({"iss": iss, "aud": "other"}), Some(Audience::Compat)),
        (json!({"iss": iss, "aud": [[aud]]}), Some(Audience::Compat)),
        (json!({"aud": aud}), None),
        (json!({"iss": "other", "aud": aud}), None),
        (json!({"iss": [iss], "aud": aud}), None),
    ];

    assert_eq!(payload_of_ours, payload(&json!({"iss": iss, "aud": aud})));
    for (changes, want) in cases {
        let got = read(&payload(&changes).to_string()).unwrap().audience;
        assert_eq!(got, want, "{changes}");
    }
}

#[test]
fn a_token_is_valid_until_the_second_of_its_expiry() {
    let token = signer().sign(&claims()).unwrap();
    let last = Timestamp::from_micros(at(NOW + 1_800).micros() - 1);

    assert_eq!(signer().read(&token, last), Ok(presented()));
    assert_eq!(signer().read(&token, at(NOW + 1_800)), Err(TokenError::Invalid));
}

#[test]
fn a_token_signed_with_another_key_is_invalid() {
    let ours = signer().sign(&claims()).unwrap();
    let (message, signature) = ours.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let foreign = JwtSigner::new(SigningKey::new(b"another key of more than 32 bytes"));
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let cases = [
        ("foreign", foreign.sign(&claims()).unwrap()),
        ("no signature", format!("{message}.")),
        ("cut signature", ours[..ours.len() - 1].to_owned()),
        ("padded signature", format!("{ours}=")),
        ("flipped signature", format!("{message}.{}{}", &signature[1..], &signature[..1])),
        ("changed payload", format!("{header}.{payload}A.{signature}")),
        ("four parts", format!("{ours}.{signature}")),
        ("no algorithm", format!("{none}.{payload}.")),
        ("no algorithm, but a signature", format!("{none}.{payload}.{signature}")),
        ("empty", String::new()),
        ("dots", "..".into()),
        ("null", "null".into()),
        ("a.b.c", "a.b.c".into()),
        ("beyond ASCII", "é.é.é".into()),
        ("white space", format!(" {ours}")),
    ];

    for (name, token) in cases {
        assert_eq!(signer().read(&token, at(NOW)), Err(TokenError::Invalid), "case: {name}");
    }
}

#[test]
fn a_good_signature_under_another_header_is_invalid() {
    let payload = payload(&json!({})).to_string();
    for header in [
        r#"{"alg":"HS384","typ":"JWT"}"#,
        r#"{"alg":"HS512","typ":"JWT"}"#,
        r#"{"alg":"RS256","typ":"JWT"}"#,
        r#"{"alg":"none"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":null}"#,
        r#"{"typ":"JWT"}"#,
        "{}",
        "[]",
        "",
        "HS256",
    ] {
        let token = forged(header, payload.as_bytes());
        assert_eq!(signer().read(&token, at(NOW)), Err(TokenError::Invalid), "header: {header}");
    }
}

#[test]
fn a_payload_that_is_not_an_object_is_invalid() {
    for payload in
        ["", "null", "[]", "1", "\"text\"", "{", "{\"exp\":NaN}", "{\"exp\":1e400}", "{}{}"]
    {
        assert_eq!(read(payload), Err(TokenError::Invalid), "payload: {payload}");
    }
    assert_eq!(read(&"[".repeat(100_000)), Err(TokenError::Invalid));
}

#[test]
fn times_are_checked_before_all_other_claims() {
    use TokenError::{Invalid, NoExpiry};
    let ends = |expires_at| Ok(PresentedToken { expires_at: at(expires_at), ..presented() });
    let begins = |issued_at| Ok(PresentedToken { issued_at, ..presented() });
    let cases = [
        (json!({ "exp": null }), Err(NoExpiry)),
        (json!({ "exp": null, "jti": null }), Err(NoExpiry)),
        (json!({ "exp": 1, "jti": null }), Err(Invalid)),
        (json!({ "exp": NOW }), Err(Invalid)),
        (json!({ "exp": -1 }), Err(Invalid)),
        (json!({ "exp": NOW + 1 }), ends(NOW + 1)),
        (json!({ "exp": 1_767_225_600.5 }), ends(NOW + 1)),
        (json!({ "exp": "1767227400" }), Err(Invalid)),
        (json!({ "exp": true }), Err(Invalid)),
        (json!({ "exp": [NOW + 1] }), Err(Invalid)),
        (json!({ "exp": 253_402_300_799_i64 }), ends(253_402_300_799)),
        (json!({ "exp": 253_402_300_800_i64 }), Err(Invalid)),
        (json!({ "exp": u64::MAX }), Err(Invalid)),
        (json!({ "exp": 1e300 }), Err(Invalid)),
        (json!({ "iat": null }), begins(None)),
        (json!({ "iat": 0 }), begins(Some(at(0)))),
        (json!({ "iat": 1_767_225_600.9 }), begins(Some(at(NOW)))),
        (json!({ "iat": NOW + 5 }), begins(Some(at(NOW + 5)))),
        (json!({ "iat": NOW + 6 }), Err(Invalid)),
        (json!({ "iat": "0" }), Err(Invalid)),
        (json!({ "iat": -1e300 }), Err(Invalid)),
        (json!({ "nbf": NOW + 5 }), Ok(presented())),
        (json!({ "nbf": NOW + 6 }), Err(Invalid)),
        (json!({ "nbf": "soon" }), Err(Invalid)),
        (json!({ "nbf": {} }), Err(Invalid)),
    ];

    for (changes, want) in cases {
        assert_eq!(read(&payload(&changes).to_string()), want, "changes: {changes}");
    }
}

#[test]
fn an_explicit_null_is_a_claim() {
    let null = |claim: &str| {
        let mut payload = payload(&json!({}));
        payload[claim] = Value::Null;
        read(&payload.to_string())
    };

    assert_eq!(null("exp"), Err(TokenError::Invalid));
    assert_eq!(null("iat"), Err(TokenError::Invalid));
    assert_eq!(null("user_id"), Ok(PresentedToken { user: None, ..presented() }));
    assert_eq!(null("jti"), Ok(PresentedToken { id: None, ..presented() }));
    assert_eq!(null("token_type").unwrap().expect(TokenKind::Access), Err(TokenError::WrongType));
}

#[test]
fn an_invalid_user_claim_differs_from_a_missing_one() {
    let user = |names_user, user: Option<i64>| {
        Ok(PresentedToken { names_user, user: user.map(UserId::new), ..presented() })
    };
    let cases = [
        (json!({ "user_id": null }), user(false, None)),
        (json!({ "user_id": 0 }), user(true, Some(0))),
        (json!({ "user_id": "42" }), user(true, Some(42))),
        (json!({ "user_id": "forty-two" }), user(true, None)),
        (json!({ "user_id": "" }), user(true, None)),
        (json!({ "user_id": 1.5 }), user(true, None)),
        (json!({ "user_id": u64::MAX }), user(true, None)),
        (json!({ "user_id": "99999999999999999999" }), user(true, None)),
        (json!({ "user_id": true }), user(true, None)),
        (json!({ "user_id": [42] }), user(true, None)),
        (json!({ "user_id": { "id": 42 } }), user(true, None)),
    ];

    for (changes, want) in cases {
        assert_eq!(read(&payload(&changes).to_string()), want, "changes: {changes}");
    }
}

#[test]
fn type_and_id_are_checked_in_the_order_of_the_reference() {
    use TokenError::{NoId, NoType, WrongType};
    let cases = [
        (json!({ "token_type": null, "jti": null }), NoId),
        (json!({ "jti": 5 }), NoId),
        (json!({ "jti": "" }), NoId),
        (json!({ "token_type": null }), NoType),
        (json!({ "token_type": "refresh" }), WrongType),
        (json!({ "token_type": 5 }), WrongType),
    ];

    for (changes, want) in cases {
        let presented = read(&payload(&changes).to_string()).unwrap();
        assert_eq!(presented.expect(TokenKind::Access), Err(want), "changes: {changes}");
    }
}

#[test]
fn a_signer_does_not_print_its_key() {
    let printed = format!("{:?}", signer());

    assert!(printed.contains("SigningKey(hidden)"), "{printed}");
    assert!(!printed.contains("thirty-two"), "{printed}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (NOW - 10..NOW + 10_000).prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(".*", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_claims() -> impl Strategy<Value = Value> {
    let claim = prop::sample::select(vec![
        "token_type",
        "exp",
        "iat",
        "nbf",
        "jti",
        "user_id",
        "username",
        "aud",
        "iss",
        "sub",
    ]);
    prop::collection::hash_map(claim, any_json(), 0..8).prop_map(|changes| {
        let mut payload = payload(&json!({}));
        payload.as_object_mut().unwrap().extend(changes.into_iter().map(|(k, v)| (k.into(), v)));
        payload
    })
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_panic(token in ".*") {
        prop_assert_eq!(signer().read(&token, at(NOW)), Err(TokenError::Invalid));
    }

    #[test]
    fn any_three_parts_are_refused_without_a_panic(
        token in r"[A-Za-z0-9_=-]{0,60}\.[A-Za-z0-9_=-]{0,60}\.[A-Za-z0-9_=-]{0,60}",
    ) {
        prop_assert_eq!(signer().read(&token, at(NOW)), Err(TokenError::Invalid));
    }

    #[test]
    fn any_signed_bytes_are_answered_without_a_panic(
        payload in prop::collection::vec(any::<u8>(), 0..200),
        now in any::<i64>(),
    ) {
        let token = forged(r#"{"alg":"HS256","typ":"JWT"}"#, &payload);
        prop_assert!(signer().read(&token, Timestamp::from_micros(now)).is_err());
    }

    #[test]
    fn any_signed_claims_are_answered_without_a_panic(
        payload in prop_oneof![any_json(), any_claims()],
        now in prop_oneof![Just(NOW * 1_000_000), any::<i64>()],
    ) {
        let token = forged(r#"{"alg":"HS256","typ":"JWT"}"#, payload.to_string().as_bytes());
        let now = Timestamp::from_micros(now);
        if let Ok(presented) = signer().read(&token, now) {
            prop_assert!(now < presented.expires_at);
            prop_assert!(presented.user.is_none() || presented.names_user);
        }
    }
}
