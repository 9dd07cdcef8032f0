//! How far a run has come, in the few words that people look for.

use maud::{Markup, html};
use terrane_domain::runs::RunStatus;
use terrane_domain::words;

words! {
    /// What the many statuses of runs come to.
    pub enum Progress {
        /// A person has to decide.
        Waiting = "waiting",
        /// It goes on by itself, or waits for its turn.
        Running = "running",
        /// Nothing is left to do.
        Succeeded = "succeeded",
        /// Something failed.
        Errored = "errored",
        /// A person ended it.
        Stopped = "stopped",
    }
}

impl Progress {
    pub(crate) fn of(status: RunStatus) -> Self {
        match status {
            RunStatus::Applied | RunStatus::PlannedAndFinished => Self::Succeeded,
            RunStatus::Errored | RunStatus::PolicySoftFailed => Self::Errored,
            RunStatus::Canceled | RunStatus::ForceCanceled | RunStatus::Discarded => Self::Stopped,
            RunStatus::PolicyOverride | RunStatus::PostPlanAwaitingDecision => Self::Waiting,
            status if status.is_confirmable() => Self::Waiting,
            _ => Self::Running,
        }
    }

    /// All statuses that come to this.
    pub(crate) fn statuses(self) -> Vec<RunStatus> {
        RunStatus::ALL.iter().copied().filter(|status| Self::of(*status) == self).collect()
    }

    /// What a list of runs or workspaces calls it.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Waiting => "Needs a decision",
            Self::Running => "Running or queued",
            Self::Succeeded => "Applied or no changes",
            Self::Errored => "Errored",
            Self::Stopped => "Discarded or canceled",
        }
    }
}

/// The status in a word, with a colour that is not its only sign.
pub(crate) fn status_badge(status: RunStatus) -> Markup {
    let tone = Progress::of(status).as_str();
    html! { span class={ "badge " (tone) } { (status.as_str().replace('_', " ")) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_does_not_run_and_what_runs_is_not_over() {
        for status in RunStatus::ALL {
            let is_over = !matches!(Progress::of(*status), Progress::Waiting | Progress::Running);
            assert_eq!(is_over, status.is_final(), "{status}");
        }
    }

    #[test]
    fn every_status_is_found_by_one_of_the_words() {
        let found: usize = Progress::ALL.iter().map(|progress| progress.statuses().len()).sum();
        assert_eq!(found, RunStatus::ALL.len());
    }
}
