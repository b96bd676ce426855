//! Reports a run: a line for each set point, what was observed, and by which meters.

use std::fmt::{self, Write as _};
use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use perjoule::dial::{CounterTrace, Gap, Reach, ResponseError, Step, StepResponse, respond};
use perjoule::search::{Duty, End, Workers};
use perjoule::units::Watts;
use serde::Serialize;

use super::power::PowerReading;
use perjoule::dial::{Run, SetpointProfile};

/// Response time that grid programmes ask for.
const ASKED: Duration = Duration::from_secs(5);

/// Largest distance of a level from its set point, in percent of full.
const OFF: f64 = 5.0;

/// Smallest share of itself that full speed must add to a pause to count as work.
const TOLD_APART: f64 = 0.01;

/// Time over which rates are means, or else `UPDATES` updates of the counter if they take longer.
const WINDOW: Duration = Duration::from_millis(50);
const UPDATES: u32 = 8;

/// Results of a run, for printing as text or JSON.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    perjoule: &'static str,
    engines: Vec<String>,
    threads: usize,
    observed: &'static str,
    meter: Option<String>,
    no_meter: Option<String>,
    window_seconds: f64,
    hold_seconds: f64,
    full_hashes_per_second: Option<f64>,
    full_watts: Option<f64>,
    paused_watts: Option<f64>,
    steps: Vec<Line>,
    gaps: Vec<Missing>,
    interrupted: bool,
    failed: bool,
    faults: Vec<String>,
}

/// Time without readings that is too long for the measurement it falls into.
#[derive(Debug, Serialize)]
struct Missing {
    /// Phase of the run: full speed, or from one set point to the next.
    during: String,
    seconds: f64,
}

/// Response to one set point. Percentages are of full.
#[derive(Debug, Serialize)]
struct Line {
    from_percent: f64,
    to_percent: f64,
    /// Whether nine tenths of the way were covered, or why that is unknown.
    reached: &'static str,
    t90_seconds: Option<f64>,
    overshoot_percent: Option<f64>,
    ripple_percent: Option<f64>,
    settled_percent: Option<f64>,
    settled_hashes_per_second: Option<f64>,
    settled_watts: Option<f64>,
    hashes_lost: Option<f64>,
    within_5_s: Option<bool>,
    #[serde(skip)]
    gap: Option<Gap>,
}

/// Counter with its rates in a pause and at full speed.
struct Observed<'a> {
    trace: &'a CounterTrace,
    window: Duration,
    paused: f64,
    full: f64,
}

/// Reason why a counter has no reference to compare with.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Unseen {
    /// Full speed or the pause before was not held to its end.
    NotHeld,
    /// Full speed differs too little from a pause.
    NoWork,
    /// Nothing was read for a while, at full speed or in the pause before.
    Gap(Gap, &'static str),
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHeld => f.write_str("was not read at full speed to its end"),
            Self::NoWork => f.write_str("showed no work"),
            Self::Gap(gap, when) => {
                write!(f, "had no reading for {:.3} s {when}", gap.time().as_secs_f64())
            }
        }
    }
}

impl Unseen {
    /// Returns the reason why the level held at that time is unknown.
    fn new(error: ResponseError, when: &'static str) -> Self {
        match error {
            ResponseError::Gap(gap) => Self::Gap(gap, when),
            _ => Self::NotHeld,
        }
    }
}

impl<'a> Observed<'a> {
    /// # Errors
    ///
    /// Fails if full speed was not measured or differs too little from a pause.
    fn new(trace: &'a CounterTrace, run: &Run, paused: Option<f64>) -> Result<Self, Unseen> {
        let (from, to) = run.reference().ok_or(Unseen::NotHeld)?;
        let window = WINDOW.max(trace.period(from, to).ok_or(Unseen::NoWork)? * UPDATES);
        let level = |(from, to), when| {
            trace.settled(from, to, window).map_err(|error| Unseen::new(error, when))
        };
        let full = level((from, to), "at full speed")?;
        let paused = match (paused, run.pause()) {
            (Some(paused), _) => paused,
            (None, Some(pause)) => level(pause, "in the pause before")?,
            (None, None) => return Err(Unseen::NotHeld),
        };
        let works = full - paused > TOLD_APART * full;
        works.then_some(Self { trace, window, paused, full }).ok_or(Unseen::NoWork)
    }

    /// Returns a rate as a percentage of full, where a pause is 0.
    fn percent(&self, rate: f64) -> f64 {
        self.percent_of_way(rate - self.paused)
    }

    /// Returns a difference of rates as a percentage of the way from a pause to full.
    fn percent_of_way(&self, difference: f64) -> f64 {
        100.0 * difference / (self.full - self.paused)
    }
}

impl Report {
    pub(super) fn new(
        profile: &SetpointProfile<'_>,
        run: &Run,
        told: &PowerReading,
        workers: &Workers,
    ) -> Self {
        let hashes = Observed::new(&run.hashes, run, Some(0.0));
        let energy = told.energy.as_ref().map(|energy| Observed::new(energy, run, None));
        let no_meter = match &energy {
            Some(Ok(_)) => None,
            Some(Err(why)) => Some(format!("{} {why}", told.by)),
            None => Some(told.by.clone()),
        };
        let energy = energy.and_then(Result::ok);
        let is_metered = energy.is_some();
        let mut gaps = Vec::new();
        if let Err(Unseen::Gap(gap, _)) = &hashes {
            gaps.push(Missing::new("full speed".to_owned(), *gap));
        }
        let hashes = hashes.ok();
        let observed = energy.as_ref().or(hashes.as_ref());
        let line = |(step, from, to)| {
            Some(Line::new(step, from, to, observed?, hashes.as_ref()?, is_metered))
        };
        let steps: Vec<_> = run.steps().filter_map(line).collect();
        let in_steps = steps.iter().filter_map(|line| Some(Missing::new(line.name(), line.gap?)));
        gaps.extend(in_steps);
        Self {
            perjoule: env!("CARGO_PKG_VERSION"),
            engines: workers.engines().map(|engine| engine.id().to_string()).collect(),
            threads: workers.threads(),
            observed: if is_metered { "power" } else { "hash rate" },
            meter: is_metered.then(|| told.by.clone()),
            no_meter,
            window_seconds: observed.map_or(WINDOW, |it| it.window).as_secs_f64(),
            hold_seconds: profile.hold.as_secs_f64(),
            full_hashes_per_second: hashes.as_ref().map(|it| it.full),
            full_watts: energy.as_ref().map(|it| it.full),
            paused_watts: energy.as_ref().map(|it| it.paused),
            steps,
            gaps,
            interrupted: !run.is_complete && run.outcome.end == End::Stopped,
            failed: run.outcome.end == End::Failed,
            faults: run.outcome.faults.iter().map(ToString::to_string).collect(),
        }
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        for line in self.head() {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{line}");
        }
        if !self.steps.is_empty() {
            let _ = writeln!(text, "\n{}", self.table().trim_fmt());
        }
        for (number, gap) in self.gaps.iter().enumerate() {
            let space = if number == 0 { "\n" } else { "" };
            let _ = writeln!(text, "{space}{gap}");
        }
        if !self.gaps.is_empty() {
            let _ =
                writeln!(text, "what the process, the machine or the meter did then is left out");
        }
        if self.interrupted {
            let _ = writeln!(text, "\ninterrupted: set points that were not held are left out");
        }
        text
    }

    /// Returns why no level of any set point is known; `None` if one is.
    pub(super) fn nothing_measured(&self) -> Option<String> {
        if self.steps.iter().any(|line| line.settled_percent.is_some()) {
            return None;
        }
        let still = "the process, the machine or the meter stood still";
        Some(match (self.gaps.first(), self.full_hashes_per_second) {
            (Some(gap), _) => format!("{gap}: {still}; run it again"),
            (None, Some(_)) => format!(
                "no set point was held for two windows of {:.0} ms; hold them for longer (--hold)",
                self.window_seconds * 1e3
            ),
            (None, None) => "no hashes were counted at full speed".to_owned(),
        })
    }

    fn head(&self) -> Vec<String> {
        let threads = match self.threads {
            0 => String::new(),
            1 => ", 1 thread".to_owned(),
            threads => format!(", {threads} threads"),
        };
        let observed = match (&self.meter, &self.no_meter) {
            (Some(meter), _) => format!("observed: power of {meter}"),
            (None, None) => "observed: hash rate, which stands in for power".to_owned(),
            (None, Some(why)) => {
                format!("observed: hash rate, which stands in for power:\n          {why}")
            }
        };
        let full = match (self.full_hashes_per_second, self.full_watts, self.paused_watts) {
            (Some(rate), Some(full), Some(paused)) => {
                let [full, paused] = [full, paused].map(Watts::new);
                format!("full: {}, {full}; paused: {paused}", si(rate, "H/s"))
            }
            (Some(rate), ..) => format!("full: {}", si(rate, "H/s")),
            _ => "full speed was not measured".to_owned(),
        };
        vec![
            format!(
                "engine {}{threads}; each set point held {} s",
                self.engines.join(" + "),
                self.hold_seconds
            ),
            observed,
            format!("{full}; means over {:.0} ms", self.window_seconds * 1e3),
        ]
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        let level = if self.meter.is_some() { "power" } else { "rate" };
        table.set_header(["step", "t90", "overshoot", "ripple", "settled", level, "lost", "5 s"]);
        for line in &self.steps {
            table.add_row(line.cells(self.full_watts.is_some()));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}

impl Missing {
    fn new(during: String, gap: Gap) -> Self {
        Self { during, seconds: gap.time().as_secs_f64() }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no reading for {:.3} s during {}", self.seconds, self.during)
    }
}

impl Line {
    fn new(
        step: Step,
        from: Duty,
        to: Duty,
        observed: &Observed<'_>,
        hashes: &Observed<'_>,
        is_metered: bool,
    ) -> Self {
        let seen = respond(observed.trace, step, observed.window);
        let counted = respond(hashes.trace, step, hashes.window);
        let gap = [&seen, &counted].into_iter().find_map(|response| match response {
            // A gap before the command is reported with the previous set point.
            Err(ResponseError::Gap(gap)) if gap.to > step.at => Some(*gap),
            _ => None,
        });
        // A level needs only the end of its own set point.
        let level = |observed: &Observed<'_>, response: &Result<StepResponse, _>| match response {
            Ok(response) => Some(response.settled),
            Err(ResponseError::Gap(_)) => {
                observed.trace.settled(step.at, step.end, observed.window).ok()
            }
            Err(_) => None,
        };
        let (settled, rate) = (level(observed, &seen), level(hashes, &counted));
        let settled_percent = settled.map(|rate| observed.percent(rate));
        let of = |part: fn(&StepResponse) -> f64| seen.as_ref().ok().map(part);
        let (reached, t90) = match seen.map(|seen| seen.reach) {
            Err(ResponseError::Gap(_)) => ("no reading", None),
            Err(_) => ("held too shortly", None),
            Ok(_) if from == to => ("no step", None),
            Ok(Reach::After(time)) => ("yes", Some(time)),
            Ok(Reach::Never) => ("no", None),
            Ok(Reach::Unclear) => ("within the noise", None),
        };
        let is_right = settled_percent.is_some_and(|at| (at - to.percent()).abs() <= OFF);
        let within = match reached {
            "yes" | "no" => Some(is_right && t90.is_some_and(|time| time <= ASKED)),
            _ => None,
        };
        Self {
            from_percent: from.percent(),
            to_percent: to.percent(),
            reached,
            t90_seconds: t90.map(|time| time.as_secs_f64()),
            // A level that was not reached cannot be overshot.
            overshoot_percent: of(|seen| seen.overshoot)
                .filter(|_| reached == "yes")
                .map(|it| observed.percent_of_way(it)),
            ripple_percent: of(|seen| seen.ripple).map(|it| observed.percent_of_way(it)),
            settled_percent,
            settled_hashes_per_second: rate,
            settled_watts: settled.filter(|_| is_metered),
            hashes_lost: counted.ok().filter(|_| from != to).map(|counted| counted.lost.round()),
            within_5_s: within,
            gap,
        }
    }

    fn name(&self) -> String {
        format!("{} to {} %", self.from_percent, self.to_percent)
    }

    fn cells(&self, is_metered: bool) -> [String; 8] {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let percent = |share: Option<f64>| or_none(share.map(|share| format!("{share:.1} %")));
        let t90 = match (self.t90_seconds, self.reached) {
            (Some(time), _) => format!("{time:.3} s"),
            (None, "no") => "not reached".to_owned(),
            (None, "within the noise") => "in noise".to_owned(),
            (None, "held too shortly") => "too short".to_owned(),
            (None, "no reading") => "no reading".to_owned(),
            (None, _) => "-".to_owned(),
        };
        let level = if is_metered {
            self.settled_watts.map(|watts| Watts::new(watts).to_string())
        } else {
            self.settled_hashes_per_second.map(|rate| si(rate, "H/s"))
        };
        let within = self.within_5_s.map(|within| if within { "yes" } else { "no" }.to_owned());
        [
            self.name(),
            t90,
            percent(self.overshoot_percent),
            percent(self.ripple_percent),
            percent(self.settled_percent),
            or_none(level),
            or_none(self.hashes_lost.map(|hashes| si(hashes, "H"))),
            or_none(within),
        ]
    }
}

/// Formats a value with about three digits and an SI prefix.
fn si(value: f64, unit: &str) -> String {
    let scales = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let Some((scale, prefix)) = scales.into_iter().find(|(scale, _)| value.abs() >= *scale) else {
        return format!("{value:.0} {unit}");
    };
    let scaled = value / scale;
    let digits = match scaled.abs() {
        digits if digits >= 100.0 => 0,
        digits if digits >= 10.0 => 1,
        _ => 2,
    };
    format!("{scaled:.digits$} {prefix}{unit}")
}
