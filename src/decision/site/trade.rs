//! The sections `[mining]` and `[capital]`: what mining earns over the years, and what capital costs.

use jiff::civil::Date;

use super::quote::{Bounds, Origin, PER_MEGAWATT, Quote, SHARE, origin, quote};
use super::toml::{Section, Value};
use crate::units::Usd;

/// Prices and network figures that mining revenue depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Mining {
    /// Price of one bitcoin, in US dollars.
    pub btc_price: Quote<Usd>,
    /// Course of that price over the years.
    pub btc_course: Course,
    /// Difficulty or hash rate of the network.
    pub network: Network,
    /// Course of the difficulty or hash rate over the years.
    pub difficulty_course: Course,
    /// Height of the next block on the day of the network's quote, which sets the subsidy and the
    /// distance to the next halving.
    pub height: u32,
    /// Transaction fees of one block, in bitcoin.
    pub fees: Quote<f64>,
    /// Share of mining revenue that the pool keeps, 0 to 1.
    pub pool_fee: Quote<f64>,
}

/// Difficulty of finding a block, in the form in which it was quoted.
#[derive(Clone, Debug, PartialEq)]
pub enum Network {
    /// Network difficulty: expected hashes to find a block, in units of 2^32.
    Difficulty(Quote<f64>),
    /// Hash rate of all miners, in hashes per second, at a block in ten minutes.
    HashRate(Quote<f64>),
}

/// Costs of conversion, and terms of capital.
#[derive(Clone, Debug, PartialEq)]
pub struct Capital {
    /// Cost of converting one megawatt at the site's meter to AI on machines of the site, in US
    /// dollars: power, cooling and network; `None` where there is no market that needs it.
    pub retrofit: Option<Quote<Usd>>,
    /// Cost of building out one megawatt of a tenant's machines, in US dollars; `None` where there
    /// is no contract that needs it.
    pub build_out: Option<Quote<Usd>>,
    /// Months from the decision to the first revenue of AI; `None` where there is no AI.
    pub months_to_convert: Option<f64>,
    /// Remaining life of the hardware, in years from now on.
    pub life_years: f64,
    /// Salvage value at the end of that life, as a share of the value now, 0 to 1.
    pub salvage: f64,
    /// Cost of capital in a year, as a share, 0 to 1.
    pub discount_rate: f64,
}

/// Course of a number over the years that are decided about.
#[derive(Clone, Debug, PartialEq)]
pub enum Course {
    /// It stays as it was quoted.
    Flat,
    /// It grows by a share in each year.
    Growth(Quote<f64>),
    /// It goes in straight lines from the quote through these points, and stays at the last.
    Path {
        /// Days in order of time, all after that of the quote, and the number on each.
        points: Vec<(Date, f64)>,
        /// Key, date and source of the path.
        origin: Origin,
    },
}

impl Mining {
    pub(super) fn read(section: &Section<'_, '_>) -> Option<Self> {
        const PRICE: Bounds =
            Bounds { key: "usd", least: 0.0, most: 1e9, expected: "0 to 1e9 US dollars" };
        const DIFFICULTY: Bounds = Bounds {
            key: "number",
            least: 1.0,
            most: 1e30,
            expected: "1 to 1e30, as nodes tell it: 88.4e12",
        };
        const HASH_RATE: Bounds = Bounds {
            key: "eh_per_second",
            least: 1e-9,
            most: 1e12,
            expected: "1e-9 to 1e12 exahashes a second",
        };
        const FEES: Bounds = Bounds {
            key: "btc_per_block",
            least: 0.0,
            most: 1e6,
            expected: "0 to 1e6 bitcoin in a block",
        };
        let btc_price = section.needs("btc_price").and_then(|it| quote(it, PRICE));
        let btc_course = Course::read(section, ["btc_price_growth", "btc_price_path"], PRICE);
        let network = section.one_of(["difficulty", "network_hashrate"]);
        let network = network.and_then(|(which, value)| match which {
            0 => Some(Network::Difficulty(quote(value, DIFFICULTY)?)),
            _ => Some(Network::HashRate(quote(value, HASH_RATE)?.map(|exa| exa * 1e18))),
        });
        let kind =
            if matches!(network, Some(Network::HashRate(_))) { HASH_RATE } else { DIFFICULTY };
        let difficulty_course =
            Course::read(section, ["difficulty_growth", "difficulty_path"], kind);
        let height = section.needs("height");
        let height = height.and_then(|it| it.whole(0..=u32::MAX, "the height of a block"));
        let fees = section.needs("fees").and_then(|it| quote(it, FEES));
        let pool_fee = section.needs("pool_fee").and_then(|it| quote(it, SHARE));
        for (key, course, quoted) in [
            (
                "btc_price_path",
                &btc_course,
                btc_price.as_ref().map(|it| (it.value, it.origin.date)),
            ),
            (
                "difficulty_path",
                &difficulty_course,
                network.as_ref().map(|it| (1.0, it.origin().date)),
            ),
        ] {
            if let (Some(Course::Path { points, .. }), Some((value, date))) = (course, quoted) {
                if value == 0.0 {
                    section.tell_of(key, "a path needs a number that is not 0 to begin with");
                }
                if points.first().is_some_and(|(first, _)| *first <= date) {
                    section.tell_of(key, format!("expected points after the quote of {date}"));
                }
            }
        }
        section.end();
        Some(Self {
            btc_price: btc_price?.map(Usd::new),
            btc_course: btc_course?,
            network: network?,
            difficulty_course: difficulty_course?,
            height: height?,
            fees: fees?,
            pool_fee: pool_fee?,
        })
    }

    pub(super) fn origins(&self) -> impl Iterator<Item = &Origin> {
        let courses = [&self.btc_course, &self.difficulty_course];
        [&self.btc_price.origin, self.network.origin(), &self.fees.origin, &self.pool_fee.origin]
            .into_iter()
            .chain(courses.into_iter().filter_map(Course::origin))
    }

    /// Returns whether prices or difficulty are taken to change.
    pub(in crate::decision) fn changes(&self) -> bool {
        [&self.btc_course, &self.difficulty_course].iter().any(|course| **course != Course::Flat)
    }

    /// Returns the multiples of the price of a bitcoin, and of the difficulty, that their paths come to
    /// some years after a day; 1 where there is no path.
    pub(in crate::decision) fn along(&self, today: Date, years: f64) -> (f64, f64) {
        let quoted = self.btc_price.value.value();
        let price = self.btc_course.along((self.btc_price.origin.date, quoted), today, years);
        let (quoted, origin) = match &self.network {
            Network::Difficulty(quote) => (quote.value, &quote.origin),
            // As its path gives it.
            Network::HashRate(quote) => (quote.value / 1e18, &quote.origin),
        };
        (price, self.difficulty_course.along((origin.date, quoted), today, years))
    }
}

impl Course {
    fn read(section: &Section<'_, '_>, keys: [&'static str; 2], kind: Bounds) -> Option<Self> {
        const GROWTH: Bounds = Bounds {
            key: "share_per_year",
            least: -0.99,
            most: 100.0,
            expected: "a share of -0.99 to 100 in a year, as 0.2 for 20 %",
        };
        match section.at_most_one_of(keys)? {
            None => Some(Self::Flat),
            Some((0, growth)) => Some(Self::Growth(quote(growth, GROWTH)?)),
            Some((_, path)) => Self::path(path, kind),
        }
    }

    fn path(path: Value<'_, '_>, kind: Bounds) -> Option<Self> {
        let table = path.table()?;
        let points = table.needs("points").and_then(|points| {
            let point = |item: &Value<'_, '_>| {
                let [day, number] =
                    <[Value<'_, '_>; 2]>::try_from(item.items()?).ok().or_else(|| {
                        item.tell("expected a day and a number, as in [2027-01-01, 1.0]");
                        None
                    })?;
                Some((day.date()?, number.number(kind.least..=kind.most, kind.expected)?))
            };
            let read: Vec<_> = points.items()?.iter().map(point).collect();
            let read: Vec<(Date, f64)> = read.into_iter().collect::<Option<_>>()?;
            if read.is_empty() || !read.is_sorted_by(|(a, _), (b, _)| a < b) {
                points.tell("expected one point or more, later ones after earlier ones");
                return None;
            }
            Some(read)
        });
        let origin = origin(&table);
        table.end();
        Some(Self::Path { points: points?, origin: origin? })
    }

    fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Flat => None,
            Self::Growth(quote) => Some(&quote.origin),
            Self::Path { origin, .. } => Some(origin),
        }
    }

    /// Returns by what the number multiplies in a year, its growth taken `times`; something is left of
    /// whatever shrinks.
    pub(in crate::decision) fn growth(&self, times: f64) -> f64 {
        match self {
            Self::Growth(quote) => (1.0 + quote.value * times).max(0.01),
            Self::Flat | Self::Path { .. } => 1.0,
        }
    }

    /// Returns the multiple of the quoted number that its path comes to some years after a day.
    fn along(&self, quoted: (Date, f64), today: Date, years: f64) -> f64 {
        let Self::Path { points, .. } = self else { return 1.0 };
        let day = |date: Date| today.until(date).map_or(0.0, |span| f64::from(span.get_days()));
        let at = years * 365.0;
        let (mut from, mut value) = (day(quoted.0), quoted.1);
        for &(date, next) in points {
            let until = day(date);
            if until >= at {
                let share = ((at - from) / (until - from)).clamp(0.0, 1.0);
                return (value + (next - value) * share) / quoted.1;
            }
            (from, value) = (until, next);
        }
        value / quoted.1
    }
}

impl Network {
    /// Returns the date and source of the quote.
    pub(in crate::decision) fn origin(&self) -> &Origin {
        let (Self::Difficulty(quote) | Self::HashRate(quote)) = self;
        &quote.origin
    }
}

impl Capital {
    pub(super) fn read(section: &Section<'_, '_>) -> Option<Self> {
        let retrofit = section.option("retrofit", |it| quote(it, PER_MEGAWATT));
        let build_out = section.option("build_out", |it| quote(it, PER_MEGAWATT));
        let number = |key, least, most, expected| {
            section.needs(key).and_then(|it| it.number(least..=most, expected))
        };
        let months =
            section.option("months_to_convert", |it| it.number(0.0..=240.0, "0 to 240 months"));
        let life = number("life_years", 0.1, 100.0, "0.1 to 100 years");
        let salvage = number("salvage", 0.0, 1.0, "a share of 0 to 1");
        let discount = number("discount_rate", 0.0, 1.0, "a share of 0 to 1 in a year");
        section.end();
        Some(Self {
            retrofit: retrofit?.map(|it| it.map(Usd::new)),
            build_out: build_out?.map(|it| it.map(Usd::new)),
            months_to_convert: months?,
            life_years: life?,
            salvage: salvage?,
            discount_rate: discount?,
        })
    }

    pub(super) fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.retrofit.iter().chain(&self.build_out).map(|it| &it.origin)
    }
}
