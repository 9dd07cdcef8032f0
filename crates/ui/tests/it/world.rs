//! A server without sockets: an owner with a password, and a workspace with a run that waits to be confirmed.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rusqlite::types::Value;
use terrane_app::callers::{Secret, authenticate};
use terrane_app::team_members::People;
use terrane_app::teams::TeamSettings;
use terrane_app::workspaces::{WorkspaceKey, WorkspaceSettings};
use terrane_app::{
    App, bootstrap, configuration_versions, errored_states, jobs, organization_memberships, organizations, runs,
    signed_urls, streams, team_access, team_members, teams, variables, workspaces,
};
use terrane_domain::access::{Caller, CredentialKind, Principal, ProjectAccessLevel, WorkspaceAccessLevel};
use terrane_domain::ids::RunnerId;
use terrane_domain::organizations::OrganizationChange;
use terrane_domain::runner_protocol::{ChangeCounts, ClaimRequest, Finish, Job, LEASE_SECONDS, Outcome, SandboxLevel};
use terrane_domain::runs::{PlanOptions, RunSource};
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
        let password = bootstrap::dev_password(&world.app, None).await.unwrap().unwrap();
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
        let key = WorkspaceKey::Name { organization: "demo".to_owned(), workspace: workspace.to_owned() };
        let id = workspaces::read(app, &owner, key).await.unwrap().workspace.id;
        let settings = team_access::WorkspaceSettings {
            access: Some(WorkspaceAccessLevel::Read),
            ..team_access::WorkspaceSettings::default()
        };
        team_access::create_for_workspace(app, &owner, id, team, settings).await.unwrap().id.to_string()
    }

    /// A workspace in which the form at this path does something.
    pub(crate) async fn workspace_for(&self, form: &str) -> String {
        let owner = self.owner().await;
        let name = form.rsplit('/').next().unwrap_or_default().replace(['{', '}'], "");
        let name = format!("for-{name}");
        let settings = WorkspaceSettings { name: Some(name.clone()), ..WorkspaceSettings::default() };
        if workspaces::create(&self.app, &owner, "demo", settings).await.is_ok() && name.ends_with("unlock") {
            let key = WorkspaceKey::Name { organization: "demo".to_owned(), workspace: name.clone() };
            workspaces::lock(&self.app, &owner, key, "maintenance".to_owned()).await.unwrap();
        }
        name
    }

    /// A new variable of the workspace.
    pub(crate) async fn variable_in(&self, workspace: &str) -> String {
        let key = WorkspaceKey::Name { organization: "demo".to_owned(), workspace: workspace.to_owned() };
        let change = VariableChange {
            key: Some(format!("key-{}", self.app.store().now().as_micros())),
            category: Some("terraform".to_owned()),
            ..VariableChange::default()
        };
        variables::create(&self.app, &self.owner().await, key, change).await.unwrap().id.to_string()
    }

    /// Makes a run whose plan waits to be confirmed; answers the path of its page.
    pub(crate) async fn planned_run(&self, workspace: &str) -> String {
        let app = &self.app;
        let owner = self.owner().await;
        terrane_app::callers::set_runner_token(app, Secret::new("runner")).await.unwrap();
        let runner = authenticate(app, Some(Secret::new("runner"))).await.unwrap();
        let settings = WorkspaceSettings { name: Some(workspace.to_owned()), ..WorkspaceSettings::default() };
        let made = workspaces::create(app, &owner, "demo", settings).await.unwrap().workspace;
        let new = configuration_versions::NewConfigurationVersion {
            auto_queue_runs: false,
            speculative: false,
            provisional: false,
            source: "tfe-api".to_owned(),
        };
        let key = WorkspaceKey::Id(made.id.clone());
        let (version, _) = configuration_versions::create(app, &owner, key, new).await.unwrap();
        let grant = signed_urls::Grant {
            purpose: signed_urls::Purpose::ConfigurationUpload,
            resource: version.id.to_string(),
            subject: "nobody".to_owned(),
        };
        configuration_versions::upload(app, &grant, streams::body(archive())).await.unwrap();
        let new = runs::NewRun {
            workspace_id: made.id,
            configuration_version_id: Some(version.id),
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
        let run = runs::create(app, &owner, new).await.unwrap().run;
        let job = self.claim(&runner).await;
        let finish = Finish {
            fence: job.fence,
            outcome: Outcome::Finished,
            reason: None,
            message: None,
            log_length: 0,
            has_changes: true,
            counts: ChangeCounts::default(),
            generated_configuration: false,
        };
        jobs::finish(app, &runner, job.id, finish).await.unwrap();
        format!("/app/demo/workspaces/{workspace}/runs/{}", run.id)
    }

    async fn claim(&self, runner: &Caller) -> Job {
        let (runner_id, name) = (RunnerId::from_entropy(1), "test".to_owned());
        let request = ClaimRequest { runner_id, name, sandbox_level: SandboxLevel::L2 };
        jobs::claim(&self.app, runner, request).await.unwrap().unwrap()
    }

    /// Makes a run whose apply was lost and left a state; answers the path of its page.
    pub(crate) async fn lost_run(&self, workspace: &str) -> String {
        let path = self.planned_run(workspace).await;
        let id = path.rsplit('/').next().unwrap().parse().unwrap();
        runs::act(&self.app, &self.owner().await, id, runs::RunAction::Confirm, None).await.unwrap();
        let runner = authenticate(&self.app, Some(Secret::new("runner"))).await.unwrap();
        let job = self.claim(&runner).await;
        jobs::admit(&self.app, &runner, job.id.clone(), job.fence).await.unwrap();
        self.pass(Duration::from_secs(LEASE_SECONDS + 1));
        jobs::sweep_lost(&self.app).await.unwrap();
        let lost =
            errored_states::recover(&self.app, &runner, job.id.clone(), RunnerId::from_entropy(2)).await.unwrap();
        let state =
            br#"{"version":4,"terraform_version":"1.11.4","serial":2,"lineage":"l","outputs":{},"resources":[]}"#;
        errored_states::put(&self.app, &runner, job.id, lost.fence, streams::body(&state[..])).await.unwrap();
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

fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    builder.append_data(&mut header, "main.tf", &b""[..]).unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}
