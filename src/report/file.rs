//! Files that are there whole or not at all, so that no reader meets half a report, and a run that
//! ends in the middle leaves the file of the run before.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

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
    let beside = beside(file);
    let write = || {
        let mut part = File::create(&beside)?;
        part.write_all(bytes)?;
        // A file that took the place of another before its bytes are on the disk may be empty after
        // a loss of power.
        part.sync_all()?;
        fs::rename(&beside, file)
    };
    write().inspect_err(|_| {
        // It may not even be there.
        let _ = fs::remove_file(&beside);
    })
}

/// In the same folder, so that a rename is enough; the number is that of the process.
fn beside(file: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    file.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that goes away with the value.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let name = format!("perjoule-{test}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            fs::create_dir(&folder).expect("a folder for temporary files");
            Self(folder)
        }

        fn names(&self) -> Vec<OsString> {
            let files =
                fs::read_dir(&self.0).expect("the folder").map(|file| file.expect("a file"));
            let mut names: Vec<_> = files.map(|file| file.file_name()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let folder = Folder::new("replaced");
        let file = folder.0.join("score.json");
        for text in ["a long text", "short", ""] {
            write(&file, text.as_bytes()).expect("a folder that can be written");
            assert_eq!(fs::read_to_string(&file).expect("the file"), text);
            assert_eq!(folder.names(), ["score.json"]);
        }
    }

    #[test]
    fn a_place_that_cannot_be_is_known_before() {
        let folder = Folder::new("place");
        let nowhere = folder.0.join("none").join("score.json");
        assert!(matches!(check(&nowhere), Err(Unwritten::NoFolder(file)) if file == nowhere));
        assert!(matches!(check(&folder.0), Err(Unwritten::Folder(_))));
        assert!(matches!(write(&folder.0, b""), Err(Unwritten::Folder(_))));
        assert!(matches!(check(Path::new("")), Err(Unwritten::Folder(_))));
        assert!(check(Path::new("score.json")).is_ok());
        assert_eq!(folder.names(), [""; 0]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_and_stays() {
        let folder = Folder::new("link");
        let [file, link] = ["score.json", "link.json"].map(|name| folder.0.join(name));
        fs::write(&file, "before, and longer").expect("a folder that can be written");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        write(&link, b"after").expect("a link that can be written through");
        assert_eq!(fs::read_to_string(&file).expect("the file"), "after");
        assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
        assert_eq!(folder.names(), ["link.json", "score.json"]);
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

        let folder = Folder::new("fails");
        let file = folder.0.join("score.json");
        fs::write(&file, "before").expect("a folder that can be written");
        // What is written beside cannot be made where a folder has its name.
        fs::create_dir(beside(&file)).expect("a folder");
        let error = write(&file, b"after").expect_err("a folder in the way").to_string();
        assert!(error.contains("score.json: ") && !error.contains('\n'), "{error}");
        assert_eq!(fs::read_to_string(&file).expect("the file"), "before");
    }
}
