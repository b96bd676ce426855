//! The memory limits of the Linux control groups that this process is in. A systemd unit, a cluster
//! job and a container are groups; each may have a limit, and so may all groups around it.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Limits from this many bytes on mean that there is none: files of version 1 have no word for
/// that.
const NO_LIMIT: u64 = 1 << 60;

/// The memory limit of a group, and how much of it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Limit in bytes.
    pub(crate) limit: u64,
    /// Bytes that the group uses, without the inactive file cache; `None` if it is not reported.
    used: Option<u64>,
}

impl Memory {
    /// Returns the bytes that can still be taken.
    pub(crate) fn left(self) -> u64 {
        self.limit.saturating_sub(self.used.unwrap_or(0))
    }
}

/// The names of the files in which a version of control groups has its numbers.
struct Files {
    /// Files whose least value is the limit; beyond `memory.high` the kernel slows a group down.
    limits: &'static [&'static str],
    used: &'static str,
    /// Key in `memory.stat` of the inactive file cache.
    reclaimable: &'static str,
}

const VERSION_1: Files = Files {
    limits: &["memory.limit_in_bytes"],
    used: "memory.usage_in_bytes",
    reclaimable: "total_inactive_file",
};

const VERSION_2: Files = Files {
    limits: &["memory.max", "memory.high"],
    used: "memory.current",
    reclaimable: "inactive_file",
};

/// Returns the limits of all groups that this process is in; `root` is the root of the file system.
pub(crate) fn memory(root: &Path) -> Vec<Memory> {
    let own = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    // The name of a group in each hierarchy: `0::/system.slice/x.service`, `5:cpu,memory:/x`.
    let group = |is_it: &dyn Fn(&str, &str) -> bool| {
        own.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':');
            let (number, controllers, name) = (parts.next()?, parts.next()?, parts.next()?);
            is_it(number, controllers).then_some(name)
        })
    };
    let second = group(&|number, controllers| number == "0" && controllers.is_empty());
    let first = group(&|_, controllers| controllers.split(',').any(|it| it == "memory"));
    let hierarchies = [
        ("sys/fs/cgroup", second, &VERSION_2),
        ("sys/fs/cgroup/unified", second, &VERSION_2),
        ("sys/fs/cgroup/memory", first, &VERSION_1),
    ];
    let mut found = Vec::new();
    for (mount, group, files) in hierarchies {
        let mount = root.join(mount);
        found.extend(around(&mount, group).iter().filter_map(|folder| files.read(folder)));
    }
    found
}

/// Returns the folders of a group and of those around it, from where the hierarchy is mounted: in a
/// container that is a group too, and the name may be one of the host that does not exist here.
fn around(mount: &Path, group: Option<&str>) -> Vec<PathBuf> {
    let name = Path::new(group.unwrap_or_default());
    let mut inside = PathBuf::new();
    let mut folders = vec![mount.to_owned()];
    for part in name.components() {
        match part {
            Component::Normal(part) => inside.push(part),
            Component::RootDir | Component::CurDir => continue,
            // A group outside of what is mounted here.
            Component::ParentDir | Component::Prefix(_) => return vec![mount.to_owned()],
        }
        folders.push(mount.join(&inside));
    }
    folders
}

impl Files {
    fn read(&self, folder: &Path) -> Option<Memory> {
        let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
        let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
        let limits = self.limits.iter().filter_map(|name| number(name));
        let limit = limits.min().filter(|&limit| limit < NO_LIMIT)?;
        let stat = text("memory.stat").unwrap_or_default();
        let idle = stat.lines().find_map(|line| {
            let (key, value) = line.split_once(' ')?;
            (key == self.reclaimable).then(|| value.trim().parse::<u64>().ok()).flatten()
        });
        let used = number(self.used).map(|used| used.saturating_sub(idle.unwrap_or(0)));
        Some(Memory { limit, used })
    }
}

/// A tree as Linux would show it, in a folder for temporary files that goes when it is dropped.
#[cfg(test)]
pub(crate) struct Tree(pub(crate) PathBuf);

#[cfg(test)]
impl Tree {
    pub(crate) fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("perjoule-{name}-{}", std::process::id()));
        let tree = Self(root);
        for (file, text) in files {
            let path = tree.0.join(file);
            let folder = path.parent().expect("a folder");
            fs::create_dir_all(folder).expect("a folder for temporary files");
            fs::write(path, text).expect("a temporary file");
        }
        tree
    }
}

#[cfg(test)]
impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(tree: &Tree) -> Vec<(u64, u64)> {
        memory(&tree.0).iter().map(|it| (it.limit, it.left())).collect()
    }

    #[test]
    fn the_limit_of_a_unit_and_of_what_is_around_it() {
        let unit = "sys/fs/cgroup/system.slice/score.service";
        let tree = Tree::new(
            "unit",
            &[
                ("proc/self/cgroup", "0::/system.slice/score.service\n"),
                ("sys/fs/cgroup/system.slice/memory.max", "max\n"),
                ("sys/fs/cgroup/system.slice/memory.high", "9000\n"),
                (&format!("{unit}/memory.max"), "5000\n"),
                (&format!("{unit}/memory.high"), "max\n"),
                (&format!("{unit}/memory.current"), "3000\n"),
                (&format!("{unit}/memory.stat"), "anon 1\ninactive_file 1200\nactive_file 3\n"),
            ],
        );
        assert_eq!(left(&tree), [(9000, 9000), (5000, 3200)]);
    }

    #[test]
    fn a_container_has_its_limit_where_its_hierarchy_begins() {
        for group in ["0::/\n", "0::/../../other\n", "0::/docker/of-the-host\n", "", "rubbish\n::"]
        {
            let tree = Tree::new(
                "container",
                &[
                    ("proc/self/cgroup", group),
                    ("sys/fs/cgroup/memory.max", "4096\n"),
                    ("sys/fs/cgroup/memory.current", "5000\n"),
                    ("sys/fs/other/memory.max", "1\n"),
                ],
            );
            assert_eq!(left(&tree), [(4096, 0)], "{group}");
        }
    }

    #[test]
    fn version_1_is_read_too() {
        let folder = "sys/fs/cgroup/memory/slurm/job";
        let tree = Tree::new(
            "version-1",
            &[
                ("proc/self/cgroup", "5:cpuset:/x\n4:cpu,memory:/slurm/job\n0::/user.slice\n"),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
                (&format!("{folder}/memory.limit_in_bytes"), "8192\n"),
                (&format!("{folder}/memory.usage_in_bytes"), "4096\n"),
                (&format!("{folder}/memory.stat"), "inactive_file 1\ntotal_inactive_file 96\n"),
            ],
        );
        assert_eq!(left(&tree), [(8192, 4192)]);
        assert!(memory(Path::new("/nonexistent")).is_empty());
    }
}
