//! What a compiler made of a kernel, and how its listing is read.

use std::collections::HashMap;
use std::time::Duration;

use regex_lite::Regex;

use crate::code::Instruction;

/// A kernel as machine code.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub code: Vec<Instruction>,
    /// How many instructions there are: others than in `code` where the driver's disassembler does not know the card.
    pub instructions: u64,
    /// Registers of a thread.
    pub registers: u64,
    /// Registers that did not fit, or bytes of memory instead of them.
    pub spills: u64,
    /// Waves, or warps, that a SIMD or scheduler holds at a time, by the registers.
    pub waves: u64,
    /// Bytes of machine code.
    pub bytes: u64,
    pub took: Duration,
}

impl Compiled {
    /// Returns whether the listing has about as many instructions as the driver counts.
    pub fn is_listed(&self) -> bool {
        20 * self.instructions.abs_diff(self.code.len() as u64) <= self.instructions
    }
}

/// Reads a listing, line by line. `label` captures a label's name; `instruction` a name and what follows it; and `jump`,
/// in both of these, the label that is jumped to.
pub fn listing(text: &str, label: &str, instruction: &str, jump: &str) -> Vec<Instruction> {
    let [label, instruction, jump] =
        [label, instruction, jump].map(|it| Regex::new(it).expect("it is a constant"));
    let mut code = Vec::new();
    let mut labels = HashMap::new();
    let mut jumps = Vec::new();
    for line in text.lines() {
        if let Some(found) = label.captures(line) {
            labels.insert(found[1].to_owned(), code.len());
        } else if let Some(found) = instruction.captures(line) {
            let text = format!("{}{}", &found[1], found[2].trim_end());
            if let Some(target) = jump.captures(&text) {
                jumps.push((code.len(), target[1].to_owned()));
            }
            code.push(Instruction { name: found[1].to_owned(), text, jump: None });
        }
    }
    for (at, target) in jumps {
        code[at].jump = labels.get(&target).copied();
    }
    code
}
