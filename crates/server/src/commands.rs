//! The command line, and running its commands.

mod administer;
mod health;
mod serve;

use std::{
    env, fmt,
    io::{self, Write},
    path::Path,
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::{
    resources,
    settings::{Mistake, Settings, Sources, exposure, printable},
    telemetry,
};

/// Holds settings, in the working directory.
const ENV_FILE: &str = ".env";

/// A self-contained chat server.
#[derive(Debug, Parser)]
#[command(name = "online-chat", version, arg_required_else_help = false)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    /// Without a command, the program serves.
    pub(crate) fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Serve)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// Run the server (the default)
    Serve,
    /// Migrate the database to this version of the program
    Migrate,
    /// Print every setting and its source, with secrets hidden
    Config,
    /// Create a superuser account
    CreateSuperuser(NewSuperuser),
    /// Set the password of an account (from `CHAT_PASSWORD`, or asked for)
    SetPassword(Account),
    /// Disable an account at once
    Disable(Account),
    /// Enable a disabled account
    Enable(Account),
    /// Make a member the owner of a group whose owners have left or are disabled
    AssignOwner(NewOwner),
    /// Make every client reload; run it after restoring a database
    NewEpoch,
    /// Check that the server at `http.bind` is alive; exits with 0 if it is
    Health,
}

/// The account to create. The program asks for missing parts.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct NewSuperuser {
    /// Name to sign in with
    #[arg(long)]
    pub(crate) username: Option<String>,
    /// E-mail address
    #[arg(long)]
    pub(crate) email: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct Account {
    /// Name of the account
    pub(crate) username: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct NewOwner {
    /// Id of the group
    pub(crate) group: i64,
    /// Name of the member
    pub(crate) username: String,
    /// Name of the superuser for the moderation log
    #[arg(long = "by", value_name = "SUPERUSER")]
    pub(crate) superuser: String,
}

/// One line for each invalid setting.
#[derive(Debug, thiserror::Error)]
pub(crate) struct SettingsRefused(Vec<Mistake>);

impl fmt::Display for SettingsRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these settings cannot be used:")?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

pub(crate) fn run(command: Command) -> anyhow::Result<()> {
    if command == Command::Config {
        let sources = sources();
        print_settings(&sources, &mut io::stdout().lock()).context("cannot print the settings")?;
        return settings(sources).map(drop);
    }
    let settings = settings(sources())?;
    if command == Command::Health {
        return health::check(settings.http.bind);
    }
    telemetry::start(&settings.log)?;
    if command == Command::Serve {
        for warning in exposure::warnings(&settings, Path::new(ENV_FILE)) {
            tracing::warn!("{warning}");
        }
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
        Command::AssignOwner(given) => administer::assign_owner(&settings, &given),
        Command::NewEpoch => administer::new_epoch(&settings),
    }
}

fn sources() -> Sources {
    Sources::gather(env::vars_os(), Some(Path::new(ENV_FILE)))
}

fn settings(sources: Sources) -> anyhow::Result<Settings> {
    sources.settings().map_err(|mistakes| SettingsRefused(mistakes).into())
}

fn print_settings(sources: &Sources, out: &mut impl Write) -> io::Result<()> {
    let lines: Vec<_> = sources
        .entries()
        .map(|(key, entry)| (format!("{key} = {}", printable(key, &entry.text)), &entry.origin))
        .collect();
    let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0).min(60);
    for (line, origin) in lines {
        writeln!(out, "{line:width$}  # {origin}")?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    fn parsed(line: &str) -> Option<Command> {
        Cli::try_parse_from(line.split_whitespace()).ok().map(Cli::into_command)
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_is_parsed() {
        let anna = || Account { username: "anna".to_owned() };
        let superuser = |username: Option<&str>, email: Option<&str>| {
            Command::CreateSuperuser(NewSuperuser {
                username: username.map(str::to_owned),
                email: email.map(str::to_owned),
            })
        };
        let cases = [
            ("online-chat", Some(Command::Serve)),
            ("online-chat serve", Some(Command::Serve)),
            ("online-chat migrate", Some(Command::Migrate)),
            ("online-chat config", Some(Command::Config)),
            ("online-chat create-superuser", Some(superuser(None, None))),
            (
                "online-chat create-superuser --username anna --email a@b.c",
                Some(superuser(Some("anna"), Some("a@b.c"))),
            ),
            ("online-chat set-password anna", Some(Command::SetPassword(anna()))),
            ("online-chat disable anna", Some(Command::Disable(anna()))),
            ("online-chat enable anna", Some(Command::Enable(anna()))),
            (
                "online-chat assign-owner 12 anna --by root",
                Some(Command::AssignOwner(NewOwner {
                    group: 12,
                    username: "anna".to_owned(),
                    superuser: "root".to_owned(),
                })),
            ),
            ("online-chat assign-owner 12 anna", None),
            ("online-chat new-epoch", Some(Command::NewEpoch)),
            ("online-chat health", Some(Command::Health)),
            ("online-chat set-password", None),
            ("online-chat runserver", None),
            ("online-chat serve now", None),
        ];
        for (line, want) in cases {
            assert_eq!(parsed(line), want, "case: {line}");
        }
    }

    #[test]
    fn config_prints_every_value_with_its_origin_and_no_secret() {
        let env = [
            ("CHAT__AUTH__SECRET", "hunter2"),
            ("DATABASE_URL", "postgres://u:hunter2@db/chat"),
            ("CHAT__HTTP__WORKERS", "many"),
        ];
        let sources = Sources::gather(env.map(|(name, text)| (name.into(), text.into())), None);
        let mut out = Vec::new();

        print_settings(&sources, &mut out).unwrap();

        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), sources.entries().count());
        assert!(!text.contains("hunter2"), "{text}");
        let has = |start: &str, end: &str| {
            text.lines().any(|line| line.starts_with(start) && line.ends_with(end))
        };
        assert!(has("auth.secret = (hidden) ", "  # environment CHAT__AUTH__SECRET"), "{text}");
        assert!(has("http.workers = \"many\" ", "  # environment CHAT__HTTP__WORKERS"), "{text}");
        assert!(has("http.bind = \"127.0.0.1:8000\" ", "  # default"), "{text}");
    }
}
