//! Reason codes: why something waits, was refused or failed. Each has a sentence that says what to do next.

words! {
    /// Why a run ended otherwise than applied, or why it waits.
    pub enum ReasonCode {
        /// No engine of a wanted version is installed.
        EngineMissing = "engine-missing",
        /// The configuration archive cannot be unpacked.
        ConfigurationInvalid = "configuration-invalid",
        /// What the run works with is stored, but cannot be read any more.
        InputUnreadable = "input-unreadable",
        /// terraform cannot be started with the workspace's environment variables.
        EnvironmentInvalid = "environment-invalid",
        /// `terraform init` failed.
        InitFailed = "init-failed",
        /// `terraform plan` failed.
        PlanFailed = "plan-failed",
        /// `terraform apply` failed; the state keeps what was done.
        ApplyFailed = "apply-failed",
        /// The child was ended by a signal that nobody here asked for.
        EngineCrashed = "engine-crashed",
        /// The child used more memory than it may.
        OutOfMemory = "oom",
        /// The disk of the runner is full, or the run filled its share of it.
        DiskFull = "disk-full",
        /// The child started more processes than it may.
        ProcessLimit = "process-limit",
        /// The phase took longer than it may.
        TimeLimit = "time-limit",
        /// The sandbox could not be set up and the run must not do without it.
        SandboxUnavailable = "sandbox-unavailable",
        /// Someone cancelled the run.
        Canceled = "canceled",
        /// Someone ended the run by force.
        ForceCanceled = "force-canceled",
        /// Someone discarded the run.
        Discarded = "discarded",
        /// A newer plan was applied, or the state changed, so that this one is stale.
        Superseded = "superseded",
        /// A saved plan was not confirmed in time.
        PlanExpired = "plan-expired",
        /// Someone made another run go first.
        ForceExecuted = "force-executed",
        /// The runner disappeared while it planned, too often to try again.
        PlanRunnerLost = "plan-runner-lost",
        /// The runner disappeared before its apply began, too often to try again.
        ApplyRunnerLost = "apply-runner-lost",
        /// The runner disappeared while it applied; what was done is not known for certain.
        RunnerLost = "runner-lost",
        /// The apply went to its end, but the state that it left could not be stored.
        StateRefused = "state-refused",
        /// The saved plan could not be found or did not fit the state.
        PlanStale = "plan-stale",
        /// The runner failed in itself.
        Internal = "internal",
    }
}

impl ReasonCode {
    /// What happened and what to do, for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::EngineMissing => {
                "No terraform of the wanted version is installed on the runner. Install it on the runner's PATH, or set the workspace's terraform-version to an installed one, then queue a new run."
            }
            Self::ConfigurationInvalid => {
                "The configuration archive could not be unpacked. Upload it again, then queue a new run."
            }
            Self::InputUnreadable => {
                "What this run needs cannot be read from the server's storage. Nothing was changed. Let whoever runs the server restore it, then queue a new run."
            }
            Self::EnvironmentInvalid => {
                "An environment variable of the workspace cannot be handed to terraform. The log says which and why; change it, then queue a new run."
            }
            Self::InitFailed => {
                "terraform init failed. The log shows its error; correct the configuration and queue a new run."
            }
            Self::PlanFailed => {
                "terraform plan failed. The log shows its error; correct the configuration and queue a new run."
            }
            Self::ApplyFailed => {
                "terraform apply failed. What it did before the error is kept in the state; correct the cause and queue a new run to finish the rest."
            }
            Self::EngineCrashed => {
                "terraform ended by a signal. The log may show why; queue a new run to see what is left to do."
            }
            Self::OutOfMemory => {
                "terraform used more memory than a run may. Raise the limit, or split the configuration."
            }
            Self::ProcessLimit => {
                "terraform started more processes than a run may. Raise the limit, or let the configuration start fewer at a time."
            }
            Self::TimeLimit => "The run took longer than it may. Raise the limit, or split the configuration.",
            Self::DiskFull => "The runner's disk is full. Free space on it, then queue a new run.",
            Self::SandboxUnavailable => {
                "The sandbox could not be set up on this runner, so nothing was run. The message names the step that failed."
            }
            Self::Canceled => "The run was cancelled. Queue a new one when you are ready.",
            Self::ForceCanceled => {
                "The run was ended by force. What terraform did until then may be missing from the state; compare it with the real resources, then queue a new run."
            }
            Self::Discarded => "The plan was discarded. Nothing was changed.",
            Self::Superseded => {
                "Another run changed the workspace after this plan was made. Queue a new run to plan against the new state."
            }
            Self::PlanExpired => {
                "The saved plan was not confirmed within four weeks, so it was discarded. Queue a new run to plan against what is there now."
            }
            Self::ForceExecuted => {
                "Another run was executed by force, so this one was discarded. Queue a new run if its change is still wanted."
            }
            Self::PlanRunnerLost => {
                "The runner disappeared during the plan, and so did the one after it. Nothing was changed; queue a new run."
            }
            Self::ApplyRunnerLost => {
                "The runner disappeared before the apply began, and so did those after it. Nothing was changed; queue a new run."
            }
            Self::RunnerLost => {
                "The runner disappeared during the apply, so its outcome is not known, and nothing is tried again by itself. The workspace has the last state that arrived and stays locked. Compare it with the real resources, adopt or discard on the run's page what the runner may hand over later, or force-unlock the workspace; then queue a new run."
            }
            Self::StateRefused => {
                "The state that the apply left could not become the workspace's, so it is kept beside it and the workspace stays locked. Adopt or discard it on the run's page, or force-unlock the workspace; then queue a new run."
            }
            Self::PlanStale => {
                "The saved plan no longer fits the workspace's state. Queue a new run to plan against the new state."
            }
            Self::Internal => "The runner failed in itself. Its own log has the details; queue a new run.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_sentence_that_ends() {
        for reason in ReasonCode::ALL {
            assert!(reason.sentence().ends_with('.'), "{reason}");
        }
    }
}
