//! Detects what is in this machine: processor, cores, architecture and memory.
//!
//! What the system does not report is `None`, never a guess. Model, vendor, core counts and memory
//! come from the files that Linux has in `/proc`; on other systems they are `None`.
//! [`crate::engine::survey`] says which engines can run here, and what the others lack.

mod cgroup;
#[cfg(any(feature = "gpu", feature = "score", all(unix, feature = "meter")))]
pub(crate) mod clock;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The processor, architecture, usable cores and memory of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The processors of the machine.
    pub cpu: Cpu,
    /// Architecture that this program was built for: `x86_64`, `aarch64`, …
    pub architecture: &'static str,
    /// Number of cores that this process may use, each hardware thread counted. A search has this
    /// many threads by default.
    pub usable_cores: usize,
    /// Memory that this process may use, in bytes: all memory of the machine, or less where a
    /// systemd unit, a cluster job or a container limits it; `None` if the system does not report
    /// it.
    pub memory_bytes: Option<u64>,
}

impl Machine {
    /// Detects the machine that this process runs on, by asking the operating system.
    #[must_use]
    pub fn detect() -> Self {
        let architecture = std::env::consts::ARCH;
        let text = |path| fs::read(path).unwrap_or_default();
        let text = |path| String::from_utf8_lossy(&text(path)).into_owned();
        Self {
            cpu: Cpu::from_cpuinfo(architecture, &text("/proc/cpuinfo")),
            architecture,
            usable_cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory_within(Path::new("/")),
        }
    }
}

/// The processors of a machine, as Linux describes them in `/proc/cpuinfo`; on other systems every
/// field is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Model name, several joined by ` + ` if there are several kinds of cores; `None` if not
    /// reported.
    pub model: Option<String>,
    /// Name of the maker, on x86 as the processor spells it (`AuthenticAMD`); `None` if not
    /// reported.
    pub vendor: Option<String>,
    /// Number of cores of the machine, each hardware thread counted; `None` if not reported.
    pub logical_cores: Option<usize>,
    /// Number of cores of the machine, hardware threads not counted; `None` if not reported.
    pub physical_cores: Option<usize>,
}

impl Cpu {
    /// Reads the text of `/proc/cpuinfo` of a machine of an [architecture](Machine::architecture).
    #[must_use]
    pub(crate) fn from_cpuinfo(architecture: &str, text: &str) -> Self {
        let (model, vendor) = match architecture {
            "x86" | "x86_64" => (joined(text, "model name"), joined(text, "vendor_id")),
            "arm" | "aarch64" => arm_model_and_vendor(text),
            _ => (None, None),
        };
        let logical_cores = values(text, "processor").count();
        Self {
            model,
            vendor,
            logical_cores: (logical_cores > 0).then_some(logical_cores),
            physical_cores: physical_cores(text),
        }
    }
}

/// Returns the memory that this process may use, in bytes; `root` is the root of the file system.
fn memory_within(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).unwrap_or_default();
    let limits = cgroup::memory(root).into_iter().map(|group| group.limit);
    limits.chain(total_memory(&text)).min()
}

/// Returns the bytes of memory that can be taken without other processes being swapped out or
/// killed; `root` is the root of the file system.
pub(crate) fn memory_left(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).unwrap_or_default();
    let left = cgroup::memory(root).into_iter().map(cgroup::Memory::left);
    left.chain(available_memory(&text)).min()
}

/// Returns all memory of a machine, in bytes, from the text of its `/proc/meminfo`; `None` if the
/// text does not have it.
#[must_use]
pub(crate) fn total_memory(text: &str) -> Option<u64> {
    memory(text, "MemTotal")
}

/// Returns the memory that can be taken without swapping, in bytes, from the text of
/// `/proc/meminfo`; `None` if the text does not have it.
#[must_use]
pub(crate) fn available_memory(text: &str) -> Option<u64> {
    memory(text, "MemAvailable")
}

fn memory(text: &str, key: &str) -> Option<u64> {
    let kibibytes = values(text, key).next()?.strip_suffix("kB")?;
    kibibytes.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Returns the values of all lines `key : value` of a key, in order.
fn values<'a>(text: &'a str, key: &str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .filter(move |(name, value)| name.trim() == key && !value.trim().is_empty())
        .map(|(_, value)| value.trim())
}

/// Joins the different values of a key by ` + `; `None` if there are none.
fn joined(text: &str, key: &str) -> Option<String> {
    join(values(text, key).map(str::to_owned))
}

/// Joins texts by ` + `, each once and in order; `None` if there are none.
fn join(all: impl Iterator<Item = String>) -> Option<String> {
    let mut once = Vec::new();
    for one in all {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    (!once.is_empty()).then(|| once.join(" + "))
}

/// Counts the physical cores, which are numbered within their package; `None` without both numbers.
fn physical_cores(text: &str) -> Option<usize> {
    let packages: Vec<_> = values(text, "physical id").collect();
    let cores: Vec<_> = values(text, "core id").collect();
    let known = !cores.is_empty() && packages.len() == cores.len();
    known.then(|| packages.iter().zip(&cores).collect::<BTreeSet<_>>().len())
}

/// Returns model and vendor of an ARM processor, which reports both as numbers.
fn arm_model_and_vendor(text: &str) -> (Option<String>, Option<String>) {
    let makers = values(text, "CPU implementer");
    let parts = values(text, "CPU part");
    let model = join(makers.zip(parts).map(|(maker, part)| match arm_part(maker, part) {
        Some(name) => name.to_owned(),
        None => format!("part {part}"),
    }));
    let maker = |code| arm_maker(code).map_or_else(|| format!("implementer {code}"), str::to_owned);
    (model, join(values(text, "CPU implementer").map(maker)))
}

/// Returns the maker with a code, from the description of `MIDR_EL1` in the Arm Architecture
/// Reference Manual.
fn arm_maker(code: &str) -> Option<&'static str> {
    Some(match code {
        "0x41" => "Arm",
        "0x42" => "Broadcom",
        "0x43" => "Cavium",
        "0x46" => "Fujitsu",
        "0x4e" => "NVIDIA",
        "0x50" => "Applied Micro",
        "0x51" => "Qualcomm",
        "0x56" => "Marvell",
        "0xc0" => "Ampere",
        _ => return None,
    })
}

/// Returns the name of one of Arm's own cores that servers and single-board computers have.
fn arm_part(maker: &str, code: &str) -> Option<&'static str> {
    Some(match (maker, code) {
        ("0x41", "0xd03") => "Cortex-A53",
        ("0x41", "0xd05") => "Cortex-A55",
        ("0x41", "0xd07") => "Cortex-A57",
        ("0x41", "0xd08") => "Cortex-A72",
        ("0x41", "0xd0b") => "Cortex-A76",
        ("0x41", "0xd0c") => "Neoverse-N1",
        ("0x41", "0xd40") => "Neoverse-V1",
        ("0x41", "0xd49") => "Neoverse-N2",
        ("0x41", "0xd4f") => "Neoverse-V2",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two packages of two cores of two threads.
    fn x86() -> String {
        let processor = |number: usize| {
            let (package, core) = (number / 4, number / 2 % 2);
            format!(
                "processor\t: {number}\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon: the test\n\
                 physical id\t: {package}\ncore id\t\t: {core}\nflags\t\t: fpu sha_ni\n\
                 power management:\n\n"
            )
        };
        (0..8).map(processor).collect()
    }

    #[test]
    fn x86_has_names_and_core_numbers() {
        let cpu = Cpu::from_cpuinfo("x86_64", &x86());
        assert_eq!(cpu.model.as_deref(), Some("Xeon: the test"));
        assert_eq!(cpu.vendor.as_deref(), Some("GenuineIntel"));
        assert_eq!((cpu.logical_cores, cpu.physical_cores), (Some(8), Some(4)));
    }

    #[test]
    fn arm_has_numbers_for_names() {
        let processor = |number, part| {
            format!("processor\t: {number}\nCPU implementer\t: 0x41\nCPU part\t: {part}\n\n")
        };
        let text = [processor(0, "0xd05"), processor(1, "0xd05"), processor(2, "0xd0b")].concat();
        let cpu = Cpu::from_cpuinfo("aarch64", &text);
        assert_eq!(cpu.model.as_deref(), Some("Cortex-A55 + Cortex-A76"));
        assert_eq!(cpu.vendor.as_deref(), Some("Arm"));
        assert_eq!((cpu.logical_cores, cpu.physical_cores), (Some(3), None));

        let unheard_of = "processor\t: 0\nCPU implementer\t: 0x99\nCPU part\t: 0xabc\n";
        let cpu = Cpu::from_cpuinfo("aarch64", unheard_of);
        assert_eq!(cpu.model.as_deref(), Some("part 0xabc"));
        assert_eq!(cpu.vendor.as_deref(), Some("implementer 0x99"));
    }

    #[test]
    fn what_is_not_said_is_not_known() {
        for text in ["", "\n:\n::\n", "processor", "model name\t:\nvendor_id\t:", "\u{0}: \u{0}"] {
            for architecture in ["x86_64", "aarch64", "riscv64"] {
                assert_eq!(Cpu::from_cpuinfo(architecture, text), Cpu::default(), "{text:?}");
            }
        }
        // A text of another architecture, as an emulator passes on.
        let cpu = Cpu::from_cpuinfo("aarch64", &x86());
        assert_eq!((cpu.model, cpu.vendor), (None, None));
        // A virtual machine that numbers only some of its cores.
        let text = "processor: 0\nphysical id: 0\ncore id: 0\nprocessor: 1\ncore id: 1\n";
        assert_eq!(Cpu::from_cpuinfo("x86_64", text).physical_cores, None);
    }

    #[test]
    fn memory_is_in_bytes() {
        let text = "MemTotal:       16384256 kB\nMemFree:         1 kB\nMemAvailable:    2 kB\n";
        assert_eq!(total_memory(text), Some(16_384_256 * 1024));
        assert_eq!(available_memory(text), Some(2 * 1024));
        for text in ["", "MemTotal:", "MemTotal: many kB", "MemTotal: 5 MB", "MemTotal: -5 kB"] {
            assert_eq!(total_memory(text), None, "{text:?}");
        }
        assert_eq!(total_memory("MemTotal: 18446744073709551615 kB"), None);
    }

    #[test]
    fn the_memory_of_a_unit_is_what_it_may_have() {
        let meminfo = "MemTotal: 1000 kB\nMemAvailable: 600 kB\n";
        let tree = |max: &str| {
            cgroup::Tree::new(
                "memory-of-a-unit",
                &[
                    ("proc/meminfo", meminfo),
                    ("proc/self/cgroup", "0::/system.slice/score.service\n"),
                    ("sys/fs/cgroup/system.slice/score.service/memory.max", max),
                    ("sys/fs/cgroup/system.slice/score.service/memory.current", "51200\n"),
                ],
            )
        };
        let limited = tree("102400\n");
        assert_eq!(memory_within(&limited.0), Some(100 * 1024));
        assert_eq!(memory_left(&limited.0), Some(50 * 1024));
        drop(limited);
        let free = tree("max\n");
        assert_eq!(
            (memory_within(&free.0), memory_left(&free.0)),
            (Some(1_024_000), Some(614_400))
        );
        assert_eq!(memory_within(Path::new("/nonexistent")), None);
    }

    #[test]
    fn this_machine_is_described() {
        let machine = Machine::detect();
        assert!(machine.usable_cores > 0);
        assert_eq!(machine.architecture, std::env::consts::ARCH);
    }
}
