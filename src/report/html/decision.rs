//! A decision as an HTML page: the verdicts, what each use of a device is worth, at which prices
//! another use would be best, what the verdict is sensitive to, and the plan of the hours of a
//! year. Every number stands in a table.

use std::fmt::Write as _;

use super::labels::width;
use super::markup::{Markup, px};
use super::scale::Scale;
use super::svg::{self, Drawing, fill_class};
use super::tables::{Line, Table};
use super::{date, head, list};
use crate::decision::{
    Basis, Decision, DeviceDecision, LimitValue, Map, Schedule, Sensitivity, Use, UseValue,
};
use crate::report::decision::{
    advice, basis, because, btc, from_utilisation, halving, in_months, in_use, lines_of,
    over_years, powers, shares, turning_points,
};
use crate::report::lines::cut;
use crate::units::text::{count, percent, plain, si};
use crate::units::{Usd, UsdPerKwh};

const LEFT: f64 = 190.0;
const RIGHT: f64 = 130.0;
const ROW: f64 = 28.0;
const BAR: f64 = 16.0;

/// Returns the decision as an HTML page with charts, one file that loads nothing from the network.
#[must_use]
pub fn page(decision: &Decision) -> String {
    super::document(
        |page| head(page, &format!("perjoule: {}", decision.site)),
        |page| {
            page.element("header", &[], |page| header(page, decision));
            page.constant("\n");
            page.element("main", &[], |page| {
                for (at, device) in decision.devices.iter().enumerate() {
                    page.element("section", &[], |page| section(page, decision, device, at));
                    page.constant("\n");
                }
                page.element("section", &[], |page| plan(page, decision));
                page.element("section", &[], |page| grounds(page, decision));
                page.element("section", &[], |page| conditions(page, decision));
            });
            page.element("footer", &[], |page| footer(page, decision));
        },
    )
}

fn header(page: &mut Markup, decision: &Decision) {
    page.words("h1", &[], &decision.site);
    let prices = &decision.prices;
    let (mean, from, to) =
        (prices.tariff_usd_per_kwh, prices.cheapest_usd_per_kwh, prices.dearest_usd_per_kwh);
    let of_hours = if from == to { String::new() } else { format!(" on average ({from} to {to})") };
    let mut text = format!(
        "Decided by perjoule {} on {}, with power at {mean}{of_hours}",
        decision.perjoule,
        date(&decision.decided),
    );
    if let Some(mining) = &prices.mining {
        text = format!(
            "{text}, a bitcoin at {}, {} BTC a block, and a difficulty of {}: a hashprice of {} for a PH/s \
             and day",
            mining.btc_usd,
            btc(mining.btc_per_block),
            si(mining.difficulty, "").trim_end(),
            mining.hashprice_usd,
        );
    }
    page.words("p", &[("class", &"soft")], &format!("{text}."));
    for warning in &decision.warnings {
        page.words("p", &[("class", &"alarm")], warning);
    }
    let total = &decision.total;
    let planned = if decision.plan.classes.is_empty() {
        "nothing is worth keeping or buying".to_owned()
    } else {
        powers(&decision.plan)
    };
    let text = format!(
        "Best plan: {planned}. The best use of every kind of hardware brings {} now and {} a year before capital, \
         {} more {} than selling all and buying nothing.",
        total.now_usd,
        total.cash_usd_per_year,
        total.life_usd,
        over_years(decision.years),
    );
    page.words("p", &[], &text);
    page.element("ul", &[("class", &"cards")], |page| {
        for device in &decision.devices {
            let class = format!("card k{}", device.verdict.advice.map_or(UNDECIDED, colour));
            page.element("li", &[("class", &class)], |page| {
                page.words(
                    "h2",
                    &[],
                    &format!("{} \u{d7} {}", count(f64::from(device.count)), device.name),
                );
                page.element("dl", &[], |page| page.words("dd", &[], advice(device)));
                page.words("p", &[("class", &"soft")], &because(device, decision.years));
            });
        }
    });
}

/// Colour of an inconclusive verdict, which no use has.
const UNDECIDED: usize = 5;

/// Returns the colour of a use.
fn colour(of: Use) -> usize {
    match of {
        Use::Mine => 1,
        Use::Rent => 0,
        Use::Host => 2,
        Use::Curtail => 7,
        Use::Sell => 3,
    }
}

fn section(page: &mut Markup, decision: &Decision, device: &DeviceDecision, at: usize) {
    page.words("h2", &[], &device.name);
    if let Some(model) = &device.model {
        page.words("p", &[("class", &"soft")], model);
    }
    let text = "What each use is worth in US dollars a year for one device, as equal payments over the life of \
                the hardware, halvings included, after energy, operations and capital, against selling it. Lines span eight of ten draws of everything that is in doubt.";
    page.words("p", &[("class", &"soft")], text);
    uses(page, device, at);
    let assumed = device.mining.as_ref().is_some_and(|it| it.basis == Basis::Assumed);
    let row = |worth: &UseValue| Line {
        cells: [
            worth.of.name_if(device.owned).to_owned(),
            worth.usd_per_year.to_string(),
            worth.low_usd_per_year.to_string(),
            worth.high_usd_per_year.to_string(),
            percent(worth.chance, 1),
        ],
        assumed,
    };
    Table {
        caption: "Worth of each use, for one device",
        header: ["Use", "A year", "1 in 10 below", "1 in 10 above", "Best in"],
        texts: 1,
        rows: device.uses.iter().map(row).collect(),
    }
    .draw(page);
    let all = |of: Use| f64::from(in_use(device, of));
    let row = |worth: &UseValue| Line {
        cells: [
            worth.of.name_if(device.owned).to_owned(),
            (worth.now_usd * all(worth.of)).to_string(),
            (worth.cash_usd_per_year * all(worth.of)).to_string(),
            (worth.life_usd * all(worth.of)).to_string(),
        ],
        assumed,
    };
    Table {
        caption: "Money of each use, for all devices",
        header: ["Use", "Now", "A year", "Over the years"],
        texts: 1,
        rows: device.uses.iter().map(row).collect(),
    }
    .draw(page);
    halvings(page, device);
    earnings(page, decision, device);
    if let Some(map) = &device.map {
        map_of(page, decision, device, map, at);
    }
    tornado(page, device, at);
    fitness(page, device);
}

/// Writes what is best until the next halving and after it.
fn halvings(page: &mut Markup, device: &DeviceDecision) {
    let best = |(when, worth): (&str, &UseValue)| {
        format!("{when}: best to {}, {} a year", worth.of.name_if(device.owned), worth.usd_per_year)
    };
    let all: Vec<String> = halving(device).into_iter().map(best).collect();
    list(page, &all);
}

/// Draws the value of each use as a bar from zero, to the left if it is negative.
fn uses(page: &mut Markup, device: &DeviceDecision, at: usize) {
    let ends = device.uses.iter().flat_map(|it| {
        [it.usd_per_year, it.low_usd_per_year, it.high_usd_per_year].map(Usd::value)
    });
    let description = device.uses.iter().fold(String::new(), |mut text, it| {
        // Writing to a string does not fail.
        let _ = write!(text, "{}: {} a year. ", it.of.name_if(device.owned), it.usd_per_year);
        text
    });
    let drawing = Drawing {
        id: &format!("uses-{at}"),
        title: &format!("What the uses of {} are worth", device.name),
        description: &description,
    };
    let name = |worth: &UseValue| worth.of.name_if(device.owned);
    bars(page, &drawing, ends, None, &device.uses, name, |svg, scale, worth, y| {
        let text = worth.usd_per_year.to_string();
        span(svg, scale, (Usd::ZERO, worth.usd_per_year), y, colour(worth.of), &text);
        let [low, high] =
            [worth.low_usd_per_year, worth.high_usd_per_year].map(|it| scale.at(it.value()));
        let middle = y + ROW / 2.0;
        svg::line(svg, "deviation", (low, middle), (high, middle));
        let right = high.max(scale.at(worth.usd_per_year.value())).max(scale.at(0.0)) + 7.0;
        let right = right.min(svg::WIDTH - width(&text) - 2.0);
        svg::text(svg, "value", (right, middle + 4.0), "start", &text);
    });
}

/// Draws a chart with a row for each of `rows`, which `draw` draws at its height, on a scale that
/// has all of `ends`; a line marks the `reference`.
fn bars<T>(
    page: &mut Markup,
    drawing: &Drawing<'_>,
    ends: impl Iterator<Item = f64>,
    reference: Option<Usd>,
    rows: &[T],
    name: impl Fn(&T) -> &'static str,
    draw: impl Fn(&mut Markup, &Scale, &T, f64),
) {
    let Some(scale) = Scale::linear(ends, LEFT, svg::WIDTH - RIGHT) else { return };
    let scale = scale.rounded(6);
    let bottom = 8.0 + ROW * rows.len() as f64;
    drawing.draw(page, bottom + 24.0, |svg| {
        axis(svg, &scale, bottom);
        for (number, row) in rows.iter().enumerate() {
            let y = 8.0 + ROW * number as f64;
            svg::text(svg, "label", (6.0, y + ROW / 2.0 + 4.0), "start", &cut(name(row), 26));
            draw(svg, &scale, row, y);
        }
        if let Some(reference) = reference {
            let x = scale.at(reference.value());
            svg::line(svg, "reference", (x, 4.0), (x, bottom));
        }
    });
}

fn axis(svg: &mut Markup, scale: &Scale, bottom: f64) {
    for mark in scale.marks(6) {
        let x = scale.at(mark);
        svg::line(svg, "grid", (x, 4.0), (x, bottom));
        svg::text(svg, "mark", (x, bottom + 15.0), "middle", &Usd::new(mark).to_string());
    }
    svg::line(svg, "axis", (scale.at(0.0), 4.0), (scale.at(0.0), bottom));
}

/// Draws a bar between two values.
fn span(svg: &mut Markup, scale: &Scale, (a, b): (Usd, Usd), y: f64, colour: usize, hint: &str) {
    let (from, to) = (scale.at(a.value()), scale.at(b.value()));
    let place = (from.min(to), y + (ROW - BAR) / 2.0);
    svg::bar(svg, place, ((to - from).abs(), BAR), (colour, false), hint);
}

fn earnings(page: &mut Markup, decision: &Decision, device: &DeviceDecision) {
    let text = |value: Option<String>| value.unwrap_or_default();
    let mut rows = Vec::new();
    if let Some(mining) = &device.mining {
        let each = plain(mining.joules_per_terahash);
        rows.push(Line {
            cells: [
                format!("mining at {each} J/TH{}", basis(mining.basis)),
                mining.usd_per_kwh.to_string(),
                mining.margin_usd_per_kwh.to_string(),
                mining.switch_off_usd_per_kwh.to_string(),
                mining.break_even_usd_per_kwh.to_string(),
                text(mining.break_even_btc_usd.map(|btc| format!("from {btc} for a bitcoin on"))),
                if device.owned { String::new() } else { in_months(mining.payback_months) },
            ],
            assumed: mining.basis == Basis::Assumed,
        });
    }
    for (name, earning) in [("rented out", &device.renting), ("for the tenant", &device.hosting)] {
        let Some(earning) = earning else { continue };
        rows.push(Line {
            cells: [
                format!("{name}{}", basis(earning.basis)),
                earning.usd_per_kwh.to_string(),
                earning.margin_usd_per_kwh.to_string(),
                text(earning.switch_off_usd_per_kwh.map(|it| it.to_string())),
                text(earning.break_even_usd_per_kwh.map(|it| it.to_string())),
                text(earning.break_even_utilisation.map(from_utilisation)),
                in_months(earning.payback_months),
            ],
            assumed: earning.basis == Basis::Assumed,
        });
    }
    rows.extend(decision.asics.iter().map(|asic| Line {
        cells: [
            format!("{}, {} J/TH by its data sheet", asic.name, plain(asic.joules_per_terahash)),
            asic.usd_per_kwh.to_string(),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
        ],
        assumed: false,
    }));
    let header = ["Work", "Earns", "Left", "Off above", "With capital", "Breaks even", "Paid back"];
    let caption = "For each kilowatt-hour at the site's meter";
    Table { caption, header, texts: 1, rows }.draw(page);
    for why in device.no_mining.iter().chain(&device.no_renting) {
        page.words("p", &[("class", &"soft")], why);
    }
}

/// Draws the regions of a map, a rectangle for each run of one use in a row.
fn map_of(page: &mut Markup, decision: &Decision, device: &DeviceDecision, map: &Map, at: usize) {
    const HEIGHT: f64 = 300.0;
    const TOP: f64 = 26.0;
    let (Some(last_tariff), Some(last_price)) = (map.tariffs.last(), map.btc_prices.last()) else {
        return;
    };
    let (left, right) = (92.0, svg::WIDTH - 20.0);
    let cell = (right - left) / map.tariffs.len() as f64;
    let row_height = HEIGHT / map.best.len() as f64;
    page.words("h3", &[], "Where something else would be best");
    let id = format!("map-{at}");
    let title = format!("Best use of {} by tariff and price of a bitcoin", device.name);
    let Some(mining) = &decision.prices.mining else { return };
    let here = (decision.prices.tariff_usd_per_kwh, mining.btc_usd);
    let description = format!(
        "As quoted, {} and {}, it is best to {}.",
        here.0,
        here.1,
        device.verdict.best.name_if(device.owned)
    );
    let drawing = Drawing { id: &id, title: &title, description: &description };
    drawing.draw(page, TOP + HEIGHT + 42.0, |svg| {
        let mut key = left;
        for of in Use::ALL.into_iter().filter(|of| map.best.iter().flatten().any(|it| it == of)) {
            let class = fill_class(colour(of));
            let shape: [(&'static str, &dyn std::fmt::Display); 5] =
                [("class", &class), ("x", &px(key)), ("y", &4), ("width", &12), ("height", &12)];
            svg.leaf("rect", &shape);
            svg::text(svg, "label", (key + 17.0, 15.0), "start", of.name_if(device.owned));
            key += 36.0 + width(of.name_if(device.owned));
        }
        for (row, uses) in map.best.iter().enumerate() {
            let y = TOP + HEIGHT - row_height * (row + 1) as f64;
            let mut from = 0;
            for to in 1..=uses.len() {
                if to == uses.len() || uses[to] != uses[from] {
                    let class = fill_class(colour(uses[from]));
                    svg.leaf(
                        "rect",
                        &[
                            ("class", &class),
                            ("x", &px(left + cell * from as f64)),
                            ("y", &px(y)),
                            ("width", &px(cell * (to - from) as f64 + 0.4)),
                            ("height", &px(row_height + 0.4)),
                        ],
                    );
                    from = to;
                }
            }
        }
        // Values stand in the middle of their cells.
        let x =
            |tariff: UsdPerKwh| left + cell / 2.0 + (right - left - cell) * (tariff / *last_tariff);
        let y = |price: Usd| {
            TOP + HEIGHT - row_height / 2.0 - (HEIGHT - row_height) * (price / *last_price)
        };
        for share in [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0] {
            let (tariff, price) = (*last_tariff * share, *last_price * share);
            let text = tariff.to_string();
            let anchor = if share > 0.9 { "end" } else { "middle" };
            svg::text(svg, "mark", (x(tariff), TOP + HEIGHT + 16.0), anchor, &text);
            svg::text(svg, "mark", (left - 7.0, y(price) + 4.0), "end", &price.to_string());
        }
        let axis = "mean price of power \u{2192}, price of a bitcoin \u{2191}";
        svg::text(svg, "mark", (left, TOP + HEIGHT + 34.0), "start", axis);
        let (cx, cy) = (px(x(here.0)), px(y(here.1)));
        svg.leaf("circle", &[("class", &"here"), ("cx", &cx), ("cy", &cy), ("r", &6)]);
    });
    page.words("p", &[("class", &"soft")], &format!("The ring is where it is now: {description}"));
}

fn tornado(page: &mut Markup, device: &DeviceDecision, at: usize) {
    if device.tornado.is_empty() {
        return;
    }
    page.words("h3", &[], &format!("What moves the worth to {}", device.moved.name()));
    let best = device.moved;
    let base = device.uses.iter().find(|it| it.of == best);
    let base = base.map_or(Usd::ZERO, |it| it.usd_per_year);
    let ends = device.tornado.iter().flat_map(|it| [it.low_usd, it.high_usd]);
    let ends = ends.chain([base]).map(Usd::value);
    let drawing = Drawing {
        id: &format!("tornado-{at}"),
        title: &format!("What a fifth more or less of each input does to {}", device.name),
        description: &format!("The value of: {}.", best.name()),
    };
    let name = |swing: &Sensitivity| swing.input.name();
    bars(page, &drawing, ends, Some(base), &device.tornado, name, |svg, scale, swing, y| {
        let hint = format!("{}: {} to {}", swing.input.name(), swing.low_usd, swing.high_usd);
        span(svg, scale, (swing.low_usd, swing.high_usd), y, colour(best), &hint);
    });
    let row = |swing: &Sensitivity| Line {
        cells: [
            swing.input.name().to_owned(),
            swing.low_usd.to_string(),
            swing.best_low.name_if(device.owned).to_owned(),
            swing.high_usd.to_string(),
            swing.best_high.name_if(device.owned).to_owned(),
        ],
        assumed: false,
    };
    Table {
        caption: "A year of that use with one input a fifth less and a fifth more",
        header: ["Input", "At -20 %", "Best then", "At +20 %", "Best then"],
        texts: 1,
        rows: device.tornado.iter().map(row).collect(),
    }
    .draw(page);
}

fn fitness(page: &mut Markup, device: &DeviceDecision) {
    let row = |fitness: &crate::decision::fitness::Fitness| {
        let fit = match fitness.fit {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not known",
        };
        let reasons = fitness.reasons.iter().map(ToString::to_string);
        let reasons: Vec<_> = fitness.against.iter().cloned().chain(reasons).collect();
        Line {
            cells: [
                fitness.class.clone(),
                fitness.what.clone(),
                fit.to_owned(),
                reasons.join("; "),
            ],
            assumed: false,
        }
    };
    Table {
        caption: "Fitness for AI, of what is needed",
        header: ["Work", "Which is", "Fit", "Measured"],
        texts: 4,
        rows: device.fitness.iter().map(row).collect(),
    }
    .draw(page);
}

fn plan(page: &mut Markup, decision: &Decision) {
    let plan = &decision.plan;
    page.words("h2", &[], "The site's plan");
    let text = format!(
        "{} hours earn {} after energy, operations and conversion. Mining draws {} on average, AI {}, and \
         {} rest; {} of the energy goes to AI. Something rests in {} hours.",
        plan.hours,
        plan.profit_usd,
        plan.mining_watts,
        plan.ai_watts,
        plan.curtailed_watts,
        percent(plan.ai_share, 1),
        plan.hours_curtailed,
    );
    page.words("p", &[], &text);
    duration(page, plan);
    let share =
        |hours: f64, all: f64| if all > 0.0 { percent(hours / all, 1) } else { String::new() };
    let row = |placed: &crate::decision::Allocation| {
        let all = placed.mining_hours + placed.ai_hours + placed.off_hours;
        Line {
            cells: [
                placed.name.clone(),
                count(placed.count),
                count(placed.converted),
                share(placed.mining_hours, all),
                share(placed.ai_hours, all),
                share(placed.off_hours, all),
                placed.margin_usd.to_string(),
            ],
            assumed: false,
        }
    };
    Table {
        caption: "What the hardware does",
        header: ["Hardware", "Count", "Converted", "Mining", "AI", "Rest", "Earns"],
        texts: 1,
        rows: plan.classes.iter().map(row).collect(),
    }
    .draw(page);
    let mut money: Vec<_> = lines_of(&plan.money);
    money.push(("left", plan.profit_usd));
    money.push(("capital of what runs", plan.money.capital_usd * -1.0));
    money.push(("after capital", plan.profit_usd - plan.money.capital_usd));
    let row = |(name, usd): (&str, Usd)| Line {
        cells: [name.to_owned(), usd.to_string()],
        assumed: false,
    };
    Table {
        caption: "Income and costs of these hours",
        header: ["Of", "Dollars"],
        texts: 1,
        rows: money.into_iter().map(row).collect(),
    }
    .draw(page);
    if let Some(text) = shares(decision) {
        shares_of(page, plan);
        page.words("p", &[], &format!("{text}."));
    }
    let limit = |limit: &LimitValue| {
        let amount =
            |usd: Option<Usd>| usd.map_or_else(|| "not possible".to_owned(), |it| it.to_string());
        Line {
            cells: [
                limit.of.clone(),
                amount(limit.more_usd_per_megawatt),
                amount(limit.less_usd_per_megawatt),
            ],
            assumed: false,
        }
    };
    Table {
        caption: "What a megawatt of each limit is worth in the plan",
        header: ["Of", "One more", "One of the last"],
        texts: 1,
        rows: plan.limits.iter().map(limit).collect(),
    }
    .draw(page);
    list(page, &plan.left_out);
}

/// Draws the power of AI, and of mining on top of it, by the share of the hours that draw as much.
fn duration(page: &mut Markup, plan: &Schedule) {
    const TOP: f64 = 24.0;
    const BOTTOM: f64 = 240.0;
    let (left, right) = (92.0, svg::WIDTH - 20.0);
    let draws = plan.duration.iter().map(|it| (it.mining_watts + it.ai_watts).value());
    let Some(scale) = Scale::linear(draws, BOTTOM, TOP) else { return };
    let scale = scale.rounded(5);
    let description = format!("From {} places of the order of the hours.", plan.duration.len());
    let drawing = Drawing {
        id: "duration",
        title: "Draw of the site's hours, the highest first",
        description: &description,
    };
    drawing.draw(page, BOTTOM + 42.0, |svg| {
        for mark in scale.marks(5) {
            svg::line(svg, "grid", (left, scale.at(mark)), (right, scale.at(mark)));
            svg::text(svg, "mark", (left - 7.0, scale.at(mark) + 4.0), "end", &si(mark, "W"));
        }
        let x = |share: f64| left + (right - left) * share;
        for of in [Use::Rent, Use::Mine] {
            let mut from = 0.0;
            for place in &plan.duration {
                let ai = place.ai_watts.value();
                let (low, high) = match of {
                    Use::Rent => (0.0, ai),
                    _ => (ai, ai + place.mining_watts.value()),
                };
                if high > low {
                    let (top, bottom) = (scale.at(high), scale.at(low));
                    svg.leaf(
                        "rect",
                        &[
                            ("class", &fill_class(colour(of))),
                            ("x", &px(x(from))),
                            ("y", &px(top)),
                            ("width", &px(x(place.share) - x(from) + 0.3)),
                            ("height", &px(bottom - top)),
                        ],
                    );
                }
                from = place.share;
            }
        }
        for (at, (of, name)) in [(Use::Rent, "AI"), (Use::Mine, "mining")].into_iter().enumerate() {
            let from = left + 80.0 * at as f64;
            let class = fill_class(colour(of));
            let (x, y) = (px(from), px(4.0));
            svg.leaf(
                "rect",
                &[("class", &class), ("x", &x), ("y", &y), ("width", &12), ("height", &12)],
            );
            svg::text(svg, "label", (from + 17.0, 15.0), "start", name);
        }
        svg::line(svg, "axis", (left, BOTTOM), (right, BOTTOM));
        for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let anchor = if share > 0.9 { "end" } else { "middle" };
            svg::text(svg, "mark", (x(share), BOTTOM + 16.0), anchor, &percent(share, 0));
        }
        svg::text(svg, "mark", (left, BOTTOM + 34.0), "start", "of the hours draw as much or more");
    });
}

/// Draws what the best plans earn by what AI may take of the site's power.
fn shares_of(page: &mut Markup, plan: &Schedule) {
    const TOP: f64 = 24.0;
    const BOTTOM: f64 = 200.0;
    let (left, right) = (92.0, svg::WIDTH - 20.0);
    let profits = plan.shares.iter().map(|it| it.profit_usd.value()).chain([0.0]);
    let Some(scale) = Scale::linear(profits, BOTTOM, TOP) else { return };
    let scale = scale.rounded(5);
    let drawing = Drawing {
        id: "shares",
        title: "Profit by what AI may take of the power",
        description: "Of plans in which AI draws no more than a share of the site's power.",
    };
    drawing.draw(page, BOTTOM + 42.0, |svg| {
        for mark in scale.marks(5) {
            svg::line(svg, "grid", (left, scale.at(mark)), (right, scale.at(mark)));
            let text = Usd::new(mark).to_string();
            svg::text(svg, "mark", (left - 7.0, scale.at(mark) + 4.0), "end", &text);
        }
        let step = (right - left) / 11.0;
        for point in &plan.shares {
            let x = left + step * (point.share * 10.0);
            let (from, to) = (scale.at(0.0), scale.at(point.profit_usd.value()));
            let (top, height) = (from.min(to), (from - to).abs());
            svg.leaf(
                "rect",
                &[
                    ("class", &fill_class(colour(Use::Rent))),
                    ("x", &px(x + step * 0.15)),
                    ("y", &px(top)),
                    ("width", &px(step * 0.7)),
                    ("height", &px(height)),
                ],
            );
            let text = percent(point.share, 0);
            svg::text(svg, "mark", (x + step / 2.0, BOTTOM + 16.0), "middle", &text);
        }
        svg::line(svg, "axis", (left, scale.at(0.0)), (right, scale.at(0.0)));
        svg::text(
            svg,
            "mark",
            (left, BOTTOM + 34.0),
            "start",
            "of the site's power for AI at the most",
        );
    });
}

/// Writes what the decision rests on, and what would change it.
fn grounds(page: &mut Markup, decision: &Decision) {
    for (title, items) in [
        ("What is known", decision.known.clone()),
        ("What was assumed", decision.assumed.clone()),
        ("What would change it", turning_points(decision)),
    ] {
        if !items.is_empty() {
            page.words("h3", &[], title);
            list(page, &items);
        }
    }
}

fn conditions(page: &mut Markup, decision: &Decision) {
    page.words("h2", &[], "Where the numbers come from");
    let row = |quote: &crate::decision::PriceSource| Line {
        cells: [quote.key.clone(), date(&quote.date), quote.source.clone()],
        assumed: false,
    };
    Table {
        caption: "Prices and data sheets, as the site's file has them",
        header: ["Key", "Day", "Source"],
        texts: 3,
        rows: decision.prices.quotes.iter().map(row).collect(),
    }
    .draw(page);
}

fn footer(page: &mut Markup, decision: &Decision) {
    let text = format!(
        "A verdict needs a use to be best in {} of {} draws (seed {}). ~ marks watts that were stated and \
         not measured. perjoule {}, form {}.",
        percent(decision.confidence, 0),
        decision.draws,
        decision.seed,
        decision.perjoule,
        decision.schema
    );
    page.words("p", &[], &text);
}
