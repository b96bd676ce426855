//! The files that arguments name: results must not overwrite what is read, nor each other.

use std::path::Path;

use perjoule::report::file::{self, is_same};

use super::Error;

/// A file, and the argument that names it.
pub(super) type Named<'a> = (&'static str, &'a Path);

/// The streams of a process as files; where a system has none, nothing is called so.
const STDIN: &str = "/dev/stdin";
const STDOUT: &str = "/dev/stdout";

/// Looks whether all of `written` can be written, and none of them is another one, or is `read` or
/// stdout; but for pairs of arguments that are `meant` to name one file.
///
/// # Errors
///
/// With the first that cannot be.
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
