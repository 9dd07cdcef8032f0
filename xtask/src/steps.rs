//! Steps of a chore: each named, timed beside its budget, and summed up at the end.

use std::time::{Duration, Instant};

use anyhow::Result;

/// What a step came to.
pub(crate) struct Outcome {
    name: String,
    took: Duration,
    budget: Duration,
    passed: bool,
}

/// The steps done so far.
#[derive(Default)]
pub(crate) struct Steps(Vec<Outcome>);

impl Steps {
    /// Does a step. A failure is shown and counted; the steps after it are still done.
    pub(crate) fn run(&mut self, name: &str, budget: Duration, step: impl FnOnce() -> Result<bool>) -> bool {
        println!("\n==> {name} (budget {})", clock(budget));
        let start = Instant::now();
        let passed = step().unwrap_or_else(|error| {
            println!("error: {error:#}");
            false
        });
        let outcome = Outcome { name: name.to_owned(), took: start.elapsed(), budget, passed };
        println!("<== {}", outcome.line());
        self.0.push(outcome);
        passed
    }

    /// Prints a line for each step.
    pub(crate) fn print(&self) {
        println!();
        for outcome in &self.0 {
            println!("{}", outcome.line());
        }
    }

    /// How many steps failed.
    pub(crate) fn failed(&self) -> u64 {
        self.0.iter().map(|outcome| u64::from(!outcome.passed)).sum()
    }
}

impl Outcome {
    fn line(&self) -> String {
        let result = if self.passed { "ok    " } else { "FAILED" };
        let over = if self.took > self.budget { ", OVER BUDGET" } else { "" };
        format!("{result} {:<28} {:>8} of {}{over}", self.name, clock(self.took), clock(self.budget))
    }
}

fn clock(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..60 => format!("{seconds}.{} s", duration.subsec_millis() / 100),
        seconds => format!("{}:{:02} min", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_and_do_not_stop_the_rest() {
        let mut steps = Steps::default();
        assert!(!steps.run("first", Duration::ZERO, || anyhow::bail!("no")));
        assert!(steps.run("second", Duration::from_mins(1), || Ok(true)));
        assert_eq!(steps.failed(), 1);
        assert!(steps.0[0].line().ends_with("OVER BUDGET"));
    }

    #[test]
    fn durations_are_short_to_read() {
        assert_eq!(clock(Duration::from_millis(1250)), "1.2 s");
        assert_eq!(clock(Duration::from_secs(605)), "10:05 min");
    }
}
