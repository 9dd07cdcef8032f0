//! Plans and applies: what documents and log readers need of them.

use serde_json::{Value, json};
use terrane_domain::access::{Action, Caller};
use terrane_domain::ids::{PlanId, RunId};
use terrane_domain::runner_protocol::Phase;
use terrane_domain::runs::{Run, RunPhase};
use terrane_store::BlobReader;

use crate::runs::RunView;
use crate::signed_urls::{Grant, Purpose, sign};
use crate::{App, AppError, AppResult, lookups};

/// A plan or an apply with its run.
#[derive(Clone)]
pub struct PhaseView {
    /// The phase.
    pub phase: RunPhase,
    /// Its run.
    pub run: Run,
    /// Where its log can be read; valid from the run's creation.
    pub log_read_url: String,
}

impl PhaseView {
    fn new(app: &App, caller: &Caller, phase: RunPhase, run: Run) -> Self {
        let log_read_url = sign(app, caller, Purpose::Log, &phase.id);
        Self { phase, run, log_read_url }
    }

    /// The plan or apply of a run that the caller was shown, as it was at that moment.
    pub fn of_run(app: &App, caller: &Caller, view: &RunView, phase: Phase) -> Self {
        let phase = match phase {
            Phase::Plan => &view.plan,
            Phase::Apply => &view.apply,
        };
        Self::new(app, caller, phase.clone(), view.run.clone())
    }
}

/// The plan or apply of this id.
pub async fn read(app: &App, caller: &Caller, id: &str) -> AppResult<PhaseView> {
    let (actor, id) = (caller.clone(), id.to_owned());
    let (phase, run) = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                let phase = terrane_store::runs::phase_by_id(tx, &id).await?.ok_or(AppError::NotFound)?;
                let run = lookups::run(tx, &actor, &phase.run_id, Action::ReadWorkspace).await?;
                Ok::<_, AppError>((phase, run.into_inner()))
            })
        })
        .await?;
    Ok(PhaseView::new(app, caller, phase, run))
}

/// The redacted plan, for who may read the run. `None` until the plan is done.
pub async fn redacted(app: &App, caller: &Caller, id: &str) -> AppResult<Option<BlobReader>> {
    let view = read(app, caller, id).await?;
    match view.phase.redacted_blob {
        Some(blob) => Ok(Some(app.store.blob_reader(&blob).await?)),
        None if view.phase.status.is_final() => Err(AppError::NotFound),
        None => Ok(None),
    }
}

/// The schemas of what the plan names, for who may read the run. `None` until the plan is done.
///
/// They stand in the redacted plan, which is read as a whole for it: clients ask for them seldom.
pub async fn schemas(app: &App, caller: &Caller, id: &str) -> AppResult<Option<Vec<u8>>> {
    #[derive(serde::Deserialize)]
    struct Redacted {
        provider_format_version: Value,
        provider_schemas: Value,
    }
    let Some(mut reader) = redacted(app, caller, id).await? else { return Ok(None) };
    let mut whole = Vec::new();
    while let Some(piece) = reader.next().await? {
        whole.extend_from_slice(&piece);
    }
    let found: Redacted = serde_json::from_slice(&whole)
        .map_err(|error| AppError::Unavailable(format!("the plan's schemas cannot be read: {error}")))?;
    let schemas = json!({
        "format_version": found.provider_format_version,
        "provider_schemas": found.provider_schemas,
    });
    Ok(Some(schemas.to_string().into_bytes()))
}

/// The id of a run's plan, for routes that name the run.
pub async fn of_run(app: &App, caller: &Caller, id: RunId) -> AppResult<PlanId> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(
                async move { Ok(lookups::run(tx, &caller, &id, Action::ReadWorkspace).await?.into_inner().plan_id) },
            )
        })
        .await
}

/// Where the whole plan can be fetched for a minute. `None` until the plan is done.
pub async fn json_address(app: &App, caller: &Caller, id: &str) -> AppResult<Option<String>> {
    let view = read(app, caller, id).await?;
    let (actor, run) = (caller.clone(), view.run.clone());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                lookups::run(tx, &actor, &run.id, Action::ReadPlanJson).await.map(|run| drop(run.into_inner()))
            })
        })
        .await?;
    match view.phase.json_blob {
        Some(_) => Ok(Some(sign(app, caller, Purpose::JsonPlan, &view.phase.id))),
        None if view.phase.status.is_final() => Err(AppError::NotFound),
        None => Ok(None),
    }
}

/// Opens the plan that a signed address was given for.
pub async fn download_json(app: &App, grant: &Grant) -> AppResult<BlobReader> {
    let id = grant.resource.clone();
    let blob = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                let phase = terrane_store::runs::phase_by_id(tx, &id).await?;
                phase.and_then(|phase| phase.json_blob).ok_or(AppError::NotFound)
            })
        })
        .await?;
    Ok(app.store.blob_reader(&blob).await?)
}
