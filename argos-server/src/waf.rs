//! `argos waf`: rules checked and requests judged without a server.

use clap::{ArgMatches, Command};

use crate::Failure;

pub(crate) fn command() -> Command {
    Command::new("waf").about("Checks rules and judges requests, without a server").subcommand_required(true)
}

pub(crate) fn run(_matches: &ArgMatches) -> Result<(), Failure> {
    Ok(())
}
