//! Implements `perjoule devices`: shows this machine as engines and meters see it.

use std::fmt::Write as _;
use std::iter;
use std::process::ExitCode;

use perjoule::engine::{self, EngineId};
use perjoule::machine::Machine;
use perjoule::meter::{Found, MeterInfo};
use serde::Serialize;

use super::Error;
use super::score::meters::of_this_machine;

/// Show this machine: engines, GPUs and meters, and what each of them lacks.
///
/// What the system does not say is shown as "unknown", in JSON as null. GPUs are listed as their
/// drivers describe them, and not opened. A software driver computes on the processor: it is used
/// only where it is asked for by name. A meter that is not there is shown with the reason, and with
/// what to do about it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Print JSON: `{cpu: {model, vendor, architecture, cores, logical_cores, physical_cores,
    /// features}, memory_bytes, engines: [{id, available, missing}], gpus: [{id, name, kind,
    /// backend, driver, also_through: [{backend, driver}], pci_bus_id, max_buffer_bytes,
    /// max_shared_bytes, max_group_threads, features, tuned: {one_version, several_versions, variants,
    /// seconds}}], meters: [{domain, source, available, detail, remedy}], perjoule}`; `cores` are those that this process may use, `kind` is discrete,
    /// integrated, virtual, software or unknown, `backend` is the interface that is used: vulkan,
    /// dx12 or metal, `also_through` are others that offer the same GPU, `tuned` is what was kept
    /// of an earlier run and null otherwise, `perjoule` is its version
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  perjoule devices
  perjoule devices --json | jq -r '.engines[] | select(.available) | .id'";

/// Prints the machine with its engines, GPUs and meters.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let report = Report::new(Machine::detect());
    if args.json {
        super::print_json(&report)?;
    } else {
        super::print_lines(&report.to_text())?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Report {
    cpu: Cpu,
    memory_bytes: Option<u64>,
    engines: Vec<Engine>,
    gpus: Vec<Gpu>,
    meters: Vec<Meter>,
    perjoule: &'static str,
}

#[derive(Serialize)]
struct Meter {
    /// What the meter measures; null if that is unknown because the meter is missing.
    domain: Option<String>,
    source: String,
    available: bool,
    /// Where the meter is, or why it is missing.
    detail: String,
    remedy: Option<String>,
}

impl Meter {
    fn new(found: Found) -> Self {
        match found {
            Ok(meter) => {
                let MeterInfo { domain, source, detail, .. } = meter.info();
                Self {
                    domain: Some(domain.to_string()),
                    source: source.to_string(),
                    available: true,
                    detail: detail.clone(),
                    remedy: None,
                }
            }
            Err(missing) => Self {
                domain: missing.what.as_ref().map(ToString::to_string),
                source: missing.by.to_string(),
                available: false,
                detail: missing.why.to_string(),
                remedy: missing.remedy(),
            },
        }
    }

    /// Returns the meter's domain and place, or its source and why it is missing.
    fn to_line(&self) -> (&str, String) {
        let Self { domain, source, detail, remedy, .. } = self;
        match domain {
            Some(domain) if self.available => (domain, format!("{source}: {detail}")),
            _ => {
                let remedy = remedy.as_ref().map_or_else(String::new, |it| format!("; {it}"));
                (source, format!("{detail}{remedy}"))
            }
        }
    }
}

#[derive(Serialize)]
struct Cpu {
    model: Option<String>,
    vendor: Option<String>,
    architecture: &'static str,
    /// Number of cores that this process may use.
    cores: usize,
    logical_cores: Option<usize>,
    physical_cores: Option<usize>,
    features: Vec<&'static str>,
}

#[derive(Serialize)]
struct Engine {
    id: String,
    available: bool,
    missing: Vec<&'static str>,
}

#[derive(Serialize)]
struct Gpu {
    id: String,
    name: String,
    kind: String,
    backend: &'static str,
    driver: String,
    also_through: Vec<OtherInterface>,
    pci_bus_id: Option<String>,
    max_buffer_bytes: u64,
    max_shared_bytes: u32,
    max_group_threads: u32,
    features: Vec<&'static str>,
    /// What tuning found in an earlier run; null if nothing is kept of it.
    tuned: Option<Tuned>,
}

#[derive(Serialize)]
struct Tuned {
    one_version: String,
    several_versions: String,
    variants: usize,
    seconds: f64,
}

#[derive(Serialize)]
struct OtherInterface {
    backend: &'static str,
    driver: String,
}

#[cfg(feature = "gpu")]
impl From<engine::gpu::Tuning> for Tuned {
    fn from(tuning: engine::gpu::Tuning) -> Self {
        Self {
            one_version: tuning.plain.shape.to_string(),
            several_versions: tuning.rolling.shape.to_string(),
            variants: tuning.trials.len(),
            seconds: tuning.took.as_secs_f64(),
        }
    }
}

#[cfg(feature = "gpu")]
fn gpus() -> Vec<Gpu> {
    let cache = engine::gpu::TuningCache::of_user();
    let other = |it: perjoule::gpu::OtherInterface| OtherInterface {
        backend: it.backend,
        driver: it.driver,
    };
    let gpu = |adapter: perjoule::gpu::Adapter| Gpu {
        tuned: cache.tuning(&adapter).map(Tuned::from),
        id: EngineId::Gpu(adapter.number).to_string(),
        name: adapter.name,
        kind: adapter.kind.to_string(),
        backend: adapter.backend,
        driver: adapter.driver,
        also_through: adapter.also_through.into_iter().map(other).collect(),
        pci_bus_id: Some(adapter.pci_bus_id).filter(|id| !id.is_empty()),
        max_buffer_bytes: adapter.max_buffer_bytes,
        max_shared_bytes: adapter.max_shared_bytes,
        max_group_threads: adapter.max_group_threads,
        features: adapter.features,
    };
    perjoule::gpu::adapters().into_iter().map(gpu).collect()
}

#[cfg(not(feature = "gpu"))]
fn gpus() -> Vec<Gpu> {
    Vec::new()
}

impl Gpu {
    fn to_lines(&self) -> Vec<String> {
        let place = self.pci_bus_id.as_ref().map_or_else(String::new, |id| format!(", at {id}"));
        let mut lines = vec![
            self.name.clone(),
            format!("{}, {}, {}{place}", self.kind, self.backend, self.driver),
        ];
        lines.extend(self.also_through.iter().map(|other| {
            format!(
                "also through {}, {}: not used, {} is",
                other.backend, other.driver, self.backend
            )
        }));
        lines.push(format!(
            "buffers to {}, {} KiB shared by up to {} threads; {}",
            gib(self.max_buffer_bytes),
            self.max_shared_bytes / 1024,
            self.max_group_threads,
            self.features.join(" ")
        ));
        lines.push(match &self.tuned {
            None => "not tuned yet: the first search or score does that".to_owned(),
            Some(Tuned { one_version, several_versions, variants, seconds }) => format!(
                "tuned: one version: {one_version}; several: {several_versions}; the best of \
                 {variants} variants in {seconds:.1} s"
            ),
        });
        lines.extend(self.remedy().map(str::to_owned));
        lines
    }

    /// Returns what to do about a card that Vulkan does not offer. Vulkan is preferred where it
    /// does, so that the interface in use tells.
    fn remedy(&self) -> Option<&'static str> {
        (self.backend == "dx12" && self.kind != "software").then_some(
            "through DirectX 12 only, whose compiler takes minutes for the search kernel: install \
             the card's full driver, which brings Vulkan (vulkan-1.dll)",
        )
    }
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

impl Report {
    fn new(machine: Machine) -> Self {
        let Machine { cpu, architecture, usable_cores, memory_bytes } = machine;
        let engines = engine::survey().iter().map(|engine| match engine {
            Ok(engine) => Engine { id: engine.id().to_string(), available: true, missing: vec![] },
            Err(unavailable) => Engine {
                id: unavailable.id().to_string(),
                available: false,
                missing: unavailable.missing().to_vec(),
            },
        });
        Self {
            cpu: Cpu {
                model: cpu.model,
                vendor: cpu.vendor,
                architecture,
                cores: usable_cores,
                logical_cores: cpu.logical_cores,
                physical_cores: cpu.physical_cores,
                features: engine::instruction_sets(),
            },
            memory_bytes,
            engines: engines.collect(),
            gpus: gpus(),
            meters: of_this_machine().into_iter().map(Meter::new).collect(),
            perjoule: env!("CARGO_PKG_VERSION"),
        }
    }

    fn to_text(&self) -> String {
        let unknown = || "unknown".to_owned();
        let count = |cores: Option<usize>| cores.map_or_else(unknown, |cores| cores.to_string());
        let cpu = &self.cpu;
        let cores = format!(
            "{} usable (logical: {}, physical: {})",
            cpu.cores,
            count(cpu.logical_cores),
            count(cpu.physical_cores)
        );
        let mut rows = vec![
            ("cpu", cpu.model.clone().unwrap_or_else(unknown)),
            ("vendor", cpu.vendor.clone().unwrap_or_else(unknown)),
            ("architecture", cpu.architecture.to_owned()),
            ("cores", cores),
            ("features", cpu.features.join(" ")),
            ("memory", self.memory_bytes.map_or_else(unknown, gib)),
            ("", String::new()),
            ("engine", String::new()),
        ];
        rows.extend(self.engines.iter().map(|engine| match engine.missing.as_slice() {
            [] => (engine.id.as_str(), "available".to_owned()),
            missing => (engine.id.as_str(), format!("needs {}", missing.join(", "))),
        }));
        rows.extend([("", String::new()), ("gpu", String::new())]);
        for gpu in &self.gpus {
            let names = iter::once(gpu.id.as_str()).chain(iter::repeat(""));
            rows.extend(names.zip(gpu.to_lines()));
        }
        // If there are GPUs, none is opened to ask for a reason.
        if self.gpus.is_empty()
            && let Err(why) = engine::by_id(EngineId::Gpu(0))
        {
            rows.push(("none", why.to_string()));
        }
        rows.extend([("", String::new()), ("meter", String::new())]);
        rows.extend(self.meters.iter().map(Meter::to_line));
        let mut text = String::new();
        for (name, value) in rows {
            // A name that is too long for its column is still apart from its value. Writing to a
            // string does not fail.
            let _ = writeln!(text, "{}", format!("{name:<12}  {value}").trim_end());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(backend: &'static str, kind: &str, others: &[&'static str]) -> Gpu {
        let other = |&backend| OtherInterface { backend, driver: format!("of {backend}") };
        Gpu {
            tuned: None,
            id: "gpu:0".into(),
            name: "Card".into(),
            kind: kind.into(),
            backend,
            driver: "1.2".into(),
            also_through: others.iter().map(other).collect(),
            pci_bus_id: Some("0000:01:00.0".into()),
            max_buffer_bytes: 1 << 31,
            max_shared_bytes: 1 << 15,
            max_group_threads: 1024,
            features: vec!["f16", "subgroups"],
        }
    }

    #[test]
    fn both_interfaces_are_shown_and_which_is_used() {
        let gpu = gpu("vulkan", "discrete", &["dx12"]);
        let expected = [
            "Card",
            "discrete, vulkan, 1.2, at 0000:01:00.0",
            "also through dx12, of dx12: not used, vulkan is",
            "buffers to 2.0 GiB, 32 KiB shared by up to 1024 threads; f16 subgroups",
            "not tuned yet: the first search or score does that",
        ];
        assert_eq!(gpu.to_lines(), expected);
        let json = serde_json::to_value(&gpu).unwrap();
        let others = serde_json::json!([{"backend": "dx12", "driver": "of dx12"}]);
        assert_eq!((&json["backend"], &json["also_through"]), (&"vulkan".into(), &others));
    }

    #[test]
    fn what_an_earlier_run_chose_is_shown() {
        let tuned = Tuned {
            one_version: "one by one".into(),
            several_versions: "shared schedule".into(),
            variants: 14,
            seconds: 3.06,
        };
        let lines = Gpu { tuned: Some(tuned), ..gpu("vulkan", "discrete", &[]) }.to_lines();
        let expected = "tuned: one version: one by one; several: shared schedule; the best of 14 variants in 3.1 s";
        assert_eq!(lines.last().map(String::as_str), Some(expected));
    }

    #[test]
    fn only_a_card_without_vulkan_has_a_remedy() {
        for (backend, kind, is_told) in [
            ("dx12", "discrete", true),
            ("dx12", "integrated", true),
            ("dx12", "software", false),
            ("vulkan", "discrete", false),
            ("metal", "integrated", false),
        ] {
            let lines = gpu(backend, kind, &[]).to_lines();
            let last = lines.last().unwrap();
            assert_eq!(last.contains("vulkan-1.dll"), is_told, "{backend}, {kind}: {last}");
            assert_eq!(lines.len(), 4 + usize::from(is_told));
        }
    }
}
