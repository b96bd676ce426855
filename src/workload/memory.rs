//! Memory for workloads: how much of it there is to take, and how large the caches are.

use std::fs;
use std::path::Path;

use super::WorkloadError;
use crate::machine;

/// Returns a vector of `len` times `value`, or the error that there is no memory for it.
pub(super) fn reserve<T: Copy>(len: usize, value: T) -> Result<Vec<T>, WorkloadError> {
    let mut all = Vec::new();
    let bytes = (len as u64).saturating_mul(size_of::<T>() as u64);
    all.try_reserve_exact(len).map_err(|_| WorkloadError::OutOfMemory { bytes })?;
    all.resize(len, value);
    Ok(all)
}

/// Checks that `bytes` of `what` are no more than there are to take, and returns them.
///
/// Linux promises more memory than it has and ends processes that use it, so asking is not enough.
pub(crate) fn check(what: &'static str, bytes: Option<u64>) -> Result<u64, WorkloadError> {
    let limit = available().unwrap_or(isize::MAX as u64);
    let asked = bytes.unwrap_or(u64::MAX);
    if asked > limit { Err(WorkloadError::TooLarge { what, asked, limit }) } else { Ok(asked) }
}

/// Returns the bytes that this process can take without others being swapped out or ended; `None`
/// if the system does not say.
pub(crate) fn available() -> Option<u64> {
    machine::memory_left(Path::new("/"))
}

/// Returns the bytes of all last-level caches together, those of other packages too; 64 MiB if the
/// system does not say.
pub(crate) fn last_level_caches() -> u64 {
    caches(Path::new("/sys/devices/system/cpu")).unwrap_or(64 << 20)
}

/// Reads the caches of every processor from a folder as Linux has it; `None` if it has none.
fn caches(processors: &Path) -> Option<u64> {
    let mut caches = Vec::new();
    for processor in entries(processors, "cpu") {
        for index in entries(&processor.join("cache"), "index") {
            let read = |name| fs::read_to_string(index.join(name)).ok();
            let cache = || {
                let level: u32 = read("level")?.trim().parse().ok()?;
                let kibibytes: u64 = read("size")?.trim().strip_suffix('K')?.parse().ok()?;
                Some((level, read("shared_cpu_list")?, kibibytes.checked_mul(1024)?))
            };
            caches.extend(cache());
        }
    }
    let last = caches.iter().map(|&(level, ..)| level).max()?;
    caches.retain(|&(level, ..)| level == last);
    // A cache is listed by every processor that shares it.
    caches.sort();
    caches.dedup();
    Some(caches.into_iter().fold(0, |sum, (_, _, bytes)| sum.saturating_add(bytes)))
}

/// Returns the folders in `parent` whose name is `name` and a number.
fn entries(parent: &Path, name: &str) -> Vec<std::path::PathBuf> {
    let numbered = |path: &std::path::PathBuf| {
        let number = path.file_name()?.to_str()?.strip_prefix(name)?;
        number.parse::<u32>().ok()
    };
    let all = fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path());
    all.filter(|path| numbered(path).is_some()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_that_are_shared_count_once_and_those_of_each_package_count() {
        let root = std::env::temp_dir().join(format!("perjoule-caches-{}", std::process::id()));
        let cache = |cpu: u32, index: u32, level: &str, size: &str, shared: &str| {
            let folder = root.join(format!("cpu{cpu}/cache/index{index}"));
            fs::create_dir_all(&folder).expect("a folder for temporary files");
            for (name, text) in [("level", level), ("size", size), ("shared_cpu_list", shared)] {
                fs::write(folder.join(name), format!("{text}\n")).expect("a temporary file");
            }
        };
        assert_eq!(caches(&root), None);
        for cpu in 0..4 {
            cache(cpu, 0, "1", "32K", &cpu.to_string());
            cache(cpu, 3, "3", "32768K", if cpu < 2 { "0-1" } else { "2-3" });
        }
        cache(4, 3, "3", "unknown", "4");
        fs::create_dir_all(root.join("cpufreq")).expect("a folder");
        assert_eq!(caches(&root), Some(2 * 32768 * 1024));
        fs::remove_dir_all(&root).expect("this test made it");
    }

    #[test]
    fn too_much_is_an_error() {
        for bytes in [None, Some(u64::MAX)] {
            let refused = check("bytes", bytes);
            assert!(
                matches!(refused, Err(WorkloadError::TooLarge { asked: u64::MAX, .. })),
                "{refused:?}"
            );
        }
        assert_eq!(check("bytes", Some(1)).expect("a byte"), 1);
        let refused = reserve(usize::MAX, 0_u8);
        assert!(
            matches!(refused, Err(WorkloadError::OutOfMemory { bytes: u64::MAX })),
            "{refused:?}"
        );
    }
}
