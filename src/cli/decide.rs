//! Implements `perjoule decide` and `site-template`: what to do with scored hardware at a site.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;
use perjoule::decision::fitness::Thresholds;
use perjoule::decision::plan::PlanError::{Unproven, Unsolved};
use perjoule::decision::site::{
    Catalogue, Purpose, SettingsError, SheetDevice, Site, SiteProblem, SiteSketch, SketchError,
    template,
};
use perjoule::decision::{DecideError, Decision, Options, decide};
use perjoule::report::{decision, file, html};
use perjoule::units::{Usd, UsdPerKwh};

use super::Error;
use super::places::{self, Named};

/// Decide what to do with scored hardware: mine, rent it out for AI, host a tenant, curtail or sell.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Files that `perjoule score --json FILE` has written; `-` is stdin. None where the site's file
    /// has data sheets only.
    #[arg(value_name = "SCORE")]
    scores: Vec<PathBuf>,

    /// The site with its prices; `perjoule site-template` prints one to fill in.
    #[arg(long, value_name = "FILE", default_value = "site.toml")]
    site: PathBuf,

    #[command(flatten)]
    first_look: FirstLook,

    /// Data sheets that models are looked up in, instead of those that perjoule knows.
    #[arg(long, value_name = "FILE")]
    devices: Option<PathBuf>,

    /// List the models whose data sheets are known, and exit.
    #[arg(long)]
    models: bool,

    /// What a device needs for AI, instead of the thresholds that perjoule knows.
    #[arg(long, value_name = "FILE")]
    thresholds: Option<PathBuf>,

    /// Share of the draws in which a use has to be best for a verdict.
    #[arg(long, value_name = "SHARE", default_value = "0.9", value_parser = share)]
    confidence: f64,

    /// Number of draws of the prices and measurements that are uncertain.
    #[arg(long, value_name = "N", default_value = "100000", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    draws: u32,

    /// Seed of the draws: the same seed gives the same draws.
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,

    /// Decide as on that day, as 2026-07-01.
    #[arg(long, value_name = "DATE")]
    today: Option<jiff::civil::Date>,

    /// Print everything: economics of each use, sensitivities, fitness for AI, worth of limits.
    #[arg(long)]
    details: bool,

    /// Print JSON instead of tables.
    #[arg(long, conflicts_with = "details")]
    json: bool,

    /// Write a page with charts, which needs no network.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Write every hour of the plan as CSV.
    #[arg(long, value_name = "FILE")]
    hours: Option<PathBuf>,
}

/// A first look without a file; all that is not stated is left out, and the answer says so.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "First look, without a file")]
#[group(multiple = true, conflicts_with_all = ["site", "scores"])]
struct FirstLook {
    /// The price of power in US dollars per kWh, as 0.065.
    #[arg(long, value_name = "USD", requires = "device", value_parser = power, allow_negative_numbers = true)]
    power: Option<UsdPerKwh>,

    /// The price of a bitcoin in US dollars.
    #[arg(long, value_name = "USD", requires_all = ["power", "difficulty"], value_parser = btc)]
    btc: Option<Usd>,

    /// The difficulty of the network, as 150e12.
    #[arg(long, value_name = "N", requires_all = ["power", "btc"], value_parser = difficulty)]
    difficulty: Option<f64>,

    /// Hardware, and what one sells for (@) or costs (buy@): "S19 95TH 3250W x500 @150"; by the name of
    /// its model where that is known; of a card what an hour is rented for and how much of the time:
    /// "RTX 3090 x18 @650 rent@0.17 60%". May be given several times.
    #[arg(long, value_name = "DEVICE", requires = "power")]
    device: Vec<SheetDevice>,

    /// The height of the next block [default: estimated from the day].
    #[arg(long, value_name = "N", requires = "power")]
    height: Option<u32>,

    /// How many more years the hardware is used [default: 3].
    #[arg(long, value_name = "YEARS", requires = "power", value_parser = years)]
    years: Option<f64>,
}

const EXAMPLES: &str = "\
Examples:
  perjoule decide --power 0.065 --btc 90000 --difficulty 150e12 --device 'S19 95TH x500 @150'
  perjoule decide --power 0.10 --device 'RTX 3090 x18 @650 rent@0.17 60%'
  perjoule site-template --for mine > site.toml    then fill it in
  perjoule score --json score.json
  perjoule decide score.json                       what to do with this machine at that site
  perjoule decide a.json b.json --site texas.toml --html decision.html --hours plan.csv

Every price is in the site's file with its date and source, and none is built in. A missing price
is reported with its key and line, exit code 2. No verdict is given where something that decides is
not known, or where the ranges of prices and measurements straddle the break-even. Figures that were
stated or are of a data sheet, and not measured, are marked.";

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.5..=1.0).contains(share));
    share.ok_or_else(|| "expected a share of 0.5 to 1".to_owned())
}

/// Parses a number in a range, as people write them: `90,000`, `$90000`, `150T`.
fn number(text: &str, (least, most): (f64, f64)) -> Result<f64, String> {
    const PREFIXES: [(char, f64); 4] = [('G', 1e9), ('T', 1e12), ('P', 1e15), ('E', 1e18)];
    let bare = text.trim_start_matches('$').replace(',', "");
    let of_prefix = |&(prefix, times): &(char, f64)| {
        Some(bare.strip_suffix(prefix)?.trim().parse::<f64>().ok()? * times)
    };
    let number = bare.parse().ok().or_else(|| PREFIXES.iter().find_map(of_prefix));
    let number = number.filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("expected a number of {least} to {most}"))
}

fn power(text: &str) -> Result<UsdPerKwh, String> {
    number(text, (-25.0, 25.0)).map(UsdPerKwh::new)
}

fn btc(text: &str) -> Result<Usd, String> {
    number(text, (0.0, 1e9)).map(Usd::new)
}

fn difficulty(text: &str) -> Result<f64, String> {
    number(text, (1.0, 1e30))
}

fn years(text: &str) -> Result<f64, String> {
    number(text, (0.1, 100.0))
}

/// Print a site's file to fill in, for `perjoule decide`.
#[derive(Debug, clap::Args)]
pub(crate) struct TemplateArgs {
    /// What the site is asked about: mine (or curtail, or sell), rent machines out for AI, host AI of
    /// tenants, or all of it.
    #[arg(long = "for", value_name = "PURPOSE", default_value = "all")]
    purpose: PurposeArg,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum PurposeArg {
    All,
    Mine,
    Rent,
    Host,
}

/// Prints the template of a site's file.
///
/// # Errors
///
/// Fails if it cannot be written.
pub(crate) fn site_template(args: &TemplateArgs) -> Result<ExitCode, Error> {
    let purpose = match args.purpose {
        PurposeArg::All => Purpose::All,
        PurposeArg::Mine => Purpose::Mine,
        PurposeArg::Rent => Purpose::Rent,
        PurposeArg::Host => Purpose::Host,
    };
    super::print(&template(purpose)).map(|()| ExitCode::SUCCESS)
}

/// Prints the decision and writes the requested files.
///
/// # Errors
///
/// Fails if a file cannot be used, or the site and the scores do not fit together.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    if args.models {
        let models = match &args.devices {
            Some(file) => decision::models(&catalogue(file)?),
            None => decision::models(Catalogue::built_in()),
        };
        return super::print_lines(&models).map(|()| ExitCode::SUCCESS);
    }
    if let Some(site) =
        args.scores.iter().find(|file| file.extension().is_some_and(|it| it == "toml"))
    {
        let name = site.display();
        return Err(Error::input(
            name.to_string(),
            format!("scores are JSON; a site is given as --site {name}"),
        ));
    }
    args.check_files(&[])?;
    let now = match args.today {
        Some(day) => noon(day)?,
        None => Timestamp::now(),
    };
    let (site_name, site) = args.read_site(now)?;
    if let Some(series) = site.series() {
        args.check_files(&[("the tariff's file", series)])?;
    }
    if let Some(score) = twice(&args.scores) {
        let what = "it is given twice; --json takes no file, and prints to stdout";
        return Err(Error::input(score.display().to_string(), what));
    }
    let reports = args.scores.iter().map(|file| {
        let name = file.file_name().unwrap_or(file.as_os_str()).display().to_string();
        Ok((name, super::read_report(file)?))
    });
    let reports: Vec<_> = reports.collect::<Result<_, Error>>()?;
    let mut names = BTreeSet::new();
    if let Some((twice, _)) = reports.iter().find(|(name, _)| !names.insert(name.clone())) {
        let what = "two scores have this name, by which the site's file knows them; rename one";
        return Err(Error::input(twice.clone(), what));
    }
    let thresholds = match &args.thresholds {
        Some(file) => thresholds(file)?,
        None => Thresholds::default(),
    };
    let mut options = Options::at(now);
    options.thresholds = thresholds;
    options.confidence = args.confidence;
    options.draws = args.draws;
    options.seed = args.seed;
    let decision = decide(&site, &reports, &options).map_err(|why| match why {
        // The text includes the cause, which is thus reported only once.
        DecideError::NoPlan(Unsolved { .. } | Unproven { .. }) => {
            Error::failure("plan", why.to_string())
        }
        DecideError::NoPlan(_) => Error::input(site_name, why.to_string()),
        _ => Error::input(format!("{site_name} and the scores do not fit"), why),
    })?;
    args.deliver(&decision).map(|()| ExitCode::SUCCESS)
}

impl Args {
    /// Returns the site, of its file or of the command line, and the name of where it is from.
    fn read_site(&self, now: Timestamp) -> Result<(String, Site), Error> {
        let catalogue = match &self.devices {
            Some(file) => &catalogue(file)?,
            None => Catalogue::built_in(),
        };
        let look = &self.first_look;
        if let Some(power) = look.power {
            let mut sketch =
                SiteSketch::new(power, look.btc.zip(look.difficulty), look.device.clone());
            sketch.height = look.height;
            sketch.years = look.years.unwrap_or(sketch.years);
            let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
            let site = sketch.site(today, catalogue).map_err(|why| {
                let remedy = match why {
                    SketchError::NoMining { .. } => "; add --btc and --difficulty",
                    SketchError::Lookup(_) => {
                        "; `perjoule decide --models` lists them, and terahashes and watts do without"
                    }
                    _ => "",
                };
                Error::input("--device", format!("{why}{remedy}"))
            })?;
            return Ok(("the command line".to_owned(), site));
        }
        let name = self.site.display().to_string();
        match Site::open(&self.site, catalogue) {
            Ok(site) => Ok((name, site)),
            Err(SettingsError::Wrong(problems)) => Err(wrong(&name, &problems)),
            Err(other) => Err(Error::input(name, remedy(&other, &self.site))),
        }
    }

    /// Returns the files to be written, and the arguments that name them.
    fn files(&self) -> impl Iterator<Item = Named<'_>> {
        let html = self.html.as_deref().map(|file| (HTML, file));
        let hours = self.hours.as_deref().map(|file| ("--hours", file));
        html.into_iter().chain(hours)
    }

    /// Checks that all output files can be written, and that none is an input file, whether an
    /// argument names it or `besides` does.
    fn check_files(&self, besides: &[Named<'_>]) -> Result<(), Error> {
        let files: Vec<_> = self.files().collect();
        let scores = self.scores.iter().map(|file| ("SCORE", file.as_path()));
        let thresholds = self.thresholds.as_deref().map(|file| ("--thresholds", file));
        let site = self.first_look.power.is_none().then_some(("--site", self.site.as_path()));
        let devices = self.devices.as_deref().map(|file| ("--devices", file));
        let read = site.into_iter().chain(thresholds).chain(devices).chain(scores);
        let read: Vec<_> = read.chain(besides.iter().copied()).collect();
        places::check(&files, &read, &[])
    }

    /// Writes the decision to all files and prints it; a failure does not stop the others.
    fn deliver(&self, decision: &Decision) -> Result<(), Error> {
        let files = self.files().map(|(argument, place)| {
            let text = match argument {
                HTML => html::decision_page(decision),
                _ => decision::hours(decision),
            };
            file::write(place, text.as_bytes())
                .map_err(|why| Error::failure("write the decision", why))
        });
        let print = || {
            if self.json {
                super::print_json(decision)
            } else {
                let text = if self.details { decision::details } else { decision::text };
                super::print_lines(&text(decision))
            }
        };
        super::each(files.chain(std::iter::once_with(print)))
    }
}

const HTML: &str = "--html";

/// Returns the first score that is named twice.
fn twice(scores: &[PathBuf]) -> Option<&Path> {
    let same = |at: usize| scores[..at].iter().any(|other| file::is_same(other, &scores[at]));
    (1..scores.len()).find(|&at| same(at)).map(|at| scores[at].as_path())
}

/// Reports all problems of a file, a line each: the last as the error, the others before it.
fn wrong(name: &str, problems: &[SiteProblem]) -> Error {
    let (last, others) =
        problems.split_last().map_or((None, problems), |(last, it)| (Some(last), it));
    for problem in others {
        super::note(&format!("{name}: {problem}"));
    }
    let last = last.map_or_else(String::new, ToString::to_string);
    Error::input(name, last)
}

fn remedy(why: &SettingsError, file: &Path) -> String {
    let mut text = why.to_string();
    if !file.exists() {
        let file = file.display();
        let _ =
            write!(text, "; `perjoule site-template > {file}` makes one, and --power takes none");
    }
    text
}

fn thresholds(file: &Path) -> Result<Thresholds, Error> {
    let name = file.display().to_string();
    Thresholds::open(file).map_err(|why| match why {
        SettingsError::Wrong(problems) => wrong(&name, &problems),
        other => Error::input(&*name, other),
    })
}

fn catalogue(file: &Path) -> Result<Catalogue, Error> {
    let name = file.display().to_string();
    Catalogue::open(file).map_err(|why| match why {
        SettingsError::Wrong(problems) => wrong(&name, &problems),
        other => Error::input(&*name, other),
    })
}

/// Returns noon of a day, in UTC.
fn noon(day: jiff::civil::Date) -> Result<Timestamp, Error> {
    let noon = day.at(12, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC);
    noon.map(|noon| noon.timestamp()).map_err(|why| Error::input("--today", why))
}
