//! Words by which lists of runs are narrowed. Source: `api-docs/run.mdx`, "List runs in a workspace".

use super::RunStatus;

words! {
    /// What a run does, by the first of these that holds.
    pub enum RunOperation {
        /// It may never apply.
        PlanOnly = "plan_only",
        /// Its plan is kept beside the queue.
        SavePlan = "save_plan",
        /// It takes over what changed outside.
        RefreshOnly = "refresh_only",
        /// It destroys everything.
        Destroy = "destroy",
        /// It applies even if there is nothing to do.
        EmptyApply = "empty_apply",
        /// It plans, and applies.
        PlanAndApply = "plan_and_apply",
    }
}

words! {
    /// Several statuses under one name.
    pub enum RunStatusGroup {
        /// Something can still follow.
        NonFinal = "non_final",
        /// Nothing can follow.
        Final = "final",
        /// It can be discarded now.
        Discardable = "discardable",
    }
}

impl RunStatusGroup {
    /// The statuses of the group.
    pub fn statuses(self) -> impl Iterator<Item = RunStatus> {
        RunStatus::ALL.iter().copied().filter(move |status| match self {
            Self::NonFinal => !status.is_final(),
            Self::Final => status.is_final(),
            // A run that waits its turn can be discarded as well, but has no plan that people must decide on.
            Self::Discardable => *status != RunStatus::Pending && status.is_discardable(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_is_final_or_not() {
        for status in RunStatus::ALL {
            let is_in = |group: RunStatusGroup| group.statuses().any(|one| one == *status);
            assert_ne!(is_in(RunStatusGroup::Final), is_in(RunStatusGroup::NonFinal), "{status}");
        }
    }

    #[test]
    fn what_is_discardable_is_as_documented() {
        let words: Vec<_> = RunStatusGroup::Discardable.statuses().map(RunStatus::as_str).collect();
        assert_eq!(
            words,
            [
                "planned",
                "cost_estimated",
                "policy_override",
                "policy_checked",
                "post_plan_running",
                "post_plan_completed",
                "post_plan_awaiting_decision",
                "planned_and_saved"
            ]
        );
    }
}
