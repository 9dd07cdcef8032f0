//! Runs: create, read, list. What people do to them is in `actions`, what documents show beside them in `related`.

mod actions;
mod lists;
mod related;

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::Serialize;
use serde_json::json;
use terrane_domain::access::{Action, Caller, Target, visible_workspaces};
use terrane_domain::configuration_versions::{ConfigurationVersion, ConfigurationVersionStatus};
use terrane_domain::engine_versions::is_allowed;
use terrane_domain::ids::{ApplyId, CommentId, ConfigurationVersionId, PlanId, RunEventId, RunId, WorkspaceId};
use terrane_domain::invalid::Invalid;
use terrane_domain::run_events::RunEventAction;
use terrane_domain::runner_protocol::{ChangeCounts, LogFormat, Phase};
use terrane_domain::runs::{
    LONGEST_MESSAGE, PhaseStatus, PlanOptions, Run, RunMode, RunPhase, RunSource, RunStatus, RunVariable,
};
use terrane_domain::time::Timestamp;
use terrane_domain::variables::VariableCategory;
use terrane_domain::workspaces::{ExecutionMode, Workspace};
use terrane_store::{Topic, Tx, standings};

use crate::lookups::{self, Place, WorkspaceKey};
use crate::run_events::add;
use crate::{App, AppError, AppResult, entropy, events, queue};

pub use crate::queue::expire_saved_plans;
pub use actions::{RunAction, act};
pub use lists::{list, of_organization};
pub use related::{Related, Wanted, related};
pub use terrane_store::runs::RunFilter;

/// What a request for a run says.
#[derive(Clone)]
pub struct NewRun {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The configuration; the newest usable one if absent.
    pub configuration_version_id: Option<ConfigurationVersionId>,
    /// For people.
    pub message: Option<String>,
    /// Overrides the workspace's auto-apply.
    pub auto_apply: Option<bool>,
    /// Never apply; so it is without asking if the configuration is speculative.
    pub plan_only: Option<bool>,
    /// Keep the plan beside the queue.
    pub save_plan: bool,
    /// The engine's version, for a run that never applies; the workspace's if absent.
    pub terraform_version: Option<String>,
    /// Apply an empty plan too.
    pub allow_empty_apply: bool,
    /// The plan's own flags.
    pub options: PlanOptions,
    /// The run's own variables.
    pub variables: Vec<RunVariable>,
    /// Who asks.
    pub source: RunSource,
    /// Whether the client renders structured output.
    pub client_renders_json: bool,
}

impl NewRun {
    /// The run that an upload queues by itself.
    pub(crate) fn for_configuration(version: &ConfigurationVersion) -> Self {
        Self {
            workspace_id: version.workspace_id.clone(),
            configuration_version_id: Some(version.id.clone()),
            message: Some("Queued by the upload of a configuration".to_owned()),
            auto_apply: None,
            plan_only: None,
            save_plan: false,
            terraform_version: None,
            allow_empty_apply: false,
            options: PlanOptions { refresh: true, ..PlanOptions::default() },
            variables: Vec::new(),
            source: RunSource::ConfigurationVersion,
            client_renders_json: true,
        }
    }
}

/// A variable of a run as the caller sees it.
#[derive(Clone, Serialize)]
pub struct ShownVariable {
    /// Its name.
    pub key: String,
    /// Its value, if the caller reads variables and it stands in no sensitive one's place.
    pub value: Option<String>,
}

/// A run as documents and pages show it.
#[derive(Clone)]
pub struct RunView {
    /// The run.
    pub run: Run,
    /// Its workspace.
    pub workspace: Workspace,
    /// The organization's name.
    pub organization: String,
    /// The plan.
    pub plan: RunPhase,
    /// The apply.
    pub apply: RunPhase,
    /// The run's own variables.
    pub variables: Vec<ShownVariable>,
    /// Ids of the entries of its history.
    pub event_ids: Vec<RunEventId>,
    /// Ids of what people said about it.
    pub comment_ids: Vec<CommentId>,
    /// Place among the organization's runs that have not begun: 1 is next, 0 has begun.
    pub position_in_queue: i64,
    /// Whether the caller may see it.
    can_read: bool,
    /// Whether the caller may confirm, discard and cancel.
    pub can_apply: bool,
    /// Whether the caller may say something about it.
    pub can_comment: bool,
    /// Whether the caller may end it by force.
    pub can_force_cancel: bool,
    /// Whether the run can be confirmed now.
    pub is_confirmable: bool,
    /// When it may be ended by force.
    pub force_cancel_available_at: Option<Timestamp>,
    /// Whether it can be ended by force now.
    pub is_force_cancelable: bool,
}

/// The views of an organization's runs, in their order, by as many statements for a page of them as for one.
async fn views(tx: &mut Tx, app: &App, caller: &Caller, place: &Place, runs: Vec<Run>) -> AppResult<Vec<RunView>> {
    let organization = &place.organization;
    let ids: Vec<_> = runs.iter().map(|run| &run.id).collect();
    let workspace_ids: BTreeSet<_> = runs.iter().map(|run| &run.workspace_id).collect();
    let workspace_ids: Vec<_> = workspace_ids.into_iter().collect();
    let workspaces = terrane_store::workspaces::by_ids(tx, &workspace_ids).await?;
    let workspaces: HashMap<_, _> = workspaces.into_iter().map(|workspace| (workspace.id.clone(), workspace)).collect();
    let (mut plans, mut applies) = (HashMap::new(), HashMap::new());
    for phase in terrane_store::runs::phases(tx, &ids).await? {
        let half = if phase.phase == Phase::Plan { &mut plans } else { &mut applies };
        half.insert(phase.run_id.clone(), phase);
    }
    let mut variables = terrane_store::runs::variables_of(tx, &organization.id, &ids).await?;
    let sensitive = if variables.is_empty() {
        HashSet::new()
    } else {
        terrane_store::variables::sensitive_of_workspaces(tx, &workspace_ids, VariableCategory::Terraform).await?
    };
    let (mut event_ids, mut comment_ids) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
    for event in terrane_store::run_events::of_runs(tx, &ids).await? {
        if let Some(id) = event.comment_id {
            comment_ids.entry(event.run_id.clone()).or_default().push(id);
        }
        event_ids.entry(event.run_id).or_default().push(event.id);
    }
    let (cool_off, now) = (app.force_cancel_cool_off, tx.now());
    let places: Vec<_> = workspaces.values().map(|workspace| (&workspace.project_id, &workspace.id)).collect();
    let grants = standings::grants(tx, &place.standing, &places).await?;
    let waiting: Vec<_> = runs.iter().filter(|run| run.status.has_not_begun()).collect();
    let places_in_queue = terrane_store::runs::places_in_queue(tx, &organization.id, &waiting).await?;
    let view = |run: Run| {
        let workspace = workspaces.get(&run.workspace_id).cloned()?;
        let standing = grants.at(&place.standing, &workspace.project_id, &workspace.id);
        let here = Place { standing, ..place.clone() };
        let may = |action| here.judge(caller, action, Target::Workspace(&workspace.id)).is_ok();
        let may_read_variables = may(Action::ReadVariables);
        let shown = |RunVariable { key, value }| {
            let place = (workspace.id.clone(), key);
            let is_shown = may_read_variables && !sensitive.contains(&place);
            ShownVariable { value: is_shown.then_some(value), key: place.1 }
        };
        Some(RunView {
            organization: organization.name.clone(),
            plan: plans.remove(&run.id)?,
            apply: applies.remove(&run.id)?,
            variables: variables.remove(&run.id).unwrap_or_default().into_iter().map(shown).collect(),
            event_ids: event_ids.remove(&run.id).unwrap_or_default(),
            comment_ids: comment_ids.remove(&run.id).unwrap_or_default(),
            position_in_queue: places_in_queue.get(&run.id).copied().unwrap_or(0),
            can_read: may(Action::ReadWorkspace),
            can_apply: may(Action::ApplyRun),
            can_comment: may(Action::QueueRun),
            can_force_cancel: may(Action::ForceCancelRun),
            force_cancel_available_at: run.force_cancel_available_at(cool_off),
            is_force_cancelable: run.is_force_cancelable(cool_off, now),
            // A saved plan has to get the workspace for itself before it can be confirmed.
            is_confirmable: run.status.is_confirmable()
                && (run.status != RunStatus::PlannedAndSaved || workspace.lock_holder.is_none()),
            workspace,
            run,
        })
    };
    runs.into_iter().map(view).collect::<Option<_>>().ok_or(AppError::NotFound)
}

/// The views of those of an organization's runs that the caller may read.
pub(crate) async fn readable(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    place: &Place,
    runs: Vec<Run>,
) -> AppResult<Vec<RunView>> {
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let mut views = views(tx, app, caller, place, runs).await?;
    views.retain(|view| view.can_read);
    Ok(views)
}

async fn view(tx: &mut Tx, app: &App, caller: &Caller, place: &Place, run: Run) -> AppResult<RunView> {
    views(tx, app, caller, place, vec![run]).await?.pop().ok_or(AppError::NotFound)
}

/// Queues a run.
pub async fn create(app: &App, caller: &Caller, new: NewRun) -> AppResult<RunView> {
    let (app_, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (run, place) = create_in(tx, &caller, new).await?;
                view(tx, &app_, &caller, &place, run).await
            })
        })
        .await
}

/// The run as it stands once the queue has seen it, and what the caller is in its workspace.
pub(crate) async fn create_in(tx: &mut Tx, caller: &Caller, new: NewRun) -> AppResult<(Run, Place)> {
    let key = WorkspaceKey::Id(new.workspace_id.clone());
    let (workspace, place) = lookups::held_workspace(tx, caller, &key, Action::QueueRun).await?;
    let configuration = configuration_for(tx, &workspace, new.configuration_version_id.as_ref()).await?;
    let blob = configuration.blob.clone().ok_or_else(|| no_configuration(&configuration))?;
    let project = terrane_store::projects::by_id(tx, &workspace.project_id).await?.ok_or(AppError::NotFound)?;
    let execution = workspace.execution(&project.execution(&place.organization));
    let plan_only = configuration.speculative || new.plan_only.unwrap_or(false);
    check_options(&workspace, execution.mode, plan_only, &new)?;
    Invalid::if_longer("message", new.message.as_deref().unwrap_or_default(), LONGEST_MESSAGE)?;
    let may_apply = place.judge(caller, Action::ApplyRun, Target::Workspace(&workspace.id)).is_ok();
    // Who may not apply cannot have something applied by asking beforehand.
    let mode = RunMode {
        plan_only,
        save_plan: new.save_plan && !plan_only,
        allow_empty_apply: may_apply && new.allow_empty_apply,
    };
    let now = tx.now();
    let log_format = if workspace.structured_run_output_enabled && new.client_renders_json {
        LogFormat::Structured
    } else {
        LogFormat::Text
    };
    let mut run = Run {
        id: RunId::from_entropy(entropy()),
        organization_id: workspace.organization_id.clone(),
        workspace_id: workspace.id.clone(),
        workspace_name: workspace.name.clone(),
        working_directory: workspace.working_directory.trim_matches('/').to_owned(),
        configuration_version_id: configuration.id.clone(),
        plan_id: PlanId::from_entropy(entropy()),
        apply_id: ApplyId::from_entropy(entropy()),
        status: RunStatus::Pending,
        status_timestamps: json!({ "plan-queueable-at": now }),
        message: new.message.unwrap_or_else(|| default_message(new.source).to_owned()),
        source: new.source,
        created_by: caller.user_id().cloned(),
        confirmed_by: None,
        auto_apply: may_apply && !new.save_plan && new.auto_apply.unwrap_or(workspace.auto_apply),
        plan_only: mode.plan_only,
        save_plan: mode.save_plan,
        allow_empty_apply: mode.allow_empty_apply,
        operation: mode.operation(&new.options),
        options: new.options,
        log_format,
        engine: workspace.engine,
        terraform_version: new.terraform_version.unwrap_or_else(|| workspace.terraform_version.clone()),
        input_state_version_id: None,
        has_changes: false,
        reason: None,
        reason_message: None,
        canceled_at: None,
        created_at: now,
    };
    let plan = new_phase(run.plan_id.to_string(), &run, Phase::Plan, PhaseStatus::Pending);
    let apply_status = if plan_only { PhaseStatus::Unreachable } else { PhaseStatus::Pending };
    let apply = new_phase(run.apply_id.to_string(), &run, Phase::Apply, apply_status);
    terrane_store::runs::insert(tx, &run, [&plan, &apply], &new.variables, &blob).await?;
    add(tx, &run, RunEventAction::Created, Some(caller), None).await?;
    let details = json!({ "workspace": workspace.name, "plan-only": plan_only, "is-destroy": run.options.is_destroy });
    events::record(tx, caller, &run.organization_id, "run.create", run.id.as_str(), details).await?;
    if run.is_queued_in_turn() {
        queue::advance(tx, &run.workspace_id).await?;
    } else {
        queue::start_plan(tx, &mut run).await?;
    }
    Ok((terrane_store::runs::by_id(tx, &run.id).await?.ok_or(AppError::NotFound)?, place))
}

const fn default_message(source: RunSource) -> &'static str {
    match source {
        RunSource::Api => "Triggered via the API",
        RunSource::Ui => "Triggered via the web pages",
        RunSource::TerraformCloud => "Triggered via terraform",
        RunSource::ConfigurationVersion => "Queued by the upload of a configuration",
        RunSource::RunTrigger => "Triggered by another workspace",
    }
}

fn new_phase(id: String, run: &Run, phase: Phase, status: PhaseStatus) -> RunPhase {
    RunPhase {
        id,
        run_id: run.id.clone(),
        phase,
        status,
        status_timestamps: json!({}),
        counts: ChangeCounts::default(),
        log_length: 0,
        log_ended: false,
        log_blob: None,
        plan_blob: None,
        json_blob: None,
        redacted_blob: None,
        generated_configuration: false,
        sandbox_level: None,
    }
}

fn no_configuration(version: &ConfigurationVersion) -> AppError {
    let detail = match version.status {
        ConfigurationVersionStatus::Errored => format!(
            "The configuration version {} was refused: {}",
            version.id,
            version.error_message.as_deref().unwrap_or("its archive is broken")
        ),
        _ => format!("The configuration version {} has no archive yet; upload it first", version.id),
    };
    AppError::Invalid { pointer: Some("/data/relationships/configuration-version".to_owned()), detail }
}

async fn configuration_for(
    tx: &mut Tx,
    workspace: &Workspace,
    id: Option<&ConfigurationVersionId>,
) -> AppResult<ConfigurationVersion> {
    let missing = |detail: &str| AppError::Invalid {
        pointer: Some("/data/relationships/configuration-version".to_owned()),
        detail: detail.to_owned(),
    };
    match id {
        Some(id) => terrane_store::configuration_versions::by_id(tx, id)
            .await?
            .filter(|version| version.workspace_id == workspace.id)
            .ok_or_else(|| missing("The configuration version does not exist")),
        None => terrane_store::configuration_versions::newest_usable(tx, &workspace.id)
            .await?
            .ok_or_else(|| missing("The workspace has no configuration yet; upload one first")),
    }
}

fn check_options(workspace: &Workspace, mode: ExecutionMode, plan_only: bool, new: &NewRun) -> AppResult<()> {
    if mode == ExecutionMode::Local {
        return Err(AppError::Invalid {
            pointer: Some("/data/relationships/workspace".to_owned()),
            detail: "The workspace runs terraform locally; set its execution mode to remote to queue runs".to_owned(),
        });
    }
    if let Some(version) = &new.terraform_version {
        if !plan_only {
            let detail = "A version of terraform can be set only for a plan-only run; others use the workspace's";
            return Err(AppError::invalid("terraform-version", detail));
        }
        if !is_allowed(workspace.engine, version) {
            let label = workspace.engine.label();
            let detail = format!("{version:?} is no version of {label}; give one such as 1.11.4, or latest");
            return Err(AppError::invalid("terraform-version", detail));
        }
    }
    if !new.options.refresh && new.options.refresh_only {
        return Err(AppError::invalid("refresh", "A refresh-only run cannot go without refreshing"));
    }
    for (attribute, addresses) in [
        ("target-addrs", &new.options.target_addrs),
        ("replace-addrs", &new.options.replace_addrs),
        ("invoke-action-addrs", &new.options.invoke_action_addrs),
    ] {
        if addresses.iter().any(|address| address.trim().is_empty() || address.contains('\0')) {
            return Err(AppError::invalid(attribute, "An address of a resource or module cannot be empty"));
        }
    }
    if new.options.is_destroy && new.options.refresh_only {
        return Err(AppError::invalid("refresh-only", "A run cannot be both a destroy and a refresh-only run"));
    }
    if new.options.is_destroy && !workspace.allow_destroy_plan {
        return Err(AppError::invalid("is-destroy", "The workspace does not allow destroy plans"));
    }
    if new.save_plan && new.plan_only == Some(true) {
        return Err(AppError::invalid("save-plan", "A run cannot be both plan-only and a saved plan"));
    }
    Ok(())
}

/// One run.
pub async fn read(app: &App, caller: &Caller, id: RunId) -> AppResult<RunView> {
    let (app_, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let (run, place) = lookups::run_with_place(tx, &caller, &id, Action::ReadWorkspace).await?;
                view(tx, &app_, &caller, &place, run.into_inner()).await
            })
        })
        .await
}

/// The run as soon as it is otherwise than `last`.
pub async fn changed(app: &App, caller: &Caller, last: &RunView) -> AppResult<RunView> {
    let waiter = app.store.waiter(Topic::Run(last.run.id.to_string()));
    loop {
        let notified = waiter.notified();
        let view = read(app, caller, last.run.id.clone()).await?;
        if view.run != last.run || view.workspace.lock_holder != last.workspace.lock_holder {
            return Ok(view);
        }
        tokio::select! {
            () = notified => {}
            () = tokio::time::sleep(std::time::Duration::from_secs(5)) => {}
            () = app.drained() => return Err(AppError::Unavailable("the server stops".to_owned())),
        }
    }
}

/// One page of an organization's runs that wait or run and that the caller may see, and their total number.
pub async fn organization_queue(
    app: &App,
    caller: &Caller,
    organization: &str,
    limit: i64,
    offset: i64,
) -> AppResult<(Vec<RunView>, i64)> {
    let (app_, caller, organization) = (app.clone(), caller.clone(), organization.to_owned());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let found = lookups::organization(tx, &caller, &organization, Action::ReadOrganization).await?;
                let id = &found.organization.id;
                let visibility = visible_workspaces(&caller, id, &found.standing);
                let (rows, total) =
                    terrane_store::runs::queue_of_organization(tx, id, &visibility, limit, offset).await?;
                Ok((views(tx, &app_, &caller, &found, rows).await?, total))
            })
        })
        .await
}

/// How many of an organization's runs wait for their turn or a runner, and how many run, among those that the caller may
/// see.
#[derive(Debug, Clone, Copy, Default)]
#[expect(missing_docs, reason = "they are the API's names")]
pub struct Capacity {
    pub pending: i64,
    pub running: i64,
}

/// What an organization's runners have to do.
pub async fn capacity(app: &App, caller: &Caller, organization: &str) -> AppResult<Capacity> {
    let (caller, organization) = (caller.clone(), organization.to_owned());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let found = lookups::organization(tx, &caller, &organization, Action::ReadOrganization).await?;
                let id = &found.organization.id;
                let visibility = visible_workspaces(&caller, id, &found.standing);
                let mut capacity = Capacity::default();
                for (status, count) in terrane_store::runs::queue_by_status(tx, id, &visibility).await? {
                    let is_waiting = status.has_not_begun() || status == RunStatus::ApplyQueued;
                    *(if is_waiting { &mut capacity.pending } else { &mut capacity.running }) += count;
                }
                Ok(capacity)
            })
        })
        .await
}
