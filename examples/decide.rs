//! What to do with the hardware of a site, in a program of one's own.
//!
//!     cargo run --example decide -- examples/sites/paraguay-hydro.toml 2025-03-03

use std::path::Path;

use perjoule::decision::site::{Catalogue, Site};
use perjoule::decision::{Options, decide};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let file = args.next().ok_or("expected the file of a site, and perhaps a day")?;
    let now = match args.next() {
        Some(day) => format!("{day}T12:00:00Z").parse()?,
        None => jiff::Timestamp::now(),
    };
    let site = Site::open(Path::new(&file), Catalogue::built_in())?;
    // What was measured on a machine comes here, with the name that the site's file has for it.
    let scores = [];
    let decision = decide(&site, &scores, &Options::at(now))?;
    for device in &decision.devices {
        let best = device.verdict.advice.map_or("inconclusive", |advice| advice.name());
        println!("{}: {best}: {}", device.name, device.verdict.because);
    }
    println!("the year's plan earns {}", decision.plan.profit_usd);
    Ok(())
}
