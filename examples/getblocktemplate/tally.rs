//! What was done so far, and how long it took.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// What became of templates and blocks.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) accepted: u32,
    pub(crate) refused: u32,
    /// Right, but the node had another block for their place.
    pub(crate) late: u32,
    /// Of which the node has not said what it thinks.
    pub(crate) unanswered: u32,
    pub(crate) hashes: u64,
    /// From a template's arrival to the start of its search.
    pub(crate) ready: Times,
    /// From a template's arrival to the end of a search that found a block. On regtest every second
    /// hash is one, so that the first hash was done sooner.
    pub(crate) found: Times,
    /// From a template's arrival to a block of it, handed in.
    pub(crate) solved: Times,
    /// From the call back of work to the end of its search.
    pub(crate) dropped: Times,
}

impl Display for Tally {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { accepted, refused, late, unanswered, hashes, .. } = self;
        write!(f, "{accepted} blocks accepted, {refused} refused, {late} late, ")?;
        writeln!(f, "{unanswered} unanswered, {hashes} hashes")?;
        writeln!(f, "template to search: {}", self.ready)?;
        writeln!(f, "template to solution: {}", self.found)?;
        writeln!(f, "template to block: {}", self.solved)?;
        write!(f, "old work to its end: {}", self.dropped)
    }
}

/// How long something took, each time.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took);
    }
}

impl Display for Times {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut times = self.0.clone();
        times.sort_unstable();
        match times[..] {
            [] => write!(f, "never"),
            [.., most] => {
                write!(
                    f,
                    "{} times, median {:.1?}, most {most:.1?}",
                    times.len(),
                    times[times.len() / 2]
                )
            }
        }
    }
}
