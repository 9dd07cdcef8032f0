//! The end of a workspace.

use terrane_domain::ids::{RunId, WorkspaceId};

use crate::error::StoreError;
use crate::statement::statements;
use crate::transaction::{Tx, values};
use crate::value::Col;

statements! {
    // An archive may serve runs of other workspaces.
    BLOBS_OF_WORKSPACE = "SELECT blob FROM state_versions WHERE workspace_id = $1 UNION SELECT json_blob FROM state_versions WHERE workspace_id = $1 UNION SELECT p.log_blob FROM run_phases p JOIN runs r ON r.id = p.run_id WHERE r.workspace_id = $1 UNION SELECT p.plan_blob FROM run_phases p JOIN runs r ON r.id = p.run_id WHERE r.workspace_id = $1 UNION SELECT p.json_blob FROM run_phases p JOIN runs r ON r.id = p.run_id WHERE r.workspace_id = $1 UNION SELECT p.redacted_blob FROM run_phases p JOIN runs r ON r.id = p.run_id WHERE r.workspace_id = $1 UNION SELECT e.blob FROM errored_states e JOIN runs r ON r.id = e.run_id WHERE r.workspace_id = $1 UNION SELECT c.blob FROM (SELECT blob FROM configuration_versions WHERE workspace_id = $1 UNION SELECT configuration_blob FROM runs WHERE workspace_id = $1) c WHERE NOT EXISTS (SELECT 1 FROM configuration_versions v WHERE v.blob = c.blob AND v.workspace_id <> $1) AND NOT EXISTS (SELECT 1 FROM runs o WHERE o.configuration_blob = c.blob AND o.workspace_id <> $1)";
    OPEN_RUNS = "SELECT id FROM runs WHERE workspace_id = $1 AND status NOT IN ('applied', 'planned_and_finished', 'policy_soft_failed', 'discarded', 'errored', 'canceled', 'force_canceled')";
    DELETE_LOG_CHUNKS = "DELETE FROM log_chunks WHERE phase_id IN (SELECT p.id FROM run_phases p JOIN runs r ON r.id = p.run_id WHERE r.workspace_id = $1)";
    DELETE_WORKSPACE = "DELETE FROM workspaces WHERE id = $1";
}

/// What went with a workspace.
#[derive(Debug, Default)]
pub struct Deleted {
    /// Runs that were under way, or waited.
    pub open_runs: Vec<RunId>,
    /// Blobs that nothing names any more; they can go once the transaction is committed.
    pub blobs: Vec<String>,
}

/// Deletes a workspace with its runs, states, variables and logs.
pub async fn delete(tx: &mut Tx, id: &WorkspaceId) -> Result<Deleted, StoreError> {
    super::hold(tx, id).await?;
    let rows = tx.rows(&BLOBS_OF_WORKSPACE, values![*id]).await?;
    let blobs = rows.iter().map(|row| Option::<String>::get(row, 0)).collect::<Result<Vec<_>, _>>()?;
    let rows = tx.rows(&OPEN_RUNS, values![*id]).await?;
    let open_runs: Vec<RunId> = rows.iter().map(|row| Col::get(row, 0)).collect::<Result<_, _>>()?;
    for run_id in &open_runs {
        crate::tokens::remove_of_run(tx, run_id).await?;
        tx.wake(crate::wake::Topic::Run(run_id.to_string()));
    }
    tx.execute(&DELETE_LOG_CHUNKS, values![*id]).await?;
    tx.execute(&DELETE_WORKSPACE, values![*id]).await?;
    Ok(Deleted { open_runs, blobs: blobs.into_iter().flatten().collect() })
}
