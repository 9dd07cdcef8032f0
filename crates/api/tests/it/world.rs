//! A small world: an owner, an outsider, a workspace with a run, and tokens of every kind that exists.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use terrane_app::callers::Secret;
use terrane_app::tokens::{Expiry, NewToken};
use terrane_app::{App, bootstrap, organization_memberships, tokens};
use terrane_domain::access::{Caller, CredentialKind, Principal};
use terrane_domain::errored_states::{ErroredState, Resolution};
use terrane_domain::ids::{RunId, TokenId, UserId, WorkspaceId};
use terrane_domain::tokens::{Token, TokenKind};
use terrane_domain::users::User;
use terrane_domain::workspaces::LockHolder;
use terrane_store::{Key, Store, StoreError, StoreOptions, SystemClock};
use tokio::sync::watch;
use tower::ServiceExt as _;

/// What the tests stand in.
pub(crate) struct World {
    pub(crate) router: axum::Router,
    pub(crate) store: Store,
    pub(crate) app: App,
    pub(crate) owner: String,
    pub(crate) outsider: String,
    pub(crate) runner: String,
    pub(crate) run: String,
    /// What the parameters of paths mean here, by the word before them.
    pub(crate) ids: Vec<(&'static str, String)>,
    _drain: watch::Sender<bool>,
    folder: tempfile::TempDir,
}

/// A run under way.
pub(crate) struct Started {
    pub(crate) workspace: String,
    pub(crate) cv: String,
    pub(crate) run: Value,
    pub(crate) job: Value,
}

/// All of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl World {
    /// A world on SQLite.
    pub(crate) async fn new() -> Self {
        Self::on(None).await
    }

    /// A world on the PostgreSQL database at this address, or else on SQLite. Everything is made through the front door,
    /// but for accounts, which it cannot make yet.
    pub(crate) async fn on(database: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = || format!("sqlite:{}", folder.path().join("db").display());
        let store = Store::open(StoreOptions {
            database_url: database.unwrap_or_else(file),
            blob_folder: folder.path().join("blobs"),
            root_key: Key::generate(),
            clock: Arc::new(SystemClock),
        })
        .await
        .unwrap();
        let (drain, draining) = watch::channel(false);
        let app = App::new(store, "http://localhost", draining).with_ip_ranges(vec!["192.0.2.7/32".to_owned()]);
        let owner = bootstrap::dev(&app, None).await.unwrap().token.reveal().to_owned();
        terrane_app::callers::set_runner_token(&app, Secret::new("runner-secret")).await.unwrap();
        let outsider = add_account(&app, "outsider").await;
        let mut world = Self {
            store: app.store().clone(),
            router: terrane_api::router(app.clone()),
            app,
            owner,
            outsider,
            runner: "runner-secret".to_owned(),
            run: String::new(),
            ids: Vec::new(),
            _drain: drain,
            folder,
        };
        world.fill().await;
        world
    }

    async fn fill(&mut self) {
        let Started { workspace, cv, run, job } = self.start_run("app").await;
        self.run = text(&run["data"]["id"]);
        let related = |name: &str| text(&run["data"]["relationships"][name]["data"]["id"]);
        let projects = self.owner_json("GET", "/api/v2/organizations/demo/projects", &Value::Null).await;
        let tags = json!({"data":[{"type":"tags","attributes":{"name":"blue"}}]}).to_string().into_bytes();
        let path = format!("/api/v2/workspaces/{workspace}/relationships/tags");
        assert_eq!(self.send("POST", &path, Some(&self.owner), tags).await.status, StatusCode::NO_CONTENT);
        let tags = self.owner_json("GET", "/api/v2/organizations/demo/tags", &Value::Null).await;
        let project = text(&projects["data"][0]["id"]);
        let people = self.fill_people(&workspace, &project).await;
        let subscription = self.owner_json("GET", "/api/v2/organizations/demo/subscription", &Value::Null).await;
        let subscription = text(&subscription["data"]["id"]);
        let pool = self.make("/api/v2/organizations/demo/agent-pools", &json!({"name":"pool"})).await;
        let tag_key = self.make("/api/v2/organizations/demo/reserved-tag-keys", &json!({"key":"environment"})).await;
        let variable = json!({"key":"region","value":"north","category":"terraform"});
        let variable = self.make(&format!("/api/v2/workspaces/{workspace}/vars"), &variable).await;
        let comment = self.make(&format!("/api/v2/runs/{}/comments", self.run), &json!({"body":"fine"})).await;
        let read = format!("/api/v2/comments/{comment}");
        let event = self.owner_json("GET", &read, &Value::Null).await;
        let event = text(&event["data"]["relationships"]["run-event"]["data"]["id"]);
        self.ids = vec![
            ("comments", comment),
            ("run-events", event),
            ("tags", text(&tags["data"][0]["id"])),
            ("organizations", "demo".to_owned()),
            ("subscriptions", subscription),
            ("agent-pools", pool),
            ("reserved-tag-keys", tag_key.clone()),
            ("reserved-tags", tag_key),
            ("vars", variable),
            ("organizations/demo/workspaces", "app".to_owned()),
            ("workspaces", workspace),
            ("projects", project),
            ("configuration-versions", cv),
            ("runs", self.run.clone()),
            ("plans", related("plan")),
            ("applies", related("apply")),
            ("jobs", text(&job["id"])),
            ("run-token", self.mint_run_token(97, &self.run).await),
        ];
        self.ids.extend(people);
        self.leave_state().await;
    }

    /// Locks a workspace as the loss of an apply does.
    pub(crate) async fn lose(&self, workspace: &str) {
        let (id, run_id): (WorkspaceId, RunId) = (workspace.parse().unwrap(), self.run.parse().unwrap());
        let work = self.store.write(move |tx| {
            Box::pin(async move {
                let holder = LockHolder::Recovery(run_id);
                terrane_store::workspaces::lock(tx, &id, &holder, "").await
            })
        });
        let done: Result<bool, StoreError> = work.await;
        assert!(done.unwrap());
    }

    /// Lets the run have left a state about which somebody has decided: only a runner that was lost leaves one.
    async fn leave_state(&self) {
        let id: RunId = self.run.parse().unwrap();
        let work = self.store.write(move |tx| {
            Box::pin(async move {
                let run = terrane_store::runs::by_id(tx, &id).await?.unwrap();
                let state = ErroredState {
                    run_id: run.id,
                    organization_id: run.organization_id,
                    serial: Some(1),
                    lineage: String::new(),
                    md5: String::new(),
                    size: 0,
                    blob: String::new(),
                    resolution: Some(Resolution::Discarded),
                    resolved_at: Some(tx.now()),
                    created_at: tx.now(),
                };
                terrane_store::errored_states::insert(tx, &state).await
            })
        });
        let done: Result<(), StoreError> = work.await;
        done.unwrap();
    }

    /// Makes a workspace with a run whose plan a runner has begun.
    pub(crate) async fn start_run(&self, name: &str) -> Started {
        let body = json!({"data":{"attributes":{"name":name}}});
        let made = self.owner_json("POST", "/api/v2/organizations/demo/workspaces", &body).await;
        let workspace = text(&made["data"]["id"]);
        let path = format!("/api/v2/workspaces/{workspace}/configuration-versions");
        let cv = self.owner_json("POST", &path, &json!({"data":{"attributes":{"auto-queue-runs":false}}})).await;
        let upload = text(&cv["data"]["attributes"]["upload-url"]).replace("http://localhost", "");
        let uploaded = self.send("PUT", &upload, None, archive()).await;
        assert_eq!(uploaded.status, StatusCode::OK);
        let body = json!({"data":{"relationships":{"workspace":{"data":{"type":"workspaces","id":workspace}}}}});
        let run = self.owner_json("POST", "/api/v2/runs", &body).await;
        Started { workspace, cv: text(&cv["data"]["id"]), run, job: self.claim().await }
    }

    /// What the database last wrote: a change of anything changes it.
    pub(crate) fn written(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("db-wal")).unwrap()
    }

    /// A team that everyone sees, with a token and access to everything, and someone invited into it.
    async fn fill_people(&self, workspace: &str, project: &str) -> Vec<(&'static str, String)> {
        let id = |made: &Value| text(&made["data"]["id"]);
        let document = json!({"data":{"attributes":{"name":"readers","visibility":"organization"}}});
        let team = id(&self.owner_json("POST", "/api/v2/organizations/demo/teams", &document).await);
        let relation = |kind: &str, id: &str| json!({"data":{"type":kind,"id":id}});
        let access = |kind: &str, thing: &str| {
            let relations = json!({"team": relation("teams", &team), kind: relation("things", thing)});
            json!({"data":{"attributes":{"access":"read"},"relationships":relations}})
        };
        let document = json!({"data":{
            "attributes":{"email":"invited@example.org"},
            "relationships":{"teams":{"data":[{"type":"teams","id":team}]}},
        }});
        let path = "/api/v2/organizations/demo/organization-memberships";
        let membership = id(&self.owner_json("POST", path, &document).await);
        let on_workspace = self.owner_json("POST", "/api/v2/team-workspaces", &access("workspace", workspace)).await;
        let on_project = self.owner_json("POST", "/api/v2/team-projects", &access("project", project)).await;
        let path = format!("/api/v2/teams/{team}/authentication-token");
        let token = self.owner_json("POST", &path, &Value::Null).await;
        let account = self.owner_json("GET", "/api/v2/account/details", &Value::Null).await;
        vec![
            ("organization-memberships", membership),
            ("team-workspaces", id(&on_workspace)),
            ("team-projects", id(&on_project)),
            ("authentication-tokens", id(&token)),
            ("team-token", text(&token["data"]["attributes"]["token"])),
            ("users", id(&account)),
            ("teams", team),
        ]
    }

    /// Lets a person of this name accept an invitation to the demo organization and its teams of these ids; answers
    /// the person's token and membership.
    pub(crate) async fn join(&self, name: &str, teams: &[&str]) -> (String, String) {
        let teams: Vec<Value> = teams.iter().map(|id| json!({"type":"teams","id":id})).collect();
        let document = json!({"data":{
            "attributes":{"email":format!("{name}@example.org")},
            "relationships":{"teams":{"data":teams}},
        }});
        let path = "/api/v2/organizations/demo/organization-memberships";
        let invited = self.owner_json("POST", path, &document).await;
        let link = text(&invited["data"]["attributes"]["invitation-url"]);
        let secret = Secret::new(link.rsplit('/').next().unwrap());
        let user = organization_memberships::accept(&self.app, secret, name.to_owned()).await.unwrap();
        let caller =
            Caller { kind: CredentialKind::Session, principal: Principal::User(user.id.clone()), token_id: None };
        let new = NewToken { description: None, expiry: Expiry::Default };
        let made = tokens::create(&self.app, &caller, user.id, new).await.unwrap();
        (made.secret.unwrap().reveal().to_owned(), text(&invited["data"]["id"]))
    }

    /// A token of a run that lasts as long as the run.
    pub(crate) async fn mint_run_token(&self, number: u128, run: &str) -> String {
        let id: RunId = run.parse().unwrap();
        let secret = format!("secret-of-{run}");
        let shown = secret.clone();
        let work = self.store.write(move |tx| {
            Box::pin(async move {
                let run = terrane_store::runs::by_id(tx, &id).await?.unwrap();
                let token = Token {
                    run_id: Some(run.id),
                    organization_id: Some(run.organization_id),
                    ..crate::actors::token(number, TokenKind::Run, tx.now())
                };
                terrane_store::tokens::insert(tx, &token, &secret).await
            })
        });
        let done: Result<(), StoreError> = work.await;
        done.unwrap();
        shown
    }

    pub(crate) async fn claim(&self) -> Value {
        let id = terrane_domain::ids::RunnerId::from_entropy(1);
        let body = json!({"runner_id": id, "name": "test", "sandbox_level": "L2"}).to_string();
        self.send("POST", "/api/runner/v1/jobs/claim", Some(&self.runner), body.into()).await.json()
    }

    /// Makes a thing with these attributes; its id.
    pub(crate) async fn make(&self, path: &str, attributes: &Value) -> String {
        let document = json!({"data":{"attributes":attributes}});
        text(&self.owner_json("POST", path, &document).await["data"]["id"])
    }

    pub(crate) fn id(&self, of: &str) -> &str {
        &self.ids.iter().find(|(name, _)| *name == of).unwrap_or_else(|| panic!("no id of {of}")).1
    }

    pub(crate) async fn send(&self, method: &str, path: &str, token: Option<&str>, body: Vec<u8>) -> Answer {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        self.send_with(method, path, &headers, body).await
    }

    pub(crate) async fn send_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answer(request.body(Body::from(body)).unwrap()).await
    }

    pub(crate) async fn answer(&self, request: Request<Body>) -> Answer {
        let response: Response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes().to_vec();
        Answer { status, headers, body }
    }

    /// The status alone.
    pub(crate) async fn status(&self, method: &str, path: &str, token: &str, body: &Value) -> u16 {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.send(method, path, Some(token), body).await.status.as_u16()
    }

    pub(crate) async fn owner_json(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let answer = self.send(method, path, Some(&self.owner), body).await;
        assert!(answer.status.is_success(), "{method} {path}: {} {}", answer.status, answer.json());
        answer.json()
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

pub(crate) fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    header.set_mode(0o644);
    builder.append_data(&mut header, "main.tf", &b""[..]).unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}

async fn add_account(app: &App, name: &'static str) -> String {
    let secret = format!("secret-of-{name}");
    let shown = secret.clone();
    app.store()
        .write(move |tx| {
            Box::pin(async move {
                let user = User {
                    id: UserId::from_entropy(99),
                    username: name.to_owned(),
                    email: String::new(),
                    is_site_admin: false,
                    created_at: tx.now(),
                };
                terrane_store::users::insert(tx, &user).await?;
                let token = Token {
                    id: TokenId::from_entropy(99),
                    kind: TokenKind::User,
                    user_id: Some(user.id),
                    run_id: None,
                    organization_id: None,
                    description: None,
                    team_id: None,
                    created_by: None,
                    last_used_at: None,
                    created_at: tx.now(),
                    expires_at: None,
                };
                terrane_store::tokens::insert(tx, &token, &secret).await
            })
        })
        .await
        .unwrap();
    shown
}
