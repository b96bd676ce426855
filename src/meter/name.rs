//! What the name of a number says: whether that is power, in which unit, and of now.
//!
//! Programs and traces name their numbers as they like: `power.draw [W]`, `ApparentPower`,
//! `Power (kW)`, `NOMPOWER`. A name is read by whole words, of which capitals begin new ones, so
//! that a limit, a rating or an energy is not taken for a power because its name holds that word.

/// What a name says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "a name may say all of it at once")]
pub(super) struct Name {
    /// Whether it holds a word for power, or a unit of it.
    pub(super) is_power: bool,
    /// Whether it is of no power of now: a limit, an extreme, a rating.
    pub(super) is_bound: bool,
    /// Whether it is of something else said with the same words: a state, a price, an energy.
    pub(super) is_aside: bool,
    /// Whether it is a mean, over any time.
    pub(super) is_mean: bool,
    pub(super) unit: Option<Unit>,
}

/// A unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unit {
    /// Watts, with the number of watts in one unit.
    Watts(f64),
    /// Watts, of which it is not clear how many: `mw`.
    Unclear,
    /// Not of power: `Wh`, `VA`.
    Other,
}

/// Words of what is no power of now, though its unit may be watts.
const BOUNDS: [&str; 28] = [
    "allowed",
    "apparent",
    "budget",
    "cap",
    "capacity",
    "crit",
    "critical",
    "highest",
    "limit",
    "limits",
    "lowest",
    "max",
    "maximum",
    "min",
    "minimum",
    "nom",
    "nominal",
    "peak",
    "rated",
    "rating",
    "reactive",
    "setpoint",
    "target",
    "tdp",
    "tgp",
    "threshold",
    "warn",
    "warning",
];

/// Words beside power that make something else of it.
const ASIDES: [&str; 14] = [
    "cost",
    "default",
    "energy",
    "factor",
    "h",
    "hour",
    "hours",
    "hr",
    "hrs",
    "management",
    "mode",
    "price",
    "state",
    "status",
];

const MEANS: [&str; 4] = ["average", "averaged", "avg", "mean"];

const POWERS: [&str; 4] = ["power", "pwr", "draw", "consumption"];

/// Words for watts, behind what a prefix is called.
const WATTS: [&str; 3] = ["watt", "watts", "wattage"];
const PREFIXES: [(&str, f64); 8] = [
    ("", 1.0),
    ("kilo", 1e3),
    ("milli", 1e-3),
    ("mega", 1e6),
    ("micro", 1e-6),
    ("giga", 1e9),
    ("nano", 1e-9),
    ("tera", 1e12),
];

/// Letters before the `W` of watts. What is not clear where all is in small letters is below.
const LETTERS: [(&str, f64); 14] = [
    ("", 1.0),
    ("k", 1e3),
    ("m", 1e-3),
    ("M", 1e6),
    ("u", 1e-6),
    ("\u{b5}", 1e-6),
    ("\u{3bc}", 1e-6),
    ("G", 1e9),
    ("n", 1e-9),
    ("T", 1e12),
    ("c", 1e-2),
    ("d", 1e-1),
    ("h", 1e2),
    ("da", 1e1),
];

/// Units of something else, and words that stand for one.
const OTHERS: [&str; 34] = [
    "wh",
    "kwh",
    "mwh",
    "gwh",
    "watthour",
    "watthours",
    "va",
    "kva",
    "mva",
    "var",
    "kvar",
    "mvar",
    "vars",
    "joule",
    "joules",
    "kj",
    "mj",
    "hp",
    "btu",
    "db",
    "dbm",
    "hz",
    "khz",
    "mhz",
    "ghz",
    "rpm",
    "volt",
    "volts",
    "voltage",
    "amps",
    "amperes",
    "celsius",
    "percent",
    "pct",
];

impl Name {
    /// Reads a name, or a text around a number.
    pub(super) fn of(text: &str) -> Self {
        let mut name = Self::default();
        if text.contains('%') {
            name.take(Unit::Other);
        }
        for token in text.split(|c: char| !c.is_alphanumeric()) {
            for word in words(token) {
                name.see(word);
            }
        }
        name
    }

    /// The power of now, as far as the name says.
    pub(super) fn is_power_now(&self) -> bool {
        self.is_power && !self.is_bound && !self.is_aside && self.unit != Some(Unit::Other)
    }

    fn see(&mut self, word: Word<'_>) {
        let Word { text, unit } = word;
        if let Some(unit) = unit {
            self.is_power |= unit != Unit::Other;
            self.take(unit);
        }
        let small = text.to_lowercase();
        let stem = small.trim_end_matches(|c: char| c.is_ascii_digit());
        self.is_power |= POWERS.contains(&stem);
        // As one word too: `NOMPOWER`, `powercap`.
        let joined = POWERS.iter().chain(&WATTS).flat_map(|power| {
            [stem.strip_prefix(power), stem.strip_suffix(power)].into_iter().flatten()
        });
        for part in joined.chain([stem]) {
            self.is_bound |= BOUNDS.contains(&part);
            self.is_aside |= ASIDES.contains(&part);
            self.is_mean |= MEANS.contains(&part);
        }
    }

    /// Adds a unit: two different ones are none that is clear, and what is not power remains that.
    fn take(&mut self, unit: Unit) {
        self.unit = Some(match self.unit {
            None => unit,
            Some(known) if known == unit => unit,
            Some(Unit::Other) => Unit::Other,
            Some(_) if unit == Unit::Other => Unit::Other,
            Some(_) => Unit::Unclear,
        });
    }
}

/// A word of a name, and the unit that it is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Word<'a> {
    text: &'a str,
    unit: Option<Unit>,
}

impl<'a> Word<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, unit: unit(text) }
    }
}

/// The words of a text without separators: `kW`, or the two of `ApparentPower`, or of `powerkW`.
fn words(token: &str) -> Vec<Word<'_>> {
    let whole = Word::new(token);
    let small = token.to_lowercase();
    if token.is_empty() || whole.unit.is_some() || small == token {
        return vec![whole];
    }
    // A unit with its prefix right behind a word: `powerkW`.
    for power in POWERS {
        if let (true, Some(rest)) = (small.starts_with(power), token.get(power.len()..))
            && unit(rest).is_some()
        {
            return vec![Word::new(&token[..power.len()]), Word::new(rest)];
        }
    }
    let mut words: Vec<_> = capitals(token).into_iter().map(Word::new).collect();
    if let [.., before, last] = words.as_mut_slice()
        && last.text == "W"
        && before.text.ends_with(['k', 'm', 'u', '\u{b5}', '\u{3bc}', 'M', 'G'])
    {
        // Its last letter may be the prefix.
        last.unit = Some(Unit::Unclear);
    }
    words
}

/// Parts that begin with capitals; of several in a row the last begins one: `GPUPower`.
fn capitals(token: &str) -> Vec<&str> {
    let letters: Vec<(usize, char)> = token.char_indices().collect();
    let begins = |place: usize| {
        let [before, here] = [letters[place - 1].1, letters[place].1];
        let after = letters.get(place + 1);
        here.is_uppercase()
            && (!before.is_uppercase() || after.is_some_and(|(_, after)| after.is_lowercase()))
    };
    let mut parts = Vec::new();
    let mut start = 0;
    for place in (1..letters.len()).filter(|&place| begins(place)) {
        parts.push(&token[start..letters[place].0]);
        start = letters[place].0;
    }
    parts.push(&token[start..]);
    parts
}

/// The unit that a word is.
pub(super) fn unit(word: &str) -> Option<Unit> {
    let small = word.to_lowercase();
    if OTHERS.contains(&small.as_str()) {
        return Some(Unit::Other);
    }
    for watts in WATTS {
        if let Some(prefix) = small.strip_suffix(watts) {
            let known = PREFIXES.iter().find(|(name, _)| *name == prefix);
            return known.map(|&(_, watts)| Unit::Watts(watts));
        }
    }
    if let Some(prefix) = word.strip_suffix('W') {
        let known = LETTERS.iter().find(|(letter, _)| *letter == prefix);
        // No prefix is a K, a U or a g.
        let meant = || ["K", "U", "g"].contains(&prefix).then(|| letter(&small)).flatten();
        return known.map(|&(_, watts)| Unit::Watts(watts)).or_else(meant);
    }
    letter(&small).filter(|_| word.ends_with('w'))
}

/// A unit in small letters, as in `power_kw`.
fn letter(small: &str) -> Option<Unit> {
    Some(match small {
        "w" => Unit::Watts(1.0),
        "kw" => Unit::Watts(1e3),
        "gw" => Unit::Watts(1e9),
        "uw" | "\u{3bc}w" | "\u{b5}w" => Unit::Watts(1e-6),
        // Milliwatts or megawatts.
        "mw" => Unit::Unclear,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_of_the_name() {
        for (name, watts) in [
            ("W", 1.0),
            ("Watts", 1.0),
            ("power.draw [W]", 1.0),
            ("power_w", 1.0),
            ("powerW", 1.0),
            ("PowerW", 1.0),
            ("Power (kW)", 1e3),
            ("power_kW", 1e3),
            ("power_kw", 1e3),
            ("POWER_KW", 1e3),
            ("powerkW", 1e3),
            ("PowerKW", 1e3),
            ("Kilowatts", 1e3),
            ("Power / kW", 1e3),
            ("power [mW]", 1e-3),
            ("powermW", 1e-3),
            ("milliwatts", 1e-3),
            ("Power MW", 1e6),
            ("POWER_MW", 1e6),
            ("megawatt", 1e6),
            ("power uW", 1e-6),
            ("power_uw", 1e-6),
            ("power \u{b5}W", 1e-6),
            ("power \u{3bc}W", 1e-6),
            ("power nW", 1e-9),
            ("GW", 1e9),
            ("TW", 1e12),
            ("Power (cW)", 1e-2),
            ("power dW", 1e-1),
            ("power hW", 1e2),
            ("power daW", 1e1),
        ] {
            let judged = Name::of(name);
            assert_eq!(judged.unit, Some(Unit::Watts(watts)), "{name}");
            assert!(judged.is_power_now(), "{name}");
        }
        for name in ["power_mw", "mw", "systemkW", "LoadkW", "Watts (kW)", "power kW mW"] {
            assert_eq!(Name::of(name).unit, Some(Unit::Unclear), "{name}");
        }
        for name in ["Power", "ActivePower", "power.draw", "GPUPower", "power1", "Real Power"] {
            let judged = Name::of(name);
            assert_eq!((judged.unit, judged.is_power_now()), (None, true), "{name}");
        }
    }

    #[test]
    fn other_numbers_are_no_power_of_now() {
        for name in [
            "power.limit [W]",
            "PowerLimit",
            "power_cap_w",
            "enforced.power.limit",
            "max power",
            "PowerMax",
            "MAXPOWER_W",
            "Peak W",
            "ApparentPower",
            "Reactive Power (W)",
            "Power (VA)",
            "power_var",
            "Watt Hours",
            "Watt-hours",
            "WattHours",
            "watthours",
            "Power (kWh)",
            "MWh",
            "kW h",
            "Power factor",
            "PowerFactor",
            "Power (%)",
            "NOMPOWER",
            "powercap",
            "Maxwatts",
            "Nominal power",
            "Rated W",
            "power state",
            "volts",
            "Voltage (V)",
            "powerful",
            "empowered",
            "Window",
            "NW",
            "kiwi",
            "",
        ] {
            assert!(!Name::of(name).is_power_now(), "{name}");
        }
        assert!(Name::of("Average power").is_mean);
    }

    proptest::proptest! {
        /// Any name is read without a panic.
        #[test]
        fn any_name_is_judged(name in "\\PC{0,20}") {
            let _ = Name::of(&name);
        }
    }
}
