//! Machine code as a list of instructions with their jumps, and how often each runs.

/// An instruction: its name, without operands, and where it may go to instead of to the next.
#[derive(Clone, Debug)]
pub struct Instruction {
    pub name: String,
    /// Its text, for what the name alone does not tell.
    pub text: String,
    /// Index of the instruction that it jumps to.
    pub jump: Option<usize>,
}

/// How the instructions of a kernel are to be counted.
#[derive(Clone, Copy, Debug)]
pub enum Count {
    /// All that a nonce takes which is no hit, and of what is outside the loop over versions the part of one of
    /// so many hashes.
    Hash { versions: u32 },
    /// Those of the innermost loop that is the longest.
    Loop,
    /// All there are.
    All,
}

/// Returns how often each instruction counts.
pub fn weights(code: &[Instruction], count: Count) -> Vec<f64> {
    match count {
        Count::All => vec![1.0; code.len()],
        Count::Loop => {
            let longest = innermost(code).unwrap_or((0, code.len().saturating_sub(1)));
            of_range(code.len(), longest, 1.0, 0.0)
        }
        Count::Hash { versions } => {
            let mut weights = match innermost(code) {
                Some(versions_loop) if versions > 1 => {
                    of_range(code.len(), versions_loop, 1.0, f64::from(versions).recip())
                }
                _ => vec![1.0; code.len()],
            };
            for at in of_hits(code) {
                weights[at] = 0.0;
            }
            weights
        }
    }
}

fn of_range(len: usize, (first, last): (usize, usize), inside: f64, outside: f64) -> Vec<f64> {
    (0..len).map(|at| if (first..=last).contains(&at) { inside } else { outside }).collect()
}

/// Returns the first and last instruction of the longest loop that no loop of half its length is in.
fn innermost(code: &[Instruction]) -> Option<(usize, usize)> {
    let jumps = code.iter().enumerate();
    let loops: Vec<_> =
        jumps.filter_map(|(at, it)| it.jump.filter(|&to| to <= at).map(|to| (to, at))).collect();
    let length = |&(first, last): &(usize, usize)| last - first;
    let holds_another = |outer: &(usize, usize)| {
        loops.iter().any(|inner| {
            inner != outer
                && inner.0 >= outer.0
                && inner.1 <= outer.1
                && 2 * length(inner) > length(outer)
        })
    };
    loops.iter().copied().filter(|it| !holds_another(it)).max_by_key(length)
}

/// Returns the instructions that only a hit takes: what is jumped over, has an atomic operation and is short.
fn of_hits(code: &[Instruction]) -> std::ops::Range<usize> {
    let is_atomic = |it: &Instruction| {
        it.name.contains("atomic") || it.name.starts_with("ATOM") || it.name.starts_with("RED")
    };
    let mut hits = 0..0;
    for (at, it) in code.iter().enumerate() {
        let Some(to) = it.jump.filter(|&to| to > at) else { continue };
        let skipped = at + 1..to;
        let is_short = 10 * skipped.len() < code.len();
        if is_short && skipped.len() > hits.len() && code[skipped.clone()].iter().any(is_atomic) {
            hits = skipped;
        }
    }
    hits
}
