//! The small files of Linux' `/sys`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::MeterError;
use super::unavailable::Why;

/// No file of `/sys` that is read here is longer.
const LONGEST: u64 = 4096;

/// The text of a file, without the white space around it.
///
/// A pipe or a device is refused, because opening or reading one may never end.
pub(super) fn text(path: &Path) -> Result<String, MeterError> {
    let refused = |error| MeterError::read(path, error);
    if !fs::metadata(path).map_err(refused)?.is_file() {
        return Err(refused(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(refused)?;
    file.take(LONGEST).read_to_end(&mut bytes).map_err(refused)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// The number in a file.
pub(super) fn number(path: &Path) -> Result<u64, MeterError> {
    let text = text(path)?;
    text.parse().map_err(|_| MeterError::rubbish(path, &text, "a whole number"))
}

/// What is in a folder, sorted by name; nothing if it cannot be read.
pub(super) fn entries(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named =
        entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())));
    let mut named: Vec<_> = named.collect();
    named.sort();
    named
}

/// Why a meter that needs that file cannot be used.
pub(super) fn why(error: MeterError, container: bool) -> Why {
    match error {
        MeterError::Read { path, error } if error.kind() == io::ErrorKind::PermissionDenied => {
            Why::Denied { path, container }
        }
        other => Why::Broken(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_rubbish_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("energy_uj");
        for (text, value) in [("0\n", 0), (" 18446744073709551615 ", u64::MAX), ("7", 7)] {
            fs::write(&path, text).expect("written");
            assert_eq!(number(&path).expect("a number"), value);
        }
        let long = "9".repeat(100_000);
        for text in ["", "-1", "1.5", "18446744073709551616", "µJ", "\0", &long] {
            fs::write(&path, text).expect("written");
            let error = number(&path).expect_err("no number").to_string();
            assert!(error.ends_with("expected a whole number") && error.len() < 500, "{error}");
        }
        fs::write(&path, [0xff, 0xfe]).expect("written");
        assert!(matches!(number(&path), Err(MeterError::Malformed { .. })));
        fs::remove_file(&path).expect("there");
        assert!(matches!(number(&path), Err(MeterError::Read { .. })));
        assert!(matches!(number(folder.path()), Err(MeterError::Read { .. })));
    }

    #[test]
    fn a_file_for_root_is_another_thing_than_one_that_is_broken() {
        let path = Path::new("/sys/class/powercap/intel-rapl:0/energy_uj");
        let error = |kind: io::ErrorKind| MeterError::read(path, kind.into());
        for container in [false, true] {
            let denied = why(error(io::ErrorKind::PermissionDenied), container);
            assert!(matches!(denied, Why::Denied { container: told, .. } if told == container));
        }
        assert!(matches!(why(error(io::ErrorKind::NotFound), true), Why::Broken(_)));
    }
}
