//! `perjoule devices`: this machine as the engines see it.

use std::fmt::Write as _;
use std::process::ExitCode;

use perjoule::device::Machine;
use perjoule::engine;
use serde::Serialize;

use super::Error;

/// Show this machine as the engines see it, and what each engine lacks.
///
/// What the system does not say is shown as "unknown", in JSON as null.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Print JSON: `{cpu: {model, vendor, architecture, cores, logical_cores, physical_cores,
    /// features}, memory_bytes, engines: [{id, available, missing}], perjoule}`; `cores` are those
    /// that this process may use, `perjoule` is its version
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  perjoule devices
  perjoule devices --json | jq -r '.engines[] | select(.available) | .id'";

/// Prints the machine and the engines.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let report = Report::new(Machine::detect());
    if args.json {
        super::print_json(&report)?;
    } else {
        super::print(&report.to_text())?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Report {
    cpu: Cpu,
    memory_bytes: Option<u64>,
    engines: Vec<Engine>,
    perjoule: &'static str,
}

#[derive(Serialize)]
struct Cpu {
    model: Option<String>,
    vendor: Option<String>,
    architecture: &'static str,
    /// That this process may use.
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

impl Report {
    fn new(machine: Machine) -> Self {
        let Machine { cpu, architecture, usable_cores, features, memory_bytes } = machine;
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
                features,
            },
            memory_bytes,
            engines: engines.collect(),
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
        let gib = |bytes| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
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
        let mut text = String::new();
        for (name, value) in rows {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{}", format!("{name:<14}{value}").trim_end());
        }
        text
    }
}
