//! Where runs happen: said by a workspace, or by its project, or by its organization.
//!
//! Source: `api-docs/workspaces.mdx` and `api-docs/projects.mdx`, `setting-overwrites`.

use crate::ids::AgentPoolId;

words! {
    /// Where a workspace's runs happen.
    pub enum ExecutionMode {
        /// On runners of this server.
        Remote = "remote",
        /// On the user's own machine; the server keeps the state.
        Local = "local",
        /// On runners of an agent pool.
        Agent = "agent",
    }
}

/// Where runs happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// The mode.
    pub mode: ExecutionMode,
    /// The pool, if the mode is `agent`.
    pub agent_pool_id: Option<AgentPoolId>,
}

/// What a request says of it. Source of the texts: what clients look for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutionChange {
    /// The mode.
    pub mode: Option<String>,
    /// The pool; `Some(None)` names none.
    pub agent_pool_id: Option<Option<String>>,
    /// Whether the mode is its own.
    pub overwrites_mode: Option<bool>,
    /// Whether the pool is its own.
    pub overwrites_agent_pool: Option<bool>,
}

/// Why a change is refused, and which of its parts is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExecutionError {
    /// No such mode.
    #[error("Execution mode must be remote, local or agent")]
    UnknownMode,
    /// An own mode, but which?
    #[error("Execution mode must be specified when setting-overwrites says that it is its own")]
    ModeMissing,
    /// Mode and pool cannot come from different places.
    #[error("If agent-pool and execution-mode are both included in setting-overwrites, their values must be the same.")]
    OverwritesDiffer,
    /// Agents of which pool?
    #[error("Agent pool must be specified when using 'agent' execution mode")]
    PoolMissing,
    /// A pool without agents' mode.
    #[error("Agent pool must not be specified unless using 'agent' execution mode")]
    PoolWithoutMode,
    /// No such pool.
    #[error("The provided agent pool does not exist")]
    UnknownPool,
}

impl ExecutionChange {
    /// Whether it says anything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is its own after the change, if anything; `own` is what is now. Whether the pool exists is asked elsewhere.
    pub fn apply(&self, own: Option<Execution>) -> Result<Option<Execution>, ExecutionError> {
        let overwrites = match (self.overwrites_mode, self.overwrites_agent_pool) {
            (Some(mode), Some(pool)) if mode != pool => return Err(ExecutionError::OverwritesDiffer),
            (mode, pool) => mode.or(pool),
        };
        if overwrites == Some(false) {
            return Ok(None);
        }
        let wanted = self.mode.as_deref().map(str::parse).transpose().map_err(|_| ExecutionError::UnknownMode)?;
        let pool = match &self.agent_pool_id {
            Some(Some(text)) => Some(Some(text.parse().map_err(|_| ExecutionError::UnknownPool))),
            Some(None) => Some(None),
            None => None,
        };
        let Some(mode) = wanted.or(own.as_ref().map(|own| own.mode)) else {
            return match (overwrites, pool) {
                (_, Some(Some(_))) => Err(ExecutionError::PoolWithoutMode),
                (Some(true), _) => Err(ExecutionError::ModeMissing),
                _ => Ok(None),
            };
        };
        let agent_pool_id = match (mode, pool) {
            (ExecutionMode::Agent, Some(Some(pool))) => Some(pool?),
            (ExecutionMode::Agent, None) => match own.and_then(|own| own.agent_pool_id) {
                Some(pool) => Some(pool),
                None => return Err(ExecutionError::PoolMissing),
            },
            (ExecutionMode::Agent, Some(None)) => return Err(ExecutionError::PoolMissing),
            (_, Some(Some(_))) => return Err(ExecutionError::PoolWithoutMode),
            _ => None,
        };
        Ok(Some(Execution { mode, agent_pool_id }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: &str = "apool-1111111111111111";

    fn change(mode: &str, pool: &str, overwrites: &str) -> ExecutionChange {
        let flag = |letter| match letter {
            't' => Some(true),
            'f' => Some(false),
            _ => None,
        };
        let mut flags = overwrites.chars();
        ExecutionChange {
            mode: (!mode.is_empty()).then(|| mode.to_owned()),
            agent_pool_id: match pool {
                "" => None,
                "null" => Some(None),
                pool => Some(Some(pool.to_owned())),
            },
            overwrites_mode: flags.next().and_then(flag),
            overwrites_agent_pool: flags.next().and_then(flag),
        }
    }

    #[test]
    fn a_change_makes_the_mode_ones_own_or_gives_it_back() {
        use ExecutionError as E;
        let local = || Some(Execution { mode: ExecutionMode::Local, agent_pool_id: None });
        let remote = || Some(Execution { mode: ExecutionMode::Remote, agent_pool_id: None });
        let agent = || Some(Execution { mode: ExecutionMode::Agent, agent_pool_id: Some(POOL.parse().unwrap()) });
        // What it is, then mode, pool and overwrites of mode and pool in the request, then what it is after.
        let cases = [
            (None, "", "", "", Ok(None)),
            (None, "local", "", "", Ok(local())),
            (None, "local", "", "tt", Ok(local())),
            (None, "local", "", "ff", Ok(None)),
            (local(), "", "", "", Ok(local())),
            (local(), "", "", "f", Ok(None)),
            (local(), "", "", "-f", Ok(None)),
            (local(), "", "", "tt", Ok(local())),
            (None, "", "", "t", Err(E::ModeMissing)),
            (local(), "", "", "tf", Err(E::OverwritesDiffer)),
            (None, "agent", "", "", Err(E::PoolMissing)),
            (None, "agent", "null", "", Err(E::PoolMissing)),
            (None, "agent", POOL, "", Ok(agent())),
            (None, "agent", "apool-xxxxx", "", Err(E::UnknownPool)),
            (None, "", POOL, "", Err(E::PoolWithoutMode)),
            (local(), "", POOL, "", Err(E::PoolWithoutMode)),
            (None, "remote", POOL, "", Err(E::PoolWithoutMode)),
            (agent(), "", "", "t", Ok(agent())),
            (agent(), "remote", "", "", Ok(remote())),
            (agent(), "remote", "null", "", Ok(remote())),
            (None, "nowhere", "", "", Err(E::UnknownMode)),
        ];
        for (own, mode, pool, overwrites, expected) in cases {
            let asked = change(mode, pool, overwrites);
            assert_eq!(asked.apply(own.clone()), expected, "{own:?} {asked:?}");
        }
    }
}
