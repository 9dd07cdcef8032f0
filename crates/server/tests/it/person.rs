//! A person at a terminal: a home, a token of one's own, and trust in the server's certificate.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::ClientConfig;
use serde_json::{Value, json};

use crate::http::Answer;
use crate::serve_support::{Serve, request, trusting};
use crate::terraform::workspace::Ended;

pub(crate) struct Person {
    home: tempfile::TempDir,
    certificate: PathBuf,
    config: Arc<ClientConfig>,
    port: u16,
}

impl Person {
    /// `folder` has the server's certificate.
    pub(crate) fn new(serve: &Serve, folder: &Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        // Where the CLI keeps what it gets.
        std::fs::create_dir(home.path().join(".terraform.d")).unwrap();
        Self { home, certificate: folder.join("certificate.pem"), config: trusting(folder), port: serve.port }
    }

    fn credentials(&self) -> PathBuf {
        self.home.path().join(".terraform.d/credentials.tfrc.json")
    }

    /// Keeps a token where `terraform login` does.
    pub(crate) fn keep(&self, token: &str) {
        let host = format!("localhost:{}", self.port);
        let document = json!({ "credentials": { host: { "token": token } } });
        std::fs::write(self.credentials(), document.to_string()).unwrap();
    }

    fn token(&self) -> String {
        let document: Value = serde_json::from_slice(&std::fs::read(self.credentials()).unwrap()).unwrap();
        document["credentials"][format!("localhost:{}", self.port)]["token"].as_str().unwrap().to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TF_")) {
            command.env_remove(name);
        }
        command.args(arguments).env("HOME", self.home.path()).env("CHECKPOINT_DISABLE", "1");
        command.env("SSL_CERT_FILE", &self.certificate);
        command
    }

    /// Writes a configuration of one resource that is bound to a workspace; answers its folder.
    pub(crate) fn configuration(&self, workspace: &str) -> PathBuf {
        let folder = self.home.path().join(workspace);
        std::fs::create_dir(&folder).unwrap();
        let text = format!(
            "terraform {{\n  cloud {{\n    hostname = \"localhost:{}\"\n    organization = \"analytical\"\n    \
             workspaces {{ name = \"{workspace}\" }}\n  }}\n}}\nresource \"terraform_data\" \"note\" {{\n  input = \"G\"\n}}\n",
            self.port
        );
        std::fs::write(folder.join("main.tf"), text).unwrap();
        folder
    }

    /// Runs terraform in the folder of a configuration, without anyone to answer.
    pub(crate) fn terraform(&self, folder: &Path, arguments: &[&str]) -> Ended {
        let mut command = self.command(arguments);
        let output = command.arg("-no-color").current_dir(folder).stdin(Stdio::null()).output().unwrap();
        Ended {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs `terraform login`. `consent` is given the address that the CLI would open in a browser, and prints.
    pub(crate) fn log_in(&self, consent: impl FnOnce(&str)) {
        let mut command = self.command(&["login", &format!("localhost:{}", self.port)]);
        // The line to the browser is for a person to open.
        command.env("BROWSER", "/nonexistent").env_remove("DISPLAY").current_dir(self.home.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(b"yes\n").unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut seen = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "{seen}");
            seen.push_str(&line);
            if line.contains("/oauth/authorization?") {
                break line.trim().to_owned();
            }
        };
        consent(&address);
        let ended = child.wait().unwrap();
        stdout.read_to_string(&mut seen).unwrap();
        assert!(ended.success(), "{seen}");
    }

    /// Calls the API with the person's token.
    pub(crate) fn call(&self, method: &str, path: &str, document: &Value) -> Answer {
        let path = format!("/api/v2/{}", path.replace('[', "%5B").replace(']', "%5D"));
        let body = if document.is_null() { String::new() } else { document.to_string() };
        let authorization = format!("Authorization: Bearer {}\r\n", self.token());
        let (head, body) = request(&self.config, self.port, method, &path, &authorization, &body).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: body.into_bytes() }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &Value::Null)
    }

    /// Makes a resource; answers it.
    pub(crate) fn create(&self, path: &str, kind: &str, attributes: &Value, relations: &[(&str, &str, &str)]) -> Value {
        let relation = |(name, kind, id): &(&str, &str, &str)| {
            // A team is the one thing that is named in lists.
            let one = json!({ "type": kind, "id": id });
            ((*name).to_owned(), json!({ "data": if *name == "teams" { json!([one]) } else { one } }))
        };
        let relations: serde_json::Map<String, Value> = relations.iter().map(relation).collect();
        let document = json!({ "data": { "type": kind, "attributes": attributes, "relationships": relations } });
        let answer = self.call("POST", path, &document);
        assert!([200, 201].contains(&answer.status), "{path}: {}", answer.text());
        answer.json()["data"].clone()
    }
}
