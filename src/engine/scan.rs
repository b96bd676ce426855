//! The scan of a range of nonces: one batch of them at a time, with every version of a job.
//!
//! Lanes beyond the end of the range are computed and thrown away: not reported, not counted.

use crate::job::{Candidate, Job, MAX_GROUP, NonceRange, Scanned};
use crate::lanes::{Isa, Lanes, Task};
use crate::sha256::consts::IV;
use crate::sha256::rounds::{Batch, Midstate};

/// The arguments of one call of an engine.
pub(crate) struct Scan<'a> {
    pub(crate) job: &'a Job,
    pub(crate) range: NonceRange,
    pub(crate) limit: usize,
    pub(crate) out: &'a mut Vec<Candidate>,
}

/// Something that hashes batches of nonces. Implementations are `#[inline(always)]`, as
/// [`Scan::run_on`] is.
pub(crate) trait Hasher {
    /// Nonces in a batch: 1 to 64.
    const NONCES: u32;

    /// Takes the batch that starts at `first`, and computes what all versions share of it.
    fn start(&mut self, first: u32);

    /// Returns which nonces of the batch pass `filter` with the version of number `index`: one bit
    /// each.
    fn passing(&mut self, index: usize, midstate: &Midstate, filter: Filter) -> u64;
}

impl Task for Scan<'_> {
    type Output = Scanned;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Scanned {
        let batch = Batch::new(isa, self.job.tail());
        self.run_on(batch)
    }
}

impl Scan<'_> {
    #[inline(always)]
    pub(crate) fn run_on<H: Hasher>(self, mut hasher: H) -> Scanned {
        let Self { job, range, limit, out } = self;
        let filter = Filter::new(job.target().top_word());
        let mut nonces = 0;
        while nonces < range.len() && out.len() < limit {
            let first = range.start().wrapping_add(nonces as u32);
            let live = (range.len() - nonces).min(H::NONCES.into()) as u32;

            hasher.start(first);
            let mut hits = [0; MAX_GROUP];
            let mut any = 0;
            for (index, (hits, midstate)) in hits.iter_mut().zip(job.midstates()).enumerate() {
                *hits = hasher.passing(index, midstate, filter) & (u64::MAX >> (64 - live));
                any |= *hits;
            }
            if any != 0 {
                report(job, first, live, &hits, out);
            }
            nonces += u64::from(live);
        }
        Scanned { nonces, hashes: nonces * job.versions().len() as u64 }
    }
}

impl<I: Isa> Hasher for Batch<I> {
    const NONCES: u32 = I::Lanes::LANES as u32;

    #[inline(always)]
    fn start(&mut self, first: u32) {
        self.schedule(first);
    }

    #[inline(always)]
    fn passing(&mut self, _index: usize, midstate: &Midstate, filter: Filter) -> u64 {
        filter.passing(self.last_word(midstate))
    }
}

/// Appends the hits of a batch: by nonce, then by version.
#[cold]
#[inline(never)]
fn report(job: &Job, first: u32, live: u32, hits: &[u64; MAX_GROUP], out: &mut Vec<Candidate>) {
    for lane in 0..live {
        for (hits, &version) in hits.iter().zip(job.versions()) {
            if hits >> lane & 1 == 1 {
                out.push(Candidate { nonce: first.wrapping_add(lane), version });
            }
        }
    }
}

/// The filter on the last word of a hash: its top 32 bits as a number, byte-swapped.
#[derive(Clone, Copy)]
pub(crate) enum Filter {
    /// The target's top word is 0, and so the hash's must be: one comparison, nothing added.
    Zero,
    /// Any top word up to this one passes; whether equality is enough, only the whole hash says.
    AtMost(u32),
}

impl Filter {
    fn new(top: u32) -> Self {
        if top == 0 { Self::Zero } else { Self::AtMost(top) }
    }

    /// Returns which lanes pass, given the last word of the hash less its initial value.
    #[inline(always)]
    pub(crate) fn passing<L: Lanes>(self, last: L) -> u64 {
        match self {
            Self::Zero => last.mask_eq(IV[7].wrapping_neg()),
            Self::AtMost(top) => last.add_word(IV[7]).swap_bytes().mask_le(top),
        }
    }
}
