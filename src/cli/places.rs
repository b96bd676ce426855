//! Checks the files that arguments name: results must not overwrite input files or each other.

use std::path::Path;

use perjoule::report::file::{self, is_same};

use super::Error;

/// Argument and the file that it names.
pub(super) type Named<'a> = (&'static str, &'a Path);

/// Paths of a process's own streams; a system without them has no files of these names.
const STDIN: &str = "/dev/stdin";
const STDOUT: &str = "/dev/stdout";

/// Checks that each file of `written` can be written, and is no other of them, no file of `read`
/// and not stdout, except for pairs of arguments that are `meant` to name one file.
///
/// # Errors
///
/// Returns the first file that fails a check.
pub(super) fn check(
    written: &[Named<'_>],
    read: &[Named<'_>],
    meant: &[(&str, &str)],
) -> Result<(), Error> {
    for (at, &(argument, path)) in written.iter().enumerate() {
        let name = || format!("{argument} {}", path.display());
        for &(other, its_path) in written[..at].iter().chain(read) {
            let its_file = if its_path == Path::new("-") { Path::new(STDIN) } else { its_path };
            if is_same(path, its_file) && !meant.contains(&(argument, other)) {
                let other = format!("{other} {}", its_path.display());
                let what = format!("{other} is the same file; name another");
                return Err(Error::input(name(), what));
            }
        }
        if is_same(path, Path::new(STDOUT)) {
            return Err(Error::input(name(), "stdout goes to the same file; name another"));
        }
        file::check(path).map_err(|why| Error::input(argument, why))?;
    }
    Ok(())
}
