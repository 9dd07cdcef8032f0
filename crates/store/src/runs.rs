//! Rows of runs and of their phases.

pub(crate) mod lists;
use std::collections::HashMap;

use terrane_domain::access::Visibility;
use terrane_domain::ids::{OrganizationId, RunId, StateVersionId, UserId, WorkspaceId};
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::{ChangeCounts, Phase, SandboxLevel};
use terrane_domain::runs::{PhaseStatus, Run, RunPhase, RunStatus, RunVariable};
use terrane_domain::time::Timestamp;

use crate::error::StoreError;
use crate::sealing::Place;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};
use crate::value::Col;
use crate::visibility::{visible_to, workspace_is_seen};

pub use lists::{RunFilter, list};

record!(Run, "runs", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29", {
    id, organization_id, workspace_id, workspace_name, working_directory, configuration_version_id, plan_id, apply_id,
    status, status_timestamps, message,
    source, created_by, confirmed_by, auto_apply, plan_only, save_plan, allow_empty_apply, operation, options,
    log_format, engine, terraform_version, input_state_version_id, has_changes, reason, reason_message, canceled_at, created_at
});
record!(RunPhase, "run_phases", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14", {
    id, run_id, phase, status, status_timestamps, counts, log_length, log_ended, log_blob, plan_blob, json_blob,
    redacted_blob, generated_configuration, sandbox_level
});

struct PrivateRow {
    id: RunId,
    sealed_variables: Option<Vec<u8>>,
}

record!(PrivateRow, "runs", "", { id, sealed_variables });

/// An organization's runs that wait or run.
const IN_QUEUE: &str = "WHERE organization_id = $1 AND {open} AND status IN ('pending', 'plan_queued', 'planning', 'confirmed', 'apply_queued', 'applying', 'queuing', 'queuing_apply')";
/// $2: the only workspace; $3: the person whose teams have access; $4: the team that has. Two of them are nothing.
const SEEN: &str =
    concat!(" AND workspace_id IN (SELECT id FROM workspaces WHERE ", workspace_is_seen!("", "$2", "$3", "$4"), ")");

statements! {
    INSERT: Run = insert;
    SET_PRIVATE = "UPDATE runs SET sealed_variables = $2, configuration_blob = $3 WHERE id = $1";
    SEALED_VARIABLES: PrivateRow = select_many "id";
    CONFIGURATION_BLOB = "SELECT configuration_blob FROM runs WHERE id = $1";
    BY_ID: Run = select "WHERE id = $1";
    NEXT_IN_QUEUE: Run = select "WHERE workspace_id = $1 AND {open} AND status = 'pending' AND plan_only = FALSE AND save_plan = FALSE ORDER BY created_at, id LIMIT 1";
    QUEUE_OF_ORGANIZATION: Run = select [IN_QUEUE, " ORDER BY created_at, id LIMIT $2 OFFSET $3"];
    COUNT_QUEUE = joined ["SELECT COUNT(*) FROM runs ", IN_QUEUE];
    VISIBLE_QUEUE: Run = select [IN_QUEUE, SEEN, " ORDER BY created_at, id LIMIT $5 OFFSET $6"];
    COUNT_VISIBLE_QUEUE = joined ["SELECT COUNT(*) FROM runs ", IN_QUEUE, SEEN];
    QUEUE_BY_STATUS = joined ["SELECT status, COUNT(*) FROM runs ", IN_QUEUE, " GROUP BY status"];
    VISIBLE_QUEUE_BY_STATUS = joined ["SELECT status, COUNT(*) FROM runs ", IN_QUEUE, SEEN, " GROUP BY status"];
    // $2, $3: age and id of the oldest run in question; $4, $5: of the newest. What is before them is only counted.
    WAITING_RUNS = "SELECT id, (SELECT COUNT(*) FROM (SELECT 1 FROM runs WHERE organization_id = $1 AND {open} AND status IN ('pending', 'plan_queued') AND (created_at, id) < ($2, $3) LIMIT 1000) AS older) FROM runs WHERE organization_id = $1 AND {open} AND status IN ('pending', 'plan_queued') AND (created_at, id) >= ($2, $3) AND (created_at, id) <= ($4, $5) ORDER BY created_at, id LIMIT 1000";
    SAVED_PLANS: Run = select "WHERE workspace_id = $1 AND {open} AND status = 'planned_and_saved' ORDER BY created_at, id LIMIT 100";
    EXPIRED_PLANS: Run = select "WHERE {open} AND status = 'planned_and_saved' AND created_at < $1 ORDER BY created_at LIMIT 100";
    WAITING_BEFORE: Run = select "WHERE workspace_id = $1 AND {open} AND status = 'pending' AND (created_at, id) < ($2, $3) ORDER BY created_at, id LIMIT 100";
    ENDED: Run = select "WHERE workspace_id = $1 AND status IN ('applied', 'planned_and_finished', 'policy_soft_failed', 'discarded', 'errored', 'canceled', 'force_canceled') ORDER BY created_at DESC, id DESC LIMIT $2";
    RUNS_BY_IDS: Run = select_many "id";
    SET_STATUS = "UPDATE runs SET status = $3, status_timestamps = $4, has_changes = $5, reason = $6, reason_message = $7, confirmed_by = $8, canceled_at = $9 WHERE id = $1 AND status = $2";
    SET_INPUT_STATE = "UPDATE runs SET input_state_version_id = $2 WHERE id = $1";
    NOTE_CANCEL = "UPDATE runs SET canceled_at = COALESCE(canceled_at, $3) WHERE id = $1 AND status = $2";
    INSERT_PHASE: RunPhase = insert;
    PHASE: RunPhase = select "WHERE run_id = $1 AND phase = $2";
    PHASES: RunPhase = select_many "run_id";
    PHASE_BY_ID: RunPhase = select "WHERE id = $1";
    SET_PHASE_STATUS = "UPDATE run_phases SET status = $3, status_timestamps = $4, counts = $5 WHERE id = $1 AND status = $2";
    SET_GENERATED = "UPDATE run_phases SET generated_configuration = TRUE WHERE id = $1";
    SET_PLAN_BLOB = "UPDATE run_phases SET plan_blob = $2 WHERE id = $1";
    SET_JSON_BLOB = "UPDATE run_phases SET json_blob = $2 WHERE id = $1";
    SET_REDACTED_BLOB = "UPDATE run_phases SET redacted_blob = $2 WHERE id = $1";
    SET_SANDBOX_LEVEL = "UPDATE run_phases SET sandbox_level = $2 WHERE id = $1";
}

fn variables_place(id: &RunId) -> Place<'_> {
    Place { table: "runs", id: id.as_str(), column: "variables" }
}

/// Inserts a run with its two phases, its variables and the archive that it will use.
pub async fn insert(
    tx: &mut Tx,
    run: &Run,
    phases: [&RunPhase; 2],
    variables: &[RunVariable],
    configuration_blob: &str,
) -> Result<(), StoreError> {
    tx.execute(&INSERT, run.values()).await?;
    let sealed = if variables.is_empty() {
        None
    } else {
        let text = serde_json::to_vec(variables).map_err(|_| StoreError::Sealed("runs"))?;
        Some(tx.seal(&run.organization_id, variables_place(&run.id), &text).await?)
    };
    tx.execute(&SET_PRIVATE, values![run.id, sealed, configuration_blob.to_owned()]).await?;
    for phase in phases {
        tx.execute(&INSERT_PHASE, phase.values()).await?;
    }
    Ok(())
}

/// The run of this id.
pub async fn by_id(tx: &mut Tx, id: &RunId) -> Result<Option<Run>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The run's own variables.
pub async fn variables(tx: &mut Tx, run: &Run) -> Result<Vec<RunVariable>, StoreError> {
    Ok(variables_of(tx, &run.organization_id, &[&run.id]).await?.remove(&run.id).unwrap_or_default())
}

/// The own variables of several runs of one organization; runs without any are not named.
pub async fn variables_of(
    tx: &mut Tx,
    organization_id: &OrganizationId,
    ids: &[&RunId],
) -> Result<HashMap<RunId, Vec<RunVariable>>, StoreError> {
    let rows: Vec<PrivateRow> = tx.many(&SEALED_VARIABLES, ids).await?;
    let mut found = HashMap::new();
    for row in rows {
        let Some(sealed) = row.sealed_variables else { continue };
        let text = tx.open(organization_id, variables_place(&row.id), &sealed).await?;
        found.insert(row.id, serde_json::from_slice(&text).map_err(|_| StoreError::Sealed("runs"))?);
    }
    Ok(found)
}

/// Key of the archive that the run uses, frozen at its creation.
pub async fn configuration_blob(tx: &mut Tx, id: &RunId) -> Result<Option<String>, StoreError> {
    Ok(tx.scalar::<Option<String>>(&CONFIGURATION_BLOB, values![*id]).await?.flatten())
}

/// Notes against which state the run plans.
pub async fn set_input_state(tx: &mut Tx, run: &mut Run, state: Option<StateVersionId>) -> Result<(), StoreError> {
    tx.execute(&SET_INPUT_STATE, values![run.id, state]).await?;
    run.input_state_version_id = state;
    Ok(())
}

/// Saved plans of all organizations that were queued before `moment`, the oldest first, a hundred at most.
pub async fn expired_plans(tx: &mut Tx, moment: Timestamp) -> Result<Vec<Run>, StoreError> {
    tx.all(&EXPIRED_PLANS, values![moment]).await
}

/// The runs of the same workspace that wait before this one, the oldest first, a hundred at most.
pub async fn waiting_before(tx: &mut Tx, run: &Run) -> Result<Vec<Run>, StoreError> {
    tx.all(&WAITING_BEFORE, values![run.workspace_id, run.created_at, run.id]).await
}

/// The run whose turn is next.
pub async fn next_in_queue(tx: &mut Tx, id: &WorkspaceId) -> Result<Option<Run>, StoreError> {
    tx.one(&NEXT_IN_QUEUE, values![*id]).await
}

/// One page of an organization's visible runs that wait or run, oldest first, and their total number.
pub async fn queue_of_organization(
    tx: &mut Tx,
    id: &OrganizationId,
    visibility: &Visibility,
    limit: i64,
    offset: i64,
) -> Result<(Vec<Run>, i64), StoreError> {
    let (list, count, shared) = match visible_to(visibility) {
        None if *visibility == Visibility::Nothing => return Ok((Vec::new(), 0)),
        None => (&QUEUE_OF_ORGANIZATION, &COUNT_QUEUE, values![*id]),
        Some(who) => (&VISIBLE_QUEUE, &COUNT_VISIBLE_QUEUE, [values![*id], who].concat()),
    };
    let total = tx.scalar(count, shared.clone()).await?.unwrap_or(0);
    Ok((tx.all(list, [shared, values![limit, offset]].concat()).await?, total))
}

/// How many of an organization's visible runs that wait or run there are in each status; statuses without any are not
/// named.
pub async fn queue_by_status(
    tx: &mut Tx,
    id: &OrganizationId,
    visibility: &Visibility,
) -> Result<Vec<(RunStatus, i64)>, StoreError> {
    let rows = match visible_to(visibility) {
        None if *visibility == Visibility::Nothing => Vec::new(),
        None => tx.rows(&QUEUE_BY_STATUS, values![*id]).await?,
        Some(who) => tx.rows(&VISIBLE_QUEUE_BY_STATUS, [values![*id], who].concat()).await?,
    };
    rows.iter().map(|row| Ok((Col::get(row, 0)?, Col::get(row, 1)?))).collect()
}

/// As far as places are counted; the statement's own limits are the same.
const MOST_PLACES: i64 = 1000;

/// The places of these runs of an organization among its runs that have not begun, oldest first: 1 is next. Those behind
/// the first thousand are all told the place after it.
pub async fn places_in_queue(
    tx: &mut Tx,
    id: &OrganizationId,
    runs: &[&Run],
) -> Result<HashMap<RunId, i64>, StoreError> {
    let age = |run: &&&Run| (run.created_at, run.id.clone());
    let (Some(oldest), Some(newest)) = (runs.iter().min_by_key(age), runs.iter().max_by_key(age)) else {
        return Ok(HashMap::new());
    };
    let values = values![*id, oldest.created_at, oldest.id, newest.created_at, newest.id];
    let rows = tx.rows(&WAITING_RUNS, values).await?;
    let mut places: HashMap<_, _> = runs.iter().map(|run| (run.id.clone(), MOST_PLACES + 1)).collect();
    for (index, row) in (0_i64..).zip(&rows) {
        let older: i64 = Col::get(row, 1)?;
        places.insert(Col::get(row, 0)?, (older + index).min(MOST_PLACES) + 1);
    }
    Ok(places)
}

/// A workspace's saved plans that wait for their confirmation, the oldest first, a hundred at most.
pub async fn saved_plans(tx: &mut Tx, id: &WorkspaceId) -> Result<Vec<Run>, StoreError> {
    tx.all(&SAVED_PLANS, values![*id]).await
}

/// What changes together with a run's status.
#[derive(Debug, Clone, Default)]
pub struct RunChange {
    /// Whether the plan found something.
    pub has_changes: Option<bool>,
    /// Why.
    pub reason: Option<(ReasonCode, Option<String>)>,
    /// Who confirmed.
    pub confirmed_by: Option<UserId>,
    /// It was cancelled: now, unless someone asked for that before.
    pub canceled: bool,
}

/// Moves a run to `next` if it still has the status that `run` says, and if `next` may follow it. `run` is updated.
pub async fn set_status(tx: &mut Tx, run: &mut Run, next: RunStatus, change: RunChange) -> Result<bool, StoreError> {
    if !run.status.may_become(next) {
        tracing::warn!(run = %run.id, status = %run.status, %next, "a move that is none was refused");
        return Ok(false);
    }
    let now = tx.now();
    let mut changed = run.clone();
    changed.status = next;
    if let serde_json::Value::Object(timestamps) = &mut changed.status_timestamps {
        timestamps.insert(next.timestamp_key(), now.to_string().into());
        if matches!(change.reason, Some((ReasonCode::ForceCanceled, _))) {
            timestamps.insert(RunStatus::ForceCanceled.timestamp_key(), now.to_string().into());
        }
    }
    changed.has_changes = change.has_changes.unwrap_or(run.has_changes);
    if let Some((code, message)) = change.reason {
        changed.reason = Some(code);
        changed.reason_message = message;
    }
    changed.confirmed_by = change.confirmed_by.or(changed.confirmed_by);
    if change.canceled {
        changed.canceled_at = changed.canceled_at.or(Some(now));
    }
    let values = values![
        run.id,
        run.status,
        changed.status,
        changed.status_timestamps,
        changed.has_changes,
        changed.reason,
        changed.reason_message,
        changed.confirmed_by,
        changed.canceled_at,
    ];
    let found = tx.changed(&SET_STATUS, values).await?;
    if found {
        *run = changed;
        tx.wake(crate::wake::Topic::Run(run.id.to_string()));
    }
    Ok(found)
}

/// The runs of these ids, in no order.
pub async fn by_ids(tx: &mut Tx, ids: &[&RunId]) -> Result<Vec<Run>, StoreError> {
    tx.many(&RUNS_BY_IDS, ids).await
}

/// A workspace's newest runs that ended, newest first.
pub async fn ended(tx: &mut Tx, id: &WorkspaceId, limit: i64) -> Result<Vec<Run>, StoreError> {
    tx.all(&ENDED, values![*id, limit]).await
}

/// Notes that a cancel was asked for, if the run still has the status that `run` says.
pub async fn note_cancel(tx: &mut Tx, run: &Run) -> Result<bool, StoreError> {
    let now = tx.now();
    tx.wake(crate::wake::Topic::Run(run.id.to_string()));
    tx.changed(&NOTE_CANCEL, values![run.id, run.status, now]).await
}

/// One half of a run.
pub async fn phase(tx: &mut Tx, id: &RunId, phase: Phase) -> Result<Option<RunPhase>, StoreError> {
    tx.one(&PHASE, values![*id, phase]).await
}

/// Both halves of several runs, in no order.
pub async fn phases(tx: &mut Tx, ids: &[&RunId]) -> Result<Vec<RunPhase>, StoreError> {
    tx.many(&PHASES, ids).await
}

/// The plan or apply of this id.
pub async fn phase_by_id(tx: &mut Tx, id: &str) -> Result<Option<RunPhase>, StoreError> {
    tx.one(&PHASE_BY_ID, values![id.to_owned()]).await
}

/// Moves a phase to `next` if it still has the status that `phase` says. `phase` is updated.
pub async fn set_phase_status(
    tx: &mut Tx,
    phase: &mut RunPhase,
    next: PhaseStatus,
    counts: Option<ChangeCounts>,
) -> Result<bool, StoreError> {
    let mut changed = phase.clone();
    changed.status = next;
    changed.counts = counts.unwrap_or(phase.counts);
    if let serde_json::Value::Object(timestamps) = &mut changed.status_timestamps {
        let key = match next {
            PhaseStatus::Running => "started-at".to_owned(),
            other => format!("{other}-at"),
        };
        timestamps.insert(key, tx.now().to_string().into());
    }
    let values = values![phase.id, phase.status, changed.status, changed.status_timestamps, changed.counts];
    let found = tx.changed(&SET_PHASE_STATUS, values).await?;
    if found {
        *phase = changed;
    }
    Ok(found)
}

/// Notes that a plan wrote configuration.
pub async fn set_generated_configuration(tx: &mut Tx, plan_id: &str) -> Result<(), StoreError> {
    tx.execute(&SET_GENERATED, values![plan_id.to_owned()]).await.map(drop)
}

/// Notes in which sandbox a phase is done; false if there is no such phase.
pub async fn set_sandbox_level(tx: &mut Tx, phase_id: &str, level: SandboxLevel) -> Result<bool, StoreError> {
    tx.changed(&SET_SANDBOX_LEVEL, values![phase_id.to_owned(), level]).await
}

/// Which document of a plan a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanDocument {
    /// The saved plan itself.
    Plan,
    /// The plan as JSON.
    Json,
    /// The redacted plan.
    Redacted,
}

/// Notes where a plan's document lies.
pub async fn set_plan_document(
    tx: &mut Tx,
    plan_id: &str,
    document: PlanDocument,
    blob: &str,
) -> Result<(), StoreError> {
    let statement = match document {
        PlanDocument::Plan => &SET_PLAN_BLOB,
        PlanDocument::Json => &SET_JSON_BLOB,
        PlanDocument::Redacted => &SET_REDACTED_BLOB,
    };
    tx.execute(statement, values![plan_id.to_owned(), blob.to_owned()]).await.map(drop)
}
