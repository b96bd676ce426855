//! Properties of a machine that decide which meters it can have.

use std::fs;
use std::path::Path;

use super::unavailable::Cause;
use crate::machine::Cpu;

/// The first Linux with AMD's energy counters in powercap.
const AMD_IN_POWERCAP: (u32, u32) = (5, 11);

/// The first Linux with AMD's energy counters among the performance events.
const AMD_IN_PERF: (u32, u32) = (5, 8);

/// Properties of a machine that explain which meters it lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Host {
    /// Operating system, as Rust names it: `linux`, `windows`, `macos`, …
    pub system: String,
    /// Architecture of the processor, as Rust names it: `x86_64`, `aarch64`, …
    pub architecture: String,
    /// Vendor of the processor, in its own spelling; `None` where it is not known.
    pub vendor: Option<String>,
    /// First two numbers of the kernel's version; `None` where it is not known.
    pub kernel: Option<(u32, u32)>,
    /// Whether the processor reports that it belongs to a virtual machine.
    pub hypervisor: bool,
    /// Whether this runs inside a container.
    pub container: bool,
    /// Kernel setting `kernel.perf_event_paranoid`; `None` where it cannot be read.
    pub perf_event_paranoid: Option<i32>,
    /// Whether an NVIDIA card is on the PCI bus; `None` where the bus cannot be seen.
    pub nvidia: Option<bool>,
    /// Platform of the machine, where that explains missing meters.
    pub platform: Platform,
}

/// A platform that explains which meters a machine lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Platform {
    /// Any platform without a variant of its own.
    #[default]
    Other,
    /// Windows Subsystem for Linux, whose second version is a virtual machine.
    Wsl,
    /// An NVIDIA Jetson board, which has sensors of its own.
    Jetson,
}

impl Host {
    /// Detects the properties of this machine.
    #[must_use]
    pub fn detect() -> Self {
        Self::under(Path::new("/"))
    }

    /// Reads the properties of a machine whose `/proc` and `/sys` are under `root`; what has no
    /// file there stays unknown.
    #[must_use]
    pub fn under(root: &Path) -> Self {
        let text = |path: &str| fs::read(root.join(path)).unwrap_or_default();
        let text = |path| String::from_utf8_lossy(&text(path)).into_owned();
        let cpuinfo = text("proc/cpuinfo");
        let release = text("proc/sys/kernel/osrelease");
        let board = text("proc/device-tree/model");
        let platform = match () {
            () if release.to_lowercase().contains("microsoft") => Platform::Wsl,
            () if board.contains("NVIDIA") && board.contains("Jetson") => Platform::Jetson,
            () => Platform::Other,
        };
        let architecture = std::env::consts::ARCH.to_owned();
        let container = [".dockerenv", "run/.containerenv", "run/systemd/container"];
        Self {
            system: std::env::consts::OS.to_owned(),
            vendor: Cpu::from_cpuinfo(&architecture, &cpuinfo).vendor,
            architecture,
            kernel: kernel(&release),
            hypervisor: has_hypervisor(&cpuinfo),
            container: container.iter().any(|path| root.join(path).exists()),
            perf_event_paranoid: text("proc/sys/kernel/perf_event_paranoid").trim().parse().ok(),
            // Windows lends its cards by other means than a bus.
            nvidia: has_nvidia(&root.join("sys/bus/pci/devices"))
                .filter(|_| platform != Platform::Wsl),
            platform,
        }
    }

    /// Why there are no counters in powercap.
    pub(super) fn why_no_powercap(&self) -> Cause {
        self.why(AMD_IN_POWERCAP, "intel_rapl_msr")
    }

    /// Why there are no counters among the performance events.
    pub(super) fn why_no_perf(&self) -> Cause {
        self.why(AMD_IN_PERF, "rapl")
    }

    /// Why there are no sensors; `None` where there may just be none.
    pub(super) fn why_no_sensors(&self) -> Option<Cause> {
        if self.system != "linux" {
            return Some(Cause::System(self.system.clone()));
        }
        match self.platform {
            Platform::Wsl => Some(Cause::Wsl),
            Platform::Jetson => Some(Cause::Jetson),
            Platform::Other => self.hypervisor.then_some(Cause::VirtualMachine),
        }
    }

    fn why(&self, needs: (u32, u32), module: &'static str) -> Cause {
        let is_amd = self.vendor.as_deref() == Some("AuthenticAMD");
        match self.kernel {
            _ if self.system != "linux" => Cause::System(self.system.clone()),
            _ if self.platform == Platform::Jetson => Cause::Jetson,
            _ if !["x86", "x86_64"].contains(&self.architecture.as_str()) => {
                Cause::Architecture(self.architecture.clone())
            }
            _ if self.platform == Platform::Wsl => Cause::Wsl,
            _ if self.hypervisor => Cause::VirtualMachine,
            Some(has) if is_amd && has < needs => Cause::OldKernel { has, needs },
            _ if self.container => Cause::Container,
            _ => Cause::NoModule(module),
        }
    }
}

fn kernel(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.trim().split(['.', '-']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn has_hypervisor(cpuinfo: &str) -> bool {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags"));
    flags.is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"))
}

/// Looks for a display controller of NVIDIA.
fn has_nvidia(devices: &Path) -> Option<bool> {
    let is_card = |device: &Path| {
        let holds = |file, start| {
            fs::read_to_string(device.join(file)).is_ok_and(|text| text.starts_with(start))
        };
        holds("vendor", "0x10de") && holds("class", "0x03")
    };
    let mut devices = fs::read_dir(devices).ok()?.flatten();
    Some(devices.any(|device| is_card(&device.path())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Host {
        let text = |text: &str| text.to_owned();
        let vendor = Some(text("GenuineIntel"));
        Host { system: text("linux"), architecture: text("x86_64"), vendor, ..Host::default() }
    }

    #[test]
    fn the_first_reason_is_told() {
        let amd =
            |kernel| Host { vendor: Some("AuthenticAMD".into()), kernel: Some(kernel), ..host() };
        let system = "windows".to_owned();
        let architecture = "aarch64".to_owned();
        for (host, powercap, perf) in [
            (host(), Cause::NoModule("intel_rapl_msr"), Cause::NoModule("rapl")),
            (Host { container: true, ..host() }, Cause::Container, Cause::Container),
            (
                Host { container: true, hypervisor: true, ..host() },
                Cause::VirtualMachine,
                Cause::VirtualMachine,
            ),
            (
                amd((5, 10)),
                Cause::OldKernel { has: (5, 10), needs: (5, 11) },
                Cause::NoModule("rapl"),
            ),
            (
                amd((4, 19)),
                Cause::OldKernel { has: (4, 19), needs: (5, 11) },
                Cause::OldKernel { has: (4, 19), needs: (5, 8) },
            ),
            (amd((6, 1)), Cause::NoModule("intel_rapl_msr"), Cause::NoModule("rapl")),
            (
                Host { kernel: Some((3, 13)), ..host() },
                Cause::NoModule("intel_rapl_msr"),
                Cause::NoModule("rapl"),
            ),
            (
                Host { architecture: architecture.clone(), hypervisor: true, ..host() },
                Cause::Architecture(architecture.clone()),
                Cause::Architecture(architecture),
            ),
            (
                Host { system: system.clone(), hypervisor: true, ..host() },
                Cause::System(system.clone()),
                Cause::System(system),
            ),
            (Host { platform: Platform::Wsl, hypervisor: true, ..host() }, Cause::Wsl, Cause::Wsl),
            (
                Host { platform: Platform::Jetson, architecture: "aarch64".into(), ..host() },
                Cause::Jetson,
                Cause::Jetson,
            ),
        ] {
            assert_eq!((host.why_no_powercap(), host.why_no_perf()), (powercap, perf), "{host:?}");
        }
    }

    #[test]
    fn a_machine_is_what_its_files_say() {
        let root = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("written");
            fs::write(path, text).expect("written");
        };
        let nothing = Host::under(root.path());
        assert_eq!((nothing.vendor.as_ref(), nothing.kernel, nothing.nvidia), (None, None, None));
        assert!(!nothing.hypervisor && !nothing.container);
        write("proc/cpuinfo", "processor: 0\nflags\t\t: fpu hypervisor lahf_lm\n");
        write("proc/sys/kernel/osrelease", "6.18.44-custom\n");
        write("proc/sys/kernel/perf_event_paranoid", "-1\n");
        write("run/.containerenv", "");
        write("sys/bus/pci/devices/0000:00:00.0/vendor", "0x10de\n");
        write("sys/bus/pci/devices/0000:00:00.0/class", "0x060400\n");
        let host = Host::under(root.path());
        assert_eq!((host.kernel, host.perf_event_paranoid), (Some((6, 18)), Some(-1)));
        assert_eq!(host.nvidia, Some(false));
        assert!(host.hypervisor && host.container);
        write("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
        write("sys/bus/pci/devices/0000:01:00.0/class", "0x030200\n");
        assert_eq!(Host::under(root.path()).nvidia, Some(true));
        write("proc/sys/kernel/osrelease", "5.15.153.1-microsoft-standard-WSL2\n");
        let host = Host::under(root.path());
        assert_eq!((host.kernel, host.nvidia), (Some((5, 15)), None));
        assert_eq!(host.platform, Platform::Wsl);
        write("proc/sys/kernel/osrelease", "5.15.136-tegra\n");
        write("proc/device-tree/model", "NVIDIA Jetson AGX Orin Developer Kit\0");
        assert_eq!(Host::under(root.path()).platform, Platform::Jetson);
        for release in ["", "6", "six.one", "6.", "-"] {
            assert_eq!(kernel(release), None, "{release}");
        }
        assert!(!has_hypervisor("flags: fpu no_hypervisor\nmodel name: hypervisor\n"));
    }
}
