//! Figures of several rounds, and whether they meet their targets.

use serde::Serialize;

/// A count as a figure.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(crate) fn count(n: u64) -> f64 {
    n as f64
}

/// For the median.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

/// One figure, a value for each round.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) target: Option<Target>,
    values: Vec<f64>,
}

impl Figure {
    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// The value in the middle; of two, the lower one.
    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn least(&self) -> f64 {
        self.sorted().first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn most(&self) -> f64 {
        self.sorted().last().copied().unwrap_or(f64::NAN)
    }

    /// `None` without a target.
    pub(crate) fn is_met(&self) -> Option<bool> {
        self.target.map(|target| target.is_met_by(self.median()))
    }
}

/// The figures of one row, in the order in which they were first added.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    /// Adds the value of this round.
    pub(crate) fn add(&mut self, name: &'static str, unit: &'static str, value: f64) {
        match self.0.iter_mut().find(|figure| figure.name == name) {
            Some(figure) => figure.values.push(value),
            None => self.0.push(Figure { name, unit, target: None, values: vec![value] }),
        }
    }

    pub(crate) fn set_target(&mut self, name: &'static str, target: Target) {
        for figure in self.0.iter_mut().filter(|figure| figure.name == name) {
            figure.target = Some(target);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Figure> {
        self.0.iter()
    }

    /// The latest value of each figure.
    pub(crate) fn latest(&self) -> String {
        let format = |figure: &Figure| {
            let value = figure.values.last().copied().unwrap_or(f64::NAN);
            format!("{} {value:.2} {}", figure.name, figure.unit)
        };
        self.0.iter().map(format).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, Target};

    #[test]
    fn the_median_is_compared_with_the_target() {
        let mut figures = Figures::default();
        for value in [3.0, 1.0, 9.0, 2.0, 4.0] {
            figures.add("ratio", "", value);
        }
        for (target, want) in [(Target::AtMost(3.0), true), (Target::AtLeast(3.1), false)] {
            figures.set_target("ratio", target);
            let ratio = figures.iter().next().unwrap();

            assert_eq!((ratio.least(), ratio.median(), ratio.most()), (1.0, 3.0, 9.0));
            assert_eq!(ratio.is_met(), Some(want));
        }
    }
}
