//! `perjoule compare`: the scores of several machines, or of one machine at several times.

use std::fs;
use std::io::Read as _;
use std::io::{IsTerminal as _, stdin};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use perjoule::report::compare::compare;
use perjoule::report::{Report, json};

use super::Error;

/// Show several scores side by side: each row's ratio to the first score, and whether the difference
/// is more than the uncertainty.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Files that `perjoule score --json FILE` has written, two or more; `-` is stdin.
    #[arg(value_name = "FILE", required = true, num_args = 2..)]
    files: Vec<PathBuf>,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  perjoule compare before.json after.json
  perjoule compare s19-room.json gpu-room.json --json | jq .

A difference counts where it is more than two standard deviations of both together; of rates without
energy, more than their spread. What was assumed is never compared with what was measured as if it
were the same, and is marked.";

/// Prints the comparison.
///
/// # Errors
///
/// When a file cannot be read, or is no score.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let reports: Vec<_> = args.files.iter().map(|file| read(file)).collect::<Result<_, _>>()?;
    let comparison = compare(&reports);
    if args.json {
        let text = comparison.json();
        let text = text.map_err(|source| Error::failure("write the result as JSON", source))?;
        super::print(&(text.trim_end().to_owned() + "\n"))?;
    } else {
        super::print(&comparison.text())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A report, and its name.
fn read(file: &Path) -> Result<(String, Report), Error> {
    let name = file.display().to_string();
    let mut text = String::new();
    let read = if file == Path::new("-") && !stdin().is_terminal() {
        stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    let text = read.map_err(|why| Error::input(&*name, why))?;
    let report = json::read(&text).map_err(|why| Error::input(&*name, why))?;
    Ok((name, report))
}
