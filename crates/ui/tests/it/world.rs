//! A server without sockets: an owner with a password, and a workspace with a run that waits to be confirmed.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use md5::{Digest as _, Md5};
use rusqlite::types::Value;
use serde_json::json;
use terrane_app::callers::{Secret, authenticate};
use terrane_app::runs::{NewRun, RunAction, RunView};
use terrane_app::state_versions::NewStateVersion;
use terrane_app::team_members::People;
use terrane_app::teams::TeamSettings;
use terrane_app::tokens::{Expiry, NewToken};
use terrane_app::workspaces::{WorkspaceKey, WorkspaceSettings, WorkspaceView};
use terrane_app::{
    App, bootstrap, configuration_versions, errored_states, jobs, organization_memberships, organizations, runs,
    signed_urls, state_versions, streams, team_access, team_members, team_tokens, teams, variables, workspaces,
};
use terrane_domain::access::{Caller, CredentialKind, Principal, ProjectAccessLevel, WorkspaceAccessLevel};
use terrane_domain::ids::{RunId, RunnerId};
use terrane_domain::organizations::OrganizationChange;
use terrane_domain::runner_protocol::{ChangeCounts, ClaimRequest, Finish, Job, LEASE_SECONDS, Outcome, SandboxLevel};
use terrane_domain::runs::{FORCE_CANCEL_COOL_OFF, PlanOptions, RunSource};
use terrane_domain::teams::TeamVisibility;
use terrane_domain::time::Timestamp;
use terrane_domain::variables::VariableChange;
use terrane_store::{Clock, Key, Store, StoreOptions};
use tokio::sync::watch;

use crate::browser::Browser;

/// A clock that stands until it is moved.
#[derive(Default)]
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + self.0.fetch_add(1, Ordering::Relaxed))
    }
}

pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) password: String,
    /// The API token of the same person.
    pub(crate) token: String,
    clock: Arc<TestClock>,
    database: PathBuf,
    _drain: watch::Sender<bool>,
    _folder: tempfile::TempDir,
}

/// The state that an apply leaves.
const LEFT: &[u8] =
    br#"{"version":4,"terraform_version":"1.11.4","serial":2,"lineage":"l","outputs":{},"resources":[]}"#;

/// The end of a phase that has changes.
fn ended(fence: i64, outcome: Outcome) -> Finish {
    Finish {
        fence,
        outcome,
        reason: None,
        message: None,
        log_length: 0,
        has_changes: true,
        counts: ChangeCounts { additions: 2, ..ChangeCounts::default() },
        generated_configuration: false,
    }
}

impl World {
    /// Nobody has an account.
    pub(crate) async fn empty(public_url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::default());
        let database = folder.path().join("db");
        let store = Store::open(StoreOptions {
            database_url: format!("sqlite:{}", database.display()),
            blob_folder: folder.path().join("blobs"),
            root_key: Key::generate(),
            clock: clock.clone(),
        })
        .await
        .unwrap();
        let (drain, draining) = watch::channel(true);
        let app = App::new(store, public_url, draining);
        Self { app, password: String::new(), token: String::new(), clock, database, _drain: drain, _folder: folder }
    }

    /// The person `admin` of the organization `demo`.
    pub(crate) async fn at(public_url: &str) -> Self {
        let mut world = Self::empty(public_url).await;
        let facts = bootstrap::dev(&world.app, None).await.unwrap();
        facts.token.reveal().clone_into(&mut world.token);
        let password = bootstrap::dev_password(&world.app, None).await.unwrap().unwrap().password;
        password.reveal().clone_into(&mut world.password);
        world
    }

    pub(crate) async fn new() -> Self {
        Self::at("http://localhost").await
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(terrane_ui::router(self.app.clone()))
    }

    pub(crate) async fn signed_in(&self) -> Browser {
        let mut browser = self.browser();
        let answer = browser.sign_in("admin", &self.password).await;
        assert_eq!(answer.location(), "/app");
        browser
    }

    /// The path of an invitation to an organization.
    pub(crate) async fn invite(&self, caller: &Caller, organization: &str, email: &str) -> String {
        let made = organization_memberships::create(&self.app, caller, organization, email.to_owned(), Vec::new());
        let url = made.await.unwrap().invitation_url.unwrap();
        url.strip_prefix(self.app.public_url()).unwrap().to_owned()
    }

    pub(crate) async fn owner(&self) -> Caller {
        authenticate(&self.app, Some(Secret::new(self.token.as_str()))).await.unwrap()
    }

    /// An invitation to an organization in which the owner of `demo` is nobody yet.
    pub(crate) async fn invitation_elsewhere(&self) -> String {
        let path = self.invite(&self.owner().await, "demo", "guest@example.com").await;
        let secret = Secret::new(path.rsplit_once('/').unwrap().1);
        let guest = organization_memberships::accept(&self.app, secret, "guest".to_owned()).await.unwrap();
        let guest = Caller { kind: CredentialKind::Session, principal: Principal::User(guest.id), token_id: None };
        let (name, email) = (Some("elsewhere".to_owned()), Some("guest@example.com".to_owned()));
        let settings = OrganizationChange { name, email, ..OrganizationChange::default() };
        organizations::create(&self.app, &guest, settings).await.unwrap();
        self.invite(&guest, "elsewhere", "owner@example.com").await
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.0.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::Relaxed);
    }

    /// The membership of one more person who was invited.
    pub(crate) async fn invited(&self) -> String {
        let email = format!("person-{}@example.com", self.app.store().now().as_micros());
        let owner = self.owner().await;
        let made = organization_memberships::create(&self.app, &owner, "demo", email, Vec::new());
        made.await.unwrap().membership.id.to_string()
    }

    /// A new team, visible, with one person in it.
    pub(crate) async fn team(&self, name: &str) -> String {
        let settings = TeamSettings {
            name: Some(name.to_owned()),
            visibility: Some(TeamVisibility::Organization),
            ..TeamSettings::default()
        };
        let owner = self.owner().await;
        let id = teams::create(&self.app, &owner, "demo", settings).await.unwrap().team.id;
        let person = self.invited().await.parse().unwrap();
        team_members::add(&self.app, &owner, id.clone(), People::Memberships(vec![person])).await.unwrap();
        id.to_string()
    }

    /// The membership of the one person in a team.
    pub(crate) async fn only_member(&self, team: &str) -> String {
        let view = teams::read(&self.app, &self.owner().await, team.parse().unwrap(), false).await.unwrap();
        view.memberships[0].id.to_string()
    }

    pub(crate) async fn default_project(&self) -> String {
        let view = organizations::read(&self.app, &self.owner().await, "demo").await.unwrap();
        view.organization.default_project_id.to_string()
    }

    /// Access of a new team to the default project or to a workspace.
    pub(crate) async fn access(&self, workspace: Option<&str>) -> String {
        let (app, owner) = (&self.app, self.owner().await);
        let team = self.team(&format!("team-{}", app.store().now().as_micros())).await.parse().unwrap();
        let Some(workspace) = workspace else {
            let settings = team_access::ProjectSettings {
                access: Some(ProjectAccessLevel::Read),
                ..team_access::ProjectSettings::default()
            };
            let project = self.default_project().await.parse().unwrap();
            let made = team_access::create_for_project(app, &owner, project, team, settings).await;
            return made.unwrap().id.to_string();
        };
        let id = workspaces::read(app, &owner, named(workspace)).await.unwrap().workspace.id;
        let settings = team_access::WorkspaceSettings {
            access: Some(WorkspaceAccessLevel::Read),
            ..team_access::WorkspaceSettings::default()
        };
        team_access::create_for_workspace(app, &owner, id, team, settings).await.unwrap().id.to_string()
    }

    /// A workspace in which the form at this path does something.
    pub(crate) async fn workspace_for(&self, form: &str) -> String {
        let owner = self.owner().await;
        let (_, end) = form.split_once("{workspace}").unwrap_or_default();
        let name = format!("for{}", end.replace('/', "-").replace(['{', '}'], ""));
        let settings = WorkspaceSettings { name: Some(name.clone()), ..WorkspaceSettings::default() };
        if workspaces::create(&self.app, &owner, "demo", settings).await.is_ok() {
            if name.ends_with("unlock") {
                workspaces::lock(&self.app, &owner, named(&name), "maintenance".to_owned()).await.unwrap();
            } else if name.ends_with("new-run") {
                self.configure(&name).await;
            }
        }
        name
    }

    /// A new variable of the workspace.
    pub(crate) async fn variable_in(&self, workspace: &str) -> String {
        let change = VariableChange {
            key: Some(format!("key-{}", self.app.store().now().as_micros())),
            category: Some("terraform".to_owned()),
            ..VariableChange::default()
        };
        variables::create(&self.app, &self.owner().await, named(workspace), change).await.unwrap().id.to_string()
    }

    /// The workspace of this name, made if it is not there.
    pub(crate) async fn workspace(&self, name: &str) -> WorkspaceView {
        let owner = self.owner().await;
        let settings = WorkspaceSettings { name: Some(name.to_owned()), ..WorkspaceSettings::default() };
        match workspaces::create(&self.app, &owner, "demo", settings).await {
            Ok(made) => made,
            Err(_) => workspaces::read(&self.app, &owner, named(name)).await.unwrap(),
        }
    }

    /// Gives the workspace a configuration.
    pub(crate) async fn configure(&self, workspace: &str) {
        let new = configuration_versions::NewConfigurationVersion {
            auto_queue_runs: false,
            speculative: false,
            provisional: false,
            source: "tfe-api".to_owned(),
        };
        let (app, owner) = (&self.app, self.owner().await);
        let (version, _) = configuration_versions::create(app, &owner, named(workspace), new).await.unwrap();
        let grant = signed_urls::Grant {
            purpose: signed_urls::Purpose::ConfigurationUpload,
            resource: version.id.to_string(),
            subject: "nobody".to_owned(),
        };
        configuration_versions::upload(app, &grant, streams::body(archive())).await.unwrap();
    }

    /// Queues a run in a workspace that has a configuration.
    pub(crate) async fn queued_run(&self, workspace: &str, change: impl FnOnce(&mut NewRun)) -> RunView {
        let mut new = NewRun {
            workspace_id: self.workspace(workspace).await.workspace.id,
            configuration_version_id: None,
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
        };
        change(&mut new);
        runs::create(&self.app, &self.owner().await, new).await.unwrap()
    }

    /// A runner takes the plan that waits longest.
    pub(crate) async fn claimed(&self) -> (Caller, Job) {
        terrane_app::callers::set_runner_token(&self.app, Secret::new("runner")).await.unwrap();
        let runner = authenticate(&self.app, Some(Secret::new("runner"))).await.unwrap();
        let (runner_id, name) = (RunnerId::from_entropy(1), "test".to_owned());
        let request = ClaimRequest { runner_id, name, sandbox_level: SandboxLevel::L2 };
        let job = jobs::claim(&self.app, &runner, request).await.unwrap().unwrap();
        (runner, job)
    }

    /// Runners take what waits until they come to what this run waits for.
    async fn claimed_of(&self, run: &RunId) -> (Caller, Job) {
        loop {
            let (runner, job) = self.claimed().await;
            if job.run_id == *run {
                return (runner, job);
            }
        }
    }

    /// The plan of a run is made, and has changes.
    pub(crate) async fn plan(&self, run: &RunId) {
        let (runner, job) = self.claimed_of(run).await;
        let finish = ended(job.fence, Outcome::Finished);
        jobs::finish(&self.app, &runner, job.id, finish).await.unwrap();
    }

    /// Makes a run whose plan waits to be confirmed; answers the path of its page.
    pub(crate) async fn planned_run(&self, workspace: &str) -> String {
        self.workspace(workspace).await;
        self.configure(workspace).await;
        let run = self.queued_run(workspace, |_| {}).await;
        self.plan(&run.run.id).await;
        path_of(&run)
    }

    /// A run that was asked to stop long ago and did not; answers the path of its page.
    pub(crate) async fn stuck_run(&self, workspace: &str) -> String {
        self.workspace(workspace).await;
        self.configure(workspace).await;
        let run = self.queued_run(workspace, |_| {}).await;
        self.claimed_of(&run.run.id).await;
        runs::act(&self.app, &self.owner().await, run.run.id.clone(), RunAction::Cancel, None).await.unwrap();
        self.pass(FORCE_CANCEL_COOL_OFF);
        path_of(&run)
    }

    /// A run that waits behind a planned one; answers the path of its page.
    pub(crate) async fn waiting_run(&self, workspace: &str) -> String {
        self.planned_run(workspace).await;
        path_of(&self.queued_run(workspace, |_| {}).await)
    }

    /// Two states, which the owner pushes who holds the lock; answers the id of the first.
    pub(crate) async fn states_in(&self, workspace: &str) -> String {
        let (app, owner) = (&self.app, self.owner().await);
        self.workspace(workspace).await;
        workspaces::lock(app, &owner, named(workspace), String::new()).await.unwrap();
        let mut first = None;
        for serial in 1..=2 {
            let made = state_versions::create(app, &owner, named(workspace), state(serial)).await.unwrap();
            first.get_or_insert(made.version.id);
        }
        first.unwrap().to_string()
    }

    pub(crate) async fn unlock(&self, workspace: &str) {
        workspaces::unlock(&self.app, &self.owner().await, named(workspace)).await.unwrap();
    }

    /// A token of a team.
    pub(crate) async fn team_token(&self, team: &str, description: &str) -> String {
        let new = NewToken { description: Some(description.to_owned()), expiry: Expiry::Never };
        let made = team_tokens::create(&self.app, &self.owner().await, team.parse().unwrap(), new).await;
        made.unwrap().token.id.to_string()
    }

    /// Makes a run whose apply has begun; answers the path of its page.
    async fn applying_run(&self, workspace: &str) -> (String, Caller, Job) {
        let path = self.planned_run(workspace).await;
        let id: RunId = path.rsplit('/').next().unwrap().parse().unwrap();
        runs::act(&self.app, &self.owner().await, id.clone(), RunAction::Confirm, None).await.unwrap();
        let (runner, job) = self.claimed_of(&id).await;
        jobs::admit(&self.app, &runner, job.id.clone(), job.fence).await.unwrap();
        (path, runner, job)
    }

    /// Makes a run whose apply was lost and left a state; answers the path of its page.
    pub(crate) async fn lost_run(&self, workspace: &str) -> String {
        let (path, runner, job) = self.applying_run(workspace).await;
        self.pass(Duration::from_secs(LEASE_SECONDS + 1));
        jobs::sweep_lost(&self.app).await.unwrap();
        let lost =
            errored_states::recover(&self.app, &runner, job.id.clone(), RunnerId::from_entropy(2)).await.unwrap();
        errored_states::put(&self.app, &runner, job.id, lost.fence, streams::body(LEFT)).await.unwrap();
        path
    }

    /// Makes a run whose apply failed and left a state that was refused; answers the path of its page.
    pub(crate) async fn refused_run(&self, workspace: &str) -> String {
        let (path, runner, job) = self.applying_run(workspace).await;
        errored_states::put(&self.app, &runner, job.id.clone(), job.fence, streams::body(LEFT)).await.unwrap();
        jobs::finish(&self.app, &runner, job.id, ended(job.fence, Outcome::Errored)).await.unwrap();
        path
    }

    /// Everything that the database holds, but for when something was last used.
    pub(crate) fn content(&self) -> String {
        let database = rusqlite::Connection::open(&self.database).unwrap();
        let names = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
        let mut names = database.prepare(names).unwrap();
        let names = names.query_map([], |row| row.get(0)).unwrap().collect::<Result<Vec<String>, _>>().unwrap();
        let mut content = String::new();
        for name in names {
            let mut statement = database.prepare(&format!("SELECT * FROM {name}")).unwrap();
            let columns: Vec<_> = statement.column_names().map(str::to_owned).collect();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                content.push_str(&name);
                for (index, column) in columns.iter().enumerate() {
                    if column != "last_used_at" {
                        write!(content, "|{:?}", row.get::<_, Value>(index).unwrap()).unwrap();
                    }
                }
                content.push('\n');
            }
        }
        content
    }
}

/// The workspace of this name.
pub(crate) fn named(workspace: &str) -> WorkspaceKey {
    WorkspaceKey::Name { organization: "demo".to_owned(), workspace: workspace.to_owned() }
}

/// Where a run's page is.
pub(crate) fn path_of(view: &RunView) -> String {
    format!("/app/{}/workspaces/{}/runs/{}", view.organization, view.workspace.name, view.run.id)
}

/// A state of two resources and two outputs.
pub(crate) fn state(serial: i64) -> NewStateVersion {
    let resource = json!({ "mode": "managed", "type": "terraform_data", "name": "shop", "module": "module.web",
        "provider": "provider[\"terraform.io/builtin/terraform\"]", "instances": [{ "attributes": {} }, { "attributes": {} }] });
    let outputs = json!({ "region": { "value": "eu-central-1", "type": "string" },
        "password": { "value": format!("hunter{serial}"), "type": "string", "sensitive": true } });
    let state = json!({ "version": 4, "terraform_version": "1.11.4", "serial": serial, "lineage": "aaaa",
        "outputs": outputs, "resources": [resource] });
    let bytes = state.to_string();
    let digest = Md5::digest(bytes.as_bytes());
    NewStateVersion {
        serial,
        lineage: "aaaa".to_owned(),
        md5: digest.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")),
        force: false,
        run_id: None,
        state: Some(base64::engine::general_purpose::STANDARD.encode(&bytes)),
        json_state: None,
        json_state_outputs: None,
    }
}

fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    builder.append_data(&mut header, "main.tf", &b""[..]).unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}
