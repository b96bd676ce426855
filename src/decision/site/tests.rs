//! Files of sites: what they say, and what is said of those that are wrong.

use std::fs;
use std::path::Path;

use super::*;
use crate::decision::example::{self, text};
use crate::units::UsdPerKwh;

fn problems(text: &str) -> Vec<String> {
    let problems =
        Site::parse(text, Path::new(""), Catalogue::built_in()).expect_err("something is wrong");
    problems.iter().map(ToString::to_string).collect()
}

/// The problems of the example in which some text stands for another.
fn replaced(old: &str, new: &str) -> Vec<String> {
    let text = text();
    assert!(text.contains(old), "{old}");
    problems(&text.replace(old, new))
}

#[test]
fn a_file_is_read() {
    let site = example::site(&text());
    assert_eq!((&*site.name, site.devices.len()), ("Example", 2));
    let mining = site.mining.as_ref().expect("it mines");
    let Quote { value, range, origin } = &mining.btc_price;
    assert_eq!((value.value(), *range), (64_000.0, (0.75, 1.25)));
    assert_eq!((&*origin.key, origin.date.to_string()), ("mining.btc_price", "2026-06-15".into()));
    let operations = site.place.ai_operations.as_ref().expect("of AI");
    assert!((operations.value.value() - 0.1).abs() < 1e-12);
    assert_eq!(site.metered(Watts::new(100.0), 1.25), Watts::new(125.0));
    assert_eq!(site.origins().len(), 15);
}

#[test]
fn every_key_that_is_missing_is_told_with_its_place() {
    let text = text();
    for (line, key) in [
        ("loss = 0.0\n", "power.loss"),
        ("power_mw = 10\n", "site.power_mw"),
        ("height = 850000\n", "mining.height"),
        ("life_years = 4\n", "capital.life_years"),
        ("count = 1000\n", "device[1].count"),
    ] {
        let expected = format!("{key}: missing");
        let told = problems(&text.replacen(line, "", 1));
        assert!(told.len() == 1 && told[0].ends_with(&expected), "{key}: {told:?}");
        assert!(told[0].starts_with("line "), "{told:?}");
    }
    let told = replaced("date = 2026-06-15, source = \"an exchange\"", "date = 2026-06-15");
    assert_eq!(told, ["line 13: mining.btc_price.source: missing"]);
}

#[test]
fn what_is_misspelled_contradictory_or_wrong_is_told() {
    for (old, new, expected) in [
        ("loss = 0.0", "los = 0.0", "power.los: unknown key, is loss meant?"),
        (
            "height = 850000",
            "height = 850000\nnetwork_hashrate = { eh_per_second = 600, date = 2026-06-15, source = \"x\" }",
            "mining.network_hashrate: contradicts difficulty, expected one of them",
        ),
        (
            "loss = 0.0",
            "loss = 0.9",
            "power.loss: 0.9 cannot be used, expected a share of 0 to 0.5",
        ),
        ("usd = 64000", "usd = -1", "mining.btc_price.usd: -1 cannot be used, expected 0 to 1e9"),
        (
            "usd_per_kwh = 0.05, low = 0.04",
            "usd_per_kwh = 0.05, low = -0.04",
            "a range cannot go from below 0 to above it",
        ),
        ("score = \"gpu:0\"", "scroe = \"gpu:0\"", "device[2].scroe: unknown key, is score meant?"),
        ("usd = 64000, low = 48000", "usd = 64000, low = 70000", "usd = 64000 is not in its range"),
        (
            "date = 2026-06-15, source = \"a node\" }\nheight",
            "date = \"soon\", source = \"a node\" }\nheight",
            "\"soon\" cannot be used, expected a date",
        ),
        (
            "resale = { usd = 1000,",
            "price = { usd = 1, date = 2026-06-15, source = \"x\" }\nresale = { usd = 1000,",
            "device[1].price: contradicts resale",
        ),
        (
            "score = \"gpu:0\"",
            "",
            "device[2]: missing score, model or data_sheet, expected one of them",
        ),
        (
            "count = 1000\n",
            "count = 1000\nhost_watts = 3\n",
            "device[1].host_watts: contradicts data_sheet",
        ),
        ("name = \"card\"", "name = \"S21\"", "device[1].name: S21 is there twice"),
        (
            "usd_per_kwh = 0.05,",
            "usd_per_kwh = 0.05, file = \"x.csv\",",
            "power.tariff: contradictory, expected one of usd_per_kwh",
        ),
        (
            "[[device]]\nname = \"S21\"",
            "[[devise]]\nname = \"S21\"",
            "devise: unknown key, is device meant?",
        ),
    ] {
        let told = replaced(old, new);
        assert!(told.iter().any(|told| told.contains(expected)), "{expected}: {told:?}");
        assert!(told.iter().all(|told| !told.contains('\n')), "{told:?}");
    }
}

#[test]
fn a_contract_needs_room_and_a_price_to_build() {
    let contract = "contract = { total = { usd = 3.5e9, date = 2024-06-03, source = \"x\" }, years = 12, mw = 200, tenant_pays_power = true, signed = false }\n";
    let market = "market = { fee = { share = 0.2, date = 2026-06-15, source = \"the market\" } }\n";
    let told = replaced(market, contract);
    assert!(told.iter().any(|it| it.contains("build_out is missing")), "{told:?}");
    assert!(told.iter().any(|it| it.contains("takes 250 MW at the site's meter")), "{told:?}");

    let fits = text().replace(market, contract).replace("power_mw = 10", "power_mw = 300").replace(
        "months_to",
        "build_out = { usd_per_mw = 9e6, date = 2026-06-15, source = \"x\" }\nmonths_to",
    );
    let rent = |text: &str| {
        let rent = example::site(text).ai.contracts[0].rent.clone().expect("a rent");
        rent.value.to_string()
    };
    // 3.5e9 / (12 x 8760 x 200,000)
    assert_eq!(rent(&fits), "$0.1665/kWh");
    // 121,527 a megawatt and month are 12 / 8760 / 1000 of it for a kilowatt-hour.
    let total = "total = { usd = 3.5e9,";
    let monthly = fits.replace(total, "rent = { usd_per_mw_month = 121527.8,");
    assert_eq!(rent(&monthly), "$0.1665/kWh");
    let price = fits.replace(total, "price = { usd_per_kwh = 0.1665,");
    assert_eq!(rent(&price), "$0.1665/kWh");
    let both = fits.replace(
        total,
        "price = { usd_per_kwh = 1, date = 2026-06-15, source = \"x\" }, total = { usd = 1,",
    );
    assert!(problems(&both)[0].contains("contradicts total"), "{:?}", problems(&both));
    let none = fits.replace("total = { usd = 3.5e9, date = 2024-06-03, source = \"x\" }, ", "");
    assert!(problems(&none)[0].contains("missing total, rent or price"), "{:?}", problems(&none));
    let least = fits.replace("years = 12,", "years = 12, take_or_pay = 0.5,");
    assert!(problems(&least)[0].contains("goes with price"), "{:?}", problems(&least));
}

/// What is of AI is asked for where there is AI, and nowhere else.
#[test]
fn a_site_without_ai_says_nothing_of_it() {
    let market =
        "[ai]\nmarket = { fee = { share = 0.2, date = 2026-06-15, source = \"the market\" } }\n";
    let mut without = text().replace(market, "");
    for line in [
        "ai_pue = 1.25\n",
        "ai_operations = { usd_per_mw_year = 876000, date = 2026-06-15, source = \"books\" }\n",
        "retrofit = { usd_per_mw = 500000, low = 300000, high = 800000, date = 2026-06-15, source = \"an offer\" }\n",
        "months_to_convert = 6\n",
    ] {
        let key = line.split(' ').next().expect("a key");
        let told = problems(&text().replace(line, ""));
        assert_eq!(told.len(), 1, "{key}: {told:?}");
        assert!(told[0].ends_with(&format!("{key} is missing, which ai.market needs")), "{told:?}");
        assert!(without.contains(line), "{key}");
        without = without.replace(line, "");
    }
    let site = example::site(&without);
    assert!(site.ai.market.is_none() && site.capital.retrofit.is_none());
}

#[test]
fn the_template_asks_for_everything() {
    let told = problems(&template(Purpose::All));
    for key in [
        "name",
        "power.tariff",
        "power.loss",
        "site.power_mw",
        "mining.btc_price",
        "mining.height",
        "mining.fees",
        "mining.pool_fee",
        "capital.life_years",
        "capital.salvage",
        "capital.discount_rate",
        "device",
    ] {
        let told_of = |told: &&String| told.contains(&format!(": {key}: missing"));
        assert_eq!(told.iter().filter(told_of).count(), 1, "{key}: {told:#?}");
    }
    for key in ["mining_pue", "mining_operations"] {
        let expected = format!("{key} is missing, which mining needs");
        assert!(told.iter().any(|told| told.ends_with(&expected)), "{key}: {told:#?}");
    }
    let network = "mining: missing difficulty or network_hashrate";
    assert!(told.iter().any(|told| told.contains(network)), "{told:#?}");
    assert_eq!(told.len(), 15, "{told:#?}");
}

/// Filled in, every line of the template is taken: none has a key that is not known.
#[test]
fn every_line_of_the_template_can_be_filled_in() {
    let whole = template(Purpose::All);
    let filled: String = whole
        .lines()
        .filter_map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => Some(rest),
            Some(_) => None,
            None => Some(line),
        })
        .filter(|line| {
            // Of those that exclude each other the first is taken.
            let others = [
                "tariff = { usd_per_kwh_by_hour",
                "tariff = { file",
                "network_hashrate",
                "contract = { name = \"\", rent",
                "contract = { name = \"\", price",
                "model",
                "data_sheet",
            ];
            !others.iter().any(|other| line.starts_with(other))
        })
        .map(|line| line.to_owned() + "\n")
        .collect();
    let filled = filled
        .replace("usd_per_kwh = , low = , high = ", "usd_per_kwh = 0.05, low = 0.04, high = 0.06")
        .replace("low = , high = , ", "")
        .replace("date = ,", "date = 2026-06-15,")
        .replace("share = ,", "share = 0.5,")
        .replace("hours_per_year = ,", "hours_per_year = 100,")
        .replace("most_mw = ", "most_mw = 1")
        .replace("height =\n", "height = 1\n")
        .replace("= \"\"", "= \"x\"")
        .replace("power_mw =\n", "power_mw = 10\n")
        .replace("mw = }, {", "mw = 1}, {")
        .replace("= ,", "= 2,")
        .replace("= }", "= 2 }")
        .replace("=\n", "= 1\n");
    let site = example::site(&filled);
    assert_eq!(site.place.stages.len(), 2);
    assert!(!site.power.responses.is_empty() && site.power.ramp.is_some());
    assert!(!site.ai.contracts.is_empty() && site.capital.build_out.is_some());
    assert!(site.devices[0].rental.as_ref().is_some_and(|it| it.conversion.is_some()));
    assert!(matches!(site.devices[0].figures, Figures::Score { .. }));
}

/// The example with a tariff that was quoted on some day.
fn text_of_tariff(day: &str) -> Site {
    let tariff = "date = 2026-06-15, source = \"contract\"";
    example::site(&text().replace(tariff, &tariff.replace("2026-06-15", day)))
}

#[test]
fn old_quotes_and_those_to_come_are_doubtful() {
    let site = example::site(&text());
    let told = |today: &str| site.doubtful(today.parse().expect("a date")).len();
    assert_eq!((told("2026-07-15"), told("2026-06-15")), (0, 0));
    assert_eq!((told("2026-07-16"), told("2026-06-14")), (1, 1), "all are of one day");
    let old = site.doubtful("2026-07-16".parse().expect("a date"));
    let text = "power.tariff, site.mining_operations, site.ai_operations, and 10 more are of 2026-06-15, 31 \
                days ago; look whether they still hold";
    assert_eq!(old[0].to_string(), text);
    let other = text_of_tariff("2026-06-14");
    let old = other.doubtful("2026-07-15".parse().expect("a date"));
    let text = "power.tariff is of 2026-06-14, 31 days ago; look whether it still holds";
    assert_eq!(old.iter().map(ToString::to_string).collect::<Vec<_>>(), [text]);
}

/// The hours of a tariff in which some text stands for the flat price.
fn hours(tariff: &str, folder: &Path, from: &str) -> Result<Vec<Hour>, Vec<String>> {
    let flat = "usd_per_kwh = 0.05, low = 0.04, high = 0.06,";
    let site = Site::parse(&text().replace(flat, tariff), folder, Catalogue::built_in());
    let site =
        site.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    Ok(site.power.tariff.hours(from.parse().expect("a time")))
}

#[test]
fn prices_by_the_hour_follow_the_clock_of_their_place() {
    let prices: Vec<_> = (0..24).map(|hour| format!("{}", f64::from(hour) / 100.0)).collect();
    let tariff =
        format!("usd_per_kwh_by_hour = [{}], zone = \"America/Chicago\",", prices.join(", "));
    // From midnight of the day before clocks go back, in the middle of an hour.
    let hours = hours(&tariff, Path::new(""), "2026-10-31T05:20:00Z").expect("prices");
    assert_eq!(hours.len(), usize::from(YEAR));
    assert_eq!(hours[0].start.to_string(), "2026-10-31T05:00:00Z");
    let price = |at: usize| (hours[at].price.value() * 100.0).round() as usize;
    let of_days = |from: usize, count: usize| (from..from + count).map(price).collect::<Vec<_>>();
    assert_eq!(of_days(0, 24), (0..24).collect::<Vec<_>>());
    // The day of 25 hours has 1 o'clock twice.
    assert_eq!(of_days(24, 5), [0, 1, 1, 2, 3]);
    assert_eq!(price(24 + 25), 0);
    // That of 23 hours, 2027-03-14, goes from 1 to 3 o'clock.
    let spring = hours.iter().position(|it| it.start.to_string() == "2027-03-14T06:00:00Z");
    let spring = spring.expect("that hour");
    assert_eq!(of_days(spring, 4), [0, 1, 3, 4]);
    assert_eq!(price(spring + 23), 0);
}

#[test]
fn series_have_every_hour_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let read = |lines: &str| {
        fs::write(folder.path().join("prices.csv"), format!("time,usd_per_kwh\n{lines}"))
            .expect("a file");
        hours("file = \"prices.csv\", times_high = 2,", folder.path(), "2026-01-01T00:00:00Z")
    };
    // Clocks go back in Chicago: the same local time, an hour apart.
    let of_three = read(
        "2026-11-01T00:00:00-05:00,0.03\n2026-11-01T01:00:00-05:00,-0.02\n\
         2026-11-01T01:00:00-06:00,0.04\n",
    )
    .expect("three hours");
    assert_eq!(
        of_three.iter().map(|it| it.price).collect::<Vec<_>>(),
        [UsdPerKwh::new(0.03), UsdPerKwh::new(-0.02), UsdPerKwh::new(0.04)]
    );
    for (lines, expected) in [
        (
            "2026-11-01T00:00:00Z,0.03\n2026-11-01T02:00:00Z,0.03\n",
            "line 3: 2026-11-01T02:00:00Z does not come an hour after",
        ),
        ("2026-11-01T00:00:00Z,0.03\n2026-11-01T00:00:00Z,0.03\n", "does not come an hour after"),
        ("2026-11-01T00:00:00,0.03\n", "is no time with an offset"),
        ("2026-11-01T00:00:00Z,cheap\n", "line 2: \"cheap\" is no price"),
        ("2026-11-01T00:00:00Z,55\n", "is no price, expected -25 to 25"),
        (
            "2026-11-01T00:00:00Z,0.03\r\n2026-11-01T01:00:00Z,0.03\r\nx,1\r\n",
            "line 4: \"x\" is no time",
        ),
        ("2026-11-01T00:00:00Z,0.03\n\n\r\nx,1\n", "line 5: \"x\" is no time"),
        ("", "no hours in it"),
    ] {
        let told = read(lines).expect_err("wrong");
        assert!(told.len() == 1 && told[0].contains(expected), "{expected}: {told:?}");
        assert!(
            told[0].contains("power.tariff.file") && told[0].contains("prices.csv"),
            "{told:?}"
        );
    }
    let missing = hours("file = \"none.csv\",", folder.path(), "2026-01-01T00:00:00Z");
    assert!(missing.expect_err("no file")[0].contains("none.csv: No such file"));
}

/// The highest prices that there are: 5 $ for a kilowatt-hour in Texas, 20.3 Australian ones.
#[test]
fn caps_of_markets_are_prices() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = "time,usd_per_kwh\n2026-11-01T00:00:00Z,5\n2026-11-01T01:00:00Z,13.3\n\
                 2026-11-01T02:00:00Z,20.3\n2026-11-01T03:00:00Z,-1\n";
    fs::write(folder.path().join("prices.csv"), lines).expect("a file");
    let read = hours("file = \"prices.csv\",", folder.path(), "2026-01-01T00:00:00Z");
    assert_eq!(read.expect("prices").len(), 4);
    let flat = hours("usd_per_kwh = 13.3,", folder.path(), "2026-01-01T00:00:00Z");
    assert!(flat.is_ok(), "{flat:?}");
}

#[test]
fn a_file_that_is_none_is_told_in_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused =
        Site::open(folder.path(), Catalogue::built_in()).expect_err("a folder").to_string();
    assert_eq!(refused, "it is a folder, expected a file");
    let marked = folder.path().join("site.toml");
    fs::write(&marked, format!("\u{feff}{}", template(Purpose::All))).expect("a file");
    assert!(
        matches!(Site::open(&marked, Catalogue::built_in()), Err(SettingsError::Wrong(_))),
        "only what is not filled in"
    );
    let utf_16: Vec<u8> =
        template(Purpose::All).encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&marked, [&b"\xff\xfe"[..], &utf_16].concat()).expect("a file");
    let refused =
        Site::open(&marked, Catalogue::built_in()).expect_err("two bytes a character").to_string();
    assert!(refused.starts_with("it is UTF-16, expected UTF-8"), "{refused}");
}

#[test]
fn a_zone_or_a_number_of_prices_that_cannot_be_is_told() {
    let told = |tariff: &str| {
        hours(tariff, Path::new(""), "2026-01-01T00:00:00Z").expect_err("wrong").join("; ")
    };
    let prices = ["0.05"; 24].join(", ");
    let zone = told(&format!("usd_per_kwh_by_hour = [{prices}], zone = \"Mars\","));
    assert!(zone.contains("Mars is not known"), "{zone}");
    let count = told("usd_per_kwh_by_hour = [0.05, 0.06], zone = \"UTC\",");
    assert!(count.contains("2 prices, expected 24"), "{count}");
}

/// What a purpose has nothing to do with is not in its template, and each is shorter than all.
#[test]
fn a_template_for_a_purpose_is_short() {
    let lines = |purpose| template(purpose).lines().count();
    for (purpose, has, has_not) in [
        (Purpose::Mine, "btc_price", "[ai]"),
        (Purpose::Rent, "rental", "[mining]"),
        (Purpose::Host, "contract", "rental"),
    ] {
        let text = template(purpose);
        assert!(text.contains(has) && !text.contains(has_not) && !text.contains("#?"), "{text}");
        assert!(lines(purpose) * 4 < lines(Purpose::All) * 3, "{purpose:?}: {}", lines(purpose));
    }
}

#[test]
fn a_path_goes_through_its_points() {
    let path = |points: &str| {
        format!(
            "height = 850000\nbtc_price_path = {{ points = [{points}], date = 2026-06-15, source = \"x\" }}"
        )
    };
    let read = text().replace("height = 850000", &path("[2027-06-15, 96000], [2028-06-14, 32000]"));
    let mining = example::site(&read).mining.expect("it mines");
    let quoted: Date = "2026-06-15".parse().expect("a date");
    let at = |years: f64| mining.along(quoted, years).0;
    for (years, times) in [(0.0, 1.0), (0.5, 1.25), (1.0, 1.5), (1.5, 1.0), (2.0, 0.5), (9.0, 0.5)]
    {
        assert!((at(years) - times).abs() < 1e-12, "{years}: {}", at(years));
    }
    for (points, expected) in [
        ("", "expected one point or more"),
        ("[2028-01-01, 1], [2027-01-01, 2]", "later ones after earlier ones"),
        ("[2027-01-01]", "expected a day and a number"),
        ("[2027-01-01, -1]", "0 to 1e9 US dollars"),
    ] {
        let told = replaced("height = 850000", &path(points));
        assert!(told.iter().any(|it| it.contains(expected)), "{points}: {told:?}");
    }
}
