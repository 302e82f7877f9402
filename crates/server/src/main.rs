//! The program `online-chat`: reads the command line and the settings, wires
//! the parts together and runs them. It holds no rule of chat.

mod between_nodes;
mod cli;
mod commands;
mod data_folder;
mod env_file;
mod instance_lock;
mod listener;
mod prompt;
mod resources;
#[cfg(test)]
mod scratch;
mod secret_file;
mod settings;
mod storage;
mod system;
mod telemetry;
mod wiring;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;

/// Status of a start that was refused for its settings; clap's for a command
/// line that makes no sense.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    match commands::run(cli::Cli::parse().into_command()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Who cannot be told sees the status.
            drop(writeln!(io::stderr(), "online-chat: {error:#}"));
            if error.is::<commands::SettingsRefused>() {
                ExitCode::from(USAGE)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}
