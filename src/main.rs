//! The `perjoule` command: its arguments become a request, the request runs and gives an exit
//! code; what goes wrong on the way is one line on stderr and an exit code too.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::parse(std::env::args_os()).and_then(cli::Request::run).unwrap_or_else(cli::Error::report)
}
