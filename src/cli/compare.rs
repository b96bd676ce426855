//! Implements `perjoule compare`: compares scores of several machines, or of one at several times.

use std::path::PathBuf;
use std::process::ExitCode;

use perjoule::report::compare::compare;

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
/// Fails if a file cannot be read or is no score.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let named = |file: &PathBuf| Ok((file.display().to_string(), super::read_report(file)?));
    let reports: Vec<_> = args.files.iter().map(named).collect::<Result<_, _>>()?;
    let comparison = compare(&reports);
    if args.json {
        let text = comparison.json();
        let text = text.map_err(|source| Error::failure("write the result as JSON", source))?;
        super::print(&(text.trim_end().to_owned() + "\n"))?;
    } else {
        super::print_lines(&comparison.text())?;
    }
    Ok(ExitCode::SUCCESS)
}
