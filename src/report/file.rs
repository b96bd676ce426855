//! Writes files atomically: no reader sees half a report, and a run that is interrupted leaves the
//! file of the run before.
//!
//! A new file is written to a temporary file in the same folder and renamed. The mode of the old
//! file is kept, its owner where the system allows it, and links to it. A device, a pipe or an open
//! descriptor cannot be replaced and is written to.

use std::fs::{self, File, Metadata};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The folder of this file does not exist.
    #[error("{}: its folder does not exist; make it first", .0.display())]
    NoFolder(PathBuf),
    /// The name is that of a folder.
    #[error("{}: it is a folder; give the name of a file in it", .0.display())]
    Folder(PathBuf),
    /// The file exists and is read-only.
    #[error("{}: it is read-only; allow writing to it, or name another file", .0.display())]
    ReadOnly(PathBuf),
    /// The operating system could not write the file.
    #[error("{}: {source}", path.display())]
    Failed {
        /// Name of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
}

/// Checks whether a file could be written, without changing it: an error is better known before a
/// measurement than after.
///
/// # Errors
///
/// Fails if its folder does not exist or takes no new files, the name is that of a folder, or the
/// file may not be written.
pub fn check(file: &Path) -> Result<(), WriteError> {
    match way(file)? {
        Way::Whole(place, None) => {
            beside(folder(&place)).map(drop).map_err(|why| failed(file, why))
        }
        Way::Whole(_, Some(_)) | Way::Through => Ok(()),
    }
}

/// Writes a file atomically: a temporary file in the same folder is written, synced to the disk and
/// renamed.
///
/// Symbolic links are followed, and a pipe or a device is written to. A file that cannot be
/// replaced by another, such as one that is a mount point itself, is overwritten in place.
///
/// # Errors
///
/// Fails as [`check`] does, and if the system cannot write the file; a file that was there before
/// is then still there, though one overwritten in place may be cut short.
pub fn write(file: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let written = match way(file)? {
        Way::Whole(place, known) => replace(&place, known.as_ref(), bytes),
        Way::Through => {
            // Behind a descriptor may be a file that is longer.
            let file = File::options().write(true).truncate(true).open(file);
            file.and_then(|mut file| file.write_all(bytes))
        }
    };
    written.map_err(|why| failed(file, why))
}

/// Returns whether a file is replaced as a whole each time it is written. A pipe or device is not:
/// it would get one text after the other, and a reader that has seen one may be gone.
#[must_use]
pub fn is_replaced(file: &Path) -> bool {
    matches!(way(file), Ok(Way::Whole(..)))
}

/// Returns whether two names are of the same file, links followed, even if it does not exist yet;
/// always false for devices and pipes, which several can write to.
#[must_use]
pub fn is_same(one: &Path, other: &Path) -> bool {
    identity(one).is_some_and(|known| Some(known) == identity(other))
}

/// How a file is written.
enum Way {
    /// By a new file in this place; with the metadata of the one that is there, if any.
    Whole(PathBuf, Option<Metadata>),
    /// By writing to the device, pipe or descriptor that is there.
    Through,
}

/// Maximum number of links that are followed one after the other; more are taken for a circle.
const MOST_LINKS: usize = 40;

/// Returns how a file is to be written, if it may be.
fn way(file: &Path) -> Result<Way, WriteError> {
    let failed = |why| failed(file, why);
    if !folder(file).is_dir() {
        return Err(WriteError::NoFolder(file.to_owned()));
    }
    if file.is_dir() || file.file_name().is_none() {
        return Err(WriteError::Folder(file.to_owned()));
    }
    let known = match fs::metadata(file) {
        Ok(known) if !known.is_file() => return Ok(Way::Through),
        Ok(known) => Some(known),
        Err(why) if why.kind() == io::ErrorKind::NotFound => None,
        Err(why) => return Err(failed(why)),
    };
    let Some(place) = place(file).map_err(failed)? else { return Ok(Way::Through) };
    match &known {
        // Root could write it nevertheless, but gets this error.
        Some(known) if known.permissions().readonly() => {
            return Err(WriteError::ReadOnly(file.to_owned()));
        }
        Some(_) => drop(File::options().write(true).open(&place).map_err(failed)?),
        None if !folder(&place).is_dir() => return Err(WriteError::NoFolder(place)),
        None => {}
    }
    Ok(Way::Whole(place, known))
}

/// Follows the links of a file to its place; `None` for an open descriptor of a process, whose
/// place says nothing.
fn place(file: &Path) -> io::Result<Option<PathBuf>> {
    let mut place = file.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(next) = fs::read_link(&place) else { return Ok(Some(place)) };
        let folder = folder(&place);
        if cfg!(target_os = "linux") && folder.canonicalize()?.starts_with("/proc") {
            return Ok(None);
        }
        place = folder.join(next);
    }
    Err(io::Error::other("its links lead in a circle"))
}

/// Returns the folder that a file is in.
fn folder(file: &Path) -> &Path {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn failed(file: &Path, source: io::Error) -> WriteError {
    WriteError::Failed { path: file.to_owned(), source }
}

fn replace(place: &Path, known: Option<&Metadata>, bytes: &[u8]) -> io::Result<()> {
    // In the same folder, so that a rename is enough.
    let folder = folder(place);
    sweep(folder);
    let mut part = match beside(folder) {
        Ok(part) => part,
        Err(why) if known.is_some() && cannot_be_replaced(&why) => return write_over(place, bytes),
        Err(why) => return Err(why),
    };
    if known.is_some_and(|known| inherit(part.as_file(), known).is_err()) {
        // Some file systems know no permissions that could be set.
        drop(part);
        return write_over(place, bytes);
    }
    part.as_file_mut().write_all(bytes)?;
    // A file that took the place of another before its bytes are on the disk may be empty after a
    // loss of power.
    part.as_file().sync_all()?;
    match part.persist(place) {
        Ok(_) => Ok(()),
        Err(why) if known.is_some() && cannot_be_replaced(&why.error) => write_over(place, bytes),
        Err(why) => Err(why.error),
    }
}

/// Returns whether an error means that a file cannot be replaced but may still be overwritten. A
/// full disk is no such error: the old file is kept.
fn cannot_be_replaced(why: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    matches!(why.kind(), PermissionDenied | ReadOnlyFilesystem | ResourceBusy | CrossesDevices)
}

/// Overwrites an existing file in place.
fn write_over(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).truncate(true).open(place)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Gives a new file the permissions of the old one, and its owner and group where that is allowed.
fn inherit(part: &File, known: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        // Not everybody may give files away; to one of one's own groups often.
        if fchown(part, Some(known.uid()), Some(known.gid())).is_err() {
            let _ = fchown(part, None, Some(known.gid()));
        }
    }
    part.set_permissions(known.permissions())
}

/// Beginning of the names of temporary files; [`SUFFIX`] is their end.
const PREFIX: &str = ".perjoule-";
const SUFFIX: &str = ".part";

/// Creates a temporary file, which is removed unless it is kept, with the default permissions of a
/// new file.
fn beside(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    // Errors are the system's, without the name of a file that the caller has not asked for.
    let part = builder
        .prefix(PREFIX)
        .suffix(SUFFIX)
        .make_in(folder, |part| File::options().write(true).create_new(true).open(part))?;
    // Marks it as in use, where the file system has locks.
    #[cfg(unix)]
    let _ = part.as_file().try_lock();
    Ok(part)
}

/// Removes the temporary files that killed runs have left.
#[cfg(unix)]
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) && is_left(&entry.path()) {
            // What others own stays.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Removes nothing: elsewhere no lock distinguishes a temporary file in use from one that was
/// left.
#[cfg(not(unix))]
fn sweep(_: &Path) {}

/// Returns whether no process writes a temporary file any more: it is old enough to have been
/// locked, and is not locked.
#[cfg(unix)]
fn is_left(part: &Path) -> bool {
    const NEW: std::time::Duration = std::time::Duration::from_mins(1);
    let known = fs::symlink_metadata(part).ok().filter(Metadata::is_file);
    let age = known.and_then(|known| known.modified().ok()?.elapsed().ok());
    age.is_some_and(|age| age > NEW) && File::open(part).is_ok_and(|part| part.try_lock().is_ok())
}

/// Identity of a file that exists, or the place of one that does not yet.
#[derive(PartialEq, Eq)]
enum Identity {
    /// Device and inode number of the file.
    #[cfg(unix)]
    Inode(u64, u64),
    Place(PathBuf),
}

/// Returns the identity of a file; `None` for anything else than a file.
fn identity(file: &Path) -> Option<Identity> {
    match fs::metadata(file) {
        Ok(known) if !known.is_file() => None,
        #[cfg(unix)]
        Ok(known) => {
            use std::os::unix::fs::MetadataExt as _;
            Some(Identity::Inode(known.dev(), known.ino()))
        }
        #[cfg(not(unix))]
        Ok(_) => fs::canonicalize(file).ok().map(Identity::Place),
        Err(_) => {
            let place = place(file).ok()??;
            let folder = fs::canonicalize(folder(&place)).ok()?;
            Some(Identity::Place(folder.join(place.file_name()?)))
        }
    }
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
        assert!(matches!(check(&nowhere), Err(WriteError::NoFolder(file)) if file == nowhere));
        assert!(matches!(check(folder.path()), Err(WriteError::Folder(_))));
        assert!(matches!(write(folder.path(), b""), Err(WriteError::Folder(_))));
        assert!(matches!(check(Path::new("")), Err(WriteError::Folder(_))));
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
            matches!(write(full, b"text"), Err(WriteError::Failed { path, .. }) if path == full)
        );
        write(Path::new("/dev/null"), b"text").expect("a device that takes everything");

        // Nothing can be made beside these, nor can they be written.
        let file = Path::new("/proc/version");
        let before = fs::read(file).expect("the file");
        for refused in [check(file), write(file, b"after")] {
            let error = refused.expect_err("nobody may write it").to_string();
            assert!(error.contains("/proc/version: ") && !error.contains('\n'), "{error}");
        }
        assert_eq!(fs::read(file).expect("the file"), before);
        for refused in [check(Path::new("/proc/none")), write(Path::new("/proc/none"), b"")] {
            let error = refused.expect_err("no new files there").to_string();
            assert!(error.starts_with("/proc/none: ") && !error.contains("part"), "{error}");
        }
    }

    #[cfg(unix)]
    fn mode(file: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(file).expect("the file").permissions().mode() & 0o7777
    }

    #[cfg(unix)]
    #[test]
    fn a_file_keeps_its_mode_and_its_owner() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("score.json");
        fs::write(&file, "before").expect("a folder that can be written");
        // Only root can give it away.
        let is_given = chown(&file, Some(12_345), Some(23_456)).is_ok();
        for bits in [0o600, 0o640, 0o664] {
            fs::set_permissions(&file, fs::Permissions::from_mode(bits)).expect("our file");
            write(&file, b"after").expect("a file that can be written");
            assert_eq!(mode(&file), bits);
            let known = fs::metadata(&file).expect("the file");
            assert!(!is_given || (known.uid(), known.gid()) == (12_345, 23_456), "{known:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_nobody_may_write_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().expect("a folder");
        let [file, link] = ["score.json", "link.json"].map(|name| folder.path().join(name));
        fs::write(&file, "before").expect("a folder that can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).expect("our file");
        std::os::unix::fs::symlink("score.json", &link).expect("a link");
        for name in [&file, &link] {
            for refused in [check(name), write(name, b"after")] {
                let error = refused.expect_err("a read-only file").to_string();
                assert!(error.contains("it is read-only; allow"), "{error}");
            }
        }
        assert_eq!(fs::read_to_string(&file).expect("the file"), "before");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_to_what_is_not_there_yet_and_not_in_circles() {
        use std::os::unix::fs::symlink;

        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("in")).expect("a folder");
        for (to, link) in
            [("in/b", "a"), ("../c", "in/b"), ("circle", "circle"), ("none/x", "lost")]
        {
            symlink(to, path(link)).expect("a link");
        }
        write(&path("a"), b"whole").expect("links that lead to a file");
        assert_eq!(fs::read_to_string(path("c")).expect("the file"), "whole");
        assert!(fs::symlink_metadata(path("in/b")).expect("the link").is_symlink());
        assert!(matches!(check(&path("lost")), Err(WriteError::NoFolder(_))));
        assert!(check(&path("circle")).is_err());
        assert!(is_same(&path("a"), &path("c")) && !is_same(&path("a"), &path("d")));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_open_descriptor_is_written_to_and_its_file_not_replaced() {
        use std::io::Read as _;
        use std::os::fd::AsRawFd as _;

        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("score.json");
        let mut held = File::options().read(true).write(true).create_new(true).open(&file);
        let held = held.as_mut().expect("a folder that can be written");
        fs::write(&file, "an older and longer text").expect("ours");
        let descriptor = PathBuf::from(format!("/dev/fd/{}", held.as_raw_fd()));
        assert!(is_replaced(&file) && !is_replaced(&descriptor));
        write(&descriptor, b"text").expect("ours");
        let mut text = String::new();
        held.read_to_string(&mut text).expect("the file");
        assert_eq!(text, "text");
        assert_eq!(names(&folder), ["score.json"]);
    }

    #[test]
    fn files_are_the_same_by_any_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "").expect("a folder that can be written");
        fs::hard_link(path("a"), path("hard")).expect("a link");
        assert!(is_same(&path("a"), &path("./a")) && !is_same(&path("a"), &path("b")));
        assert!(cfg!(not(unix)) || is_same(&path("a"), &path("hard")));
        assert!(is_same(&path("new"), &folder.path().join(".").join("new")));
        assert!(!is_same(&path("new"), &path("newer")));
        assert!(!is_same(Path::new("/dev/null"), Path::new("/dev/null")));
    }

    #[cfg(unix)]
    #[test]
    fn parts_that_were_left_go_and_others_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let old = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
        let part = |name: &str, is_old: bool| {
            let file = File::create(folder.path().join(name)).expect("a folder for files");
            if is_old {
                file.set_modified(old).expect("our file");
            }
            file
        };
        drop(part(".perjoule-left.part", true));
        drop(part(".perjoule-new.part", false));
        drop(part("theirs.part", true));
        let written = part(".perjoule-written.part", true);
        written.lock().expect("a file system with locks");
        write(&folder.path().join("score.json"), b"").expect("a folder that can be written");
        let stay = [".perjoule-new.part", ".perjoule-written.part", "score.json", "theirs.part"];
        assert_eq!(names(&folder), stay);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_for_whom_new_files_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let [ours, other] = ["ours", "other"].map(|name| folder.path().join(name));
        write(&ours, b"").expect("a folder that can be written");
        fs::write(&other, "").expect("a folder that can be written");
        assert_eq!(mode(&ours), mode(&other));
    }
}
