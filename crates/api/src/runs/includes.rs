//! What is included beside runs. Source: `api-docs/run.mdx`, "Available Related Resources".

use terrane_app::App;
use terrane_app::plans::PhaseView;
use terrane_app::runs::{self, RunView, Wanted};
use terrane_domain::access::Caller;
use terrane_domain::runner_protocol::Phase;
use terrane_jsonapi::{Document, Query};

use crate::error::ApiResult;
use crate::{account, comments, configuration_versions, plans, run_events, workspaces};

/// Includes that we know. Stages, policies and estimates do not exist yet; an error there would break every plan, so they
/// are known and empty, as is what comes with version control.
const INCLUDES: &[&str] = &[
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

/// What a request wants to see beside the runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Includes {
    plan: bool,
    apply: bool,
    others: Wanted,
}

pub(super) fn parse(query: &Query) -> ApiResult<Includes> {
    let includes = query.include(INCLUDES)?;
    let has = |wanted: &str| includes.iter().any(|path| path == wanted);
    Ok(Includes {
        plan: has("plan"),
        apply: has("apply"),
        others: Wanted {
            workspace: has("workspace"),
            configuration_version: has("configuration_version") || has("configuration_version.ingress_attributes"),
            users: has("created_by") || has("confirmed_by"),
            run_events: has("run_events"),
            comments: has("comments"),
        },
    })
}

impl Includes {
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
