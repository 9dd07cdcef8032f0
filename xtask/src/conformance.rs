//! `cargo xtask conformance go-tfe`: the official Go client's own tests against a server of one's own.
//!
//! `conformance/go-tfe/passing.txt` names the tests that pass; it only grows. `later.txt` names those that wait for a
//! feature, each with the feature. A test of neither list is run only when it is named.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::children::{self, Running, Stop, lock, output_of};
use crate::dev_server::{self, DevServer};
use crate::temporary::Folder;
use crate::workspace::{root, target_folder};

/// What may be chosen.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The suite.
    #[arg(value_parser = ["go-tfe"])]
    suite: String,
    /// Run these tests instead of the passing ones, for example `TestWorkspacesCreate`.
    tests: Vec<String>,
    /// How many tests run at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

const MODULE: &str = "github.com/hashicorp/go-tfe";
/// For one test. A hang, a panic or an exit loses only that one.
const PATIENCE: Duration = Duration::from_mins(2);
/// They rename the user of the token, and would disturb the others.
const ALONE: &[&str] = &["TestUsersUpdate", "TestTeamsRead", "TestUsersReadCurrent"];

/// Runs the tests that pass, or those that are named; false when one failed.
pub(crate) fn run(options: &Options) -> Result<bool> {
    Ok(run_counted(options)?.1 == 0)
}

impl Options {
    /// The tests that pass of one suite.
    pub(crate) fn passing(suite: &str) -> Self {
        Self { suite: suite.to_owned(), tests: Vec::new(), jobs: 2 }
    }
}

/// The same; how many passed and failed.
pub(crate) fn run_counted(options: &Options) -> Result<(u64, u64)> {
    let suite = Suite::prepare(&root().join("conformance").join(&options.suite))?;
    let tests = if options.tests.is_empty() { suite.passing()? } else { options.tests.clone() };
    ensure!(!tests.is_empty(), "no test is named in passing.txt");
    let program = dev_server::build(&target_folder()?, false)?;
    let server = DevServer::start(&program, &suite.empty_data_folder()?)?;
    let environment = [
        ("TFE_ADDRESS", format!("http://{}", server.facts.host()?)),
        ("TFE_TOKEN", server.facts.text("token")?.to_owned()),
    ];
    let (alone, together): (Vec<_>, Vec<_>) = tests.iter().partition(|test| ALONE.contains(&test.as_str()));
    let failed = Mutex::new(Vec::new());
    suite.run_all(&together, options.jobs, &environment, &failed)?;
    suite.run_all(&alone, 1, &environment, &failed)?;
    let failed = failed.into_inner().unwrap_or_default();
    for (test, output) in &failed {
        println!("\n---- {test}\n{}", last_lines(output, 30));
    }
    println!("{}: {} passed, {} failed", options.suite, tests.len() - failed.len(), failed.len());
    if !failed.is_empty() {
        println!("the server's log is {}", server.log.display());
    }
    Ok(((tests.len() - failed.len()) as u64, failed.len() as u64))
}

/// The compiled tests and what they need around them.
struct Suite {
    source: PathBuf,
    program: PathBuf,
    fixtures: PathBuf,
    folder: Folder,
}

impl Suite {
    fn prepare(source: &Path) -> Result<Self> {
        let go = |arguments: &[&str]| {
            let mut command = Command::new("go");
            command.current_dir(source).args(arguments);
            command
        };
        let program = target_folder()?.join("conformance").join("go-tfe.test");
        let mut compile = go(&["test", "-c", MODULE, "-o"]);
        compile.arg(&program);
        ensure!(children::run(&mut compile)?.success(), "the client's tests do not compile");
        let module = output_of(&mut go(&["list", "-m", "-f", "{{.Dir}}", MODULE])).context("go lists no module")?;
        let folder = Folder::create("terrane-conformance")?;
        let fixtures = folder.path().join("test-fixtures");
        copy_folder(&Path::new(module.trim()).join("test-fixtures"), &fixtures)?;
        use_builtin_resources(&fixtures)?;
        Ok(Self { source: source.to_owned(), program, fixtures, folder })
    }

    /// A folder for the server, which outlives the run with its log.
    fn empty_data_folder(&self) -> Result<PathBuf> {
        let data = self.program.with_file_name("data");
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        Ok(data)
    }

    /// The tests that pass.
    fn passing(&self) -> Result<Vec<String>> {
        let names = |file: &str| -> Result<BTreeSet<String>> {
            let text = fs::read_to_string(self.source.join(file)).with_context(|| format!("cannot read {file}"))?;
            Ok(text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
        };
        let (passing, later) = (names("passing.txt")?, names("later.txt")?);
        if let Some(test) = passing.intersection(&later).next() {
            bail!("{test} stands in passing.txt and in later.txt");
        }
        Ok(passing.into_iter().collect())
    }

    /// Runs tests, some at a time, and collects those that fail with what they said.
    fn run_all(
        &self,
        tests: &[&String],
        jobs: usize,
        environment: &[(&str, String)],
        failed: &Mutex<Vec<(String, String)>>,
    ) -> Result<()> {
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs.clamp(1, tests.len().max(1)))
                .map(|_| {
                    scope.spawn(|| -> Result<()> {
                        while let Some(test) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
                            let output = self.run_one(test, environment)?;
                            println!("{} {test}", if output.is_none() { "ok    " } else { "FAILED" });
                            if let Some(output) = output {
                                lock(failed).push(((*test).clone(), output));
                            }
                        }
                        Ok(())
                    })
                })
                .collect();
            workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a worker panicked")))
        })
    }

    /// Runs one test in a process and a folder of its own; what it said if it did not pass.
    fn run_one(&self, test: &str, environment: &[(&str, String)]) -> Result<Option<String>> {
        let folder = self.folder.path().join(test);
        copy_folder(&self.fixtures, &folder.join("test-fixtures"))?;
        let said = folder.join("output");
        let output = fs::File::create(&said)?;
        let mut command = Command::new(&self.program);
        command.current_dir(&folder).args(["-test.v", "-test.paniconexit0", "-test.run", &format!("^{test}$")]);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TF")) {
            command.env_remove(name);
        }
        for (name, value) in environment {
            command.env(name, value);
        }
        // The changes of an organization's plan use a token of their own name.
        command.env("TFE_ADMIN_PROVISION_LICENSES_TOKEN", &environment[1].1);
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let status = Running::start(&mut command, Stop::Group)?.wait_at_most(PATIENCE)?;
        let said = fs::read(&said)?;
        let said = String::from_utf8_lossy(&said).into_owned();
        let passed = status.is_some_and(|status| status.success()) && said.contains(&format!("--- PASS: {test}"));
        fs::remove_dir_all(&folder)?;
        Ok((!passed).then_some(said))
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            // Read and written: the module's own files may not be changed, and copies keep that.
            fs::write(&target, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

/// The fixtures use providers; terraform has a resource of its own that does as well.
fn use_builtin_resources(fixtures: &Path) -> Result<()> {
    for entry in fs::read_dir(fixtures)? {
        let file = entry?.path().join("main.tf");
        if let Ok(text) = fs::read_to_string(&file) {
            let text = text
                .replace("\"null_resource\"", "\"terraform_data\"")
                .replace("null_resource.", "terraform_data.")
                .replace("\"time_sleep\"", "\"terraform_data\"")
                .replace("time_sleep.", "terraform_data.")
                .replace("create_duration", "input");
            fs::write(&file, text)?;
        }
    }
    Ok(())
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
