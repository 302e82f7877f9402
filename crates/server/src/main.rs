//! The program `online-chat`: reads the command line and the settings, wires the parts together and runs them. It has
//! no chat logic.

mod cluster;
mod commands;
mod instance_lock;
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
            // If standard error is closed, the exit status still reports the failure.
            drop(writeln!(io::stderr(), "online-chat: {error:#}"));
            if error.is::<commands::SettingsRefused>() {
                ExitCode::from(WRONG_SETTINGS)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}
