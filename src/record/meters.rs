//! The meters of a record, and the power over time that they saw.

use std::collections::BTreeSet;

use super::named::Named;
use super::{MeterStatus, PowerTrace, Record, State};
use crate::meter::{Conditions, MeterInfo, Track, Unavailable};
use crate::units::{Hertz, Watts};

impl Record {
    /// Adds the meters that were read, those that are unavailable, and the power over time.
    #[must_use]
    pub fn with_meters<'a>(
        mut self,
        read: impl IntoIterator<Item = &'a MeterInfo>,
        unavailable: &[Unavailable],
        tracks: &[Track],
    ) -> Self {
        self.meters.extend(read.into_iter().map(MeterStatus::new));
        self.meters.extend(unavailable.iter().map(MeterStatus::missing));
        self.traces.extend(tracks.iter().filter_map(PowerTrace::new));
        self
    }
}

impl MeterStatus {
    fn new(info: &MeterInfo) -> Self {
        Self {
            domain: Named::Known(info.domain.clone()),
            source: Named::Known(info.source),
            unavailable: None,
            resolution: info.resolution,
        }
    }

    fn missing(unavailable: &Unavailable) -> Self {
        let why = unavailable.why.to_string();
        let remedy = unavailable.remedy();
        Self {
            domain: unavailable.what.clone().map_or_else(|| "".into(), Named::Known),
            source: Named::Known(unavailable.by),
            unavailable: Some(remedy.map_or(why.clone(), |remedy| format!("{why}; {remedy}"))),
            resolution: None,
        }
    }
}

impl PowerTrace {
    /// Returns the trace of a meter; `None` if it reported no power.
    fn new(track: &Track) -> Option<Self> {
        let points: Vec<_> = track
            .samples
            .iter()
            .filter_map(|sample| Some((sample.at.as_secs_f64(), sample.power?)))
            .collect();
        (!points.is_empty())
            .then(|| Self { domain: Named::Known(track.info.domain.clone()), points })
    }
}

impl State {
    /// Returns the extremes of all states; `None` if there are none.
    pub(crate) fn new(all: &[Conditions]) -> Option<Self> {
        if all.is_empty() {
            return None;
        }
        let clocks = all.iter().filter_map(|state| state.core_clock);
        let memory_clocks = all.iter().filter_map(|state| state.memory_clock);
        let temperatures = all.iter().filter_map(|state| state.temperature);
        let limits = all.iter().filter_map(|state| state.power_limit);
        let reasons: BTreeSet<_> =
            all.iter().filter_map(|it| it.throttled.as_ref()).flatten().collect();
        Some(Self {
            clock: clocks.min_by(Hertz::total_cmp),
            memory_clock: memory_clocks.min_by(Hertz::total_cmp),
            celsius: temperatures.max().map(|it| f64::from(it.value())),
            limit: limits.min_by(Watts::total_cmp),
            throttled: reasons.into_iter().map(ToString::to_string).collect(),
        })
    }
}
