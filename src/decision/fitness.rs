//! Decides whether a device is fit to be rented out for AI: by its memory, its bandwidth, its
//! matrix rate, whether fused multiply-adds are throttled, and its link to the host.
//!
//! Thresholds are read from a file in which each has its source. They are compared with what a
//! score has measured and checked. If a property was not measured, it is not known whether the
//! device is fit.

use std::fmt;
use std::path::Path;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::site::{Bounds, File, GIB, Section, SettingsError, Sheet, SiteProblem, open, quote};
use crate::record::DeviceId;
use crate::record::{Record, Row, ScoredDevice};
use crate::units::WorkUnit;
use crate::units::text::{apart, plain};
use crate::workload::{Kind, Variant};

/// Default thresholds, in TOML.
const THRESHOLDS: &str = include_str!("thresholds.toml");

/// Thresholds: what several classes of AI work need of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds(Vec<Class>);

/// A class of AI work, and what it needs.
#[derive(Clone, Debug, PartialEq)]
struct Class {
    name: String,
    what: String,
    needs: Vec<(Property, f64)>,
}

/// Property of a device that AI work depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Property {
    /// Memory, in GiB.
    Memory,
    /// Memory bandwidth of a copy, reads and writes both counted, in GB/s.
    Bandwidth,
    /// Rate of the fastest matrix product of floating-point numbers of 16 or 32 bits, in TFLOP/s.
    Matrix,
    /// Rate of fused multiply-adds in f32, relative to separate multiplications and additions.
    Fma,
    /// Bandwidth of the link to the host in its slower direction, in GB/s; for a processor, that of
    /// its memory.
    HostLink,
}

impl Property {
    const ALL: [Self; 5] = [Self::Memory, Self::Bandwidth, Self::Matrix, Self::Fma, Self::HostLink];

    /// Returns the property's key in a file of thresholds.
    fn key(self) -> &'static str {
        match self {
            Self::Memory => "memory_gib",
            Self::Bandwidth => "bandwidth_gb_per_second",
            Self::Matrix => "matrix_tflop_per_second",
            Self::Fma => "fma_share",
            Self::HostLink => "host_link_gb_per_second",
        }
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Memory => ("memory", " GiB"),
            Self::Bandwidth => ("bandwidth", " GB/s"),
            Self::Matrix => ("matrix rate", " TFLOP/s"),
            Self::Fma => ("unthrottled share of fused multiply-adds", ""),
            Self::HostLink => ("link to the host", " GB/s"),
        }
    }
}

impl Thresholds {
    /// Reads a file of thresholds.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is wrong; the error then lists everything that is wrong.
    pub fn open(file: &Path) -> Result<Self, SettingsError> {
        open(file, Self::parse)
    }

    /// Reads the text of a file of thresholds.
    ///
    /// # Errors
    ///
    /// When the text is wrong; the error lists everything that is wrong in it.
    pub fn parse(text: &str) -> Result<Self, Vec<SiteProblem>> {
        File::new(text).read(|file| {
            let sections = file.sections("class");
            if sections.is_empty() {
                file.tell_of("class", "missing, expected a section [[class]] for each");
            }
            let classes: Vec<_> = sections.iter().map(Class::read).collect();
            Some(Self(classes.into_iter().collect::<Option<_>>()?))
        })
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self::parse(THRESHOLDS).expect("a test reads it")
    }
}

impl Class {
    fn read(section: &Section<'_, '_>) -> Option<Self> {
        let name = section.needs("name").and_then(|it| it.text("a name"));
        let what = section.needs("what").and_then(|it| it.text("what work it is"));
        let needs = Property::ALL.map(|property| {
            let kind = Bounds { key: "least", least: 0.0, most: 1e9, expected: "0 or more" };
            Some((property, quote(section.needs(property.key())?, kind)?.value))
        });
        section.end();
        let needs = needs.into_iter().collect::<Option<_>>()?;
        Some(Self { name: name?.to_owned(), what: what?.to_owned(), needs })
    }
}

/// Properties that a device has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Capabilities {
    /// Each property with its value (`None` if not measured), and whether it may be more.
    has: Vec<(Property, Option<f64>, bool)>,
    /// Reasons not to trust the device, or not to use it for AI.
    against: Vec<String>,
}

impl Capabilities {
    /// Reads the properties from a score.
    pub(crate) fn new(record: &Record, device: &ScoredDevice) -> Self {
        let rows = || record.rows.iter().filter(|row| row.device == device.id);
        let best = |is_it: &dyn Fn(&Row) -> bool| {
            rows().filter(|row| is_it(row)).map(|row| row.per_second.best).max_by(f64::total_cmp)
        };
        let of = |kind: Kind, variant: Variant| {
            best(&|row| row.workload == kind && row.variant == variant)
        };
        let is_cpu = device.id == DeviceId::Cpu;
        let taken = if is_cpu { record.machine.memory_bytes } else { device.largest_buffer_bytes };
        let fused = of(Kind::Peak, Variant::FmaF32);
        let apart = of(Kind::Peak, Variant::MulAddF32);
        let copied = |variant| of(Kind::Bandwidth, variant);
        let link = match (copied(Variant::Upload), copied(Variant::Download)) {
            (Some(up), Some(down)) => Some(up.min(down)),
            // A processor has its memory beside it.
            _ => is_cpu.then(|| copied(Variant::Copy)).flatten(),
        };
        let has = vec![
            (Property::Memory, taken.map(|it| it as f64 / GIB), !is_cpu),
            (Property::Bandwidth, copied(Variant::Copy).map(|it| it / 1e9), false),
            (
                Property::Matrix,
                best(&|row| {
                    let is_float = row.unit == WorkUnit::Flop && row.variant != Variant::F64;
                    row.workload == Kind::Matmul && is_float
                })
                .map(|it| it / 1e12),
                false,
            ),
            (Property::Fma, fused.zip(apart).map(|(fused, apart)| fused / apart), false),
            (Property::HostLink, link.map(|it| it / 1e9), false),
        ];
        let mut against = Vec::new();
        if device.software {
            against.push("its driver computes on the processor".to_owned());
        }
        for fault in record.faults.iter().filter(|fault| fault.device == device.id) {
            against.push(format!("{} failed: {}", fault.what, fault.why));
        }
        if rows().any(|row| row.checks == 0) {
            against.push("not all of its results were checked".to_owned());
        }
        Self { has, against }
    }

    /// Returns the properties with a memory, in bytes, and a link to the host, in bytes per second, that
    /// are known otherwise.
    pub(crate) fn with(mut self, memory: Option<f64>, link: Option<f64>) -> Self {
        let known = [
            (Property::Memory, memory.map(|bytes| bytes / GIB)),
            (Property::HostLink, link.map(|bytes| bytes / 1e9)),
        ];
        for (property, value) in known {
            if let (Some(value), Some(of)) =
                (value, self.has.iter_mut().find(|(of, ..)| *of == property))
            {
                *of = (property, Some(value), false);
            }
        }
        self
    }

    /// Reads the properties from a data sheet, for a card as it is built in.
    pub(crate) fn of_sheet(sheet: &Sheet, memory: Option<f64>, link: Option<f64>) -> Self {
        let has = match *sheet {
            Sheet::Miner { .. } => Vec::new(),
            Sheet::Card {
                memory_bytes,
                bytes_per_second,
                f32_per_second,
                f16_per_second,
                link_bytes_per_second,
                fma_share,
            } => vec![
                (Property::Memory, Some(memory_bytes / GIB), false),
                (Property::Bandwidth, Some(bytes_per_second / 1e9), false),
                (Property::Matrix, Some(f16_per_second.unwrap_or(f32_per_second) / 1e12), false),
                (Property::Fma, Some(fma_share), false),
                (Property::HostLink, Some(link_bytes_per_second / 1e9), false),
            ],
        };
        Self { has, against: Vec::new() }.with(memory, link)
    }
}

/// Fitness of a device for one class of AI work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Fitness {
    /// Name of the class, as in `inference small`.
    pub class: String,
    /// Description of the work.
    pub what: String,
    /// Whether the device is fit; `None` where a property that decides was not measured.
    pub fit: Option<bool>,
    /// Comparison of each needed property with what the device has.
    pub reasons: Vec<Reason>,
    /// Reasons against any AI work on the device, such as a failed check.
    pub against: Vec<String>,
}

/// Comparison of one needed property with what a device has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Reason {
    /// Property that is compared.
    pub of: Property,
    /// Value that is needed, in the unit of the property.
    pub needed: f64,
    /// Value that was measured, in the unit of the property; `None` where it was not.
    pub has: Option<f64>,
    /// Whether the device has enough; `None` where that is not known.
    pub enough: Option<bool>,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = self.of.words();
        let Some(has) = self.has else {
            return write!(f, "{name} not measured ({}{unit} needed)", plain(self.needed));
        };
        let (has, needed) = apart(has, self.needed);
        let or_more = if self.enough.is_none() { " or more" } else { "" };
        write!(f, "{name} {has}{unit}{or_more} ({needed}{unit} needed)")
    }
}

impl Thresholds {
    /// Returns the fitness of a device for each class of work.
    pub(crate) fn judge(&self, abilities: &Capabilities) -> Vec<Fitness> {
        self.0.iter().map(|class| class.judge(abilities)).collect()
    }
}

impl Class {
    fn judge(&self, abilities: &Capabilities) -> Fitness {
        let reason = |&(of, needed): &(Property, f64)| {
            let known = abilities.has.iter().find(|(property, ..)| *property == of);
            let (has, may_be_more) = known.map_or((None, false), |&(_, has, more)| (has, more));
            let enough = match has {
                Some(has) if has >= needed => Some(true),
                Some(_) if !may_be_more => Some(false),
                _ => None,
            };
            Reason { of, needed, has, enough }
        };
        let reasons: Vec<Reason> = self.needs.iter().map(reason).collect();
        let fit = if !abilities.against.is_empty()
            || reasons.iter().any(|reason| reason.enough == Some(false))
        {
            Some(false)
        } else {
            reasons.iter().all(|reason| reason.enough == Some(true)).then_some(true)
        };
        Fitness {
            class: self.name.clone(),
            what: self.what.clone(),
            fit,
            reasons,
            against: abilities.against.clone(),
        }
    }
}
