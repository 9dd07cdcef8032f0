//! A server that may be killed and started again, a workspace that tells what it did, and checks that find what is wrong.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::bench::PostgresDatabase;
use crate::process::{is_gone, terrane, within};

/// Longer than any step here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A variable in the environment of the server, the runner and the supervisor, and its value.
pub(crate) const PLANTED: (&str, &str) = ("PLANTED_IN_ENVIRONMENT", "kept-from-every-run");

/// A server whose folder outlives it.
pub(crate) struct Server {
    supervisor: Child,
    /// Kept open: the greeting is not the last line that may be written.
    stdout: BufReader<ChildStdout>,
    arguments: Vec<String>,
    owner: Owner,
    /// Where runs may write beside their own folders.
    shared: tempfile::TempDir,
    pub(crate) port: u16,
    pub(crate) token: String,
    folder: tempfile::TempDir,
    // Dropped last: the database goes after its server.
    database: Option<PostgresDatabase>,
}

/// Whose the server is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The user of the tests.
    Tester,
    /// A user without rights.
    Nobody,
    /// The same, on a system that lets nobody make namespaces.
    NobodyWithoutNamespaces,
}

/// Without rights on every system.
const NOBODY: u32 = 65_534;

/// Gives up what namespaces can be made with, and becomes nobody. The way is long because a test must not change the whole
/// system's setting: in a user namespace, where the shell is root only once it is started after the users are mapped.
const WITHOUT_NAMESPACES: [&str; 6] = [
    "unshare",
    "--user",
    "sh",
    "-c",
    "until [ $(id -u) = 0 ]; do sleep 0.01; done; exec sh -c \"$0\" \"$@\"",
    "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$0\" \"$@\"",
];

/// Lets all users be themselves in the namespace of a process, as soon as it has one.
fn map_users(process: u32) {
    let path = |name: &str| format!("/proc/{process}/{name}");
    let own = std::fs::read_link("/proc/self/ns/user").unwrap();
    within(PATIENCE, || std::fs::read_link(path("ns/user")).unwrap() != own);
    for name in ["gid_map", "uid_map"] {
        std::fs::write(path(name), "0 0 4294967295").unwrap();
    }
}

/// A copy of the executable that every user may start, wherever the tests were built.
fn copy_of_program(folder: &Path) -> PathBuf {
    let copy = folder.join("terrane");
    if !copy.exists() {
        std::fs::copy(terrane().get_program(), &copy).unwrap();
    }
    copy
}

fn program(folder: &Path, owner: Owner) -> Command {
    let mut command = match owner {
        Owner::Tester => return terrane(),
        Owner::Nobody => Command::new(copy_of_program(folder)),
        Owner::NobodyWithoutNamespaces => {
            let mut command = Command::new(WITHOUT_NAMESPACES[0]);
            command.args(&WITHOUT_NAMESPACES[1..]).arg(copy_of_program(folder));
            command
        }
    };
    for (name, value) in terrane().get_envs() {
        assert!(value.is_none(), "settings are only taken away");
        command.env_remove(name);
    }
    if owner == Owner::Nobody {
        command.uid(NOBODY).gid(NOBODY);
    }
    std::os::unix::fs::chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    command
}

fn spawn(
    folder: &Path,
    owner: Owner,
    listen: &str,
    arguments: &[String],
    database: Option<&PostgresDatabase>,
) -> (Child, BufReader<ChildStdout>, u16) {
    let log = std::fs::File::options().create(true).append(true).open(folder.join("stderr")).unwrap();
    let mut command = program(folder, owner);
    command.env(PLANTED.0, PLANTED.1);
    if let Some(database) = database {
        command.env("TERRANE_DATABASE_URL", &database.url);
    }
    command.args(["dev", "--listen", listen, "--log", "debug", "--data-dir"]).arg(folder.join("data"));
    let mut supervisor = command.args(arguments).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    if owner == Owner::NobodyWithoutNamespaces {
        map_users(supervisor.id());
    }
    let mut stdout = BufReader::new(supervisor.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let port = line.trim().rsplit_once("http://localhost:").expect(&line).1.parse().unwrap();
    (supervisor, stdout, port)
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        Self::start_as(Owner::Tester, arguments)
    }

    pub(crate) fn start_as(owner: Owner, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shared = shared_folder();
        let writable = ["--run-writable", shared.path().to_str().unwrap()];
        let arguments: Vec<String> = writable.iter().chain(arguments).map(ToString::to_string).collect();
        let database = PostgresDatabase::if_chosen();
        let (supervisor, stdout, port) = spawn(folder.path(), owner, "127.0.0.1:0", &arguments, database.as_ref());
        let mut server =
            Self { supervisor, stdout, arguments, owner, shared, port, token: String::new(), folder, database };
        server.token.push_str(server.facts()["token"].as_str().unwrap());
        server
    }

    /// Starts again on the same folder and port; what ran before must have been killed.
    pub(crate) fn start_again(&mut self) {
        self.supervisor.wait().unwrap();
        let listen = format!("127.0.0.1:{}", self.port);
        let (folder, database) = (self.folder.path(), self.database.as_ref());
        (self.supervisor, self.stdout, _) = spawn(folder, self.owner, &listen, &self.arguments, database);
    }

    fn facts(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.data_dir().join("dev.json")).unwrap()).unwrap()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What all its processes wrote to standard error.
    pub(crate) fn log(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("stderr")).unwrap()
    }

    pub(crate) fn pid(&self, name: &str) -> Pid {
        if name == "supervisor" {
            return Pid::from_raw(self.supervisor.id().cast_signed());
        }
        let text = std::fs::read_to_string(self.data_dir().join(format!("{name}.pid"))).unwrap();
        Pid::from_raw(text.trim().parse().unwrap())
    }

    pub(crate) fn kill(&self, names: &[&str]) {
        let pids: Vec<Pid> = names.iter().map(|name| self.pid(name)).collect();
        for pid in &pids {
            kill(*pid, Signal::SIGKILL).unwrap();
        }
        within(Duration::from_secs(1), || pids.iter().all(|pid| is_gone(*pid)));
    }

    /// Waits for the supervisor's end: its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let mut status = None;
        within(PATIENCE, || {
            status = self.supervisor.try_wait().unwrap();
            status.is_some()
        });
        status.and_then(|status| status.code())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid("supervisor"), signal).unwrap();
    }

    /// The status, the head and the body.
    fn try_call(&self, method: &str, path: &str, body: &str) -> io::Result<(u16, String, Vec<u8>)> {
        let path = path.strip_prefix(&format!("http://localhost:{}", self.port)).unwrap_or(path);
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\nAuthorization: Bearer {}\r\nContent-Type: \
             application/vnd.api+json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            self.token,
            body.len()
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let body = answer.split_off(end + 4);
        let head = String::from_utf8_lossy(&answer).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok((status.ok_or(io::ErrorKind::InvalidData)?, head, body))
    }

    /// Asks until there is an answer: a server that was killed is coming back.
    fn answer(&self, method: &str, path: &str, body: &str) -> (u16, String, Vec<u8>) {
        let mut answer = None;
        within(PATIENCE, || {
            answer = self.try_call(method, path, body).ok();
            answer.is_some()
        });
        answer.unwrap()
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> (u16, Vec<u8>) {
        let (status, _, body) = self.answer(method, path, body);
        (status, body)
    }

    /// Where a path leads to; nothing if it is not there.
    pub(crate) fn redirect(&self, path: &str) -> Option<String> {
        let (status, head, _) = self.answer("GET", path, "");
        assert!([307, 404].contains(&status), "{path}: {status}");
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(name, _)| name.eq_ignore_ascii_case("location")).map(|(_, address)| address.to_owned())
    }

    /// The data of a document; null if there is none.
    pub(crate) fn data(&self, path: &str) -> Value {
        let (_, body) = self.call("GET", &format!("/api/v2/{path}"), "");
        serde_json::from_slice::<Value>(&body).map_or(Value::Null, |document| document["data"].clone())
    }

    pub(crate) fn bytes(&self, address: &str) -> Vec<u8> {
        let (status, body) = self.call("GET", address, "");
        assert_eq!(status, 200, "{address}");
        body
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let children = ["server", "runner"]
            .map(|name| std::fs::read_to_string(self.data_dir().join(format!("{name}.pid"))).unwrap_or_default());
        let _ = self.supervisor.kill();
        let _ = self.supervisor.wait();
        for pid in children.iter().filter_map(|text| text.trim().parse().ok()).map(Pid::from_raw) {
            let _ = kill(pid, Signal::SIGKILL);
            within(PATIENCE, || is_gone(pid));
        }
    }
}

/// A folder that every user of this machine may write to, as the runs do.
pub(crate) fn shared_folder() -> tempfile::TempDir {
    open_to_all(tempfile::tempdir_in("/dev/shm").unwrap())
}

/// Lets every user write to a folder.
pub(crate) fn open_to_all(folder: tempfile::TempDir) -> tempfile::TempDir {
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

/// A configuration, its workspace, and a folder for what its runs do.
pub(crate) struct Workspace {
    name: String,
    folder: tempfile::TempDir,
    pub(crate) shared: tempfile::TempDir,
    cli_config: PathBuf,
}

impl Workspace {
    pub(crate) fn new(server: &Server, name: &str, configuration: &str) -> Self {
        let (folder, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in(server.shared.path()).unwrap());
        let shared = open_to_all(shared);
        let cli_config = server.data_dir().join("dev.tfrc");
        let workspace = Self { name: name.to_owned(), folder, shared, cli_config };
        workspace.write(server, configuration);
        let (code, shown) = workspace.terraform(&["init"]).end();
        assert_eq!(code, Some(0), "{shown}");
        workspace
    }

    /// Replaces the configuration; `SHARED` in it means the folder of the runs.
    pub(crate) fn write(&self, server: &Server, configuration: &str) {
        let cloud = format!(
            "terraform {{\n  cloud {{\n    hostname     = \"localhost:{}\"\n    organization = \"demo\"\n    \
             workspaces {{ name = \"{}\" }}\n  }}\n}}\n",
            server.port, self.name
        );
        let main = configuration.replace("SHARED", self.shared.path().to_str().unwrap());
        std::fs::write(self.folder.path().join("main.tf"), cloud + &main).unwrap();
    }

    pub(crate) fn terraform(&self, arguments: &[&str]) -> Cli {
        let path = self.folder.path().join(".terraform-output");
        let output = std::fs::File::create(&path).unwrap();
        let mut command = Command::new("terraform");
        command.args(arguments).arg("-no-color").current_dir(self.folder.path());
        command.env("TF_CLI_CONFIG_FILE", &self.cli_config).env("CHECKPOINT_DISABLE", "1").stdin(Stdio::null());
        command.stderr(output.try_clone().unwrap()).stdout(output);
        Cli { child: command.spawn().unwrap(), path }
    }

    pub(crate) fn apply(&self) -> Cli {
        self.terraform(&["apply", "-auto-approve"])
    }

    /// The workspace as the API shows it.
    pub(crate) fn document(&self, server: &Server) -> Value {
        server.data(&format!("organizations/demo/workspaces/{}", self.name))
    }

    fn path(&self, server: &Server, rest: &str) -> String {
        format!("workspaces/{}/{rest}", self.document(server)["id"].as_str().unwrap())
    }

    /// The newest run; null if there is none.
    pub(crate) fn run(&self, server: &Server) -> Value {
        server.data(&self.path(server, "runs"))[0].clone()
    }

    pub(crate) fn status(&self, server: &Server) -> String {
        self.run(server)["attributes"]["status"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn wait_for(&self, server: &Server, status: &str) {
        within(PATIENCE, || self.status(server) == status);
    }

    /// The log of `plan` or `apply` of the newest run, from its first byte on.
    pub(crate) fn log(&self, server: &Server, phase: &str) -> Vec<u8> {
        let id = self.run(server)["relationships"][phase]["data"]["id"].as_str().unwrap().to_owned();
        let address = server.data(&format!("{}/{id}", if phase == "plan" { "plans" } else { "applies" }));
        let address = address["attributes"]["log-read-url"].as_str().unwrap().to_owned();
        let mut log = Vec::new();
        loop {
            let separator = if address.contains('?') { '&' } else { '?' };
            let piece = server.bytes(&format!("{address}{separator}limit=65536&offset={}", log.len()));
            if piece.is_empty() {
                return log;
            }
            log.extend_from_slice(&piece);
        }
    }

    /// The newest state; null if there is none.
    pub(crate) fn state(&self, server: &Server) -> Value {
        let version = server.data(&self.path(server, "current-state-version"));
        let Some(address) = version["attributes"]["hosted-state-download-url"].as_str() else { return Value::Null };
        serde_json::from_slice(&server.bytes(address)).unwrap()
    }

    /// What the apply of the newest run left; null if it has handed over nothing.
    pub(crate) fn errored_state(&self, server: &Server) -> Value {
        let apply = self.run(server)["relationships"]["apply"]["data"]["id"].as_str().unwrap().to_owned();
        let address = server.redirect(&format!("/api/v2/applies/{apply}/errored-state"));
        address.map_or(Value::Null, |address| serde_json::from_slice(&server.bytes(&address)).unwrap())
    }

    /// Does something to the newest run.
    pub(crate) fn act(&self, server: &Server, action: &str) -> u16 {
        let path = format!("/api/v2/runs/{}/actions/{action}", self.run(server)["id"].as_str().unwrap());
        server.call("POST", &path, &json!({}).to_string()).0
    }

    pub(crate) fn force_unlock(&self, server: &Server) -> u16 {
        let path = format!("/api/v2/{}", self.path(server, "actions/force-unlock"));
        server.call("POST", &path, &json!({}).to_string()).0
    }

    pub(crate) fn ledger(&self) -> String {
        std::fs::read_to_string(self.shared.path().join("ledger")).unwrap_or_default()
    }
}

/// A running terraform. One that is still there at the end of a test is ended.
pub(crate) struct Cli {
    child: Child,
    path: PathBuf,
}

impl Cli {
    /// Waits for its end: its exit code and all that it showed.
    pub(crate) fn end(self) -> (Option<i32>, String) {
        self.end_within(Duration::from_mins(2))
    }

    /// The same of one that takes long.
    pub(crate) fn end_within(mut self, time: Duration) -> (Option<i32>, String) {
        let mut status = None;
        within(time, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        (status.unwrap().code(), std::fs::read_to_string(&self.path).unwrap())
    }
}

impl Drop for Cli {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
