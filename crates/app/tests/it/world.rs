//! A server without sockets: an owner, a workspace, a runner.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use terrane_app::callers::{Secret, authenticate};
use terrane_app::configuration_versions::NewConfigurationVersion;
use terrane_app::runs::{NewRun, RunAction, RunView};
use terrane_app::workspaces::{WorkspaceKey, WorkspaceSettings};
use terrane_app::{App, AppError, bootstrap, configuration_versions, jobs, runs, signed_urls, streams, workspaces};
use terrane_domain::access::{Caller, GrantedAccess, WorkspaceAccessLevel};
use terrane_domain::ids::{
    ConfigurationVersionId, OrganizationId, RunId, RunnerId, TeamId, TeamWorkspaceId, WorkspaceId,
};
use terrane_domain::runner_protocol::{ChangeCounts, ClaimRequest, Finish, Job, Outcome, SandboxLevel, StopRequest};
use terrane_domain::runs::{PlanOptions, RunSource};
use terrane_domain::team_access::TeamWorkspace;
use terrane_domain::teams::{Team, TeamVisibility};
use terrane_domain::time::Timestamp;
use terrane_store::{Clock, Key, Store, StoreError, StoreOptions};
use tokio::sync::watch;

/// A clock that stands until it is moved.
#[derive(Default)]
pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        // Rows are ordered by time: two moments are never the same.
        Timestamp::from_micros(1_700_000_000_000_000 + self.0.fetch_add(1, Ordering::Relaxed))
    }
}

pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) owner: Caller,
    pub(crate) runner: Caller,
    pub(crate) workspace_id: WorkspaceId,
    configuration: ConfigurationVersionId,
    clock: Arc<TestClock>,
    _drain: watch::Sender<bool>,
    database_url: String,
    folder: tempfile::TempDir,
}

fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    builder.append_data(&mut header, "main.tf", &b""[..]).unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}

/// A workspace with a configuration whose runs may only plan if it is `speculative`.
async fn new_workspace(
    app: &App,
    owner: &Caller,
    name: &str,
    speculative: bool,
) -> (WorkspaceId, ConfigurationVersionId) {
    let settings = WorkspaceSettings { name: Some(name.to_owned()), ..WorkspaceSettings::default() };
    let workspace_id = workspaces::create(app, owner, "demo", settings).await.unwrap().workspace.id;
    let new = NewConfigurationVersion {
        auto_queue_runs: false,
        speculative,
        provisional: false,
        source: "tfe-api".to_owned(),
    };
    let key = WorkspaceKey::Id(workspace_id.clone());
    let (version, _) = configuration_versions::create(app, owner, key, new).await.unwrap();
    upload(app, &version.id, "nobody").await.unwrap();
    (workspace_id, version.id)
}

/// Sends an archive to the address that `subject` was given.
pub(crate) async fn upload(app: &App, id: &ConfigurationVersionId, subject: &str) -> Result<(), AppError> {
    let grant = signed_urls::Grant {
        purpose: signed_urls::Purpose::ConfigurationUpload,
        resource: id.to_string(),
        subject: subject.to_owned(),
    };
    configuration_versions::upload(app, &grant, streams::body(archive())).await
}

/// How many files lie in a folder.
pub(crate) fn walk(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
}

/// A state without resources.
pub(crate) fn state(serial: i64) -> Vec<u8> {
    let state = json!({
        "version": 4, "terraform_version": "1.11.4", "serial": serial, "lineage": "lineage", "outputs": {},
        "resources": [],
    });
    state.to_string().into_bytes()
}

impl World {
    /// In PostgreSQL's database at `postgres`, else in one of SQLite.
    pub(crate) async fn new(postgres: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::default());
        let database_url = postgres.unwrap_or_else(|| format!("sqlite:{}", folder.path().join("db").display()));
        let store = Store::open(StoreOptions {
            database_url: database_url.clone(),
            blob_folder: folder.path().join("blobs"),
            root_key: Key::generate(),
            clock: clock.clone(),
        })
        .await
        .unwrap();
        // Held calls answer at once: the tests move their own clock, not the runtime's.
        let (drain, draining) = watch::channel(true);
        let app = App::new(store, "http://localhost", draining);
        let token = bootstrap::dev(&app, None).await.unwrap().token;
        let owner = authenticate(&app, Some(token)).await.unwrap();
        terrane_app::callers::set_runner_token(&app, Secret::new("runner")).await.unwrap();
        let runner = authenticate(&app, Some(Secret::new("runner"))).await.unwrap();
        let (workspace_id, configuration) = new_workspace(&app, &owner, "app", false).await;
        Self { app, owner, runner, workspace_id, configuration, clock, _drain: drain, database_url, folder }
    }

    pub(crate) fn blob_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("blobs")
    }

    /// Changes the database past the server; tells how many rows.
    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        if let Some(path) = self.database_url.strip_prefix("sqlite:") {
            return rusqlite::Connection::open(path).unwrap().execute(sql, []).unwrap() as u64;
        }
        let mut connection = PgConnection::connect(&self.database_url).await.unwrap();
        connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap().rows_affected()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.0.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::Relaxed);
    }

    pub(crate) fn new_run(&self) -> NewRun {
        NewRun {
            workspace_id: self.workspace_id.clone(),
            configuration_version_id: Some(self.configuration.clone()),
            message: None,
            auto_apply: Some(false),
            plan_only: None,
            save_plan: false,
            terraform_version: None,
            allow_empty_apply: false,
            options: PlanOptions { refresh: true, ..PlanOptions::default() },
            variables: Vec::new(),
            source: RunSource::Api,
            client_renders_json: true,
        }
    }

    /// Another workspace with a configuration of its own.
    pub(crate) async fn add_workspace(&self, name: &str, speculative: bool) -> (WorkspaceId, ConfigurationVersionId) {
        new_workspace(&self.app, &self.owner, name, speculative).await
    }

    /// A team that may queue runs in the first workspace.
    pub(crate) async fn add_team(&self, organization_id: &OrganizationId) -> TeamId {
        let id = TeamId::from_entropy(1);
        let team = Team {
            id: id.clone(),
            organization_id: organization_id.clone(),
            name: "builders".to_owned(),
            visibility: TeamVisibility::Secret,
            sso_team_id: None,
            organization_access: GrantedAccess::default(),
            allow_member_token_management: false,
            created_at: self.app.store().now(),
        };
        let access = TeamWorkspace {
            id: TeamWorkspaceId::from_entropy(1),
            organization_id: organization_id.clone(),
            team_id: id.clone(),
            workspace_id: self.workspace_id.clone(),
            access: WorkspaceAccessLevel::Plan,
            custom: None,
        };
        let work = self.app.store().write(move |tx| {
            Box::pin(async move {
                terrane_store::teams::insert(tx, &team).await?;
                terrane_store::team_access::insert_workspace(tx, &access).await
            })
        });
        let done: Result<(), StoreError> = work.await;
        done.unwrap();
        id
    }

    pub(crate) async fn queue(&self, new: NewRun) -> RunView {
        runs::create(&self.app, &self.owner, new).await.unwrap()
    }

    pub(crate) async fn read(&self, id: &RunId) -> RunView {
        runs::read(&self.app, &self.owner, id.clone()).await.unwrap()
    }

    pub(crate) async fn act(&self, id: &RunId, action: RunAction) -> Result<(), AppError> {
        runs::act(&self.app, &self.owner, id.clone(), action, None).await
    }

    /// Claims the next job; there must be one.
    pub(crate) async fn claim(&self) -> Job {
        self.claim_or_none().await.unwrap()
    }

    /// Claims the next job if there is one.
    pub(crate) async fn claim_or_none(&self) -> Option<Job> {
        let (runner_id, name) = (RunnerId::from_entropy(1), "test".to_owned());
        let request = ClaimRequest { runner_id, name, sandbox_level: SandboxLevel::L2 };
        jobs::claim(&self.app, &self.runner, request).await.unwrap()
    }

    /// What the run's people want of the job's child, as its runner hears it.
    pub(crate) async fn stop_of(&self, job: &Job) -> StopRequest {
        jobs::renew(&self.app, &self.runner, job.id.clone(), job.fence).await.unwrap().stop
    }

    /// Sends a state of the job's run.
    pub(crate) async fn put_state(&self, job: &Job, serial: i64) -> Result<(), AppError> {
        jobs::put_state(&self.app, &self.runner, job.id.clone(), job.fence, streams::body(state(serial))).await
    }

    pub(crate) async fn log(&self, job: &Job, offset: u64, text: &'static str) -> Result<u64, AppError> {
        let bytes = Bytes::from_static(text.as_bytes());
        let position = jobs::append_log(&self.app, &self.runner, job.id.clone(), job.fence, offset, bytes).await?;
        Ok(position.offset)
    }

    pub(crate) async fn finish(&self, job: &Job, has_changes: bool) -> Result<(), AppError> {
        self.end(job, Outcome::Finished, has_changes).await
    }

    pub(crate) async fn end(&self, job: &Job, outcome: Outcome, has_changes: bool) -> Result<(), AppError> {
        let finish = Finish {
            fence: job.fence,
            outcome,
            reason: None,
            message: None,
            log_length: 0,
            has_changes,
            counts: ChangeCounts::default(),
            generated_configuration: false,
        };
        jobs::finish(&self.app, &self.runner, job.id.clone(), finish).await
    }
}
