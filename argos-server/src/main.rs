//! The `argos` binary: arguments, environment and signals; HTTP routes and commands onto the library's operations.
//!
//! Nothing is decided here. A command of the registry goes to the running process over its Unix socket, or, when
//! none runs, to the data folder directly.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position"))]

mod cli;
mod client;
mod crs;
mod demo;
mod environment;
mod explain;
mod file;
mod http;
mod login;
mod logs;
mod output;
mod secure;
mod serve;
mod user;
mod waf;

use std::process::ExitCode;

use argos_core::error::Error;

/// What a command ends with: an error of the library, or findings of its own.
pub(crate) enum Failure {
    /// Its kind gives the exit code.
    Error(Error),
    /// The command did its work and found faults: exit code 9 or 5, already printed.
    Findings(u8),
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Self::Error(e)
    }
}

fn main() -> ExitCode {
    let matches = cli::command().get_matches();
    match cli::run(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Findings(code)) => ExitCode::from(code),
        Err(Failure::Error(e)) => {
            output::error(&e, cli::wants_json(&matches));
            ExitCode::from(e.kind().exit_code())
        }
    }
}
