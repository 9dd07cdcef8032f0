//! Where runs happen, as workspaces and projects are told: the rule is in `domain`, whether the pool exists is asked
//! here.

use terrane_domain::execution::{Execution, ExecutionChange, ExecutionError};
use terrane_domain::ids::AgentPoolId;
use terrane_domain::organizations::Organization;
use terrane_store::Tx;

use crate::{AppError, AppResult};

/// The attributes under which one kind of thing has its mode and its pool.
pub(crate) struct Names {
    mode: &'static str,
    agent_pool: &'static str,
}

pub(crate) const OF_WORKSPACE: Names = Names { mode: "execution-mode", agent_pool: "agent-pool-id" };
pub(crate) const OF_PROJECT: Names = Names { mode: "default-execution-mode", agent_pool: "default-agent-pool-id" };

/// What is its own after the change; `own` is what is now.
pub(crate) async fn apply(
    tx: &mut Tx,
    organization: &Organization,
    change: &ExecutionChange,
    own: Option<Execution>,
    names: Names,
) -> AppResult<Option<Execution>> {
    let refused = |error: ExecutionError| {
        let attribute = match error {
            ExecutionError::UnknownMode | ExecutionError::ModeMissing => names.mode,
            ExecutionError::OverwritesDiffer => "setting-overwrites",
            ExecutionError::PoolMissing | ExecutionError::PoolWithoutMode | ExecutionError::UnknownPool => {
                names.agent_pool
            }
        };
        AppError::invalid(attribute, error.to_string())
    };
    let before = own.as_ref().and_then(|own| own.agent_pool_id.clone());
    let after = change.apply(own).map_err(refused)?;
    match after.as_ref().and_then(|after| after.agent_pool_id.as_ref()) {
        Some(pool) if before.as_ref() != Some(pool) && !pool_exists(tx, organization, pool).await? => {
            Err(refused(ExecutionError::UnknownPool))
        }
        _ => Ok(after),
    }
}

async fn pool_exists(tx: &mut Tx, organization: &Organization, id: &AgentPoolId) -> AppResult<bool> {
    let found = terrane_store::agent_pools::by_id(tx, id).await?;
    Ok(found.is_some_and(|pool| pool.organization_id == organization.id))
}
