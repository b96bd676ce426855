//! Whether something else kept the processor busy during a measurement, as Linux reports it.

use std::fs;
use std::time::Instant;

/// What the system reports before a measurement.
pub(super) struct Before {
    at: Instant,
    ticks: Option<Ticks>,
}

/// Busy time of all processors together since the system started, in ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ticks {
    /// Time spent by everyone, by other virtual machines too where the host reports it.
    busy: u64,
    /// Time spent by this process.
    own: u64,
}

/// Number of ticks in a second, in everything that Linux shows programs.
const PER_SECOND: f64 = 100.0;

impl Before {
    pub(super) fn now() -> Self {
        Self { at: Instant::now(), ticks: ticks() }
    }

    /// How many cores others have kept busy on average since then; `None` where the system does not
    /// say, or too little time has passed.
    pub(super) fn others(&self) -> Option<f64> {
        let seconds = self.at.elapsed().as_secs_f64();
        let others = since(self.ticks?, ticks()?) as f64 / PER_SECOND;
        (seconds * PER_SECOND >= 50.0).then_some(others / seconds)
    }
}

fn ticks() -> Option<Ticks> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let busy = busy(&read("/proc/stat")?)?;
    Some(Ticks { busy, own: own(&read("/proc/self/stat")?)? })
}

/// Ticks that others spent between the two.
fn since(before: Ticks, after: Ticks) -> u64 {
    let own = after.own.saturating_sub(before.own);
    after.busy.saturating_sub(before.busy).saturating_sub(own)
}

/// The first line of `/proc/stat` without what was idle or waiting for disks, and without guests,
/// which are among the users: user, nice, system, irq, softirq, steal.
fn busy(stat: &str) -> Option<u64> {
    let mut fields = stat.lines().next()?.split_ascii_whitespace();
    if fields.next() != Some("cpu") {
        return None;
    }
    let fields: Vec<u64> = fields.map_while(|field| field.parse().ok()).collect();
    [0, 1, 2, 5, 6, 7].into_iter().map(|field| fields.get(field).copied()).sum()
}

/// User and system time in `/proc/self/stat`, whose second field is a name in parentheses that may
/// have anything in it.
fn own(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  100 20 30 4000 500 6 7 8 90 10\ncpu0 1 2 3\n";

    #[test]
    fn what_linux_writes_is_read() {
        assert_eq!(busy(STAT), Some(100 + 20 + 30 + 6 + 7 + 8));
        let process = "4711 (a) 1 (b)) S 1 2 3 4 5 6 7 8 9 10 1100 230 0 0";
        assert_eq!(own(process), Some(1330));
        for rubbish in ["", "cpu", "cpu 1 2", "cpu0 1 2 3 4 5 6 7 8", "intr 5", "cpu x"] {
            assert_eq!(busy(rubbish), None, "{rubbish}");
        }
        for rubbish in ["", "1 (a", "1 (a) S 1 2", "1 (a) S 1 2 3 4 5 6 7 8 9 10 x y"] {
            assert_eq!(own(rubbish), None, "{rubbish}");
        }
    }

    #[test]
    fn what_this_process_spends_is_not_of_others() {
        let before = Ticks { busy: 1000, own: 400 };
        assert_eq!(since(before, Ticks { busy: 1100, own: 470 }), 30);
        // The two are not read at the same instant.
        assert_eq!(since(before, Ticks { busy: 1100, own: 505 }), 0);
    }
}
