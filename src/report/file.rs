//! Files that are there whole or not at all, so that no reader meets half a report, and a run that
//! ends in the middle leaves the file of the run before.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unwritten {
    /// There is no such folder.
    #[error("{}: its folder does not exist; make it first", .0.display())]
    NoFolder(PathBuf),
    /// It is a folder itself.
    #[error("{}: it is a folder; give the name of a file in it", .0.display())]
    Folder(PathBuf),
    /// The operating system does not let it be written.
    #[error("{}: {source}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Looks whether a file could be there: what is wrong with its place is better known before a
/// measurement than after.
///
/// # Errors
///
/// When its folder does not exist, or it is a folder.
pub fn check(file: &Path) -> Result<(), Unwritten> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return Err(Unwritten::NoFolder(file.to_owned()));
    }
    if file.is_dir() || file.file_name().is_none() {
        return Err(Unwritten::Folder(file.to_owned()));
    }
    Ok(())
}

/// Writes a file so that it is there whole or not at all: beside its place, to the disk, and then
/// renamed. A pipe, a device or a link is written to and not replaced.
///
/// # Errors
///
/// As [`check`], and when the system does not let it be written; a file that was there before is
/// then still there.
pub fn write(file: &Path, bytes: &[u8]) -> Result<(), Unwritten> {
    check(file)?;
    let written = if fs::symlink_metadata(file).is_ok_and(|known| !known.is_file()) {
        fs::write(file, bytes)
    } else {
        replace(file, bytes)
    };
    written.map_err(|source| Unwritten::Failed { path: file.to_owned(), source })
}

fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    // In the same folder, so that a rename is enough.
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut part = beside(folder.unwrap_or(Path::new(".")))?;
    part.write_all(bytes)?;
    // A file that took the place of another before its bytes are on the disk may be empty after a
    // loss of power.
    part.as_file().sync_all()?;
    part.persist(file)?;
    Ok(())
}

/// A file that goes away unless it is kept, for whoever may read files that others create.
fn beside(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.prefix(".perjoule-").suffix(".part").tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use tempfile::TempDir;

    use super::*;

    fn names(folder: &TempDir) -> Vec<OsString> {
        let files = fs::read_dir(folder).expect("the folder").map(|file| file.expect("a file"));
        let mut names: Vec<_> = files.map(|file| file.file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("score.json");
        for text in ["a long text", "short", ""] {
            write(&file, text.as_bytes()).expect("a folder that can be written");
            assert_eq!(fs::read_to_string(&file).expect("the file"), text);
            assert_eq!(names(&folder), ["score.json"]);
        }
    }

    #[test]
    fn a_place_that_cannot_be_is_known_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let nowhere = folder.path().join("none").join("score.json");
        assert!(matches!(check(&nowhere), Err(Unwritten::NoFolder(file)) if file == nowhere));
        assert!(matches!(check(folder.path()), Err(Unwritten::Folder(_))));
        assert!(matches!(write(folder.path(), b""), Err(Unwritten::Folder(_))));
        assert!(matches!(check(Path::new("")), Err(Unwritten::Folder(_))));
        assert!(check(Path::new("score.json")).is_ok());
        assert_eq!(names(&folder), [""; 0]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_and_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let [file, link] = ["score.json", "link.json"].map(|name| folder.path().join(name));
        fs::write(&file, "before, and longer").expect("a folder that can be written");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        write(&link, b"after").expect("a link that can be written through");
        assert_eq!(fs::read_to_string(&file).expect("the file"), "after");
        assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
        assert_eq!(names(&folder), ["link.json", "score.json"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_fails_leaves_what_was_there() {
        // A device that is always full is written to, and refuses.
        let full = Path::new("/dev/full");
        assert!(
            matches!(write(full, b"text"), Err(Unwritten::Failed { path, .. }) if path == full)
        );
        write(Path::new("/dev/null"), b"text").expect("a device that takes everything");

        // Nothing can be made beside this file.
        let file = Path::new("/proc/version");
        let before = fs::read(file).expect("the file");
        let error = write(file, b"after").expect_err("no new files there").to_string();
        assert!(error.contains("/proc/version: ") && !error.contains('\n'), "{error}");
        assert_eq!(fs::read(file).expect("the file"), before);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_for_whom_new_files_are() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().expect("a folder");
        let [ours, other] = ["ours", "other"].map(|name| folder.path().join(name));
        write(&ours, b"").expect("a folder that can be written");
        fs::write(&other, "").expect("a folder that can be written");
        let mode = |file| fs::metadata(file).expect("the file").permissions().mode();
        assert_eq!(mode(ours), mode(other));
    }
}
