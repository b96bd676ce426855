//! Implements `perjoule mine`: takes a header and a target, and prints verified shares.

use std::io::{IsTerminal as _, stderr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use perjoule::block::{CompactTarget, Header, HeaderError, Target, TargetError, VersionMask};
use perjoule::engine::{self, Engine};
use perjoule::job::{MAX_GROUP, NonceRange};
use perjoule::search::{End, Outcome, Progress, Search, SearchControl, Share, Stop, Workers};
use serde::Serialize;

use super::Error;
use super::engines::{Choice, Opening, choice, chosen, workers};

/// Number of shares at which `--all` stops without `--limit`.
const LIMIT: usize = 1000;

/// Exit code when there is no share in the whole range.
const EXHAUSTED: u8 = 1;

/// Search a block header for hashes that meet a target.
///
/// The search goes over nonces first, then over the version bits of --version-mask, then over
/// later times up to --roll-time. Results come in that order, with any engine and any number
/// of threads. Each is verified: its whole hash is computed again and compared with the target.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The block header: 80 bytes as they are hashed, in 160 hex digits
    #[arg(value_name = "HEADER_HEX", value_parser = Header::from_hex as Parse<_, HeaderError>)]
    header: Header,

    /// The target in compact form ("nBits"), 8 hex digits: 1d00ffff is difficulty 1. It sets the
    /// target only and changes nothing in the header [default: the header's own bits]
    #[arg(long, value_name = "HEX", value_parser = compact, conflicts_with = "target")]
    bits: Option<Target>,

    /// The target in full: 64 hex digits, most significant first. A hash must be at most that
    /// [default: the header's own bits]
    #[arg(long, value_name = "HEX64", value_parser = Target::from_hex as Parse<_, TargetError>)]
    target: Option<Target>,

    /// The nonces to search, decimal or hex after 0x, without END itself; either may be left out
    /// [default: 0..4294967296]
    #[arg(long, value_name = "START..END", value_parser = nonces)]
    nonces: Option<NonceRange>,

    /// Version bits to roll, starting from the header's own version: 1 to 8 hex digits, as in
    /// 1fffe000 (BIP 320) [default: none]
    #[arg(long, value_name = "HEX", value_parser = VersionMask::from_hex as Parse<_, _>)]
    version_mask: Option<VersionMask>,

    /// Go on, once nonces and versions are spent, with up to this many later header times, in
    /// seconds
    #[arg(long, value_name = "SECONDS", default_value = "0")]
    #[arg(value_parser = seconds, allow_negative_numbers = true)]
    roll_time: u32,

    /// The engine to search with, as in avx2 or gpu:0; `perjoule devices` lists them. May be given
    /// several times: they search together. `all` is the fastest of the processor and every GPU but
    /// those that a driver computes on the processor [default: the fastest of the processor,
    /// measured at the start in about 20 milliseconds; a GPU is tuned in up to four seconds when it is
    /// first opened, and then opens in a fraction of one]
    #[arg(long, value_name = "ID", value_parser = choice as Parse<_, _>)]
    engine: Vec<Choice>,

    #[command(flatten)]
    opening: Opening,

    /// How many threads search, 1 to 1024 [default: one for each usable core]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    threads: Option<usize>,

    /// Keep each thread on one core
    #[arg(long)]
    pin: bool,

    /// Find all shares, up to --limit of them, and not just the first; they are printed as they are
    /// found
    #[arg(long)]
    all: bool,

    /// With --all: stop after this many shares, and say that there may be more [default: 1000]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    limit: Option<usize>,

    /// Print JSON: `{shares: [{nonce, version, time, hash, header}], hashes, seconds, engines: [..],
    /// threads, exhausted, truncated, interrupted, failed, faults: [..]}`; `truncated` is true when
    /// --limit was reached, `failed` when no engine was left, and `threads` are those on CPUs
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  perjoule mine HEADER_HEX                          the first nonce that meets the header's bits
  perjoule mine HEADER_HEX --nonces 2083000000..    from this nonce on
  perjoule mine HEADER_HEX --nonces ..0x1000        the first 4096 nonces
  perjoule mine HEADER_HEX --engine all             on the processor and every GPU
  perjoule mine HEADER_HEX --version-mask 1fffe000 --roll-time 600
                                                    when 2^32 nonces are not enough
  perjoule mine HEADER_HEX --bits 207fffff --all --limit 5 --json
                                                    five shares of the easiest regtest target

With --bits or --target the header of a share is the one given but for nonce, version and time:
its own bits stay what they were.

Exit codes: 0 share found, 1 range exhausted without a share, 2 bad input, 3 the system or all
engines failed, 130 stopped by Ctrl-C, 143 by SIGTERM; these after printing what was found by then
(a second signal does not wait for that).";

/// Searches and prints the shares that were found.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let (search, limit) = (args.search()?, args.limit()?);
    let stop = super::signals::stop();
    let workers = args.workers()?;
    let mut printer = Printer::new(args.json, &stop);
    let outcome = watched(&search, limit, &workers, &stop, &mut |shares| {
        printer.take(&shares);
    });
    let report = Report::new(&outcome, printer.printed, &workers, args.all);
    let is_read = printer.end(&report)?;
    if !is_read && report.interrupted && super::signals::code().is_none() {
        // The search stopped because its reader had enough.
        return Ok(ExitCode::SUCCESS);
    }
    for note in report.notes() {
        super::note(&note);
    }
    if report.failed {
        return Err(Error::failure("search on", "no engine is left"));
    }
    Ok(report.exit_code())
}

impl Args {
    fn search(&self) -> Result<Search, Error> {
        let target = match self.bits.or(self.target) {
            Some(target) => target,
            None => Target::from_compact(self.header.bits())
                .map_err(|source| Error::input("the header's own bits, without --bits", source))?,
        };
        let mut search = Search::new(self.header, target).roll_time(self.roll_time);
        if let Some(nonces) = self.nonces {
            search = search.nonces(nonces);
        }
        if let Some(mask) = self.version_mask {
            search = search.versions(mask);
        }
        Ok(search)
    }

    /// Returns how many shares are wanted.
    fn limit(&self) -> Result<usize, Error> {
        match self.limit {
            Some(0) => Err(Error::input("--limit 0", "expected at least 1 share")),
            Some(limit) if self.all => Ok(limit),
            Some(limit) => {
                Err(Error::input(format!("--limit {limit}"), "expected only together with --all"))
            }
            None if self.all => Ok(LIMIT),
            None => Ok(1),
        }
    }

    fn workers(&self) -> Result<Workers, Error> {
        workers(self.engines()?, self.threads, self.pin)
    }

    fn engines(&self) -> Result<Vec<Arc<dyn Engine>>, Error> {
        let best = || {
            let versions = self.version_mask.map_or(1, VersionMask::versions);
            vec![engine::best(versions.min(MAX_GROUP as u64) as usize)]
        };
        if self.engine.is_empty() {
            return Ok(best());
        }
        chosen("--engine", &self.engine, self.opening, best)
    }
}

/// Type of a function that parses an argument, for those that clap does not accept without a cast.
type Parse<T, E> = fn(&str) -> Result<T, E>;

fn compact(text: &str) -> Result<Target, TargetError> {
    Target::from_compact(CompactTarget::from_hex(text)?)
}

fn nonces(text: &str) -> Result<NonceRange, String> {
    const ALL: u64 = 1 << 32;
    let side = |side: &str, otherwise| match side {
        "" => Ok(otherwise),
        _ => number(side, ALL).ok_or_else(|| {
            format!("{side:?} is not a number from 0 to {ALL}, decimal or hex after 0x")
        }),
    };
    let (start, end) = text
        .split_once("..")
        .ok_or_else(|| format!("{text:?} is not a range, expected START..END as in 0..{ALL}"))?;
    let (start, end) = (side(start, 0)?, side(end, ALL)?);
    // A range that starts after the last nonce is empty, although there is no nonce 2^32 to name.
    let range = match u32::try_from(start) {
        Ok(start) => NonceRange::new(start, end).ok(),
        Err(_) if start == end => Some(NonceRange::ALL.split_at(0).0),
        Err(_) => None,
    };
    range.ok_or_else(|| format!("the nonces start at {start}, after their end at {end}"))
}

fn seconds(text: &str) -> Result<u32, String> {
    number(text, u32::MAX.into())
        .map(|seconds| seconds as u32)
        .ok_or_else(|| format!("{text:?} is not a whole number from 0 to {}", u32::MAX))
}

pub(super) fn count(text: &str) -> Result<usize, String> {
    number(text, usize::MAX as u64)
        .map(|count| count as usize)
        .ok_or_else(|| format!("{text:?} is not a whole number below 2^{}", usize::BITS))
}

/// Parses a number up to `most` of digits alone: decimal, or hex after `0x`.
fn number(text: &str, most: u64) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let number = u64::from_str_radix(digits, radix).ok()?;
    (number <= most && digits.chars().all(|digit| digit.is_digit(radix))).then_some(number)
}

/// Runs the search, with a progress bar if stderr is a terminal.
fn watched(
    search: &Search,
    limit: usize,
    workers: &Workers,
    stop: &Stop,
    take: &mut dyn FnMut(Vec<Share>),
) -> Outcome {
    let watch = SearchControl::default().stop(stop);
    if !stderr().is_terminal() {
        return search.each(limit, workers, watch, take);
    }
    let bar = ProgressBar::new(BAR);
    if let Ok(style) = ProgressStyle::with_template("{bar:20} {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    let mut ran = Ran::default();
    let mut show = |progress: Progress| {
        bar.set_position(
            (u128::from(progress.hashes) * u128::from(BAR) / progress.of.max(1)) as u64,
        );
        bar.set_message(describe(Progress { elapsed: ran.until(progress.elapsed), ..progress }));
    };
    let mut take = |shares| bar.suspend(|| take(shares));
    let outcome = search.each(limit, workers, watch.progress(&mut show), &mut take);
    bar.finish_and_clear();
    outcome
}

/// Length of a full bar: the hashes of a search may not fit in the bar's own numbers.
const BAR: u64 = 10_000;

/// Time for which a search ran, without the time in which the process was stopped: that says
/// nothing about the rate, or about how long the remainder will take.
#[derive(Debug, Default)]
struct Ran {
    last: Duration,
    time: Duration,
}

impl Ran {
    /// Longest time between two reports of progress that counts in full; ten come each second.
    const MOST: Duration = Duration::from_secs(2);

    /// Returns the time for which the search ran until `elapsed` after its start.
    fn until(&mut self, elapsed: Duration) -> Duration {
        self.time += elapsed.saturating_sub(self.last).min(Self::MOST);
        self.last = elapsed;
        self.time
    }
}

/// Describes how fast a search is, how much of it is done and how long the remainder will take.
fn describe(progress: Progress) -> String {
    const CENTURY: f64 = 100.0 * 365.25 * 86400.0;
    let rate = rate(progress.hashes, progress.elapsed);
    let left = progress.of.saturating_sub(progress.hashes.into()) as f64 / rate;
    let left = if left < CENTURY {
        HumanDuration(Duration::from_secs_f64(left)).to_string()
    } else {
        "over 100 years".to_owned()
    };
    let share = 100.0 * progress.hashes as f64 / progress.of as f64;
    let shares = progress.shares;
    format!("{:.1} MH/s, {share:.2} % of the range, {left} left, {shares} found", rate / 1e6)
}

/// Returns the hashes per second.
fn rate(hashes: u64, took: Duration) -> f64 {
    hashes as f64 / took.as_secs_f64().max(1e-9)
}

/// Prints shares as they come, and the report of the search after them, as text or as one JSON
/// document.
struct Printer<'a> {
    json: bool,
    /// Stops the search when there is no reader, or nothing can be written.
    stop: &'a Stop,
    printed: usize,
    /// Whether there is a reader, or why nothing can be written.
    is_read: Result<bool, Error>,
}

impl<'a> Printer<'a> {
    fn new(json: bool, stop: &'a Stop) -> Self {
        Self { json, stop, printed: 0, is_read: Ok(true) }
    }

    fn take(&mut self, shares: &[Share]) {
        let mut text = String::new();
        for share in shares.iter().map(ShareReport::new) {
            if self.json {
                text += if self.printed == 0 { SHARES_BEGIN } else { "," };
                text += "\n    ";
                text += &pretty(&share).replace('\n', "\n    ");
            } else {
                text += &share.to_text();
            }
            self.printed += 1;
        }
        self.print(&text);
    }

    /// Prints the report and returns whether the output still has a reader.
    fn end(mut self, report: &Report) -> Result<bool, Error> {
        let text = if self.json {
            let shares = if self.printed == 0 { NO_SHARES } else { SHARES_END };
            let rest = pretty(report);
            format!("{shares}{}\n", rest.trim_start_matches('{'))
        } else {
            report.to_text()
        };
        self.print(&text);
        self.is_read
    }

    fn print(&mut self, text: &str) {
        if let Ok(true) = self.is_read {
            self.is_read = super::print_on(text);
        }
        if !matches!(self.is_read, Ok(true)) {
            self.stop.stop();
        }
    }
}

/// JSON text around the shares, which are the first field of the document.
const SHARES_BEGIN: &str = "{\n  \"shares\": [";
const SHARES_END: &str = "\n  ],";
const NO_SHARES: &str = "{\n  \"shares\": [],";

/// Returns plain data as JSON.
fn pretty(data: &impl Serialize) -> String {
    // Numbers, texts and lists of them have a form in JSON, and writing to a string does not fail.
    serde_json::to_string_pretty(data).unwrap_or_default()
}

/// Report of a search without its shares.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "one for each way to end that scripts ask for")]
struct Report {
    #[serde(skip)]
    shares: usize,
    hashes: u64,
    seconds: f64,
    engines: Vec<String>,
    threads: usize,
    exhausted: bool,
    truncated: bool,
    interrupted: bool,
    failed: bool,
    faults: Vec<String>,
}

#[derive(Serialize)]
struct ShareReport {
    nonce: u32,
    version: String,
    time: u32,
    hash: String,
    header: String,
}

impl Report {
    fn new(outcome: &Outcome, shares: usize, workers: &Workers, all: bool) -> Self {
        Self {
            shares,
            hashes: outcome.hashes,
            seconds: outcome.took.as_secs_f64(),
            engines: workers.engines().map(|engine| engine.id().to_string()).collect(),
            threads: workers.threads(),
            exhausted: outcome.end == End::Exhausted,
            truncated: all && outcome.end == End::Limit,
            interrupted: outcome.end == End::Stopped,
            failed: outcome.end == End::Failed,
            faults: outcome.faults.iter().map(ToString::to_string).collect(),
        }
    }

    fn to_text(&self) -> String {
        let shares = match self.shares {
            0 => "no share".to_owned(),
            1 => "1 share".to_owned(),
            shares => format!("{shares} shares"),
        };
        let threads = match self.threads {
            0 => String::new(),
            1 => ", 1 thread".to_owned(),
            threads => format!(", {threads} threads"),
        };
        format!(
            "{shares}: {} hashes in {:.3} s, {:.2} MH/s, engine {}{threads}\n",
            self.hashes,
            self.seconds,
            rate(self.hashes, Duration::from_secs_f64(self.seconds)) / 1e6,
            self.engines.join(" + "),
        )
    }

    /// Returns what the caller must know to read the result.
    fn notes(&self) -> Vec<String> {
        let went_on = if self.failed { "" } else { "; the search went on without it" };
        let mut notes: Vec<_> =
            self.faults.iter().map(|fault| format!("{fault}{went_on}")).collect();
        let found = self.shares;
        if self.interrupted && found == 0 {
            notes.push("interrupted before a share was found".to_owned());
        } else if self.interrupted {
            notes.push(format!("interrupted: the {found} found by then may not be the first"));
        } else if self.failed && found > 0 {
            notes.push(format!("the {found} found by then may not be the first"));
        } else if self.truncated {
            notes.push(format!(
                "stopped at the limit of {found} shares: there may be more, see --limit"
            ));
        }
        notes
    }

    fn exit_code(&self) -> ExitCode {
        if self.interrupted {
            super::interrupted()
        } else if self.shares == 0 {
            EXHAUSTED.into()
        } else {
            ExitCode::SUCCESS
        }
    }
}

impl ShareReport {
    fn new(share: &Share) -> Self {
        let header = share.header();
        Self {
            nonce: header.nonce(),
            version: header.version().to_string(),
            time: header.time(),
            hash: share.hash().to_string(),
            header: header.to_hex(),
        }
    }

    fn to_text(&self) -> String {
        let Self { nonce, version, time, hash, header } = self;
        format!(
            "nonce   {nonce}\nversion {version}\ntime    {time}\nhash    {hash}\nheader  {header}\n\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use perjoule::engine::{Batching, Candidate, EngineError, EngineId, Scanned};
    use perjoule::job::Job;

    use super::*;

    #[test]
    fn ranges_are_half_open_in_either_base() {
        let range = |text| nonces(text).map(|range| (range.start(), range.len()));
        assert_eq!(range(".."), Ok((0, 1 << 32)));
        assert_eq!(range("0..4294967296"), Ok((0, 1 << 32)));
        assert_eq!(range("0xfFfFfFfF..0x100000000"), Ok((u32::MAX, 1)));
        assert_eq!(range("7.."), Ok((7, (1 << 32) - 7)));
        assert_eq!(range("..31"), Ok((0, 31)));
        assert_eq!(range("5..5"), Ok((5, 0)));
        assert_eq!(range("4294967296.."), Ok((0, 0)));
    }

    #[test]
    fn what_is_not_a_range_is_named() {
        for text in ["", "5", "a..5", "1..=5", "+1..5", "0x..5", "-1..5", "1..4294967297", "1...5"]
        {
            let error = nonces(text).expect_err(text);
            assert!(error.contains("is not a"), "{text}: {error}");
        }
        for (text, start, end) in [("9..5", 9, 5), ("4294967296..5", 1_u64 << 32, 5)] {
            let error = format!("the nonces start at {start}, after their end at {end}");
            assert_eq!(nonces(text), Err(error));
        }
    }

    #[test]
    fn progress_of_the_largest_search_is_a_finite_text() {
        for (hashes, seconds) in [(0, 0), (0, 5), (1, 1), (u64::MAX, 1)] {
            let elapsed = Duration::from_secs(seconds);
            let progress = Progress { hashes, of: 1 << 96, shares: 0, elapsed };
            assert!(describe(progress).contains("over 100 years"));
        }
        let elapsed = Duration::from_secs(10);
        let progress = Progress { hashes: 50_000_000, of: 200_000_000, shares: 3, elapsed };
        assert_eq!(describe(progress), "5.0 MH/s, 25.00 % of the range, 30 seconds left, 3 found");
    }

    #[test]
    fn a_search_that_was_stopped_is_as_fast_as_before() {
        let mut ran = Ran::default();
        let times = [100, 200, 1_200, 3_601_200, 3_601_300].map(Duration::from_millis);
        let expected = [100, 200, 1_200, 3_200, 3_300].map(Duration::from_millis);
        assert_eq!(times.map(|time| ran.until(time)), expected);
    }

    /// Engine that reports only nonce 5, for any job.
    #[derive(Debug)]
    struct Broken;

    impl Engine for Broken {
        fn id(&self) -> EngineId {
            EngineId::Gpu(3)
        }

        fn scan(
            &self,
            job: &Job,
            range: NonceRange,
            _limit: usize,
            out: &mut Vec<Candidate>,
        ) -> Result<Scanned, EngineError> {
            out.push(Candidate { nonce: 5, version: job.versions()[0] });
            Ok(Scanned { nonces: range.len(), hashes: range.len() })
        }

        fn batching(&self) -> Batching {
            Batching { threads: Some(1), ..Batching::CORES }
        }
    }

    #[test]
    fn a_failed_engine_is_told_of() {
        let header = Header::from_bytes([0x5a; Header::LEN]);
        let report = |nonces, workers: &Workers| {
            let search = Search::new(header, Target::MAX_ATTAINABLE_MAINNET).nonces(nonces);
            // Every later search reports a failed engine, whichever engine had the work.
            while workers.faults().is_empty() {
                let _ = search.first(workers, SearchControl::default());
            }
            let outcome = search.first(workers, SearchControl::default());
            Report::new(&outcome, outcome.shares.len(), workers, false)
        };
        let wrong = "engine gpu:3 failed: the device computes wrong results: nonce 5 with version \
                     5a5a5a5a is no candidate";
        let nonces = NonceRange::new(10, 5_000).expect("a range");

        let both = Workers::builder(engine::best(1)).engine(Arc::new(Broken)).threads(2);
        let report_of_both = report(nonces, &both.build().expect("three threads"));
        assert_eq!(report_of_both.notes(), [format!("{wrong}; the search went on without it")]);
        assert!(report_of_both.to_text().ends_with(" + gpu:3, 2 threads\n"));
        assert!(report_of_both.exhausted && !report_of_both.failed);

        let alone = Workers::builder(Arc::new(Broken)).build().expect("one thread");
        let report_alone = report(nonces, &alone);
        assert_eq!(report_alone.notes(), [wrong]);
        assert!(report_alone.to_text().ends_with(" MH/s, engine gpu:3\n"));
        assert!(report_alone.failed && !report_alone.exhausted);
        let json = serde_json::to_value(&report_alone).expect("plain data");
        assert_eq!(json["engines"], serde_json::json!(["gpu:3"]));
        assert_eq!(json["faults"], serde_json::json!([wrong]));
    }
}
