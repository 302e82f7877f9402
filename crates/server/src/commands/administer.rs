//! Commands that work on the database: on that of a server that runs, too.

use std::env;
use std::io::{self, Write as _};

use anyhow::{Context as _, anyhow, bail};
use application::accounts::{ManageAccounts, ManageAccountsError, RegisterError};
use domain::{Email, Epoch, Password, Username};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::cli::{Account, NewSuperuser};
use crate::prompt::{self, Terminal};
use crate::settings::Settings;
use crate::storage::{self, Storage};
use crate::wiring;

/// `online-chat migrate`.
pub(super) fn migrate(settings: &Settings) -> anyhow::Result<()> {
    let added = runtime()?.block_on(storage::migrate(settings))?;
    match added.as_slice() {
        [] => say("the database is up to date"),
        added => say(&format!("added: {}", added.join(", "))),
    }
    Ok(())
}

/// `online-chat create-superuser`.
pub(super) fn create_superuser(settings: &Settings, given: NewSuperuser) -> anyhow::Result<()> {
    let password = env::var("CHAT_SUPERUSER_PASSWORD").ok();
    let answers = prompt::superuser(given, password, &mut Terminal)?;
    let username = Username::parse(&answers.username).map_err(|broken| all(&broken))?;
    let email = match answers.email.as_str() {
        "" => None,
        address => Some(Email::parse(address)?),
    };
    let password = chosen(answers.password.expose())?;
    let name = username.as_str().to_owned();
    runtime()?.block_on(storage::migrate(settings))?;
    with_accounts(settings, async move |accounts| {
        match accounts.create_superuser(username, email, password).await {
            Ok(_account) => Ok(()),
            Err(RegisterError::Taken(taken)) if taken.username => bail!("the username is taken"),
            Err(RegisterError::Taken(_)) => bail!("the e-mail address is in use"),
            Err(error) => Err(error.into()),
        }
    })?;
    say(&format!("made the superuser {name}"));
    Ok(())
}

/// `online-chat set-password`.
pub(super) fn set_password(settings: &Settings, account: &Account) -> anyhow::Result<()> {
    let given = env::var("CHAT_PASSWORD").ok();
    let password = prompt::new_password(given, "CHAT_PASSWORD", &mut Terminal)?;
    let password = chosen(password.expose())?;
    let name = account.username.clone();
    with_accounts(settings, async move |accounts| {
        accounts.set_password(&name, password).await.map_err(|error| named(error, &name))
    })?;
    say(&format!("{} has a new password, and is signed out everywhere", account.username));
    Ok(())
}

/// `online-chat disable` and `online-chat enable`.
pub(super) fn set_active(
    settings: &Settings,
    account: &Account,
    active: bool,
) -> anyhow::Result<()> {
    let name = account.username.clone();
    with_accounts(settings, async move |accounts| {
        accounts.set_active(&name, active).await.map_err(|error| named(error, &name))
    })?;
    let state = if active { "enabled" } else { "disabled" };
    say(&format!("{} is {state}", account.username));
    Ok(())
}

/// `online-chat new-epoch`.
pub(super) fn new_epoch(settings: &Settings) -> anyhow::Result<()> {
    with_storage(settings, async |storage| {
        let epoch = Epoch::new(Uuid::new_v4().as_u128());
        storage.conversations.new_epoch(epoch).await.context("the epoch was not changed")
    })?;
    say("a new epoch has begun: every client reads again");
    Ok(())
}

fn with_accounts(
    settings: &Settings,
    work: impl AsyncFnOnce(ManageAccounts) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let hasher = wiring::hasher(settings)?;
    with_storage(settings, async |storage| {
        work(ManageAccounts::new(storage.accounts, hasher)).await
    })
}

/// Opens the database for one piece of work, and closes it.
fn with_storage(
    settings: &Settings,
    work: impl AsyncFnOnce(Storage) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let storage = Storage::open_for_command(settings).await?;
        let done = work(storage.clone()).await;
        let closed = storage.close().await;
        done?;
        closed
    })
}

fn runtime() -> anyhow::Result<Runtime> {
    Runtime::new().context("no threads to be had")
}

/// As the web API takes them, so that both mean the same password.
fn chosen(raw: &str) -> anyhow::Result<Password> {
    let is_space = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
    Password::parse(raw.trim_matches(is_space)).map_err(|broken| all(&broken))
}

fn all(broken: &[impl ToString]) -> anyhow::Error {
    anyhow!(broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

fn named(error: ManageAccountsError, name: &str) -> anyhow::Error {
    match error {
        ManageAccountsError::UnknownUser => anyhow!("there is no user {name:?}"),
        error @ ManageAccountsError::Backend(_) => error.into(),
    }
}

fn say(line: &str) {
    // It is done, whether or not that can be told.
    drop(writeln!(io::stdout(), "{line}"));
}
