//! Reads a set of meters in the background, and keeps their samples.
//!
//! A window lies between two marks. At a mark every quick meter is read; slow ones are not, and
//! their samples before and after are interpolated. Meters are read by threads alone, so that one
//! that hangs costs the others no more than a timeout.

mod log;
mod watch;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use self::log::Log;
use self::watch::{Channel, Request, RequestState, Shared, Turn};
pub use super::window::Sample;
use super::{Clock, Meter, MeterError, MeterInfo, Reading, Source, Window};

/// Default sampling interval of a recorder: 50 ms.
pub const DEFAULT_INTERVAL: Duration = Duration::from_millis(50);

/// Shortest sampling interval, however short a one is asked for.
const SHORTEST: Duration = Duration::from_millis(1);

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// Longest wait for a meter that is read in a moment: longer than any driver that works was
    /// seen to take.
    quick: Duration,
    /// Longest wait for a slow meter, or for the threads when the recorder ends.
    slow: Duration,
}

const PATIENCE: Patience =
    Patience { quick: Duration::from_secs(2), slow: Duration::from_secs(10) };

/// A recorder, which reads a set of meters in the background until it is dropped.
#[derive(Debug)]
pub struct Recorder {
    shared: Arc<Shared>,
    /// Reader threads, with their numbers.
    threads: Vec<(usize, JoinHandle<()>)>,
    patience: Patience,
}

/// Everything that a recorder has read from one meter.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Track {
    /// Description of the meter.
    pub info: MeterInfo,
    /// Samples of the meter, in order of time.
    pub samples: Vec<Sample>,
    /// Number of readings that failed.
    pub failed: u64,
    /// Error of the last reading that failed; `None` if none did.
    pub last_failure: Option<MeterError>,
}

/// A moment at which windows begin or end, made by [`Recorder::mark`].
#[derive(Clone, Debug)]
pub struct Mark {
    at: Duration,
    /// Readings of the meters at that moment; `None` for slow ones.
    readings: Vec<Option<Result<Reading, MeterError>>>,
}

/// The result of one meter over a window: its energy, or why that is not known.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Measured {
    /// Description of the meter.
    pub info: MeterInfo,
    /// Window of the meter, or the reason why its energy is not known.
    pub window: Result<Window, MeterError>,
}

impl Measured {
    /// Makes the result of a meter that no recorder reads.
    #[must_use]
    pub fn new(info: MeterInfo, window: Result<Window, MeterError>) -> Self {
        Self { info, window }
    }
}

impl Recorder {
    /// Starts a recorder, which reads every meter once, and from then on every `interval`, or more
    /// often where a counter would wrap unseen.
    ///
    /// # Errors
    ///
    /// When the system cannot start a thread. A meter that cannot be read is no error here: the
    /// errors are in its windows, [`Measured::window`].
    pub fn start(
        meters: Vec<Box<dyn Meter>>,
        clock: Clock,
        interval: Duration,
    ) -> Result<Self, MeterError> {
        Self::with_patience(meters, clock, interval, PATIENCE)
    }

    fn with_patience(
        meters: Vec<Box<dyn Meter>>,
        clock: Clock,
        interval: Duration,
        patience: Patience,
    ) -> Result<Self, MeterError> {
        let (channels, jobs) = share_out(meters, interval);
        let shared = Arc::new(Shared::new(clock, channels, jobs.len()));
        // Made before its threads, so that those that did start are stopped if one does not.
        let mut recorder = Self { shared: Arc::clone(&shared), threads: Vec::new(), patience };
        for (reader_thread, Job { meters, interval }) in jobs.into_iter().enumerate() {
            if meters.is_empty() {
                continue;
            }
            let turn = Turn::begin(&shared, reader_thread);
            let watch = move || turn.watch(meters, interval.max(SHORTEST));
            let thread = thread::Builder::new().name("perjoule meters".to_owned()).spawn(watch);
            let thread = thread.map_err(|error| MeterError::Thread(Arc::new(error)))?;
            recorder.threads.push((reader_thread, thread));
        }
        let tickets = shared.ask(|_| true);
        let (quick, slow): (Vec<_>, Vec<_>) =
            shared.channels().iter().zip(tickets).partition(|(channel, _)| !channel.is_slow());
        for (channels, patience) in [(quick, patience.quick), (slow, patience.slow)] {
            let tickets: Vec<_> = channels.into_iter().map(|(_, request)| request).collect();
            shared.wait_for(&tickets, patience);
        }
        Ok(recorder)
    }

    /// Returns the clock of the readings.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.shared.clock()
    }

    /// Returns the descriptions of the meters, in the order of windows and tracks.
    pub fn meters(&self) -> impl Iterator<Item = &MeterInfo> {
        self.shared.channels().iter().map(Channel::info)
    }

    /// Reads every meter but the slow ones (see [`MeterInfo::interval`]) now, and returns the mark.
    /// A meter that hangs is given up after two seconds.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let at = self.clock().now();
        let tickets = self.shared.ask(|channel| !channel.is_slow());
        self.shared.wait_for(&tickets, self.patience.quick);
        let read =
            |(channel, request): (&Channel, &Option<Request>)| match self.shared.state((*request)?)
            {
                RequestState::Served => channel.log().last.clone(),
                RequestState::Open => Some(Err(MeterError::Hangs(self.patience.quick))),
                RequestState::Lost => Some(Err(MeterError::Panicked)),
            };
        Mark { at, readings: self.shared.channels().iter().zip(&tickets).map(read).collect() }
    }

    /// Returns what every meter measured from one mark to a later one of this recorder.
    ///
    /// The results are in the order of [`Self::meters`]. A slow meter without a sample since the
    /// second mark is read now, which takes as long as that meter takes.
    #[must_use]
    pub fn windows(&self, from: &Mark, to: &Mark) -> Vec<Measured> {
        let channels = self.shared.channels();
        let late = self.shared.ask(|channel| channel.is_slow() && !channel.log().reaches(to.at));
        self.shared.wait_for(&late, self.patience.slow);
        let marks = from.readings.iter().zip(&to.readings);
        let window = |(channel, (start, end)): (&Channel, (&Option<_>, &Option<_>))| {
            let info = channel.info();
            let log = channel.log();
            let window = match (start, end) {
                (Some(start), Some(end)) => log.window(info, self.clock(), start, end),
                _ => log.interpolate(info, self.clock(), from.at, to.at),
            };
            Measured { info: info.clone(), window }
        };
        channels.iter().zip(marks).map(window).collect()
    }

    /// Does some work, and returns its result with what every meter measured meanwhile.
    pub fn measure<T>(&self, work: impl FnOnce() -> T) -> (T, Vec<Measured>) {
        let from = self.mark();
        let done = work();
        let to = self.mark();
        (done, self.windows(&from, &to))
    }

    /// Returns everything that was read from every meter until now.
    #[must_use]
    pub fn tracks(&self) -> Vec<Track> {
        let track = |channel: &Channel| {
            let Log { samples, failures, .. } = &*channel.log();
            Track {
                info: channel.info().clone(),
                samples: samples.clone(),
                failed: failures.iter().map(|failure| failure.times).sum(),
                last_failure: failures.last().map(|failure| failure.last.clone()),
            }
        };
        self.shared.channels().iter().map(track).collect()
    }
}

/// What one thread reads, and how often. Meters have their numbers with them.
struct Job {
    meters: Vec<(usize, Box<dyn Meter>)>,
    interval: Duration,
}

/// The first thread has all counters of processors. A program takes its time, and the driver of a
/// card or a sensor may hang: each has a thread of its own.
fn share_out(meters: Vec<Box<dyn Meter>>, interval: Duration) -> (Vec<Channel>, Vec<Job>) {
    let mut jobs = vec![Job { meters: Vec::new(), interval }];
    let mut channels = Vec::new();
    for (number, meter) in meters.into_iter().enumerate() {
        let info = meter.info().clone();
        let within = info.read_within.map_or(interval, |within| within.min(interval));
        let interval = info.interval.unwrap_or(within);
        let may_hang = matches!(info.source, Source::Nvml | Source::Hwmon);
        let reader_thread = if info.interval.is_some() || may_hang {
            jobs.push(Job { meters: vec![(number, meter)], interval });
            jobs.len() - 1
        } else {
            jobs[0].meters.push((number, meter));
            jobs[0].interval = jobs[0].interval.min(interval);
            0
        };
        channels.push(Channel::new(info, reader_thread));
    }
    (channels, jobs)
}

/// Ends the threads. A slow meter that is being read is waited for; one that hangs is left behind.
impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.stop(self.patience.slow);
        for (reader_thread, thread) in self.threads.drain(..) {
            if !self.shared.lives(reader_thread) {
                // A meter that panicked has already reported it.
                let _ = thread.join();
            }
        }
    }
}
