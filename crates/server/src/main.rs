//! The program `online-chat`: reads the command line and the settings, wires the parts together and runs them. It
//! holds no rule of chat.

mod cluster;
mod commands;
mod prompt;
mod resources;
mod secret_file;
mod settings;
mod storage;
mod telemetry;
mod wiring;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;

/// The same status as clap's for a wrong command line.
const WRONG_SETTINGS: u8 = 2;

fn main() -> ExitCode {
    match commands::run(commands::Cli::parse().into_command()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is gone, the status still says it.
            drop(writeln!(io::stderr(), "online-chat: {error:#}"));
            if error.is::<commands::SettingsRefused>() {
                ExitCode::from(WRONG_SETTINGS)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}
