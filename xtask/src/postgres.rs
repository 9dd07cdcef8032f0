//! A PostgreSQL server for the length of one test run.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::children::{Running, Stop};
use crate::needs::is_root;
use crate::temporary::Folder;

const START: Duration = Duration::from_mins(1);

/// A server on loopback that holds nothing worth keeping: it does not wait for the disk, and lets everyone in.
pub(crate) struct Server {
    port: u16,
    // Dropped in this order: first the server, then its files.
    _running: Running,
    _folder: Folder,
}

impl Server {
    /// Makes a data folder and starts a server on it.
    pub(crate) fn start(programs: &Path) -> Result<Self> {
        let folder = Folder::create("terrane-test-postgres")?;
        let account = if is_root() { Some(account()?) } else { None };
        if let Some(Account { user, group }) = account {
            chown(folder.path(), Some(user), Some(group)).context("cannot give the folder to PostgreSQL's user")?;
        }
        let program = |name: &str| {
            let mut command = Command::new(programs.join(name));
            command.current_dir(folder.path()).env("LC_ALL", "C");
            if let Some(Account { user, group }) = account {
                command.uid(user).gid(group);
            }
            command
        };
        let data = folder.path().join("data");
        let mut initialise = program("initdb");
        initialise.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D"]);
        let output = initialise.arg(&data).output().context("cannot start initdb")?;
        ensure!(output.status.success(), "initdb failed:\n{}", String::from_utf8_lossy(&output.stderr));

        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let log_path = folder.path().join("log");
        let log = fs::File::create(&log_path)?;
        let mut serve = program("postgres");
        serve.arg("-D").arg(&data).arg("-p").arg(port.to_string()).stdout(log.try_clone()?).stderr(log);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "full_page_writes=off",
            "max_connections=300",
            "shared_buffers=64MB",
        ] {
            serve.args(["-c", setting]);
        }
        let running = Running::start(&mut serve, Stop::Interrupt)?;
        let log = || fs::read_to_string(&log_path).unwrap_or_default();
        wait_until_ready(&data, &running).with_context(|| format!("PostgreSQL does not start:\n{}", log()))?;
        Ok(Self { port, _running: running, _folder: folder })
    }

    /// The address of a database with all rights.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

/// The last line of the pid file tells the server's state, as `pg_ctl` reads it.
fn wait_until_ready(data: &Path, running: &Running) -> Result<()> {
    let deadline = Instant::now() + START;
    while Instant::now() < deadline {
        let pid_file = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        if pid_file.lines().last().is_some_and(|state| state.trim() == "ready") {
            return Ok(());
        }
        if let Some(status) = running.ended()? {
            bail!("it ended with {status}");
        }
        thread::sleep(Duration::from_millis(20));
    }
    bail!("it was not ready after {} s", START.as_secs())
}

#[derive(Clone, Copy)]
struct Account {
    user: u32,
    group: u32,
}

/// Who the server runs as when we are root, which it refuses.
fn account() -> Result<Account> {
    let accounts = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| find_account(&accounts, name))
        .context("neither a user postgres nor nobody exists, and PostgreSQL does not run as root")
}

fn find_account(accounts: &str, name: &str) -> Option<Account> {
    let mut fields = accounts.lines().map(|line| line.split(':')).find(|fields| fields.clone().next() == Some(name))?;
    Some(Account { user: fields.nth(2)?.parse().ok()?, group: fields.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_name() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104:PostgreSQL,,,:/var/lib/postgresql:/bin/sh\n";
        let account = find_account(accounts, "postgres").unwrap();
        assert_eq!((account.user, account.group), (101, 104));
        assert!(find_account(accounts, "post").is_none());
    }
}
