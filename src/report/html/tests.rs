//! What a page has to be: whole, safe, small, and right.

use std::path::Path;
use std::{env, fs};

use super::cards::best;
use super::*;
use crate::record::{PowerTrace, Trial, example};
use crate::units::Watts;
use crate::workload::Kind;

/// Writes the pages of the examples into the folder that `PERJOULE_PAGES` names, for `.ci/browser`.
#[test]
#[ignore = "writes files for a browser"]
fn the_pages_are_written() {
    let folder = env::var_os("PERJOULE_PAGES").expect("PERJOULE_PAGES names a folder");
    for (name, record) in [
        ("full", example::full()),
        ("long", long()),
        ("empty", example::empty()),
        ("unmetered", example::unmetered()),
        ("hostile", example::hostile()),
    ] {
        let file = Path::new(&folder).join(format!("{name}.html"));
        fs::write(file, page(&record)).expect("the folder can be written");
    }
    let decision = decision_page(&crate::decision::example::decided());
    let file = Path::new(&folder).join("decision.html");
    fs::write(file, decision).expect("the folder can be written");
}

/// Names of the code are no words for people.
#[test]
fn headers_of_tables_are_words() {
    let pages =
        [page(&example::full()), decision_page(&crate::decision::example::decided())].concat();
    let headers: Vec<&str> = pages
        .split("<th")
        .skip(1)
        .filter_map(|cell| cell.split_once('>')?.1.split('<').next())
        .collect();
    assert!(headers.len() > 20, "{headers:?}");
    let is_code = |text: &&&str| {
        text.as_bytes()
            .windows(2)
            .any(|two| two[0].is_ascii_lowercase() && two[1].is_ascii_uppercase())
    };
    let code: Vec<_> = headers.iter().filter(is_code).collect();
    assert!(code.is_empty(), "{code:?}");
}

/// An hour of eight meters that are read twenty times a second, and windows all the time.
fn long() -> Record {
    let mut record = example::full();
    record.seconds = 3_600.0;
    record.traces = (0..8_u32)
        .map(|meter| PowerTrace {
            domain: format!("gpu:{meter}").as_str().into(),
            points: (0..72_000_u32)
                .map(|step| {
                    let noise =
                        f64::from((step + meter).wrapping_mul(2_654_435_761) >> 20) / 4_096.0;
                    let load = f64::from((step / 1_200 + meter) % 7);
                    (f64::from(step) / 20.0, Watts::new(80.0 + 90.0 * load + 30.0 * noise))
                })
                .collect(),
        })
        .collect();
    record.devices = (0..8_u32)
        .map(|device| ScoredDevice {
            id: format!("gpu:{device}").as_str().into(),
            ..record.devices[1].clone()
        })
        .collect();
    // One peak that a reading in between must not hide.
    record.traces[3].points[50_001].1 = Watts::new(1_900.0);
    let energy = record.rows[1].energy.as_mut().expect("metered");
    let trial = energy.trials[0].clone();
    energy.trials =
        (0..700).map(|at| Trial { start: f64::from(at) * 5.1, ..trial.clone() }).collect();
    record
}

/// The texts of a page without its markup.
fn texts(page: &str) -> String {
    let mut text = String::new();
    for part in page.split('<').skip(1) {
        let (tag, after) = part.split_once('>').expect("a tag ends");
        text += if tag.starts_with("style") { "" } else { after };
        text.push('\n');
    }
    text
}

/// Every element is closed where it was opened, no attribute has a quote too many, and what begins
/// with `<` is an element of this module.
fn is_whole(page: &str) {
    let rest = page.strip_prefix("<!DOCTYPE html>\n<html").expect("a page");
    assert!(rest.ends_with("</html>\n"));
    let mut open: Vec<&str> = Vec::new();
    for part in page.split('<').skip(2) {
        let (tag, _) = part.split_once('>').expect("a tag ends");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{part}");
            continue;
        }
        let name = tag.split([' ', '/']).next().expect("a name");
        let known = "html head meta title style body header main section footer h1 h2 h3 p ul ol li dl dt dd \
                     div small table caption thead tbody tr th td svg desc pattern rect line text path circle";
        assert!(known.split_whitespace().any(|it| it == name), "{part}");
        assert!(tag.matches('"').count().is_multiple_of(2), "{tag}");
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn pages_are_whole_and_load_nothing() {
    let examples =
        [example::full(), example::empty(), example::unmetered(), example::hostile(), long()];
    for record in examples {
        let page = page(&record);
        is_whole(&page);
        // The one address in it is that of a pattern in the page itself.
        assert_eq!(page.matches("url(").count(), page.matches("url(#hatch").count());
        for forbidden in ["http", "//cdn", "src=", "href=", "@import", "<script", "javascript"] {
            assert!(!page.replace("http-equiv", "").contains(forbidden), "{forbidden}");
        }
        let ids: Vec<&str> =
            page.split(" id=\"").skip(1).filter_map(|it| it.split('"').next()).collect();
        for (at, id) in ids.iter().enumerate() {
            assert!(!ids[at + 1..].contains(id), "{id} twice");
        }
    }
}

#[test]
fn names_cannot_break_out() {
    let page = page(&example::hostile());
    assert!(
        page.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;quotes&#39;")
    );
    assert!(!page.contains("<script") && !page.contains('\x1b') && !page.contains("alert(\""));
}

#[test]
fn an_hour_of_readings_fits_and_keeps_its_peak() {
    let record = long();
    let page = page(&record);
    assert!(page.len() <= 500_000, "{} bytes", page.len());
    // The highest line of the drawing is the peak, at the right time.
    let peak = page.split("<path ").skip(1).filter_map(|path| {
        let points = path.split(['L', 'M', 'V']);
        let heights =
            points.filter_map(|point| point.split([' ', '"']).next_back()?.parse::<f64>().ok());
        heights.min_by(f64::total_cmp)
    });
    let heights: Vec<f64> = peak.collect();
    assert_eq!(heights.len(), 8);
    for (at, height) in heights.iter().enumerate() {
        assert_eq!(*height < 60.0, at == 3, "{heights:?}");
    }
}

#[test]
fn known_joules_give_known_numbers() {
    let texts = texts(&page(&example::full()));
    for known in [
        "10.0 MH/J = 100,000 J/TH",
        "20.0 MH/J = 50,000 J/TH",
        "100,000 J/TH: 3.00 GH/s at 300 W",
        "500 GFLOP/J",
        "8.00 GB/J",
        "S21 XP 13.5 J/TH",
        // 100,000 by 13.5.
        "7,410 \u{d7}",
        // Three windows of five seconds at 300 W.
        "4.50 kJ",
    ] {
        assert!(texts.lines().any(|line| line == known), "{known}");
    }
}

#[test]
fn assumed_watts_are_marked_and_stand_apart() {
    let page = page(&example::full());
    let texts = texts(&page);
    let at = |text: &str| texts.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(at("\n20.0 MH/J = 50") < at("\n10.0 MH/J = 100"), "the best first");
    assert!(at("\nAssumed watts: not ranked") < at("\n~ gpu:1\n\n8 versions"));
    assert!(at("\n10.0 MH/J = 100") < at("\nAssumed watts: not ranked"));
    // Hashes, products and two windows; the drawings have no other hatched bars.
    assert_eq!(page.matches("class=\"hatched c2\"").count(), 4);
    assert_eq!(page.matches("class=\"hatched").count(), 4);
    assert!(page.matches("<tr class=\"assumed\"").count() >= 4);
    // A device with both is shown by what was measured.
    let mut both = example::full();
    let mut assumed = both.rows[1].clone();
    let energy = assumed.energy.as_mut().expect("metered");
    (energy.assumed, energy.per_joule) = (true, 99e6);
    both.rows.push(assumed);
    assert_eq!(
        best(
            both.rows
                .iter()
                .filter(|row| row.workload == Kind::Sha256d && row.device == DeviceId::Cpu)
        ),
        Some(&both.rows[1])
    );
}

#[test]
fn without_joules_the_reason_is_in_their_place() {
    let record = example::unmetered();
    let page = page(&record);
    let texts = texts(&page);
    let why = "/sys/class/powercap/intel-rapl:0/energy_uj: permission denied; run as root";
    assert!(texts.matches(why).count() >= 4, "{texts}");
    for stands_in in [
        "Hashes per second",
        "Operations per second",
        "Bytes per second",
        "No meter was read over time.",
    ] {
        assert!(texts.lines().any(|line| line == stands_in), "{stands_in}");
    }
    assert!(!texts.contains("/J"), "nothing by energy");
    assert_eq!(page.matches("<svg viewBox").count(), 3 + 3, "bars, and roofs of three devices");
}

#[test]
fn no_number_is_shown_that_cannot_be_or_that_one_value_does_not_show() {
    let page = page(&example::rough());
    is_whole(&page);
    assert!(!page.contains("453 %") && page.contains("disturbed: faster than 105 %"));
    assert!(!page.contains("±0.0 %") && page.contains("by --quick: everything"));
}

#[test]
fn drawings_have_names_and_tables_have_heads() {
    let page = page(&example::full());
    let drawings = page.matches("<svg viewBox").count();
    assert_eq!(drawings, page.matches("role=\"img\" aria-labelledby=").count());
    assert_eq!(drawings, page.matches("</desc>").count());
    let tables = page.matches("<table>").count();
    assert_eq!(tables, page.matches("<caption>").count());
    assert_eq!(page.matches("<th ").count(), page.matches("<th scope=\"").count());
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("@page { size: A4"));
}

#[test]
fn numbers_out_of_all_bounds_draw_something() {
    for value in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE] {
        let mut record = example::full();
        for row in &mut record.rows {
            row.per_second.best = value;
            row.per_second.median = value;
            row.per_byte = Some(value);
            if let Some(roof) = &mut row.roof {
                roof.per_second = value;
            }
            if let Some(energy) = &mut row.energy {
                energy.per_joule = value;
                energy.uncertainty = Some(value);
                for trial in &mut energy.trials {
                    trial.start = value;
                }
            }
        }
        for trace in &mut record.traces {
            trace.points.iter_mut().for_each(|point| *point = (value, Watts::new(value)));
        }
        let page = page(&record);
        is_whole(&page);
        for part in page.split("<svg viewBox").skip(1) {
            let drawing = part.split("</svg>").next().expect("a part");
            for attribute in [
                "x=\"NaN",
                "y=\"NaN",
                "x1=\"NaN",
                "y2=\"NaN",
                "width=\"NaN",
                "\"inf",
                "LNaN",
                "MNaN",
            ] {
                assert!(!drawing.contains(attribute), "{value}: {attribute}");
            }
        }
    }
}
