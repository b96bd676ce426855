//! Places the texts of a drawing so that none lies on another.

use crate::report::lines;

/// Height of a line of text.
pub(super) const LINE: f64 = 15.0;

/// Estimates the width of a text in the size that charts use.
pub(super) fn width(text: &str) -> f64 {
    6.7 * lines::columns(text) as f64
}

/// A rectangle: left, top, width, height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    /// Returns the area that both rectangles cover.
    fn shared(&self, other: &Self) -> f64 {
        let along = |from: f64, size: f64, other_from: f64, other_size: f64| {
            ((from + size).min(other_from + other_size) - from.max(other_from)).max(0.0)
        };
        along(self.x, self.width, other.x, other.width)
            * along(self.y, self.height, other.y, other.height)
    }
}

/// Places texts in the free areas of a drawing.
#[derive(Debug)]
pub(super) struct Places {
    inside: Area,
    /// Areas where no text may lie.
    taken: Vec<Area>,
    /// Areas where a text may lie, but is read better elsewhere.
    lines: Vec<Area>,
}

impl Places {
    /// Starts with an empty drawing.
    pub(super) fn new(inside: Area) -> Self {
        Self { inside, taken: Vec::new(), lines: Vec::new() }
    }

    /// Marks an area where no text may lie.
    pub(super) fn take(&mut self, area: Area) {
        self.taken.push(area);
    }

    /// Marks an area with something thin, which a text had better not cross.
    pub(super) fn avoid(&mut self, area: Area) {
        self.lines.push(area);
    }

    /// Returns the upper left corner of a text that belongs to a point: as near as there is room.
    pub(super) fn beside(&mut self, (x, y): (f64, f64), text: &str) -> (f64, f64) {
        let (width, gap) = (width(text), 9.0);
        let middle = y - LINE / 2.0;
        let around = (0..8).flat_map(|far| {
            let away = f64::from(far) * LINE * 0.7;
            [
                (x + gap, middle - away),
                (x + gap, middle + away),
                (x - gap - width, middle - away),
                (x - gap - width, middle + away),
                (x - width / 2.0, y - gap - LINE - away),
                (x - width / 2.0, y + gap - 2.0 + away),
            ]
        });
        self.best(text, around.collect())
    }

    /// Returns the upper left corner of a text that belongs to a level line: over or under it, as
    /// far right as there is room.
    pub(super) fn along(&mut self, (end, y): (f64, f64), text: &str) -> (f64, f64) {
        let right = end - width(text) - 4.0;
        let along = (0..10).flat_map(|left| {
            let x = right - 40.0 * f64::from(left);
            [(x, y - LINE - 2.0), (x, y + 3.0)]
        });
        self.best(text, along.collect())
    }

    /// Returns the place where the text covers least, out of some in order of preference.
    fn best(&mut self, text: &str, places: Vec<(f64, f64)>) -> (f64, f64) {
        let width = width(text);
        let cost = |&(rank, (x, y)): &(usize, (f64, f64))| {
            let area = Area { x, y, width, height: LINE };
            let outside = width * LINE - area.shared(&self.inside);
            let taken: f64 = self.taken.iter().map(|taken| area.shared(taken)).sum();
            let crossed: f64 = self.lines.iter().map(|line| area.shared(line)).sum();
            20.0 * (outside + taken) + crossed + 12.0 * rank as f64
        };
        let places = places.into_iter().enumerate();
        let best = places.min_by(|a, b| cost(a).total_cmp(&cost(b)));
        let (x, y) = best.map_or((self.inside.x, self.inside.y), |(_, place)| place);
        self.take(Area { x, y, width, height: LINE });
        (x, y)
    }
}

/// Moves lines of text apart that belong at these heights, in the same order, between two ends.
pub(super) fn spread(wanted: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let mut heights = wanted.to_vec();
    let mut least = top;
    for &at in &order {
        heights[at] = heights[at].max(least);
        least = heights[at] + LINE;
    }
    let mut most = bottom;
    for &at in order.iter().rev() {
        heights[at] = heights[at].min(most);
        most = heights[at] - LINE;
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_lies_on_another() {
        let inside = Area { x: 0.0, y: 0.0, width: 500.0, height: 300.0 };
        let mut places = Places::new(inside);
        for _ in 0..5 {
            places.beside((480.0, 150.0), "a label");
            places.along((500.0, 20.0), "a line");
        }
        for (at, area) in places.taken.iter().enumerate() {
            assert!(area.shared(&inside) > 0.999 * area.width * area.height, "{area:?}");
            for other in &places.taken[at + 1..] {
                assert!(area.shared(other) < 1e-9, "{area:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_text_is_near_and_crosses_no_line_without_need() {
        let inside = Area { x: 0.0, y: 0.0, width: 500.0, height: 300.0 };
        let mut places = Places::new(inside);
        assert_eq!(places.beside((100.0, 100.0), "first"), (109.0, 92.5));
        places.avoid(Area { x: 0.0, y: 199.0, width: 500.0, height: 3.0 });
        let (_, y) = places.beside((100.0, 200.0), "second");
        assert!(!(184.0..202.0).contains(&y) && (y - 192.5).abs() < 3.0 * LINE, "{y}");
    }

    #[test]
    fn lines_are_moved_apart() {
        assert_eq!(spread(&[50.0, 20.0], 0.0, 100.0), [50.0, 20.0]);
        assert_eq!(spread(&[22.0, 20.0], 0.0, 100.0), [35.0, 20.0]);
        assert_eq!(spread(&[99.0, 98.0], 0.0, 100.0), [100.0, 85.0]);
        assert_eq!(spread(&[], 0.0, 100.0), [0.0; 0]);
    }
}
