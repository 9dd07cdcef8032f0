//! What is included beside runs. Source: `api-docs/run.mdx`, "Available Related Resources".

use terrane_app::App;
use terrane_app::plans::PhaseView;
use terrane_app::runs::{self, RunView, Wanted};
use terrane_domain::access::Caller;
use terrane_domain::runner_protocol::Phase;
use terrane_jsonapi::Document;

use crate::error::ApiResult;
use crate::include::{Includes, Paths};
use crate::{account, comments, configuration_versions, plans, run_events, workspaces};

/// What a request wants to see beside the runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beside {
    plan: bool,
    apply: bool,
    others: Wanted,
}

impl Includes for Beside {
    /// Stages, policies and estimates do not exist yet; an error there would break every plan.
    const KNOWN: &'static [&'static str] = &[
        "apply",
        "comments",
        "configuration_version",
        "configuration_version.ingress_attributes",
        "confirmed_by",
        "cost_estimate",
        "created_by",
        "plan",
        "policy_checks",
        "run_events",
        "task_stages",
        "tf_policy_evaluations",
        "workspace",
    ];

    fn of(paths: &Paths) -> Self {
        Self {
            plan: paths.has("plan"),
            apply: paths.has("apply"),
            others: Wanted {
                workspace: paths.has("workspace"),
                configuration_version: paths.reach("configuration_version"),
                users: paths.has("created_by") || paths.has("confirmed_by"),
                run_events: paths.has("run_events"),
                comments: paths.has("comments"),
            },
        }
    }
}

impl Beside {
    /// Adds what is wanted. What is told of plans and applies is of the same moment as what is told of their runs.
    pub(super) async fn add(
        self,
        app: &App,
        caller: &Caller,
        document: Document,
        views: &[RunView],
    ) -> ApiResult<Document> {
        let related = runs::related(app, caller, views, self.others).await?;
        let phases = |phase, is_wanted: bool| {
            let views = views.iter().filter(move |_| is_wanted);
            views.map(move |view| PhaseView::of_run(app, caller, view, phase))
        };
        Ok(document
            .include_all(phases(Phase::Plan, self.plan).map(|view| plans::plan(app, &view)))
            .include_all(phases(Phase::Apply, self.apply).map(|view| plans::apply(app, &view)))
            .include_all(related.workspaces.iter().map(|view| workspaces::resource(app, view)))
            .include_all(
                related.configuration_versions.iter().map(|version| configuration_versions::resource(app, version)),
            )
            .include_all(related.users.iter().map(account::resource))
            .include_all(related.run_events.iter().map(run_events::resource))
            .include_all(related.comments.iter().map(comments::of_view)))
    }
}
