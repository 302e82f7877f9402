//! What each command does.

mod administer;
mod config;
mod health;
mod serve;

use std::{env, fmt, io, path::Path};

use anyhow::Context;

use crate::{
    cli::Command,
    resources,
    settings::{Mistake, Settings, Sources},
    telemetry,
};

/// Settings that cannot be used, each in a line of its own.
#[derive(Debug, thiserror::Error)]
pub(crate) struct SettingsRefused(Vec<Mistake>);

impl fmt::Display for SettingsRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these settings cannot be used:")?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

/// Does what `command` says; returns when it is done.
///
/// # Errors
///
/// [`SettingsRefused`] when a setting is wrong; else one sentence on what
/// stood in the way, with its causes.
pub(crate) fn run(command: Command) -> anyhow::Result<()> {
    if command == Command::Config {
        let sources = sources();
        config::print(&sources, &mut io::stdout().lock())
            .context("the settings cannot be printed")?;
        return settings(sources).map(drop);
    }
    let settings = settings(sources())?;
    if command == Command::Health {
        return health::ask(settings.http.bind);
    }
    telemetry::start(&settings.log)?;
    if command == Command::Serve {
        return serve::serve(&settings);
    }
    resources::prepare_folders(&settings)?;
    match command {
        Command::Serve | Command::Config | Command::Health => Ok(()),
        Command::Migrate => administer::migrate(&settings),
        Command::CreateSuperuser(given) => administer::create_superuser(&settings, given),
        Command::SetPassword(account) => administer::set_password(&settings, &account),
        Command::Disable(account) => administer::set_active(&settings, &account, false),
        Command::Enable(account) => administer::set_active(&settings, &account, true),
        Command::NewEpoch => administer::new_epoch(&settings),
    }
}

fn sources() -> Sources {
    Sources::gather(env::vars_os(), Some(Path::new(".env")))
}

fn settings(sources: Sources) -> anyhow::Result<Settings> {
    sources.settings().map_err(|mistakes| SettingsRefused(mistakes).into())
}
