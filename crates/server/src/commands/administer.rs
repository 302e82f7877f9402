//! Commands that change the database. They also work while a server is running.

use std::env;
use std::io::{self, Write as _};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use application::accounts::{ManageAccounts, ManageAccountsError, RegisterError};
use application::{ManageGroups, ManageGroupsError};
use domain::{ConversationId, Email, Password, Refusal, Username};
use tokio::runtime::Runtime;

use crate::cluster::SystemClock;
use crate::commands::{Account, NewOwner, NewSuperuser};
use crate::prompt::{self, Terminal};
use crate::settings::Settings;
use crate::storage::{self, Storage};
use crate::wiring;

pub(super) fn migrate(settings: &Settings) -> anyhow::Result<()> {
    let added = runtime()?.block_on(storage::migrate(settings))?;
    match added.as_slice() {
        [] => report("the database is up to date"),
        added => report(&format!("added: {}", added.join(", "))),
    }
    Ok(())
}

pub(super) fn create_superuser(settings: &Settings, given: NewSuperuser) -> anyhow::Result<()> {
    let password = env::var("CHAT_SUPERUSER_PASSWORD").ok();
    let answers = prompt::superuser(given, password, &mut Terminal)?;
    let names = wiring::names(settings);
    let username =
        Username::parse_new(&answers.username, names).map_err(|broken| joined(&broken))?;
    let email = match answers.email.as_str() {
        "" => None,
        address => Some(Email::parse(address)?),
    };
    let password = parse_password(answers.password.expose())?;
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
    report(&format!("made the superuser {name}"));
    Ok(())
}

pub(super) fn set_password(settings: &Settings, account: &Account) -> anyhow::Result<()> {
    let given = env::var("CHAT_PASSWORD").ok();
    let password = prompt::new_password(given, "CHAT_PASSWORD", &mut Terminal)?;
    let password = parse_password(password.expose())?;
    let name = account.username.clone();
    with_accounts(settings, async move |accounts| {
        accounts.set_password(&name, password).await.map_err(|error| explain(error, &name))
    })?;
    report(&format!("{} has a new password, and is signed out everywhere", account.username));
    Ok(())
}

pub(super) fn set_active(
    settings: &Settings,
    account: &Account,
    active: bool,
) -> anyhow::Result<()> {
    let name = account.username.clone();
    with_accounts(settings, async move |accounts| {
        accounts.set_active(&name, active).await.map_err(|error| explain(error, &name))
    })?;
    let state = if active { "enabled" } else { "disabled" };
    report(&format!("{} is {state}", account.username));
    Ok(())
}

pub(super) fn assign_owner(settings: &Settings, given: &NewOwner) -> anyhow::Result<()> {
    let NewOwner { group, username, superuser } = given;
    with_storage(settings, async |storage| {
        let groups = ManageGroups::new(storage.accounts, Arc::clone(&storage.conversations));
        let id = ConversationId::new(*group);
        groups.assign_owner(superuser, id, username).await.map_err(|error| match error {
            ManageGroupsError::Refused(Refusal::UnknownUser) => {
                anyhow!("{username:?} is no member of the group {group}, or is disabled")
            }
            ManageGroupsError::Refused(_) => {
                anyhow!("there is no group {group}, or one of its owners has an active account")
            }
            error => error.into(),
        })
    })?;
    report(&format!("{username} owns the group {group}"));
    Ok(())
}

pub(super) fn new_epoch(settings: &Settings) -> anyhow::Result<()> {
    with_storage(settings, async |storage| storage.begin_epoch().await)?;
    report("a new epoch has begun; every client reloads");
    Ok(())
}

fn with_accounts(
    settings: &Settings,
    work: impl AsyncFnOnce(ManageAccounts) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (hasher, names) = (wiring::hasher(settings)?, wiring::names(settings));
    with_storage(settings, async |storage| {
        let clock = Arc::new(SystemClock);
        work(ManageAccounts::new(storage.accounts, hasher, clock, names)).await
    })
}

/// Opens the database, runs `work`, and closes it.
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
    Runtime::new().context("cannot start the threads of the runtime")
}

fn parse_password(raw: &str) -> anyhow::Result<Password> {
    Password::parse(raw).map_err(|broken| joined(&broken))
}

fn joined(broken: &[impl ToString]) -> anyhow::Error {
    anyhow!(broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

fn explain(error: ManageAccountsError, name: &str) -> anyhow::Error {
    match error {
        ManageAccountsError::UnknownUser => anyhow!("there is no user {name:?}"),
        error @ ManageAccountsError::Backend(_) => error.into(),
    }
}

fn report(line: &str) {
    // A failure to print does not fail the command.
    drop(writeln!(io::stdout(), "{line}"));
}
