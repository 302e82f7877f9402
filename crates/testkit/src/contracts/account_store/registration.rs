//! Registration and look-up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    CreateAccountError, NewAccount, Rotation, SessionState, StoredAccount, Taken,
};
use domain::{
    Account, AuthVersion, ExchangeRules, NameRule, PasswordHash, Profile, ReplayRule, SessionId,
    Successor, UserId,
};
use futures_util::future::join_all;

use crate::Fixture;
use crate::values::{at, email, new_account, new_session, refresh_token, username};

/// A new account is active, has the first version, and accepts tokens from the given time on.
pub async fn an_account_is_found_by_name_and_by_id(fixture: Fixture) {
    let password = PasswordHash::new("bcrypt_sha256$$2b$04$abc");
    let new = NewAccount {
        username: username("Ада.b+c-d_e@f"),
        password: password.clone(),
        superuser: true,
        valid_from: at(7),
        ..new_account("ada")
    };

    let account = fixture.accounts.create(new).await.unwrap();

    let want = Account {
        id: account.id,
        username: username("Ада.b+c-d_e@f"),
        email: account.email.clone(),
        active: true,
        superuser: true,
        valid_from: at(7),
        auth_version: AuthVersion::FIRST,
        profile: Profile::default(),
        last_seen_at: None,
    };
    assert_eq!(account, want);
    let stored = fixture.accounts.by_username("Ада.b+c-d_e@f").await.unwrap();
    assert_eq!(stored, Some(StoredAccount { account: account.clone(), password }));
    assert_eq!(fixture.accounts.by_id(account.id).await.unwrap(), Some(account));
}

/// Nothing is folded or normalised, neither when stored nor when looked up.
pub async fn names_and_addresses_can_be_compared_exactly(fixture: Fixture) {
    let names = ["ada", "Ada", "ADA", "é", "É", "ﬁ", "fi", "Straße", "Strasse"];
    let mut ids = BTreeSet::new();
    for (n, name) in names.iter().enumerate() {
        let address = ["x@example.com", "X@example.com", "x@Example.com"].get(n);
        let new = NewAccount {
            username: username(name),
            email: address.map(|address| email(address)),
            names: NameRule::Exact,
            ..new_account("unused")
        };
        ids.insert(fixture.accounts.create(new).await.unwrap().id);
    }

    assert_eq!(ids.len(), names.len());
    for name in names {
        let found = fixture.accounts.by_username(name).await.unwrap().unwrap();
        assert_eq!(found.account.username, username(name));
    }
    for name in ["aDa", " ada", "ada ", "ada\0", "ad", "ad_", "ad%", "", "strasse"] {
        let found = fixture.accounts.by_username(name).await.unwrap();
        assert_eq!(found, None, "found {name:?}");
    }
}

/// A refused registration stores no session.
pub async fn an_account_is_created_with_its_first_session(fixture: Fixture) {
    let session = |n| new_session(SessionId::new(n), 0, 10_000);
    let with = |name, n| NewAccount { first_session: Some(session(n)), ..new_account(name) };

    let ada = fixture.accounts.create(with("ada", 1)).await.unwrap();
    let refused = fixture.accounts.create(with("ada", 2)).await;

    assert!(matches!(refused, Err(CreateAccountError::Taken(_))));
    let session_state =
        async |n| fixture.accounts.by_id_with_session(ada.id, Some(SessionId::new(n))).await;
    let live = SessionState::Live { opened_at: at(0), expires_at: at(10_000) };
    assert_eq!(session_state(1).await.unwrap(), Some((ada.clone(), live)));
    assert_eq!(session_state(2).await.unwrap(), Some((ada.clone(), SessionState::Unknown)));
    let next = Successor {
        session: SessionId::new(3),
        random: 2,
        issued_at: at(1),
        expires_at: at(10_000),
    };
    let first = session(1).first;
    let rules = ExchangeRules { replay: ReplayRule::Refuse, lifetime: Duration::from_hours(24) };
    let got = fixture.sessions.rotate(ada.id, first, next, at(1), rules).await;
    let second = refresh_token(SessionId::new(1), 2, 1, 10_000);
    assert_eq!(got.unwrap(), Rotation::Rotated(ada, second));
}

/// In every case and form, also if several accounts already have equal names.
pub async fn equal_names_and_addresses_are_in_use(fixture: Fixture) {
    let street = NewAccount { username: username("Straße"), ..new_account("street") };
    fixture.accounts.create(street).await.unwrap();
    for name in ["Zoë", "zoË"] {
        let exact = NewAccount { email: None, names: NameRule::Exact, ..new_account("unused") };
        let new = NewAccount { username: username(name), ..exact };
        fixture.accounts.create(new).await.unwrap();
    }
    let cases = [
        ("STRASSE", "new@example.com", (true, false)),
        ("ｓｔｒａｓｓｅ", "new@example.com", (true, false)),
        ("ZOË", "new@example.com", (true, false)),
        ("zoe", "x@bücher.example", (false, false)),
        ("new", "X@BÜCHER.example", (false, true)),
        ("new", "x@bu\u{308}cher.example", (false, true)),
    ];

    for (name, address, want) in cases {
        let (username, email) = (username(name), email(address));
        let (some_username, some_email) = (Some(&username), Some(&email));
        let taken = fixture.accounts.taken(some_username, some_email, NameRule::Folded).await;
        let exact = fixture.accounts.taken(some_username, some_email, NameRule::Exact).await;
        let new = NewAccount { username, email: Some(email), ..new_account("unused") };
        let got = match fixture.accounts.create(new).await {
            Ok(_) => Taken::default(),
            Err(CreateAccountError::Taken(taken)) => taken,
            Err(other) => panic!("{name} {address}: {other:?}"),
        };

        assert_eq!((got.username, got.email), want, "{name} {address}");
        assert_eq!(taken.unwrap(), got, "{name} {address}");
        assert_eq!(exact.unwrap(), Taken::default(), "{name} {address}");
    }
}

pub async fn an_equal_name_finds_the_exact_account_or_the_only_one(fixture: Fixture) {
    let street = NewAccount { username: username("Straße"), ..new_account("street") };
    fixture.accounts.create(street).await.unwrap();
    for name in ["bob", "BOB", "Bob"] {
        let new = NewAccount { names: NameRule::Exact, ..new_account(name) };
        fixture.accounts.create(new).await.unwrap();
    }
    let cases = [
        ("Straße", Some("Straße")),
        ("STRASSE", Some("Straße")),
        ("strasse", Some("Straße")),
        ("bob", Some("bob")),
        ("BOB", Some("BOB")),
        ("bOB", None),
        ("stras", None),
        ("", None),
        ("strasse\0", None),
    ];

    for (name, want) in cases {
        let found = fixture.accounts.by_equal_username(name).await.unwrap();
        let found = found.map(|stored| stored.account.username.as_str().to_owned());
        assert_eq!(found.as_deref(), want, "{name}");
    }
    let long = "x".repeat(1_000_000);
    assert_eq!(fixture.accounts.by_equal_username(&long).await.unwrap(), None);
}

/// Both are reported at once, and no account is created.
pub async fn a_name_or_an_address_in_use_is_taken(fixture: Fixture) {
    fixture.account("ada").await;
    fixture.account("bob").await;
    let cases = [
        ("ada", Some("new@example.com"), (true, false)),
        ("ada", None, (true, false)),
        ("new", Some("ada@example.com"), (false, true)),
        ("ada", Some("ada@example.com"), (true, true)),
        ("ada", Some("bob@example.com"), (true, true)),
    ];

    for (name, address, want) in cases {
        let new = NewAccount {
            username: username(name),
            email: address.map(email),
            ..new_account("unused")
        };
        let got = match fixture.accounts.create(new).await {
            Err(CreateAccountError::Taken(Taken { username, email })) => (username, email),
            other => panic!("{name} {address:?}: {other:?}"),
        };
        assert_eq!(got, want, "case: {name} {address:?}");
    }

    assert_eq!(fixture.accounts.by_username("new").await.unwrap(), None);
    fixture.account("new").await;
}

pub async fn many_accounts_have_no_address(fixture: Fixture) {
    for name in ["ada", "bob", "eve"] {
        let account =
            fixture.accounts.create(NewAccount { email: None, ..new_account(name) }).await.unwrap();
        assert_eq!(account.email, None);
        assert_eq!(fixture.accounts.by_id(account.id).await.unwrap(), Some(account));
    }
}

async fn race(fixture: &Fixture, new: Vec<NewAccount>) -> (Vec<Account>, Vec<(bool, bool)>) {
    let tries = new.into_iter().map(|new| {
        let accounts = Arc::clone(&fixture.accounts);
        tokio::spawn(async move { accounts.create(new).await })
    });
    let (mut registered, mut taken) = (Vec::new(), Vec::new());
    for answer in join_all(tries).await {
        match answer.unwrap() {
            Ok(account) => registered.push(account),
            Err(CreateAccountError::Taken(Taken { username, email })) => {
                taken.push((username, email));
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    (registered, taken)
}

/// The others learn why.
pub async fn one_of_several_racing_for_a_name_is_registered(fixture: Fixture) {
    for round in 0..5 {
        let name = username(&format!("name{round}"));
        let new = (0..8).map(|n| NewAccount {
            username: name.clone(),
            ..new_account(&format!("other{round}-{n}"))
        });

        let (registered, taken) = race(&fixture, new.collect()).await;

        assert_eq!(taken, [(true, false); 7]);
        let found = fixture.accounts.by_username(name.as_str()).await.unwrap().unwrap();
        assert_eq!(registered, [found.account]);
    }
}

pub async fn one_of_several_racing_for_an_address_is_registered(fixture: Fixture) {
    for round in 0..5 {
        let address = email(&format!("shared{round}@example.com"));
        let new = (0..8).map(|n| NewAccount {
            email: Some(address.clone()),
            ..new_account(&format!("other{round}-{n}"))
        });

        let (registered, taken) = race(&fixture, new.collect()).await;

        assert_eq!(taken, [(false, true); 7]);
        assert_eq!(registered.len(), 1);
    }
}

pub async fn one_of_several_racing_for_equal_names_is_registered(fixture: Fixture) {
    for round in 0..5 {
        let names = ["ada", "Ada", "ADA", "aDa", "adA", "AdA", "ADa", "aDA"];
        let new = names.into_iter().enumerate().map(|(n, name)| NewAccount {
            username: username(&format!("{name}{round}")),
            ..new_account(&format!("other{round}-{n}"))
        });

        let (registered, taken) = race(&fixture, new.collect()).await;

        assert_eq!(taken, [(true, false); 7]);
        assert_eq!(registered.len(), 1);
    }
}

pub async fn ids_ascend_and_are_not_reused_by_refusals(fixture: Fixture) {
    let first = fixture.user("ada").await;
    let refused = fixture.accounts.create(new_account("ada")).await;
    let second = fixture.user("bob").await;

    assert!(refused.is_err());
    assert!(UserId::new(0) < first && first < second, "{first} {second}");
}

/// Each is looked up exactly, and only if it is given.
pub async fn taken_names_and_addresses_can_be_looked_up(fixture: Fixture) {
    fixture.account("ada").await;
    let (name, address) = (username("ada"), email("ada@example.com"));
    let (other_name, other_address) = (username("Ada"), email("Ada@example.com"));
    let cases = [
        (Some(&name), Some(&address), (true, true)),
        (Some(&name), None, (true, false)),
        (None, Some(&address), (false, true)),
        (Some(&other_name), Some(&address), (false, true)),
        (Some(&name), Some(&other_address), (true, false)),
        (None, None, (false, false)),
    ];

    for (username, email, want) in cases {
        let taken = fixture.accounts.taken(username, email, NameRule::Exact).await.unwrap();
        assert_eq!((taken.username, taken.email), want, "{username:?} {email:?}");
        assert_eq!(taken.any(), want != (false, false));
    }
}
