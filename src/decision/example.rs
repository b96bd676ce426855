//! A site and scores that tests work with: round numbers that are easily checked by hand.

use super::site::Site;
use crate::record::example;

/// A site of 10 MW with a miner by its data sheet and the devices of [`example::full`].
pub(crate) const SITE: &str = r#"
name = "Example"
[power]
tariff = { usd_per_kwh = 0.05, low = 0.04, high = 0.06, date = 2026-06-15, source = "contract" }
loss = 0.0
[site]
power_mw = 10
mining_pue = 1.0
ai_pue = 1.25
mining_operations = { usd_per_mw_year = 87600, date = 2026-06-15, source = "books" }
ai_operations = { usd_per_mw_year = 876000, date = 2026-06-15, source = "books" }
[mining]
btc_price = { usd = 64000, low = 48000, high = 80000, date = 2026-06-15, source = "an exchange" }
difficulty = { number = 88.40e12, date = 2026-06-15, source = "a node" }
height = 850000
fees = { btc_per_block = 0, date = 2026-06-15, source = "a node" }
pool_fee = { share = 0, date = 2026-06-15, source = "the pool" }
[ai]
market = { fee = { share = 0.2, date = 2026-06-15, source = "the market" } }
[capital]
retrofit = { usd_per_mw = 500000, low = 300000, high = 800000, date = 2026-06-15, source = "an offer" }
months_to_convert = 6
life_years = 4
salvage = 0
discount_rate = 0
[[device]]
name = "S21"
count = 1000
data_sheet = { terahash_per_second = 200, watts = 3500, date = 2026-06-15, source = "the maker" }
resale = { usd = 1000, date = 2026-06-15, source = "a dealer" }
[[device]]
name = "card"
count = 8
score = "gpu:0"
host_watts = 250
supply_efficiency = 0.95
memory = { gib = 141, date = 2026-06-15, source = "the maker" }
resale = { usd = 20000, date = 2026-06-15, source = "a dealer" }
[ai_card]
"#;

/// The site, with a rental of the card.
pub(crate) fn text() -> String {
    SITE.replace(
        "[ai_card]\n",
        "rental = { price = { usd_per_hour = 2.5, date = 2026-06-15, source = \"the market\" }, \
         utilisation = { share = 0.7, low = 0.5, high = 0.9, date = 2026-06-15, source = \"books\" } }\n",
    )
}

pub(crate) fn site(text: &str) -> Site {
    Site::parse(text, std::path::Path::new(""), super::site::Catalogue::built_in()).unwrap_or_else(
        |problems| {
            let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
            panic!("{}", lines.join("\n"))
        },
    )
}

/// The scores: one, of the machine that reports' tests have, with what fitness needs besides.
pub(crate) fn records() -> Vec<super::candidate::NamedRecord> {
    let mut record = example::full();
    for (words, rate) in [
        (["peak", "f32 fma", "FLOP"], 6e13),
        (["peak", "f32 mul, add", "FLOP"], 6e13),
        (["bandwidth", "upload", "B"], 2e10),
        (["bandwidth", "download", "B"], 1e10),
    ] {
        record.rows.push(example::row("gpu:0", words, rate));
    }
    vec![("score.json".to_owned(), record)]
}

/// Returns the time of the decision on the example.
pub(crate) fn now() -> jiff::Timestamp {
    "2026-07-01T12:00:00Z".parse().expect("a time")
}

/// Returns the decision on the example.
pub(crate) fn decided() -> super::Decision {
    let options = super::Options { draws: 2_000, ..super::Options::at(now()) };
    super::decide(&site(&text()), &records(), &options).expect("a decision")
}
