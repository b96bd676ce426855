//! Meters that a machine lacks, why, and what to do about it.

use std::path::PathBuf;

use super::command::CommandError;
use super::{Domain, MeterError, Source};

/// A meter that is missing or cannot be used, and why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{by}{}: {why}", .what.as_ref().map_or_else(String::new, |what| format!(", {what}")))]
#[non_exhaustive]
pub struct Unavailable {
    /// Means of measuring that is unavailable.
    pub by: Source,
    /// Domain that the meter would measure; `None` where that is not known.
    pub what: Option<Domain>,
    /// Reason why the meter cannot be used.
    pub why: Why,
}

impl Unavailable {
    pub(super) fn new(by: Source, what: Option<Domain>, why: Why) -> Self {
        Self { by, what, why }
    }

    /// Returns what to do about it, as a sentence without its full stop; `None` where nothing has
    /// to be done.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        self.why.remedy(self.by)
    }
}

/// The reason why a meter cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// The kernel offers no energy counter.
    #[error("no energy counter in {}: {cause}", path.display())]
    Absent {
        /// Path where a counter should be.
        path: PathBuf,
        /// Reason why there is none.
        cause: Cause,
    },
    /// The file exists, but this user may not read it.
    #[error("only root may read {}", path.display())]
    Denied {
        /// Path of the file.
        path: PathBuf,
        /// Whether this runs inside a container.
        container: bool,
    },
    /// The kernel does not let this user count performance events of the whole machine.
    #[error(
        "performance events of the whole machine are not for this user{}",
        perf_event_paranoid.map_or_else(String::new, |level| format!(" (kernel.perf_event_paranoid is {level})"))
    )]
    Forbidden {
        /// Kernel setting `kernel.perf_event_paranoid`; `None` where it cannot be read.
        perf_event_paranoid: Option<i32>,
        /// Whether this runs inside a container.
        container: bool,
    },
    /// No sensor is known to measure a GPU or a processor.
    #[error("no sensor of a GPU or a processor in {}", path.display())]
    NoKnownChip {
        /// Folder of the sensors.
        path: PathBuf,
    },
    /// The name of the file is not that of a sensor.
    #[error(
        "{} is no sensor, expected a file like energy1_input, power1_input or power1_average",
        path.display()
    )]
    NoSensorFile {
        /// Path of the file.
        path: PathBuf,
    },
    /// There is no NVIDIA card.
    #[error("there is no card of NVIDIA")]
    NoCard,
    /// The library of NVIDIA's driver is missing or does not start; the text says why.
    #[error("NVIDIA's driver cannot be used: {0}")]
    NoDriver(String),
    /// The driver reports an error, whose text this is.
    #[error("its driver says: {0}")]
    Driver(String),
    /// The card of this name measures neither energy nor power.
    #[error("{0} tells neither energy nor power")]
    NoSensor(String),
    /// The program was built without this Cargo feature.
    #[error("this program was built without the feature `{0}`")]
    NotBuilt(&'static str),
    /// The command that should print watts failed, or printed no power.
    #[error("{0}")]
    Command(CommandError),
    /// The counter does not move while the processor works.
    #[error("its counter stands still while the processor works ({counter})")]
    StandsStill {
        /// File or other detail of the counter.
        counter: String,
        /// Whether this is a virtual machine.
        virtual_machine: bool,
    },
    /// The meter cannot be read for another reason.
    #[error("{0}")]
    Broken(MeterError),
    /// Another meter, which is named here, measures the same and is used.
    #[error("the same as {0}, which is used")]
    Twin(String),
}

impl Why {
    fn remedy(&self, by: Source) -> Option<String> {
        Some(match self {
            Self::Absent { cause, .. } => cause.remedy(),
            Self::Denied { container: true, .. } => {
                "run as root on the host; the root of a container may be nobody there".to_owned()
            }
            Self::Denied { path, .. } if by != Source::Rapl => format!(
                "run as root, or let everybody read it until the next start with `sudo chmod o+r \
                 {}`",
                path.display()
            ),
            Self::Denied { .. } => "run as root, or let everybody read it until \
                the next start with `sudo chmod o+r /sys/class/powercap/*/energy_uj`, or always \
                with the udev rule `ACTION==\"add\", SUBSYSTEM==\"powercap\", \
                RUN+=\"/bin/chmod o+r /sys%p/energy_uj\"` (it tells everybody what others \
                compute, a little)"
                .to_owned(),
            Self::Forbidden { container, .. } => {
                let inside = "start the container with `--cap-add PERFMON`, or on the host: ";
                let inside = if *container { inside } else { "" };
                format!(
                    "{inside}run as root, or `sudo sysctl kernel.perf_event_paranoid=0`, or give \
                     the program the right with `sudo setcap cap_perfmon+ep`"
                )
            }
            Self::StandsStill { virtual_machine: true, .. } => format!(
                "this is a virtual machine, whose host shows it the counter and not what it counts: \
                 run on the host, or {OUTSIDE}, or state the power with `--assume-watts cpu=W`"
            ),
            Self::StandsStill { .. } => format!(
                "{OUTSIDE}, or state the power with `--assume-watts cpu=W`; a newer kernel may know \
                 the processor better"
            ),
            Self::Broken(_) => format!("look at the file and at the kernel's log, or {OUTSIDE}"),
            Self::NoKnownChip { .. } => format!(
                "name a sensor, such as /sys/class/hwmon/hwmon0/power1_input, if one measures \
                 what you want to know, or {OUTSIDE}"
            ),
            Self::NoSensorFile { .. } => {
                "see which there are with `ls /sys/class/hwmon/*/{energy,power}*`".to_owned()
            }
            Self::NoDriver(_) => "install the driver of the card, or start the container with \
                `--gpus all`; after an update of the driver start the machine again"
                .to_owned(),
            Self::Driver(_) => "see whether `nvidia-smi` works; if it does not, start the machine \
                again"
                .to_owned(),
            Self::NoSensor(_) => OUTSIDE.to_owned(),
            Self::Command(_) => {
                "run it by hand: it has to print watts, soon, and exit with 0".to_owned()
            }
            Self::NotBuilt(feature) => format!("build it with `--features {feature}`"),
            Self::Twin(_) | Self::NoCard => return None,
        })
    }
}

/// The remedy that works wherever no counter does.
const OUTSIDE: &str = "measure from outside, with a command that prints watts (`ipmitool dcmi power \
    reading` on a server) or the trace of a wall meter";

/// The reason why a kernel offers no energy counters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The operating system, which is named here, is not Linux.
    #[error("only Linux offers it, and this is {0}")]
    System(String),
    /// The processor is not of Intel or AMD but of this architecture.
    #[error("only processors of Intel and AMD have it, and this is {0}")]
    Architecture(String),
    /// This is a virtual machine, to which its host passes no energy counters.
    #[error("this is a virtual machine, to which its host passes no energy counters")]
    VirtualMachine,
    /// This is Linux inside of Windows (WSL), which passes it no energy counters.
    #[error("this is Linux inside of Windows (WSL), to which Windows passes no energy counters")]
    Wsl,
    /// This is an NVIDIA Jetson, whose board has a power sensor (INA3221) instead.
    #[error("this is a Jetson, whose power is measured by a chip of the board (INA3221)")]
    Jetson,
    /// This is a container, from which the counters may be hidden.
    #[error("this is a container, from which it may be hidden")]
    Container,
    /// The kernel is older than the driver of AMD's counters.
    #[error("Linux {}.{} does not know AMD's counters", has.0, has.1)]
    OldKernel {
        /// Version of the running kernel.
        has: (u32, u32),
        /// First version of the kernel that has the driver.
        needs: (u32, u32),
    },
    /// The kernel module of this name is not loaded, or found no counters.
    #[error("its driver is not loaded, or the processor has none")]
    NoModule(&'static str),
}

impl Cause {
    fn remedy(&self) -> String {
        match self {
            Self::System(_) | Self::Architecture(_) => OUTSIDE.to_owned(),
            Self::VirtualMachine => format!("run on the host, or {OUTSIDE}"),
            Self::Wsl => format!("measure on a Linux without Windows around it, or {OUTSIDE}"),
            Self::Jetson => {
                "give `--meter-cmd` a script that prints, in watts, in1_input (mV) times \
                curr1_input (mA) of /sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon* where in1_label is \
                VDD_IN"
                    .to_owned()
            }
            Self::Container => "run on the host, or start the container with `--privileged` (for \
                Docker `--security-opt systempaths=unconfined` is enough)"
                .to_owned(),
            Self::OldKernel { needs, .. } => {
                format!("start Linux {}.{} or newer", needs.0, needs.1)
            }
            Self::NoModule(module) => {
                format!("`sudo modprobe {module}`; if that does not help, {OUTSIDE}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_remedy() {
        let path = || PathBuf::from("/sys/class/powercap");
        let absent = |cause| Why::Absent { path: path(), cause };
        for (why, text, remedy) in [
            (
                absent(Cause::VirtualMachine),
                "rapl, package-0: no energy counter in /sys/class/powercap: this is a virtual \
                 machine, to which its host passes no energy counters",
                Some("run on the host, or measure from outside"),
            ),
            (
                absent(Cause::OldKernel { has: (5, 4), needs: (5, 11) }),
                "rapl, package-0: no energy counter in /sys/class/powercap: Linux 5.4 does not \
                 know AMD's counters",
                Some("start Linux 5.11 or newer"),
            ),
            (
                absent(Cause::NoModule("intel_rapl_msr")),
                "rapl, package-0: no energy counter in /sys/class/powercap: its driver is not \
                 loaded, or the processor has none",
                Some("`sudo modprobe intel_rapl_msr`; "),
            ),
            (
                Why::Denied { path: path(), container: false },
                "rapl, package-0: only root may read /sys/class/powercap",
                Some(
                    "run as root, or let everybody read it until the next start with `sudo chmod \
                      o+r /sys/class/powercap/*/energy_uj`, or always with the udev rule \
                      `ACTION==\"add\", SUBSYSTEM==\"powercap\", RUN+=\"/bin/chmod o+r \
                      /sys%p/energy_uj\"`",
                ),
            ),
            (
                Why::Denied { path: path(), container: true },
                "rapl, package-0: only root may read /sys/class/powercap",
                Some("run as root on the host"),
            ),
            (
                Why::NoDriver("not loaded".into()),
                "rapl, package-0: NVIDIA's driver cannot be used: not loaded",
                Some("install the driver of the card, or start the container with `--gpus all`"),
            ),
            (
                Why::Driver("lost".into()),
                "rapl, package-0: its driver says: lost",
                Some("see whether `nvidia-smi` works"),
            ),
            (
                Why::NoSensor("GT 710".into()),
                "rapl, package-0: GT 710 tells neither energy nor power",
                Some("measure from outside"),
            ),
            (
                Why::NotBuilt("nvml"),
                "rapl, package-0: this program was built without the feature `nvml`",
                Some("build it with `--features nvml`"),
            ),
            (
                Why::StandsStill { counter: "energy-psys".into(), virtual_machine: true },
                "rapl, package-0: its counter stands still while the processor works (energy-psys)",
                Some("this is a virtual machine, whose host shows it the counter and not"),
            ),
            (
                Why::StandsStill { counter: "energy-psys".into(), virtual_machine: false },
                "rapl, package-0: its counter stands still while the processor works (energy-psys)",
                Some("measure from outside, with a command"),
            ),
            (
                Why::NoKnownChip { path: path() },
                "rapl, package-0: no sensor of a GPU or a processor in /sys/class/powercap",
                Some("name a sensor, such as"),
            ),
            (
                Why::NoSensorFile { path: path() },
                "rapl, package-0: /sys/class/powercap is no sensor, expected a file like \
                 energy1_input, power1_input or power1_average",
                Some("see which there are"),
            ),
            (Why::NoCard, "rapl, package-0: there is no card of NVIDIA", None),
            (
                Why::Twin("intel-rapl:0".into()),
                "rapl, package-0: the same as intel-rapl:0, which is used",
                None,
            ),
        ] {
            let domain = "package-0".parse().expect("a domain");
            let unavailable = Unavailable::new(Source::Rapl, Some(domain), why);
            assert_eq!(unavailable.to_string(), text);
            let given = unavailable.remedy();
            assert_eq!(given.is_some(), remedy.is_some());
            assert!(given.unwrap_or_default().starts_with(remedy.unwrap_or_default()), "{text}");
        }
        for cause in [
            Cause::System("macos".into()),
            Cause::Architecture("riscv64".into()),
            Cause::Container,
            Cause::Wsl,
            Cause::Jetson,
        ] {
            let unavailable = Unavailable::new(Source::Perf, None, absent(cause));
            assert!(unavailable.to_string().starts_with("perf: no energy counter in"));
            assert!(unavailable.remedy().is_some_and(|remedy| !remedy.ends_with('.')));
        }
    }
}
