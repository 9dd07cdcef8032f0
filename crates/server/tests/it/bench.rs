//! A server with a database of its own, and its API.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::unistd::Pid;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use terrane_store::{Key, load_root_key};

use crate::http::{Answer, request};
use crate::process::Dev;

/// A running server.
pub(crate) struct Terrane {
    dev: Dev,
    pub(crate) token: String,
    database_url: String,
    // Dropped last: the database goes after its server.
    _database: Option<PostgresDatabase>,
}

impl Terrane {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn without_runner() -> Self {
        Self::start_with(&["--runners", "0"])
    }

    /// Runs can be ended by force right after their cancel.
    pub(crate) fn without_cool_off() -> Self {
        Self::start_with(&["--force-cancel-after", "0"])
    }

    /// Runs may write to the folder.
    pub(crate) fn sharing(folder: &Path) -> Self {
        Self::start_with(&["--run-writable", folder.to_str().unwrap()])
    }

    /// Runs take providers from the folder.
    pub(crate) fn mirroring(folder: &Path) -> Self {
        Self::start_with(&["--run-provider-mirror", folder.to_str().unwrap()])
    }

    fn start_with(arguments: &[&str]) -> Self {
        let database = PostgresDatabase::if_chosen();
        let dev = Dev::start_with(|command| {
            command.args(arguments).env("TERRANE_LOG", "error");
            if let Some(database) = &database {
                command.env("TERRANE_DATABASE_URL", &database.url);
            }
        });
        let database_url = database.as_ref().map_or_else(
            || format!("sqlite:{}", dev.data_dir.join("terrane.db").display()),
            |database| database.url.clone(),
        );
        let mut terrane = Self { dev, token: String::new(), database_url, _database: database };
        terrane.token = terrane.fact("token");
        terrane
    }

    pub(crate) fn port(&self) -> u16 {
        self.dev.port
    }

    pub(crate) fn is_on_postgres(&self) -> bool {
        !self.database_url.starts_with("sqlite:")
    }

    /// The pid of a child of the supervisor.
    pub(crate) fn pid(&self, name: &str) -> Pid {
        self.dev.pid(name)
    }

    /// A field of what `terrane dev` tells of itself.
    pub(crate) fn fact(&self, name: &str) -> String {
        let facts = std::fs::read(self.dev.data_dir.join("dev.json")).unwrap();
        let facts: Value = serde_json::from_slice(&facts).unwrap();
        facts[name].as_str().unwrap().to_owned()
    }

    pub(crate) fn cli_config(&self) -> PathBuf {
        self.dev.data_dir.join("dev.tfrc")
    }

    pub(crate) fn data_dir(&self) -> &Path {
        &self.dev.data_dir
    }

    /// The files of the server's blobs of one kind.
    pub(crate) fn blobs(&self, kind: &str) -> Vec<PathBuf> {
        let organizations = std::fs::read_dir(self.dev.data_dir.join("blobs")).unwrap();
        let folders = organizations.map(|organization| organization.unwrap().path().join(kind));
        let files = folders.filter(|folder| folder.exists()).flat_map(|folder| std::fs::read_dir(folder).unwrap());
        files.map(|file| file.unwrap().path()).collect()
    }

    /// Removes what the runner kept of plans for their applies, as a restart of it does.
    pub(crate) fn forget_run_folders(&self) {
        for folder in std::fs::read_dir(self.dev.data_dir.join("runner/runs")).unwrap() {
            std::fs::remove_dir_all(folder.unwrap().path()).unwrap();
        }
    }

    pub(crate) fn root_key(&self) -> Key {
        load_root_key(&self.dev.data_dir.join("root.key")).unwrap()
    }

    /// Changes the database past the server.
    pub(crate) fn execute(&self, sql: &str) -> u64 {
        if let Some(path) = self.database_url.strip_prefix("sqlite:") {
            let changed = rusqlite::Connection::open(path).unwrap().execute(sql, []).unwrap();
            return u64::try_from(changed).unwrap();
        }
        block_on(async {
            let mut connection = PgConnection::connect(&self.database_url).await.unwrap();
            connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap().rows_affected()
        })
    }

    /// Without a token, as the holder of a signed address asks.
    pub(crate) fn ask(&self, method: &str, address: &str, body: &[u8]) -> Answer {
        request(self.port(), method, address, &[], body)
    }

    /// Without a token, as go-tfe asks.
    pub(crate) fn ask_as_go_tfe(&self, address: &str) -> Answer {
        request(self.port(), "GET", address, &[("User-Agent", "go-tfe")], b"")
    }

    /// With the person's token and any bytes.
    pub(crate) fn call(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let authorization = format!("Bearer {}", self.token);
        request(self.port(), method, &format!("/api/v2/{path}"), &[("Authorization", &authorization)], body)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.call("GET", path, b"")
    }

    pub(crate) fn post(&self, path: &str, document: &Value) -> Answer {
        self.call("POST", path, document.to_string().as_bytes())
    }

    pub(crate) fn patch(&self, path: &str, document: &Value) -> Answer {
        self.call("PATCH", path, document.to_string().as_bytes())
    }

    /// The data of a document that must be there.
    pub(crate) fn data(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()["data"].clone()
    }

    /// Makes a workspace and answers its id.
    pub(crate) fn create_workspace(&self, name: &str) -> String {
        let document = json!({ "data": { "type": "workspaces", "attributes": { "name": name } } });
        let answer = self.post("organizations/demo/workspaces", &document);
        assert_eq!(answer.status, 201, "{}", answer.text());
        id(&answer.json()["data"])
    }
}

/// The id of a resource.
pub(crate) fn id(resource: &Value) -> String {
    resource["id"].as_str().unwrap_or_else(|| panic!("{resource}")).to_owned()
}

/// A database that goes with this value.
pub(crate) struct PostgresDatabase {
    server: String,
    name: String,
    pub(crate) url: String,
}

impl PostgresDatabase {
    /// A new one if `TERRANE_TEST_DATABASE` is `postgres`, on the server that `TERRANE_TEST_POSTGRES_URL` names, whose
    /// user may make databases. Otherwise the tests run on SQLite.
    pub(crate) fn if_chosen() -> Option<Self> {
        if std::env::var("TERRANE_TEST_DATABASE").ok()? != "postgres" {
            return None;
        }
        let server = std::env::var("TERRANE_TEST_POSTGRES_URL");
        Some(Self::create(server.expect("TERRANE_TEST_POSTGRES_URL names the server to test with")))
    }

    fn create(server: String) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("terrane_dev_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        administer(&server, &format!("CREATE DATABASE {name}")).unwrap();
        let url = server.rsplit_once('/').map(|(server, _)| format!("{server}/{name}")).unwrap();
        Self { server, name, url }
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let _ = administer(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

fn administer(server: &str, sql: &str) -> Result<(), sqlx::Error> {
    let sql = AssertSqlSafe(sql.to_owned());
    block_on(async { PgConnection::connect(server).await?.execute(sql).await.map(drop) })
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
