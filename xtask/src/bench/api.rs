//! The API as the benchmarks need it: workspaces, configurations, runs.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::client::{Connection, request};
use super::server::Server;

const MEDIA_TYPE: &str = "application/vnd.api+json";
/// How often a run is looked at.
const POLL: Duration = Duration::from_millis(10);
/// What ends a run.
const FINAL: &[&str] = &["applied", "canceled", "discarded", "errored", "force_canceled", "planned_and_finished"];

/// A client of a server.
pub(super) struct Api<'a> {
    server: &'a Server,
    connection: Connection,
}

impl<'a> Api<'a> {
    pub(super) fn open(server: &'a Server) -> Result<Self> {
        Ok(Self { server, connection: Connection::open(server.address)? })
    }

    fn call(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Value> {
        let request = request(method, path, Some(&self.server.token), MEDIA_TYPE, body);
        let answer = self.connection.send(&request)?;
        answer.expect_success(&format!("{method} {path}"))?;
        if answer.body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(answer.body)?) }
    }

    pub(super) fn get(&mut self, path: &str) -> Result<Value> {
        self.call("GET", path, b"")
    }

    fn post(&mut self, path: &str, document: &Value) -> Result<Value> {
        self.call("POST", path, document.to_string().as_bytes())
    }

    /// Makes a workspace and tells its id.
    pub(super) fn create_workspace(&mut self, name: &str) -> Result<String> {
        self.create("workspaces", &workspace_document(name))
    }

    /// Makes a workspace in a project, or in the organization's own if that is left out, and tells its id.
    pub(super) fn create_workspace_in(&mut self, name: &str, project: Option<&str>) -> Result<String> {
        let mut document = workspace_document(name);
        if let Some(project) = project {
            document["data"]["relationships"] = json!({"project": {"data": {"type": "projects", "id": project}}});
        }
        self.create("workspaces", &document)
    }

    /// Makes a project and tells its id.
    pub(super) fn create_project(&mut self, name: &str) -> Result<String> {
        self.create("projects", &json!({"data": {"type": "projects", "attributes": {"name": name}}}))
    }

    /// Makes a team and tells its id.
    pub(super) fn create_team(&mut self, name: &str) -> Result<String> {
        self.create("teams", &json!({"data": {"type": "teams", "attributes": {"name": name}}}))
    }

    /// Gives a team access to a `project` or a `workspace`.
    pub(super) fn grant(&mut self, kind: &str, id: &str, team: &str, access: &str) -> Result<()> {
        let document = json!({"data": {"type": format!("team-{kind}s"), "attributes": {"access": access}, "relationships": {
            kind: {"data": {"type": format!("{kind}s"), "id": id}},
            "team": {"data": {"type": "teams", "id": team}},
        }}});
        self.post(&format!("/api/v2/team-{kind}s"), &document).map(drop)
    }

    /// Invites somebody into teams, and tells the link.
    pub(super) fn invite(&mut self, email: &str, teams: &Value) -> Result<String> {
        let document = json!({"data": {
            "type": "organization-memberships",
            "attributes": {"email": email},
            "relationships": {"teams": {"data": teams}},
        }});
        let path = self.in_organization("organization-memberships");
        let made = self.post(&path, &document)?;
        made["data"]["attributes"]["invitation-url"].as_str().map(str::to_owned).context("no invitation-url")
    }

    fn in_organization(&self, kind: &str) -> String {
        format!("/api/v2/organizations/{}/{kind}", self.server.organization)
    }

    fn create(&mut self, kind: &str, document: &Value) -> Result<String> {
        let path = self.in_organization(kind);
        id(&self.post(&path, document)?)
    }

    /// Locks a workspace: its runs wait.
    pub(super) fn lock(&mut self, workspace: &str) -> Result<()> {
        self.post(&format!("/api/v2/workspaces/{workspace}/actions/lock"), &json!({"reason": "bench"})).map(drop)
    }

    /// Uploads a packed configuration for a workspace and tells the version's id.
    pub(super) fn upload(&mut self, workspace: &str, archive: &[u8]) -> Result<String> {
        let document = json!({"data": {"type": "configuration-versions", "attributes": {"auto-queue-runs": false}}});
        let version = self.post(&format!("/api/v2/workspaces/{workspace}/configuration-versions"), &document)?;
        let url = version["data"]["attributes"]["upload-url"].as_str().context("no upload-url")?;
        let put = request("PUT", path_of(url)?, None, "application/octet-stream", archive);
        self.connection.send(&put)?.expect_success("the upload")?;
        id(&version)
    }

    /// Creates an auto-apply run of the workspace's newest configuration and tells its id.
    pub(super) fn create_run(&mut self, workspace: &str) -> Result<String> {
        id(&self.post("/api/v2/runs", &run_document(workspace))?)
    }

    /// The state of a run.
    pub(super) fn run(&mut self, run: &str) -> Result<Value> {
        Ok(self.get(&format!("/api/v2/runs/{run}"))?["data"].take())
    }

    /// Waits until a run has reached one of some statuses; that it ends in another is an error.
    pub(super) fn wait_for(&mut self, run: &str, wanted: &[&str], deadline: Instant) -> Result<Value> {
        loop {
            let found = self.run(run)?;
            let attributes = &found["attributes"];
            let status = attributes["status"].as_str().context("a run has no status")?;
            if wanted.contains(&status) {
                return Ok(found);
            }
            if FINAL.contains(&status) {
                bail!("a run ended {status}: {}", attributes["reason"]);
            }
            ensure!(Instant::now() < deadline, "a run is still {status}");
            thread::sleep(POLL);
        }
    }
}

/// A new workspace.
pub(super) fn workspace_document(name: &str) -> Value {
    json!({"data": {"type": "workspaces", "attributes": {"name": name, "auto-apply": true}}})
}

/// A new run.
pub(super) fn run_document(workspace: &str) -> Value {
    json!({"data": {
        "type": "runs",
        "attributes": {"message": "bench", "auto-apply": true},
        "relationships": {"workspace": {"data": {"type": "workspaces", "id": workspace}}},
    }})
}

/// A request that posts a document.
pub(super) fn post_request(server: &Server, path: &str, document: &Value) -> Vec<u8> {
    request("POST", path, Some(&server.token), MEDIA_TYPE, document.to_string().as_bytes())
}

fn id(document: &Value) -> Result<String> {
    document["data"]["id"].as_str().map(str::to_owned).context("an answer has no id")
}

/// The path of one of the server's addresses.
pub(super) fn path_of(url: &str) -> Result<&str> {
    let (_, rest) = url.split_once("://").context("an address is not whole")?;
    rest.find('/').map(|start| &rest[start..]).context("an address has no path")
}

/// Packs a configuration of one file as terraform does. The folder is made if need be.
pub(super) fn pack(folder: &Path, configuration: &str) -> Result<Vec<u8>> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("main.tf"), configuration)?;
    let mut command = Command::new("tar");
    command.args(["-czf", "-", "-C"]).arg(folder).arg("main.tf").stdin(Stdio::null());
    let output = command.output().context("cannot start tar")?;
    ensure!(output.status.success(), "tar failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_path() {
        assert_eq!(path_of("http://localhost:80/a/b?c").unwrap(), "/a/b?c");
        assert!(path_of("/a/b").is_err());
        assert!(path_of("http://localhost").is_err());
    }
}
