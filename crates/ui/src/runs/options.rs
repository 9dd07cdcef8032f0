//! What a run was asked to be: shown as it was asked for, for who has to judge it.

use maud::{Markup, html};
use terrane_app::App;
use terrane_app::runs::{self, Related, RunView, Wanted};
use terrane_domain::access::Caller;
use terrane_domain::ids::UserId;
use terrane_domain::runs::{RunOperation, RunSource, RunStatus, SAVED_PLAN_LIFE};
use terrane_domain::time::Timestamp;

use crate::error::PageResult;
use crate::forms::copyable;
use crate::times::Now;

const fn operation(operation: RunOperation) -> &'static str {
    match operation {
        RunOperation::PlanOnly => "Plan only: it can never be applied",
        RunOperation::SavePlan => "Saved plan: kept beside the queue until it is confirmed",
        RunOperation::RefreshOnly => "Refresh only: takes over into the state what changed outside",
        RunOperation::Destroy => "Destroy: everything that the workspace manages",
        RunOperation::EmptyApply => "Plan and apply, even if there is nothing to do",
        RunOperation::PlanAndApply => "Plan and apply",
    }
}

const fn source(source: RunSource) -> &'static str {
    match source {
        RunSource::Api => "the API",
        RunSource::Ui => "these pages",
        RunSource::ConfigurationVersion => "the upload of a configuration",
        RunSource::TerraformCloud => "terraform at a prompt",
        RunSource::RunTrigger => "another workspace",
    }
}

/// The name of a person who had part in the run.
fn name<'a>(related: &'a Related, id: Option<&UserId>) -> Option<&'a str> {
    let user = related.users.iter().find(|user| Some(&user.id) == id)?;
    Some(&user.username)
}

fn codes(of: &[String]) -> Markup {
    html! { ul class="plain" { @for text in of { li { code { (text) } } } } }
}

fn entered(view: &RunView, status: RunStatus) -> Option<Timestamp> {
    view.run.status_timestamps.get(status.timestamp_key())?.as_str()?.parse().ok()
}

/// When the plan that is kept will be thrown away.
fn saved_plan(view: &RunView, now: Now) -> Markup {
    let run = &view.run;
    html! {
        @match (run.status, entered(view, RunStatus::PlannedAndSaved)) {
            (RunStatus::PlannedAndSaved, _) => { "Discarded " (now.time(run.created_at.plus(SAVED_PLAN_LIFE))) ", unless it is confirmed before" }
            (_, Some(moment)) => { "Kept from " (now.time(moment)) }
            (_, None) => "Kept once it is made",
        }
    }
}

/// The options that differ from what most runs have.
fn special(view: &RunView) -> Markup {
    let options = &view.run.options;
    // Values may be secrets, whatever they are called.
    let variables: Vec<String> = view.variables.iter().map(|variable| variable.key.clone()).collect();
    html! {
        @for (title, texts) in [
            ("Targets", &options.target_addrs),
            ("Replaces", &options.replace_addrs),
            ("Actions invoked", &options.invoke_action_addrs),
            ("Variables of this run", &variables),
        ] {
            @if !texts.is_empty() { div { dt { (title) } dd { (codes(texts)) } } }
        }
        @if !options.refresh { div { dt { "Refresh" } dd { "Off: the state is taken as it is" } } }
        @if options.allow_config_generation { div { dt { "Generated configuration" } dd { "For what is imported" } } }
        @if options.debugging_mode { div { dt { "Debugging" } dd { "On: the log says all that terraform traces" } } }
    }
}

/// The section.
pub(super) async fn render(app: &App, caller: &Caller, view: &RunView, now: Now) -> PageResult<Markup> {
    let wanted = Wanted { users: true, configuration_version: true, ..Wanted::default() };
    let related = runs::related(app, caller, std::slice::from_ref(view), wanted).await?;
    let run = &view.run;
    let configuration = related.configuration_versions.first();
    Ok(html! {
        section aria-labelledby="options" {
            h2 id="options" { "Options" }
            dl class="facts" {
                div { dt { "Type" } dd { (operation(run.operation)) } }
                div {
                    dt { "Queued by" }
                    dd { (name(&related, run.created_by.as_ref()).unwrap_or("No person: a token or the server")) ", through " (source(run.source)) }
                }
                @if let Some(confirmed_by) = name(&related, run.confirmed_by.as_ref()) {
                    div { dt { "Confirmed by" } dd { (confirmed_by) } }
                }
                @if !run.plan_only {
                    div { dt { "Auto-apply" } dd { @if run.auto_apply { "On: the plan is applied without asking" } @else { "Off: somebody has to confirm the plan" } } }
                }
                @if run.save_plan { div { dt { "Saved plan" } dd { (saved_plan(view, now)) } } }
                div { dt { (run.engine.label()) " version" } dd { (run.terraform_version) } }
                div {
                    dt { "Configuration" }
                    dd {
                        (copyable(run.configuration_version_id.as_str(), "id of the configuration version"))
                        @if let Some(version) = configuration {
                            span class="quiet" { "uploaded " (now.time(version.created_at)) @if version.speculative { ", only to be planned" } }
                        }
                    }
                }
                (special(view))
            }
        }
    })
}
