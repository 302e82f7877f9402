//! The command line.

use clap::{Args, Parser, Subcommand};

/// A chat server: one program, with all it needs inside.
#[derive(Debug, Parser)]
#[command(name = "online-chat", version, arg_required_else_help = false)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    /// What to do; to serve, when nothing is said.
    pub(crate) fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Serve)
    }
}

/// What the program can do.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// Serve; this is what happens without a command
    Serve,
    /// Bring the database up to this version of the program
    Migrate,
    /// Print every setting with where it comes from, secrets hidden
    Config,
    /// Make an account that may do everything
    CreateSuperuser(NewSuperuser),
    /// Give an account another password (from `CHAT_PASSWORD`, or asked for)
    SetPassword(Account),
    /// Lock an account out, at once
    Disable(Account),
    /// Let a disabled account in again
    Enable(Account),
    /// Tell every client to start over; after a database was restored
    NewEpoch,
    /// Ask the server at `http.bind` whether it lives; the status says
    Health,
}

/// The account to make. What is not said is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct NewSuperuser {
    /// Name to sign in with
    #[arg(long)]
    pub(crate) username: Option<String>,
    /// E-mail address
    #[arg(long)]
    pub(crate) email: Option<String>,
}

/// An account that exists.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct Account {
    /// Its name
    pub(crate) username: String,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Account, Cli, Command, NewSuperuser};

    fn parsed(line: &str) -> Option<Command> {
        Cli::try_parse_from(line.split_whitespace()).ok().map(Cli::into_command)
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_is_understood() {
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
}
