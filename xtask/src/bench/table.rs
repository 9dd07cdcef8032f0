//! The table: what was measured, its budget, and whether it was met.

use anyhow::Result;

use super::process;

/// What a figure may be.
#[derive(Clone, Copy)]
pub(super) enum Budget {
    AtLeast(f64),
    AtMost(f64),
    /// Measured to be known, not to be judged.
    Free,
}

/// A row's name, unit and budget.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    pub(super) budget: Budget,
}

impl Row {
    pub(super) const fn at_least(what: &'static str, least: f64, unit: &'static str) -> Self {
        Self { what, unit, budget: Budget::AtLeast(least) }
    }

    pub(super) const fn at_most(what: &'static str, most: f64, unit: &'static str) -> Self {
        Self { what, unit, budget: Budget::AtMost(most) }
    }

    pub(super) const fn free(what: &'static str, unit: &'static str) -> Self {
        Self { what, unit, budget: Budget::Free }
    }

    fn budget_text(&self) -> String {
        match self.budget {
            Budget::AtLeast(least) => format!(">= {} {}", number(least), self.unit),
            Budget::AtMost(most) => format!("<= {} {}", number(most), self.unit),
            Budget::Free => "-".to_owned(),
        }
    }

    fn verdict(&self, figure: f64) -> &'static str {
        let is_met = match self.budget {
            Budget::AtLeast(least) => figure >= least,
            Budget::AtMost(most) => figure <= most,
            Budget::Free => return "-",
        };
        if is_met { "met" } else { "MISSED" }
    }
}

/// The rows so far, as texts.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<[String; 5]>,
    notes: Vec<String>,
    missing: usize,
}

impl Table {
    /// Adds a figure.
    pub(super) fn add(&mut self, row: Row, figure: f64) {
        let measured = format!("{} {}", number(figure), row.unit);
        self.push([row.what.to_owned(), measured, row.budget_text(), row.verdict(figure).to_owned(), process::load()]);
    }

    /// Adds what `measure` finds, or why it found nothing.
    pub(super) fn measure(&mut self, row: Row, measure: impl FnOnce() -> Result<f64>) {
        match measure() {
            Ok(figure) => self.add(row, figure),
            Err(error) => self.not_measured(row, &format!("{error:#}")),
        }
    }

    /// Adds a row without a figure. It counts as neither met nor missed.
    pub(super) fn not_measured(&mut self, row: Row, why: &str) {
        self.missing += 1;
        let verdict = format!("not measured: {why}");
        self.push([row.what.to_owned(), "-".to_owned(), row.budget_text(), verdict, process::load()]);
    }

    /// Adds a remark for below the table.
    pub(super) fn note(&mut self, text: String) {
        println!("  ({text})");
        self.notes.push(text);
    }

    /// Ends a part; if it broke off, what was left of it is missing.
    pub(super) fn close(&mut self, part: &str, measured: Result<()>) {
        if let Err(error) = measured {
            self.missing += 1;
            let verdict = format!("not measured: {error:#}");
            self.push([format!("{part}: the rest"), "-".to_owned(), "-".to_owned(), verdict, process::load()]);
        }
    }

    fn push(&mut self, row: [String; 5]) {
        println!("  {}: {} ({}) {}", row[0], row[1], row[2], row[3]);
        self.rows.push(row);
    }

    /// Prints rows and remarks.
    pub(super) fn print(&self) {
        let head = ["what", "measured", "budget", "", "load"].map(str::to_owned);
        let width =
            |column: usize| self.rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0);
        let (what, measured, budget) = (width(0), width(1), width(2));
        println!();
        for row in [&head].into_iter().chain(&self.rows) {
            println!("{:<what$}  {:>measured$}  {:>budget$}  {:>4}  {}", row[0], row[1], row[2], row[4], row[3]);
        }
        println!();
        for note in &self.notes {
            println!("{note}");
        }
        println!("load average {}", process::load_averages());
    }

    /// Whether every row has a figure.
    pub(super) fn is_complete(&self) -> bool {
        self.missing == 0
    }
}

/// A number with as many places as say something.
fn number(figure: f64) -> String {
    match figure.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        size if size >= 1.0 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

/// The middle of some figures; of an even number, the lower of the two in the middle.
pub(super) fn median(figures: &[f64]) -> f64 {
    percentile(figures, 50)
}

/// The figure that `percent` of all are not above.
pub(super) fn percentile(figures: &[f64], percent: usize) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_has_a_direction() {
        let (least, most) = (Row::at_least("rate", 100.0, "/s"), Row::at_most("time", 0.5, "s"));
        assert_eq!((least.verdict(100.0), least.verdict(99.9)), ("met", "MISSED"));
        assert_eq!((most.verdict(0.5), most.verdict(0.51)), ("met", "MISSED"));
        assert_eq!(most.verdict(f64::NAN), "MISSED");
        assert_eq!(most.budget_text(), "<= 0.500 s");
    }

    #[test]
    fn what_could_not_be_measured_is_not_met() {
        let mut table = Table::default();
        table.measure(Row::at_most("time", 0.5, "s"), || anyhow::bail!("no clock"));
        assert!(!table.is_complete());
        assert_eq!(table.rows[0][3], "not measured: no clock");
    }

    #[test]
    fn percentiles_are_figures_that_were_measured() {
        let figures: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        assert!((percentile(&figures, 95) - 19.0).abs() < f64::EPSILON);
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!(median(&[]).is_nan());
    }
}
