//! The table of what compilers make of the kernels: written, read again, and compared.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::code::weights;
use crate::compilers::Compiler;
use crate::listing::Compiled;
use crate::pipes::{Counts, count};
use crate::subjects::{Maker, Subject};

/// The share by which a count may rise before somebody has to look.
const TOLERANCE: f64 = 0.01;

/// The cell of what there is not.
const NONE: &str = "–";

/// A line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The section's heading.
    pub section: String,
    pub kernel: String,
    pub card: String,
    /// By column, those of [`COMPARED`] and then those of [`TOLD`].
    pub cells: Vec<String>,
}

/// Columns that may not rise, and columns that are only told.
const COMPARED: [&str; 10] = [
    "rotations",
    "logic",
    "sums",
    "products",
    "others",
    "memory",
    "scalar",
    "all",
    "registers",
    "spills",
];
const TOLD: [&str; 4] = ["waves", "bytes", "ms", "a clock"];

impl Line {
    pub fn new(compiler: &Compiler, subject: &Subject, card: &str, compiled: &Compiled) -> Self {
        let counts = count(compiler.maker, &compiled.code, &weights(&compiled.code, subject.count));
        let Counts { rotations, logic, sums, products, others, memory, scalar, .. } = counts;
        let Compiled { instructions, registers, spills, waves, bytes, .. } = *compiled;
        let told = |text: String| if compiled.is_listed() { text } else { NONE.to_owned() };
        let mut cells: Vec<_> = [rotations, logic, sums, products, others, memory, scalar]
            .map(|it| told(format!("{it:.0}")))
            .into();
        cells.extend([instructions, registers, spills, waves, bytes].map(|it| it.to_string()));
        cells.push(compiled.took.as_millis().to_string());
        cells.push(told(bound(compiler.maker, card, subject, &counts)));
        let kind = if subject.file == "sha256d" { "The search" } else { "Other kernels" };
        let section = format!("{kind}, by {}", compiler.name);
        Self { section, kernel: subject.name.clone(), card: card.to_owned(), cells }
    }

    /// A kernel that a card cannot have.
    pub fn without(compiler: &Compiler, subject: &Subject, card: &str) -> Self {
        let cells = vec![NONE.to_owned(); COMPARED.len() + TOLD.len()];
        let section = format!("Other kernels, by {}", compiler.name);
        Self { section, kernel: subject.name.clone(), card: card.to_owned(), cells }
    }

    /// As one line of tabs, for the process that collects them.
    pub fn to_text(&self) -> String {
        format!("{}\t{}\t{}\t{}", self.section, self.kernel, self.card, self.cells.join("\t"))
    }

    pub fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.split('\t').map(str::to_owned);
        let (section, kernel, card) = (parts.next()?, parts.next()?, parts.next()?);
        let cells: Vec<_> = parts.collect();
        (cells.len() == COMPARED.len() + TOLD.len()).then_some(Self {
            section,
            kernel,
            card,
            cells,
        })
    }

    fn cell(&self, column: &str) -> &str {
        let place = COMPARED.iter().chain(&TOLD).position(|it| *it == column);
        place.map_or("", |place| &self.cells[place])
    }
}

/// What a compute unit or multiprocessor could do in a clock if nothing but these instructions held it up: hashes, or
/// operations of floating point or 8-bit integers.
fn bound(maker: Maker, card: &str, subject: &Subject, counts: &Counts) -> String {
    let clocks = counts.clocks(maker, card);
    if subject.file == "sha256d" {
        return format!("{:.4}", 1.0 / clocks);
    }
    if counts.operations == 0.0 || counts.has_blocks {
        return NONE.to_owned();
    }
    format!("{:.0}", counts.operations / clocks)
}

/// Writes the whole page.
pub fn page(lines: &[Line], compilers: &[Compiler], machine: &str) -> String {
    let mut text = String::from(HEAD);
    for compiler in compilers {
        let _ = writeln!(
            text,
            "- {}: {}; {}",
            compiler.name,
            compiler.version,
            compiler.cards.join(", ")
        );
    }
    let _ = writeln!(
        text,
        "\nCompiled on {machine}, all compilers side by side, so that their times are longer than they had to be."
    );
    let mut section = "";
    for line in lines {
        if line.section != section {
            section = &line.section;
            let columns = [&COMPARED[..], &TOLD].concat();
            let _ = writeln!(text, "\n## {section}\n\n| kernel | card | {} |", columns.join(" | "));
            let _ = writeln!(text, "|---|---|{}", "--:|".repeat(columns.len()));
        }
        let _ = writeln!(text, "| {} | {} | {} |", line.kernel, line.card, line.cells.join(" | "));
    }
    text
}

/// Reads the lines of a page again.
pub fn lines(page: &str) -> Vec<Line> {
    let mut section = String::new();
    let mut lines = Vec::new();
    for text in page.lines() {
        if let Some(heading) = text.strip_prefix("## ") {
            heading.clone_into(&mut section);
        }
        let Some(cells) = text.strip_prefix("| ").and_then(|it| it.strip_suffix(" |")) else {
            continue;
        };
        let mut cells = cells.split(" | ").map(str::to_owned);
        let (Some(kernel), Some(card)) = (cells.next(), cells.next()) else { continue };
        let cells: Vec<_> = cells.collect();
        if cells.len() == COMPARED.len() + TOLD.len() && card != "card" {
            lines.push(Line { section: section.clone(), kernel, card, cells });
        }
    }
    lines
}

/// Returns what is worse than in the table, and what the table does not have or has in vain.
pub fn faults(expected: &[Line], found: &[Line]) -> Vec<String> {
    let key = |line: &Line| (line.section.clone(), line.kernel.clone(), line.card.clone());
    let of: BTreeMap<_, _> = expected.iter().map(|line| (key(line), line)).collect();
    let mut faults = Vec::new();
    for line in found {
        let place = format!("{}: {}, {}", line.section, line.kernel, line.card);
        let Some(before) = of.get(&key(line)) else {
            faults.push(format!("{place}: the table has no such line"));
            continue;
        };
        for column in COMPARED {
            let (before, now) = (before.cell(column), line.cell(column));
            let (Ok(was), Ok(is)) = (before.parse::<f64>(), now.parse::<f64>()) else {
                if before != now {
                    faults.push(format!("{place}: {column} {before} became {now}"));
                }
                continue;
            };
            let room = if column == "spills" { 0.0 } else { (was * TOLERANCE).max(2.0) };
            if is > was + room {
                faults.push(format!("{place}: {column} rose from {before} to {now}"));
            }
        }
    }
    let of: BTreeMap<_, _> = found.iter().map(|line| (key(line), line)).collect();
    for line in expected.iter().filter(|line| !of.contains_key(&key(line))) {
        faults.push(format!(
            "{}: {}, {}: nothing is there of this line",
            line.section, line.kernel, line.card
        ));
    }
    faults
}

const HEAD: &str = "\
# What compilers make of the kernels

Written by `.ci/codegen/run --write`; the gate compares it with what the compilers make now, and fails where a register is
spilled or a count rises by more than 1 %. No card is asked: what a card does with this code is for a card to show.

Instructions of one thread, by what they are for. Of the search it is those of a hash that is no hit; with eight versions
what is outside of the loop over them counts an eighth. Of kernels with a loop it is one round of the innermost, of the
others all. *Products* are multiplications, and sums by multiplication; *scalar* are those of a wave as a whole, control
among them, which AMD and NVIDIA issue beside the others; s_delay_alu, a hint of RDNA3, is one of them. *Registers* are a
thread's, *all* the instructions of the whole code, *waves* what a SIMD of AMD's or a scheduler of NVIDIA's holds at a time
by the registers, *ms* the time to compile. *A clock* is the bound that follows for a compute unit or multiprocessor in a
clock: hashes, or operations of floating point or 8-bit integers; where operations are those of a wave together, or there
are none, there is no bound. Cards that the driver's disassembler does not know have only what the driver tells by itself.
Tiles are the ones that the kernels have unless told otherwise.

AMD's compute units are taken to do 64 vector instructions of threads in a clock (products of integers: 16), NVIDIA's
multiprocessors to issue 128, of which 64 may be rotations, logic and sums, and 64 products of integers (Pascal: 128, 64
of them rotations and shifts). Of NVIDIA's it is CUDA's compiler that is asked, by a rendering of the kernel in C++; the one
in its Vulkan driver shares the back end. It has no form of f16 and of blocks here.

";

#[cfg(test)]
mod tests {
    use super::*;

    fn line(logic: &str, spills: &str) -> Line {
        let mut cells: Vec<_> = (1..15).map(|it| (it * 100).to_string()).collect();
        cells[1] = logic.to_owned();
        cells[9] = spills.to_owned();
        Line {
            section: "The search, by a compiler".into(),
            kernel: "a kernel".into(),
            card: "navi21".into(),
            cells,
        }
    }

    #[test]
    fn a_page_is_read_as_it_was_written() {
        let written = [line("700", "0"), Line { card: "navi31".into(), ..line("–", "–") }];
        assert_eq!(lines(&page(&written, &[], "a machine")), written);
        let text = written[0].to_text();
        assert_eq!(Line::from_text(&text).as_ref(), Some(&written[0]));
    }

    #[test]
    fn more_instructions_and_spills_are_faults() {
        let expected = [line("700", "0")];
        let faults = |found: &[Line]| faults(&expected, found);
        assert_eq!(faults(&[line("707", "0")]), [""; 0]);
        assert_eq!(faults(&[line("600", "0")]), [""; 0]);
        assert!(
            faults(&[line("708", "0")])[0].contains("a kernel, navi21: logic rose from 700 to 708")
        );
        assert!(faults(&[line("700", "1")])[0].contains("spills rose from 0 to 1"));
        assert!(faults(&[line("–", "0")])[0].contains("logic 700 became –"));
        assert!(faults(&[])[0].contains("nothing is there"));
        let other = Line { card: "navi10".into(), ..line("700", "0") };
        assert_eq!(faults(&[line("700", "0"), other]).len(), 1);
    }
}
