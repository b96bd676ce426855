//! RAPL energy counters of processors, through Linux' performance events: for machines whose
//! powercap has none, or shows them to root alone.
//!
//! The kernel keeps these counters in 64 bits and reads the hardware in time, so that they do not
//! wrap. One processor of each socket counts for all of it.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::counter::{Counter, Width};
use super::unavailable::{Unavailable, Why};
use super::{
    Clock, Domain, Found, Host, Meter, MeterError, MeterInfo, Reading, Socket, Source, sysfs,
};
use crate::units::Joules;

/// Folder in which Linux describes the energy events.
pub(super) const FOLDER: &str = "/sys/bus/event_source/devices/power";

/// Folder in which Linux describes which logical processor is in which socket.
pub(super) const PROCESSORS: &str = "/sys/devices/system/cpu";

/// A number of logical processors that Linux does not reach.
const MOST_PROCESSORS: u32 = 65_536;

/// Names of the energy events that a kernel may offer.
const EVENTS: [&str; 5] = ["energy-pkg", "energy-cores", "energy-gpu", "energy-ram", "energy-psys"];

/// Returns the domain that an event counts.
fn domain(event: &str, socket: Socket) -> Domain {
    match event {
        "energy-pkg" => Domain::Package(socket),
        "energy-cores" => Domain::Core(socket),
        "energy-gpu" => Domain::Uncore(socket),
        "energy-ram" => Domain::Dram(socket),
        _ => Domain::Psys(socket.package),
    }
}

/// A performance event, as the kernel identifies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Number of the driver, the type of the event.
    pub kind: u32,
    /// Number of the event in that driver.
    pub config: u64,
    /// Logical processor that counts the event.
    pub processor: u32,
}

/// A counter of a performance event, which starts from zero.
pub trait Count: fmt::Debug + Send {
    /// Reads the value of the counter.
    ///
    /// # Errors
    ///
    /// When the kernel refuses the read.
    fn count(&mut self) -> io::Result<u64>;
}

/// The function that opens counters of events: [`open`], or a substitute in tests.
pub type Open<'a> = &'a dyn Fn(Event) -> io::Result<Box<dyn Count>>;

/// Returns the meters of all energy events that a folder like `/sys/bus/event_source/devices/power` describes, or the reason
/// why there are none.
#[must_use]
pub fn find(folder: &Path, processors: &Path, host: &Host, open: Open<'_>) -> Vec<Found> {
    if !folder.join("type").exists() {
        let (path, cause) = (folder.to_owned(), host.why_no_perf());
        return vec![Err(unavailable(None, Why::Absent { path, cause }))];
    }
    let (kind, counting) = match driver(folder, processors) {
        Ok(driver) => driver,
        Err(error) => return vec![Err(unavailable(None, sysfs::why(error, host.container)))],
    };
    let mut found = Vec::new();
    for name in EVENTS {
        let path = folder.join("events").join(name);
        if !path.exists() {
            continue;
        }
        for (place, &(processor, socket)) in counting.iter().enumerate() {
            // AMD counts all of a processor, and some kernels offer that once for each die.
            let is_amd = host.vendor.as_deref() == Some("AuthenticAMD");
            let before = counting[..place].iter().find(|(_, it)| it.package == socket.package);
            if let Some((first, _)) = before.filter(|_| is_amd) {
                let why = Why::Twin(format!("that of logical processor {first}"));
                found.push(Err(unavailable(Some(domain(name, socket)), why)));
                continue;
            }
            let event = |config| open(Event { kind, config, processor });
            let domain = domain(name, socket);
            let meter = Perf::new(domain.clone(), path.clone(), event);
            found.push(match meter {
                Ok(meter) => Ok(Box::new(meter) as Box<dyn Meter>),
                Err(error) => Err(unavailable(Some(domain), why(error, host))),
            });
        }
    }
    found
}

/// A file that cannot be read is another matter than an event that must not be counted.
fn why(error: Refused, host: &Host) -> Why {
    let Host { perf_event_paranoid, container, .. } = *host;
    match error {
        Refused::Event(MeterError::Read { error, .. })
            if error.kind() == io::ErrorKind::PermissionDenied =>
        {
            Why::Forbidden { perf_event_paranoid, container }
        }
        Refused::Event(error) | Refused::Description(error) => sysfs::why(error, container),
    }
}

/// What failed: reading the description of an event, or opening its counter.
enum Refused {
    Description(MeterError),
    Event(MeterError),
}

fn unavailable(what: Option<Domain>, why: Why) -> Unavailable {
    Unavailable::new(Source::Perf, what, why)
}

/// The number of the driver, and the processors that count, each with its socket.
fn driver(folder: &Path, processors: &Path) -> Result<(u32, Vec<(u32, Socket)>), MeterError> {
    let path = folder.join("type");
    let kind = sysfs::number(&path)?;
    let kind = kind.try_into();
    let kind =
        kind.map_err(|_| MeterError::rubbish(&path, "more than 2^32", "a driver's number"))?;
    let path = folder.join("cpumask");
    let mask = sysfs::text(&path)?;
    let counting = list(&mask).filter(|counting| !counting.is_empty());
    let expected = "a list of processors like 0,18 or 0-1";
    let counting = counting.ok_or_else(|| MeterError::rubbish(&path, &mask, expected))?;
    let topology = |processor: u32, file| {
        let path = processors.join(format!("cpu{processor}/topology/{file}"));
        sysfs::number(&path).ok().and_then(|number| u32::try_from(number).ok())
    };
    let mut places = Vec::new();
    let mut in_package = HashMap::new();
    for &processor in &counting {
        // Old kernels on small machines do not say, and then there is one socket.
        let package = topology(processor, "physical_package_id").unwrap_or(0);
        *in_package.entry(package).or_insert(0) += 1;
        places.push((processor, package));
    }
    let socket = |(processor, package)| {
        let dies = in_package.get(&package).is_some_and(|&counting| counting > 1);
        let die = dies.then(|| topology(processor, "die_id").unwrap_or(processor));
        (processor, Socket { package, die })
    };
    Ok((kind, places.into_iter().map(socket).collect()))
}

/// The numbers of a list like `0,18-19`.
fn list(text: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let last: u32 = last.parse().ok().filter(|&last| last < MOST_PROCESSORS)?;
        numbers.extend(first.parse::<u32>().ok()?..=last);
        if numbers.len() > MOST_PROCESSORS as usize {
            return None;
        }
    }
    Some(numbers)
}

/// The number of an event, and the energy of one count.
fn describe(event: &Path) -> Result<(u64, Joules), MeterError> {
    let text = sysfs::text(event)?;
    let number = text.strip_prefix("event=").and_then(|number| match number.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => number.parse().ok(),
    });
    let config = number.ok_or_else(|| MeterError::rubbish(event, &text, "event=NUMBER"))?;
    let with = |extension: &str| {
        let mut path = event.as_os_str().to_owned();
        path.push(extension);
        PathBuf::from(path)
    };
    let path = with(".unit");
    let unit = sysfs::text(&path)?;
    if unit != "Joules" {
        return Err(MeterError::rubbish(&path, &unit, "Joules"));
    }
    let path = with(".scale");
    let text = sysfs::text(&path)?;
    let scale = text.parse().ok().filter(|scale: &f64| scale.is_finite() && *scale > 0.0);
    let scale =
        scale.ok_or_else(|| MeterError::rubbish(&path, &text, "the joules of one count"))?;
    Ok((config, Joules::new(scale)))
}

/// The meter of one event in one socket.
#[derive(Debug)]
struct Perf {
    info: MeterInfo,
    event: PathBuf,
    counter: Counter,
    count: Box<dyn Count>,
}

impl Perf {
    fn new(
        domain: Domain,
        event: PathBuf,
        open: impl FnOnce(u64) -> io::Result<Box<dyn Count>>,
    ) -> Result<Self, Refused> {
        let (config, one) = describe(&event).map_err(Refused::Description)?;
        let count =
            open(config).map_err(|error| Refused::Event(MeterError::read(&event, error)))?;
        let info = MeterInfo {
            domain,
            source: Source::Perf,
            detail: event.display().to_string(),
            resolution: Some(one),
            read_within: None,
            interval: None,
        };
        Ok(Self { info, event, counter: Counter::new(one, Width::Endless), count })
    }
}

impl Meter for Perf {
    fn info(&self) -> &MeterInfo {
        &self.info
    }

    fn read(&mut self, clock: &Clock) -> Result<Reading, MeterError> {
        let value = self.count.count().map_err(|error| MeterError::read(&self.event, error))?;
        let at = clock.now();
        let counted = Some(self.counter.see(value, at));
        Ok(Reading { at, counted, integrated: None, power: None })
    }
}

#[cfg(target_os = "linux")]
pub use self::system::open;

#[cfg(target_os = "linux")]
mod system {
    use std::fs::File;
    use std::io::{self, Read};
    use std::os::fd::{FromRawFd, OwnedFd, RawFd};

    use super::{Count, Event};

    /// The first version of the kernel's `perf_event_attr`, which all later ones accept. What is
    /// zero here counts everything, always.
    #[repr(C)]
    #[derive(Default)]
    struct Attributes {
        kind: u32,
        size: u32,
        config: u64,
        sample_period: u64,
        sample_type: u64,
        read_format: u64,
        flags: u64,
        wakeup_events: u32,
        breakpoint_type: u32,
        breakpoint_address: u64,
    }

    const CLOSE_ON_EXEC: libc::c_ulong = 1 << 3;

    /// Opens a counter of an event on its logical processor, for all processes.
    ///
    /// # Errors
    ///
    /// When the kernel does not know the event, or does not let this user count it.
    pub fn open(event: Event) -> io::Result<Box<dyn Count>> {
        let Event { kind, config, processor } = event;
        let processor = libc::c_int::try_from(processor).map_err(io::Error::other)?;
        let size = size_of::<Attributes>() as u32;
        let attributes = Attributes { kind, size, config, ..Attributes::default() };
        let (everybody, no_group): (libc::pid_t, libc::c_int) = (-1, -1);
        // SAFETY: the kernel reads `size` bytes of `attributes`, and keeps no pointer to them.
        let file = unsafe {
            libc::syscall(
                libc::SYS_perf_event_open,
                &raw const attributes,
                everybody,
                processor,
                no_group,
                CLOSE_ON_EXEC,
            )
        };
        if file < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this file for us, and nothing else owns it.
        let file = unsafe { OwnedFd::from_raw_fd(file as RawFd) };
        Ok(Box::new(Counting(File::from(file))))
    }

    #[derive(Debug)]
    struct Counting(File);

    impl Count for Counting {
        fn count(&mut self) -> io::Result<u64> {
            let mut count = [0; 8];
            self.0.read_exact(&mut count)?;
            Ok(u64::from_ne_bytes(count))
        }
    }
}

/// Fails, since only Linux has these events.
///
/// # Errors
///
/// Always, with [`io::ErrorKind::Unsupported`].
#[cfg(not(target_os = "linux"))]
pub fn open(_: Event) -> io::Result<Box<dyn Count>> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors_are_read() {
        assert_eq!(list("0"), Some(vec![0]));
        assert_eq!(list("0,18"), Some(vec![0, 18]));
        assert_eq!(list("0-2,65535"), Some(vec![0, 1, 2, 65_535]));
        for text in ["", "a", "0,", "0-", "0-4294967295", "65536", "-1", "1;2", "0-65535,0"] {
            assert_eq!(list(text), None, "{text}");
        }
    }

    /// Counts the clock of a processor, as every Linux does.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_counts() {
        let clock = Event { kind: 1, config: 0, processor: 0 };
        match open(clock) {
            Ok(mut counter) => {
                let before = counter.count().expect("a counter");
                std::thread::sleep(std::time::Duration::from_millis(2));
                assert!(counter.count().expect("a counter") > before);
            }
            Err(error) => {
                eprintln!("not tested: counting a performance event: {error}");
                let expected = [io::ErrorKind::PermissionDenied, io::ErrorKind::Unsupported];
                assert!(expected.contains(&error.kind()), "{error}");
            }
        }
        let unheard_of = Event { kind: u32::MAX, config: 0, processor: 0 };
        assert!(open(unheard_of).is_err());
    }
}
