//! What a job's runner fetches.

use terrane_domain::access::Caller;
use terrane_domain::ids::JobId;
use terrane_domain::runner_protocol::{Phase, RefusalCode};
use terrane_domain::runs::Run;
use terrane_store::{BlobReader, StoreError, Tx};

use super::{held, refused, require_runner};
use crate::{App, AppError, AppResult};

/// What a job's runner may fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobInput {
    /// The configuration archive.
    Configuration,
    /// The state to plan against, or for an apply the workspace's newest.
    State,
    /// The saved plan.
    Plan,
}

impl JobInput {
    const fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::State => "state",
            Self::Plan => "saved plan",
        }
    }
}

/// Something should be there and is not, or is not what it was. A run must not go on as if there had never been any.
fn unreadable(input: JobInput) -> AppError {
    let message = format!(
        "The {} that this run needs is missing or damaged in the server's storage. Let whoever runs the server restore it (the server's log names it), then queue a new run.",
        input.name()
    );
    refused(RefusalCode::InputUnreadable, &message)
}

/// The key of an input; `None` if there is none.
async fn key_of(tx: &mut Tx, run: &Run, phase: Phase, input: JobInput) -> AppResult<Option<String>> {
    let state = match (input, phase) {
        (JobInput::Configuration, _) => return Ok(terrane_store::runs::configuration_blob(tx, &run.id).await?),
        (JobInput::Plan, _) => {
            let plan = terrane_store::runs::phase(tx, &run.id, Phase::Plan).await?;
            return Ok(plan.and_then(|plan| plan.plan_blob));
        }
        // The one against which staleness is judged, even if there is a newer one.
        (JobInput::State, Phase::Plan) => match &run.input_state_version_id {
            Some(id) => Some(terrane_store::state_versions::by_id(tx, id).await?.ok_or_else(|| unreadable(input))?),
            None => None,
        },
        (JobInput::State, Phase::Apply) => terrane_store::state_versions::current(tx, &run.workspace_id).await?,
    };
    state.map(|version| version.blob.ok_or_else(|| unreadable(input))).transpose()
}

/// Opens one of a job's inputs; `None` if there is none. One that is lost or damaged is refused.
pub async fn input(
    app: &App,
    caller: &Caller,
    id: JobId,
    fence: i64,
    input: JobInput,
) -> AppResult<Option<BlobReader>> {
    require_runner(caller)?;
    let (job, key) = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                let (job, run, _) = held(tx, &id, fence).await?;
                let key = key_of(tx, &run, job.phase, input).await?;
                Ok::<_, AppError>((job.id, key))
            })
        })
        .await?;
    let Some(key) = key else { return Ok(None) };
    match app.store.blob_reader(&key).await {
        Ok(reader) => Ok(Some(reader)),
        Err(error @ (StoreError::BlobMissing(_) | StoreError::Sealed(_))) => {
            tracing::error!(%job, blob = key, error = &error as &dyn std::error::Error, "an input of a job is lost");
            Err(unreadable(input))
        }
        Err(error) => Err(error.into()),
    }
}
