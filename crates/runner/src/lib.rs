//! The runner: claims jobs from a server and runs terraform for them.
//!
//! Architecture invariant: the runner knows the server only by `terrane_domain::runner_protocol`; it never opens the
//! database or the blobs. Whoever may plan may run anything: what runs here is treated as hostile.

mod apply;
mod child;
mod client;
mod documents;
pub mod engines;
mod environment;
mod error;
mod folder;
mod job;
mod lease;
mod limits;
mod log;
mod log_limit;
mod masking;
mod plan;
mod provider_cache;
mod recovery;
mod sandbox;
mod schemas;
mod spool;
mod start;
mod state;
mod variables;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use terrane_domain::ids::RunnerId;
use terrane_domain::runner_protocol::SandboxLevel;
use tokio::sync::watch;

pub use error::RunnerError;
pub use limits::RunLimits;
pub use sandbox::sandbox_main;

/// The runner's own token. It has no `Debug`.
#[derive(Clone)]
pub struct RunnerToken(String);

impl RunnerToken {
    /// Takes the token's text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// What a runner needs to know.
#[derive(Clone)]
pub struct RunnerConfig {
    /// The server, for example `http://127.0.0.1:8080`.
    pub address: String,
    /// The runner's token.
    pub token: RunnerToken,
    /// For people.
    pub name: String,
    /// The runner's own folder.
    pub data_dir: PathBuf,
    /// Jobs at a time.
    pub slots: usize,
    /// Folders that no run may ever see.
    pub hidden: Vec<PathBuf>,
    /// Folders outside of a run's own that all runs may write to.
    pub writable: Vec<PathBuf>,
    /// A folder with providers that runs take instead of asking a registry, if there is one.
    pub provider_mirror: Option<PathBuf>,
    /// The weakest sandbox that the runner is to make do with; it takes the strongest there is. L0: none at all.
    pub least: SandboxLevel,
    /// What a run may use.
    pub limits: RunLimits,
    /// Our own executable, which is executed again as `PROGRAM sandbox guardian`.
    pub program: PathBuf,
}

/// A running runner.
pub(crate) struct Runner {
    config: RunnerConfig,
    client: client::Client,
    id: RunnerId,
    engines: Vec<engines::FoundEngine>,
    protection: sandbox::Protection,
    kept: job::KeptFolders,
    providers: Arc<provider_cache::ProviderCache>,
}

#[cfg(test)]
impl Runner {
    /// One that runs nothing.
    fn for_tests(data_dir: &std::path::Path, client: client::Client) -> Arc<Self> {
        let config = RunnerConfig {
            address: String::new(),
            token: RunnerToken::new(""),
            name: "test".to_owned(),
            data_dir: data_dir.to_owned(),
            slots: 1,
            hidden: Vec::new(),
            writable: Vec::new(),
            provider_mirror: None,
            least: SandboxLevel::L0,
            limits: RunLimits { log_bytes: 1 << 20, ..RunLimits::default() },
            program: PathBuf::new(),
        };
        Arc::new(Self {
            config,
            client,
            id: RunnerId::from_entropy(1),
            engines: Vec::new(),
            protection: sandbox::Protection::off(),
            kept: job::KeptFolders::default(),
            providers: Arc::new(provider_cache::ProviderCache::new(data_dir, &RunLimits::default())),
        })
    }
}

fn bytes<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).unwrap_or_else(|error| panic!("the system gives no random bytes: {error}"));
    bytes
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Claims and runs jobs until `shutdown` turns true; then ends what runs in order. Calls `ready` once it is known that
/// it can.
pub async fn run(
    mut config: RunnerConfig,
    shutdown: watch::Receiver<bool>,
    ready: impl FnOnce(),
) -> Result<(), RunnerError> {
    folder::prepare(&config.data_dir)?;
    // By its true name: the sandbox compares paths.
    config.data_dir = config.data_dir.canonicalize().map_err(RunnerError::file(&config.data_dir))?;
    let protection = sandbox::Protection::find(&config).await?;
    ready();
    let engines = engines::find_engines(&[config.data_dir.join("tools")]).await;
    if config.least == SandboxLevel::L0 {
        tracing::warn!("the sandbox is off: every run can read and change what this runner can");
    }
    if engines.is_empty() {
        tracing::warn!(
            "neither terraform nor tofu is on the PATH: runs will fail until one is installed; put it on the PATH and start again"
        );
    }
    let runner = Arc::new(Runner {
        client: client::Client::new(&config)?,
        id: RunnerId::from_entropy(u128::from_be_bytes(bytes())),
        engines,
        protection,
        kept: job::KeptFolders::default(),
        providers: Arc::new(provider_cache::ProviderCache::new(&config.data_dir, &config.limits)),
        config,
    });
    let mut stopped = shutdown.clone();
    let again = tokio::select! {
        again = recovery::recover(&runner, &shutdown) => again,
        _ = stopped.wait_for(|stop| *stop) => return Ok(()),
    };
    let mut slots = tokio::task::JoinSet::new();
    for _ in 0..runner.config.slots.max(1) {
        slots.spawn(job::work(runner.clone(), again.clone(), shutdown.clone()));
    }
    while slots.join_next().await.is_some() {}
    folder::remove_runs(&runner.config.data_dir).await;
    Ok(())
}
