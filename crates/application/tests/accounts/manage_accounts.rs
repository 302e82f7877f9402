use application::accounts::{ManageAccountsError, RegisterError};
use application::ports::{Audience, Taken};
use domain::Password;
use testkit::values::{email, username};

use crate::world::{GRACE, PASSWORD, world};

fn password() -> Password {
    Password::parse(PASSWORD).unwrap()
}

#[tokio::test]
async fn a_superuser_needs_no_address_and_may_sign_in() {
    let world = world(GRACE);

    let root = world.manage.create_superuser(username("root"), None, password()).await.unwrap();

    assert!(root.superuser && root.active);
    assert_eq!((root.email.clone(), root.valid_from), (None, world.now()));
    let pair = world.sign_in("root", PASSWORD).await.unwrap();
    assert_eq!(
        world.accounts.authenticate(&pair.access, Audience::Compat).await.unwrap().account,
        root
    );
}

#[tokio::test]
async fn a_superuser_takes_nobodys_name_or_address() {
    let world = world(GRACE);
    world.register("alice").await.unwrap();

    let name = world.manage.create_superuser(username("alice"), None, password()).await;
    let address = Some(email("alice@example.com"));
    let address = world.manage.create_superuser(username("root"), address, password()).await;

    assert!(matches!(name, Err(RegisterError::Taken(Taken { username: true, email: false }))));
    assert!(matches!(address, Err(RegisterError::Taken(Taken { username: false, email: true }))));
}

#[tokio::test]
async fn a_disabled_account_is_let_in_again_once_enabled() {
    let world = world(GRACE);
    world.register("alice").await.unwrap();

    world.manage.set_active("alice", false).await.unwrap();
    let disabled = world.sign_in("alice", PASSWORD).await;
    world.manage.set_active("alice", true).await.unwrap();
    let enabled = world.sign_in("alice", PASSWORD).await;

    assert!(disabled.is_err());
    assert!(enabled.is_ok());
}

#[tokio::test]
async fn an_unknown_name_is_said_to_be_unknown() {
    let world = world(GRACE);

    let set_password = world.manage.set_password("nobody", password()).await;
    let set_active = world.manage.set_active("nobody", false).await;

    assert!(matches!(set_password, Err(ManageAccountsError::UnknownUser)));
    assert!(matches!(set_active, Err(ManageAccountsError::UnknownUser)));
}
