//! A folder with a configuration that is bound to a workspace.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::bench::{Terrane, id};

/// How terraform ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Checks that standard output holds `text`, wherever lines break.
    #[track_caller]
    pub(crate) fn shows(self, text: &str) -> Self {
        assert!(flat(&self.stdout).contains(&flat(text)), "no {text:?} in\n{}\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn shows_not(self, text: &str) -> Self {
        assert!(!flat(&self.stdout).contains(&flat(text)), "{text:?} in\n{}", self.stdout);
        self
    }

    /// Checks that standard error holds `text`, wherever lines break.
    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Self {
        assert!(flat(&self.stderr).contains(&flat(text)), "no {text:?} in\n{}\n{}", self.stdout, self.stderr);
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{}\n{}", self.stdout, self.stderr))
    }
}

/// Words with single spaces, without the frames that terraform draws around errors.
fn flat(text: &str) -> String {
    text.split_whitespace().filter(|word| !matches!(*word, "│" | "╷" | "╵")).collect::<Vec<_>>().join(" ")
}

/// Without colours, which some commands cannot be told to leave out.
fn plain(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |plain, piece| plain + piece.split_once('m').map_or(piece, |(_, rest)| rest))
}

/// A configuration and its workspace, which the first `init` creates.
pub(crate) struct Workspace<'a> {
    terrane: &'a Terrane,
    folder: tempfile::TempDir,
    /// Where terraform is called, below `folder`.
    working_directory: PathBuf,
    name: String,
    /// The CLI.
    program: &'static str,
}

const NAME: &str = "app";

impl<'a> Workspace<'a> {
    /// Writes `configuration` and initializes it.
    pub(crate) fn initialized(terrane: &'a Terrane, configuration: &str) -> Self {
        Self::named(terrane, NAME, configuration)
    }

    /// The same, for one of several workspaces.
    pub(crate) fn named(terrane: &'a Terrane, name: &str, configuration: &str) -> Self {
        let workspace = Self::unbound(terrane, "", name, configuration);
        workspace.bind("cloud", &format!("name = \"{name}\""));
        workspace.terraform(&["init"]).with(0);
        workspace
    }

    pub(crate) fn new(terrane: &'a Terrane, configuration: &str) -> Self {
        Self::in_subfolder(terrane, "", configuration)
    }

    /// The configuration lies in a folder below the root of what is uploaded.
    pub(crate) fn in_subfolder(terrane: &'a Terrane, working_directory: &str, configuration: &str) -> Self {
        let workspace = Self::unbound(terrane, working_directory, NAME, configuration);
        workspace.bind("cloud", &format!("name = \"{NAME}\""));
        workspace
    }

    /// Without anything in the configuration that leads to the server; `name` is for the API only.
    pub(crate) fn unbound(terrane: &'a Terrane, working_directory: &str, name: &str, configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join(working_directory)).unwrap();
        let name = name.to_owned();
        let workspace =
            Self { terrane, folder, working_directory: working_directory.into(), name, program: "terraform" };
        workspace.write(configuration);
        workspace
    }

    /// Binds the configuration to the workspaces that `mapping` says, by the block `cloud` or the older
    /// `backend "remote"`.
    pub(crate) fn bind(&self, block: &str, mapping: &str) {
        let port = self.terrane.port();
        let text = format!(
            "terraform {{\n  {block} {{\n    hostname = \"localhost:{port}\"\n    organization = \"demo\"\n    \
             workspaces {{\n      {mapping}\n    }}\n  }}\n}}\n"
        );
        std::fs::write(self.path().join("cloud.tf"), text).unwrap();
    }

    /// Uses `tofu` instead of `terraform`.
    pub(crate) fn with_opentofu(self) -> Self {
        Self { program: "tofu", ..self }
    }

    /// The folder with the configuration.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join(&self.working_directory)
    }

    /// The root of what is uploaded.
    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Replaces the configuration.
    pub(crate) fn write(&self, configuration: &str) {
        std::fs::write(self.path().join("main.tf"), configuration).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TF_")) {
            command.env_remove(name);
        }
        for subcommand in ["init", "plan", "apply", "destroy"] {
            command.env(format!("TF_CLI_ARGS_{subcommand}"), "-no-color");
        }
        command.args(arguments).current_dir(self.path()).env("TF_CLI_CONFIG_FILE", self.terrane.cli_config());
        command.env("CHECKPOINT_DISABLE", "1");
        command
    }

    /// Starts terraform with a pipe to answer its questions.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        Running { stdout: BufReader::new(child.stdout.take().unwrap()), child, seen: String::new() }
    }

    /// Runs terraform without anyone to answer.
    pub(crate) fn terraform(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end()
    }

    /// Runs terraform and gives `answer` to its question.
    pub(crate) fn answering(&self, answer: &str, arguments: &[&str]) -> Ended {
        let mut running = self.start(arguments);
        running.answer(answer);
        running.end()
    }

    pub(crate) fn id(&self) -> String {
        id(&self.document())
    }

    pub(crate) fn document(&self) -> Value {
        self.terrane.data(&format!("organizations/demo/workspaces/{}", self.name))
    }

    /// Changes one setting of the workspace.
    pub(crate) fn set(&self, name: &str, value: impl Into<Value>) {
        let document = json!({ "data": { "type": "workspaces", "attributes": { name: value.into() } } });
        let answer = self.terrane.patch(&format!("workspaces/{}", self.id()), &document);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// The runs, newest first.
    pub(crate) fn runs(&self) -> Vec<Value> {
        self.terrane.data(&format!("workspaces/{}/runs", self.id())).as_array().unwrap().clone()
    }

    /// The statuses of the runs, newest first.
    pub(crate) fn run_statuses(&self) -> Vec<String> {
        self.runs().iter().map(|run| run["attributes"]["status"].as_str().unwrap().to_owned()).collect()
    }

    /// The addresses in the state, in order.
    pub(crate) fn resources(&self) -> Vec<String> {
        self.terraform(&["state", "list"]).with(0).stdout.lines().map(str::to_owned).collect()
    }

    /// Like `resources`, also before there is any state.
    pub(crate) fn resources_or_none(&self) -> Vec<String> {
        let state = self.terrane.get(&format!("workspaces/{}/current-state-version", self.id()));
        if state.status == 404 { Vec::new() } else { self.resources() }
    }

    /// The state as terraform keeps it.
    pub(crate) fn state(&self) -> Value {
        self.terraform(&["state", "pull"]).with(0).json()
    }
}

/// A terraform at work.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    seen: String,
}

impl Running {
    pub(crate) fn answer(&mut self, answer: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{answer}").unwrap();
    }

    /// Reads on until a line holds `text`.
    #[track_caller]
    pub(crate) fn read_until(&mut self, text: &str) {
        let start = self.seen.len();
        while !self.seen[start..].contains(text) {
            let read = self.stdout.read_line(&mut self.seen).unwrap();
            assert!(read > 0, "ended without {text:?}:\n{}", self.seen);
        }
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&self) {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT).unwrap();
    }

    pub(crate) fn end(mut self) -> Ended {
        drop(self.child.stdin.take());
        let mut rest = Vec::new();
        self.stdout.read_to_end(&mut rest).unwrap();
        self.seen.push_str(&String::from_utf8_lossy(&rest));
        let output = self.child.wait_with_output().unwrap();
        Ended {
            code: output.status.code().unwrap(),
            stdout: plain(&self.seen),
            stderr: plain(&String::from_utf8(output.stderr).unwrap()),
        }
    }
}
