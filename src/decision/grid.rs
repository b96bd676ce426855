//! Which programme of the grid pays for what in each hour: for power that is not drawn, in the most
//! expensive hours, and for mining that could be switched off at once.

use jiff::tz::TimeZone;

use super::site::{Hour, Site, YEAR};

/// The programmes that pay in an hour, by their places in the site's file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HourProgrammes {
    /// Programme that pays for what is not drawn.
    pub(crate) credit: Option<usize>,
    /// Programme that pays for readiness.
    pub(crate) readiness: Option<usize>,
}

/// Returns the programmes of each hour. Of several that could pay for the same in an hour the first of
/// the file does; months are those of UTC.
pub(crate) fn programmes(site: &Site, hours: &[Hour]) -> Vec<HourProgrammes> {
    let mut programmes = vec![HourProgrammes::default(); hours.len()];
    if site.power.responses.is_empty() {
        return programmes;
    }
    let months: Vec<i8> =
        hours.iter().map(|hour| hour.start.to_zoned(TimeZone::UTC).month()).collect();
    for (at, response) in site.power.responses.iter().enumerate() {
        let is_in =
            |hour: &usize| response.months.is_empty() || response.months.contains(&months[*hour]);
        if let Some(credit) = &response.credit {
            // A part of the programme's months has that part of its hours.
            let here = (0..hours.len()).filter(is_in).count() as f64;
            let part = here / hours_of(&response.months);
            let paid = (f64::from(credit.hours) * part).round() as usize;
            let free = |hour: &usize| programmes[*hour].credit.is_none();
            let mut dearest: Vec<usize> = (0..hours.len()).filter(is_in).filter(free).collect();
            dearest.sort_by(|&a, &b| hours[b].price.total_cmp(&hours[a].price));
            for hour in dearest.into_iter().take(paid) {
                programmes[hour].credit = Some(at);
            }
        }
        if response.readiness.is_some() {
            for hour in (0..hours.len()).filter(is_in) {
                programmes[hour].readiness.get_or_insert(at);
            }
        }
    }
    programmes
}

/// Returns the hours that some months have in a year, all of them where there are none.
fn hours_of(months: &[i8]) -> f64 {
    const DAYS: [f64; 12] =
        [31.0, 28.0, 31.0, 30.0, 31.0, 30.0, 31.0, 31.0, 30.0, 31.0, 30.0, 31.0];
    let is_in = |month: &usize| months.iter().any(|it| usize::try_from(*it) == Ok(month + 1));
    if months.is_empty() {
        return f64::from(YEAR);
    }
    (0..12).filter(is_in).map(|month| DAYS[month] * 24.0).sum()
}
