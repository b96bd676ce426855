//! A record in Prometheus' text format, for the textfile collector of its node exporter: the score
//! of a machine beside everything else that is monitored there.
//!
//! A value that is not known has no sample, so that a dashboard shows a gap and not zero. Of rows
//! with the same labels only the first has a sample: the collector drops files with a series twice.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::record::{Energy, Record, Row, WorkSize};
use crate::units::{Hertz, Watts};

/// Names and values of the labels of a sample.
type Labels = Vec<(&'static str, String)>;

/// Returns the record as gauges in Prometheus' text format, each with its help and type.
#[must_use]
pub fn text(record: &Record) -> String {
    let mut metrics = Metrics(String::new());
    about_the_report(record, &mut metrics);
    about_rates(record, &mut metrics);
    about_energy(record, &mut metrics);
    metrics.0
}

struct Metrics(String);

impl Metrics {
    /// Writes one metric with all of its samples; without any it is left out.
    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        samples: impl Iterator<Item = (Labels, Option<f64>)>,
    ) {
        let mut known = HashSet::new();
        for (labels, value) in samples {
            let Some(value) = value.filter(|value| value.is_finite()) else { continue };
            let labels: Vec<String> = labels
                .into_iter()
                .map(|(label, text)| format!("{label}=\"{}\"", escaped(&text)))
                .collect();
            let labels = labels.join(",");
            // Writing to a string does not fail.
            if known.is_empty() {
                let _ =
                    writeln!(self.0, "# HELP perjoule_{name} {help}\n# TYPE perjoule_{name} gauge");
            }
            if known.insert(labels.clone()) {
                let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
                let _ = writeln!(self.0, "perjoule_{name}{labels} {value}");
            }
        }
    }

    /// Writes one number of the whole record.
    fn total(&mut self, name: &str, help: &str, value: Option<f64>) {
        self.gauge(name, help, std::iter::once((Vec::new(), value)));
    }
}

fn about_the_report(record: &Record, metrics: &mut Metrics) {
    let machine = &record.machine;
    let info = vec![
        ("version", record.perjoule.clone()),
        ("schema", record.schema.to_string()),
        ("cpu", machine.cpu.clone().unwrap_or_default()),
        ("system", machine.system.clone()),
    ];
    metrics.gauge("info", "What was scored, and by what.", std::iter::once((info, Some(1.0))));
    let devices = record.devices.iter().map(|device| {
        let labels = vec![
            ("device", device.id.to_string()),
            ("name", device.name.clone()),
            ("software", device.software.to_string()),
        ];
        (labels, Some(1.0))
    });
    metrics.gauge("device_info", "Devices that were scored.", devices);
    metrics.total(
        "started_timestamp_seconds",
        "When the score began, since 1970 in UTC.",
        record.started.known().map(|time| time.as_duration().as_secs_f64()),
    );
    metrics.total("duration_seconds", "How long the score took.", Some(record.seconds));
    let complete = f64::from(u8::from(record.complete));
    metrics.total("complete", "Whether the whole plan was carried out.", Some(complete));
    for (name, help, count) in [
        ("missing", "Kinds of work that devices lack.", record.missing.len()),
        ("faults", "Kinds of work that failed or were wrong.", record.faults.len()),
        ("warnings", "What makes numbers doubtful.", record.warnings.len()),
    ] {
        metrics.total(name, help, Some(count as f64));
    }
    let meters = record.meters.iter().map(|meter| {
        let labels =
            vec![("domain", meter.domain.to_string()), ("source", meter.source.to_string())];
        (labels, Some(f64::from(u8::from(meter.unavailable.is_none()))))
    });
    metrics.gauge("meter_available", "Whether a meter of energy could be read.", meters);
}

fn about_rates(record: &Record, metrics: &mut Metrics) {
    let mut gauge = |name, help, value: &dyn Fn(&Row) -> Option<f64>| {
        metrics.gauge(name, help, record.rows.iter().map(|row| (labels(row), value(row))));
    };
    gauge(
        "work_per_second",
        "Work by time, the median of slices, in units of the label unit.",
        &|row| Some(row.per_second.median),
    );
    gauge("best_work_per_second", "Work by time in the fastest slice.", &|row| {
        Some(row.per_second.best)
    });
    gauge(
        "spread_ratio",
        "From the slowest to the fastest tenth of slices, by the median.",
        &|row| row.per_second.spread,
    );
    gauge("of_roof_ratio", "The fastest slice by the most that there could be.", &|row| {
        row.of_roof
    });
    gauge("rough", "Whether the row was measured in short, by --quick.", &|row| {
        Some(f64::from(u8::from(row.rough)))
    });
    gauge("busy_ratio", "The share of the time in which the device worked.", &|row| row.busy);
    gauge("host_share_cores", "Cores of the processor that the work of a GPU takes.", &|row| {
        row.host_share
    });
}

fn about_energy(record: &Record, metrics: &mut Metrics) {
    let mut gauge = |name, help, value: &dyn Fn(&Energy) -> Option<f64>| {
        let rows = record.rows.iter().filter_map(|row| Some((row, row.energy.as_ref()?)));
        metrics.gauge(name, help, rows.map(|(row, energy)| (metered(row, energy), value(energy))));
    };
    gauge("work_per_joule", "Work by gross energy, in units of the label unit.", &|energy| {
        Some(energy.per_joule)
    });
    gauge("work_per_joule_uncertainty_ratio", "One standard deviation by the value.", &|energy| {
        energy.uncertainty
    });
    gauge("joules_per_terahash", "Energy of hashes, in the unit of miners.", &|energy| {
        energy.joules_per_terahash
    });
    gauge("power_watts", "What the domains drew with the work.", &|energy| {
        Some(energy.gross.value())
    });
    gauge("idle_power_watts", "What the domains drew without the work.", &|energy| {
        energy.idle.map(Watts::value)
    });
    gauge("clock_hertz", "The lowest clock under the work.", &|energy| {
        energy.state.as_ref()?.clock.map(Hertz::value)
    });
    gauge("memory_clock_hertz", "The lowest clock of the memory under the work.", &|energy| {
        energy.state.as_ref()?.memory_clock.map(Hertz::value)
    });
    gauge("temperature_celsius", "The highest temperature under the work.", &|energy| {
        energy.state.as_ref()?.celsius
    });
    gauge("power_limit_watts", "The limit of the device's power.", &|energy| {
        energy.state.as_ref()?.limit.map(Watts::value)
    });
    gauge("throttled", "Whether the driver slowed the device down.", &|energy| {
        Some(f64::from(u8::from(!energy.state.as_ref()?.throttled.is_empty())))
    });
}

fn labels(row: &Row) -> Labels {
    let size = match row.size {
        WorkSize::Registers => String::new(),
        WorkSize::Versions(versions) => format!("{versions} versions"),
        WorkSize::Bytes(bytes) => format!("{bytes} bytes"),
        WorkSize::Matrices { m, n, k } => format!("{m}x{n}x{k}"),
    };
    vec![
        ("device", row.device.to_string()),
        ("workload", row.workload.to_string()),
        ("variant", row.variant.to_string()),
        ("threads", row.threads.map_or_else(String::new, |threads| threads.to_string())),
        ("size", size),
        ("unit", row.unit.to_string()),
    ]
}

fn metered(row: &Row, energy: &Energy) -> Labels {
    let mut labels = labels(row);
    labels.push(("source", energy.source.to_string()));
    labels.push(("assumed", energy.assumed.to_string()));
    labels
}

/// Escapes the value of a label as the format demands.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{example, expected};

    #[derive(Debug, PartialEq)]
    struct Sample {
        name: String,
        labels: Vec<(String, String)>,
        value: f64,
    }

    impl Sample {
        fn label(&self, name: &str) -> &str {
            self.labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value)
        }
    }

    fn is_name(name: &str) -> bool {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    /// Reads the format as strictly as it is described: a HELP and a TYPE before the samples of
    /// each metric, all of a metric together, no series twice, no escape that there is not.
    fn parsed(text: &str) -> Vec<Sample> {
        let mut samples: Vec<Sample> = Vec::new();
        let mut seen = HashSet::new();
        let mut metric = String::new();
        let mut lines = text.strip_suffix('\n').expect("a last line break").split('\n').peekable();
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, words) = help.split_once(' ').expect("a text");
                assert!(is_name(name) && !words.is_empty(), "{line}");
                assert!(seen.insert(name.to_owned()), "{name} twice");
                assert_eq!(lines.next(), Some(&*format!("# TYPE {name} gauge")));
                assert!(lines.peek().is_some_and(|line| line.starts_with(name)), "{name} is empty");
                name.clone_into(&mut metric);
                continue;
            }
            let sample = sample(line);
            assert_eq!(sample.name, metric, "{line}");
            let same =
                |other: &Sample| (&other.name, &other.labels) == (&sample.name, &sample.labels);
            assert!(!samples.iter().any(same), "twice: {line}");
            assert!(sample.value.is_finite(), "{line}");
            samples.push(sample);
        }
        samples
    }

    fn sample(line: &str) -> Sample {
        let end = line.find(['{', ' ']).expect("a value");
        let (name, mut rest) = line.split_at(end);
        assert!(is_name(name), "{line}");
        let mut labels = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            loop {
                let (label, value) = rest.split_once("=\"").expect("a label");
                assert!(is_name(label), "{line}");
                let mut chars = value.char_indices();
                let mut text = String::new();
                let end = loop {
                    match chars.next().expect("a closing quote") {
                        (at, '"') => break at,
                        (_, '\\') => text.push(match chars.next().expect("an escape").1 {
                            'n' => '\n',
                            c @ ('\\' | '"') => c,
                            c => panic!("no escape: {c}"),
                        }),
                        (_, c) => text.push(c),
                    }
                };
                labels.push((label.to_owned(), text));
                rest = &value[end + 1..];
                match rest.strip_prefix(',') {
                    Some(more) => rest = more,
                    None => break,
                }
            }
            rest = rest.strip_prefix('}').expect("a closing brace");
        }
        let value = rest.strip_prefix(' ').expect("a space").parse().expect("a number");
        Sample { name: name.to_owned(), labels, value }
    }

    #[test]
    fn the_text_is_as_it_was() {
        expected::is("full.prom", &text(&example::full()));
        expected::is("empty.prom", &text(&example::empty()));
    }

    #[test]
    fn known_joules_give_known_numbers() {
        let samples = parsed(&text(&example::full()));
        let value = |name: &str, device: &str, variant: &str| {
            let mut samples = samples.iter().filter(|sample| {
                sample.name == format!("perjoule_{name}")
                    && (sample.label("device"), sample.label("variant")) == (device, variant)
            });
            let sample = samples.next()?;
            assert_eq!(samples.next(), None);
            Some((sample.value, sample.label("assumed").to_owned()))
        };
        let measured = |value: f64| Some((value, "false".to_owned()));
        assert_eq!(value("work_per_joule", "cpu", "avx512x3"), measured(10e6));
        assert_eq!(value("joules_per_terahash", "cpu", "avx512x3"), measured(100_000.0));
        assert_eq!(value("power_watts", "cpu", "avx512x3"), measured(300.0));
        assert_eq!(value("idle_power_watts", "cpu", "avx512x3"), measured(105.0));
        assert_eq!(value("work_per_joule", "gpu:0", "f16"), measured(500e9));
        assert_eq!(value("throttled", "gpu:0", "f16"), measured(1.0));
        assert_eq!(value("work_per_joule", "gpu:1", "gpu"), Some((10e6, "true".to_owned())));
        assert_eq!(value("idle_power_watts", "gpu:1", "gpu"), None);
        assert_eq!(value("work_per_joule", "cpu", "sha-ni"), None);
        assert_eq!(value("work_per_second", "cpu", "sha-ni"), Some((1.1e9, String::new())));
    }

    #[test]
    fn labels_of_any_text_are_read_back() {
        let record = example::hostile();
        let samples = parsed(&text(&record));
        let info = &samples[0];
        assert_eq!(info.name, "perjoule_info");
        assert_eq!(Some(info.label("cpu")), record.machine.cpu.as_deref());
        let variants: HashSet<&str> =
            samples.iter().map(|sample| sample.label("variant")).collect();
        for row in &record.rows {
            assert!(variants.contains(&*row.variant.to_string()), "{}", row.variant);
        }
    }

    #[test]
    fn what_is_unknown_or_twice_is_left_out() {
        let mut record = example::full();
        let twice = Row { busy: Some(f64::NAN), of_roof: None, ..record.rows[0].clone() };
        record.rows = vec![twice.clone(), twice];
        let samples = parsed(&text(&record));
        let names = |name: &str| samples.iter().filter(|sample| sample.name == name).count();
        assert_eq!(names("perjoule_work_per_joule"), 1);
        assert_eq!((names("perjoule_busy_ratio"), names("perjoule_of_roof_ratio")), (0, 0));
        parsed(&text(&example::empty()));
    }
}
