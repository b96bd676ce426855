//! A function whose instructions were counted by hand, for every compiler to be asked about first.

use crate::code::{Count, weights};
use crate::kernel::Kernel;
use crate::listing::Compiled;
use crate::pipes::count;
use crate::subjects::{Maker, Needs, Subject};

/// In each round of the loop, eight times: two shifts, by what no compiler knows, and a xor.
const TEXT: &str = "
struct Work { rounds: u32, first: u32, second: u32 }
@group(0) @binding(0) var<uniform> work: Work;
@group(0) @binding(1) var<storage, read_write> output: array<u32>;

@compute @workgroup_size(64)
fn hand(@builtin(global_invocation_id) id: vec3<u32>) {
    var x = id.x;
    for (var i = 0u; i < work.rounds; i++) {
        x = sigma(sigma(sigma(sigma(sigma(sigma(sigma(sigma(x))))))));
    }
    output[id.x] = x;
}

fn sigma(x: u32) -> u32 {
    return (x >> work.first) ^ (x << work.second);
}
";

pub fn kernel() -> Result<(Kernel, Subject), String> {
    let subject = Subject {
        name: "what was counted by hand".to_owned(),
        file: "hand",
        entry: "hand",
        overrides: Vec::new(),
        needs: Needs::Nothing,
        maker: None,
        count: Count::Loop,
    };
    Ok((Kernel::new(TEXT, &subject)?, subject))
}

/// Compares with what was counted by hand. A compiler may make one round of two or four.
pub fn check(maker: Maker, compiled: &Compiled) -> Result<(), String> {
    if !compiled.is_listed() {
        return Ok(());
    }
    let counts = count(maker, &compiled.code, &weights(&compiled.code, Count::Loop));
    let found = (counts.rotations, counts.logic, counts.products);
    if [1.0, 2.0, 4.0].iter().any(|rounds| found == (16.0 * rounds, 8.0 * rounds, 0.0)) {
        return Ok(());
    }
    Err(format!(
        "counted {found:?} shifts, logic and products where there are (16, 8, 0) in a round"
    ))
}
