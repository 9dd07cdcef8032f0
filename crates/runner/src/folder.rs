//! The folder of a run: configuration, state, temporary files. It holds clear values, so it never outlives the run by
//! more than the kept time, nor a restart.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::GzDecoder;
use nix::dir::{Dir, Type};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::Mode;
use terrane_domain::archive::{ArchiveError, ArchiveRules, Entry, Judged, unpacked_limit};
use terrane_domain::discovery::cli_configuration;
use terrane_domain::ids::RunId;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::Job;

use crate::RunnerError;

fn create_private(path: &Path) -> Result<(), RunnerError> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(RunnerError::file(path))
}

/// Makes the runner's own folder and removes what an earlier life left of runs.
pub(crate) fn prepare(data_dir: &Path) -> Result<(), RunnerError> {
    let runs = data_dir.join("runs");
    if runs.exists() {
        std::fs::remove_dir_all(&runs).map_err(RunnerError::file(&runs))?;
    }
    for folder in [&runs, &data_dir.join("spool"), &data_dir.join("cache")] {
        create_private(folder)?;
    }
    Ok(())
}

/// Removes what is left of runs, whose processes may still be dying.
pub(crate) async fn remove_runs(data_dir: &Path) {
    let runs = data_dir.join("runs");
    for _ in 0..20 {
        if std::fs::remove_dir_all(&runs).is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    remove(&runs);
}

/// One run's folder.
#[derive(Debug, Clone)]
pub(crate) struct RunFolder {
    pub(crate) root: PathBuf,
    working_directory: String,
}

impl RunFolder {
    pub(crate) fn of(data_dir: &Path, job: &Job) -> Self {
        Self { root: path_of(data_dir, &job.run_id), working_directory: job.working_directory.clone() }
    }

    pub(crate) fn create(&self) -> Result<(), RunnerError> {
        self.remove();
        for folder in ["", "config", "state", "tmp", "home", "plugins"] {
            create_private(&self.root.join(folder))?;
        }
        Ok(())
    }

    pub(crate) fn remove(&self) {
        remove(&self.root);
    }

    pub(crate) fn module(&self) -> PathBuf {
        self.root.join("config").join(&self.working_directory)
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.root.join("configuration.tar.gz")
    }

    /// For temporary files.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(crate) fn plan_file(&self) -> PathBuf {
        self.root.join("tfplan")
    }

    pub(crate) fn lock_file(&self) -> PathBuf {
        self.module().join(".terraform.lock.hcl")
    }

    pub(crate) fn state_file(&self, workspace: &str) -> PathBuf {
        self.root.join("state").join(workspace).join("terraform.tfstate")
    }

    /// Where terraform unpacks the providers that it downloads, or finds them.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.root.join("plugins")
    }

    /// Names of the variables that the apply needs anew.
    pub(crate) fn ephemeral_file(&self) -> PathBuf {
        self.root.join("ephemeral")
    }

    /// The run's own CLI configuration, where terraform and tofu look for it in a home.
    fn cli_configuration_file(&self) -> PathBuf {
        self.root.join("home").join(".terraformrc")
    }

    /// Writes how terraform reaches the server as this run, for the states of other workspaces: the run's token, for the
    /// server's name and for the one that stands for the own host wherever that is.
    pub(crate) fn write_cli_configuration(&self, job: &Job) -> Result<(), RunnerError> {
        let path = self.cli_configuration_file();
        let text = cli_configuration(&job.public_url, &["localterraform.com"], &job.token);
        let written = create_inside(&self.root, &path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(RunnerError::file(path))
    }

    /// Puts an operator's mirror of providers where terraform and tofu look by themselves: what is there is taken from
    /// there, and only the rest is asked of a registry.
    pub(crate) fn link_provider_mirror(&self, mirror: &Path) -> Result<(), RunnerError> {
        let folder = self.root.join("home").join(".terraform.d");
        let link = folder.join("plugins");
        let linked = create_private(&folder).map(|()| std::os::unix::fs::symlink(mirror, &link));
        linked?.map_err(RunnerError::file(link))
    }

    pub(crate) fn variables_file(&self) -> PathBuf {
        self.root.join("run.tfvars")
    }

    /// Binds the state to the local backend. The path is relative, so that a plan made in one folder applies in another
    /// at the same depth; the name sorts last, so that no file of the configuration overrides it.
    pub(crate) fn write_override(&self) -> Result<(), RunnerError> {
        let depth = self.working_directory.split('/').filter(|part| !part.is_empty() && *part != ".").count() + 1;
        let up = "../".repeat(depth);
        // terraform keeps the state of a workspace named `default` at `path`, of every other below `workspace_dir`.
        let text = format!(
            "terraform {{\n  backend \"local\" {{\n    path = \"{up}state/default/terraform.tfstate\"\n    workspace_dir = \"{up}state\"\n  }}\n}}\n"
        );
        let path = self.module().join("zzz_backend_override.tf");
        write_new(&path, text.as_bytes()).map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                RunnerError::job(
                    ReasonCode::ConfigurationInvalid,
                    format!(
                        "The configuration has no folder {:?}, which the workspace's working-directory names. Change the working-directory, or upload the whole repository instead of a part of it, then queue a new run.",
                        self.working_directory
                    ),
                )
            } else {
                RunnerError::file(path)(error)
            }
        })
    }

    /// Unpacks the archive, judging each entry by the rules that the server used.
    pub(crate) fn unpack(&self) -> Result<(), RunnerError> {
        let archive = self.archive();
        let file = File::open(&archive).map_err(RunnerError::file(&archive))?;
        let packed = file.metadata().map_err(RunnerError::file(&archive))?.len();
        let root = self.root.join("config");
        let invalid = |error: &dyn std::fmt::Display| {
            RunnerError::job(
                ReasonCode::ConfigurationInvalid,
                format!("The configuration cannot be unpacked: {error}."),
            )
        };
        let mut tar = tar::Archive::new(GzDecoder::new(file).take(unpacked_limit(packed)));
        let mut rules = ArchiveRules::default();
        for entry in tar.entries().map_err(|error| invalid(&error))? {
            let mut entry = entry.map_err(|error| invalid(&error))?;
            let judged = judge(&mut rules, &mut entry).map_err(|error| invalid(&error))?;
            write_entry(&mut entry, &judged, &root).map_err(RunnerError::file(&root))?;
        }
        std::fs::remove_file(&archive).map_err(RunnerError::file(&archive))
    }
}

/// Writes a file in place of whatever has its name: a link there is replaced, never followed.
pub(crate) fn write_new(path: &Path, mut bytes: impl Read) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    std::io::copy(&mut bytes, &mut file).map(drop)
}

/// Asks the rules that the server asked when the archive was uploaded.
fn judge(rules: &mut ArchiveRules, entry: &mut tar::Entry<'_, impl Read>) -> Result<Judged, ArchiveError> {
    let broken = |error: &dyn std::fmt::Display| ArchiveError::Broken(error.to_string());
    let mut names = Vec::new();
    for extension in entry.pax_extensions().map_err(|error| broken(&error))?.into_iter().flatten() {
        let extension = extension.map_err(|error| broken(&error))?;
        names.push(extension.key().map_err(|error| broken(&error))?.to_owned());
    }
    let header = entry.header();
    rules.check(&Entry {
        path: &entry.path_bytes(),
        link: entry.link_name_bytes().as_deref(),
        flag: header.entry_type().as_byte(),
        size: entry.size(),
        mode: header.mode().unwrap_or(0),
        extensions: &names.iter().map(String::as_str).collect::<Vec<_>>(),
    })
}

fn write_entry(entry: &mut tar::Entry<'_, impl Read>, judged: &Judged, root: &Path) -> std::io::Result<()> {
    match judged {
        Judged::Nothing => Ok(()),
        Judged::Directory { path } => std::fs::create_dir_all(root.join(path)),
        Judged::Symlink { path, target } => std::os::unix::fs::symlink(target, beneath(root, path)?),
        Judged::File { path, is_executable } => {
            let mode = if *is_executable { 0o700 } else { 0o600 };
            let target = beneath(root, path)?;
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(target)?;
            std::io::copy(entry, &mut file).map(drop)
        }
    }
}

/// The place of an entry, whose folder is made.
fn beneath(root: &Path, path: &str) -> std::io::Result<PathBuf> {
    let target = root.join(path);
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent)?;
    }
    Ok(target)
}

pub(crate) fn path_of(data_dir: &Path, run_id: &RunId) -> PathBuf {
    data_dir.join("runs").join(run_id.as_str())
}

pub(crate) fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_dir_all(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::error!(path = %path.display(), %error, "a run's folder could not be removed");
    }
}

/// Opens a file inside of `root` on which a run may have laid its hand: links are not followed, and only a regular file
/// is opened.
fn open_inside(root: &Path, path: &Path, flags: OFlag) -> std::io::Result<File> {
    let relative = path.strip_prefix(root).map_err(std::io::Error::other)?;
    let folder = File::open(root)?;
    let how = OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)
        .mode(if flags.contains(OFlag::O_CREAT) { Mode::S_IRUSR | Mode::S_IWUSR } else { Mode::empty() })
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let file = File::from(openat2(&folder, relative, how)?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::Error::other("this is no regular file")) }
}

/// An entry of a folder.
pub(crate) struct Listed {
    pub(crate) path: PathBuf,
    pub(crate) is_folder: bool,
    /// A regular file.
    pub(crate) is_file: bool,
}

/// What lies in a folder inside of `root` on which a run may have laid its hand: no link leads there.
pub(crate) fn list_inside(root: &Path, path: &Path) -> std::io::Result<Vec<Listed>> {
    let relative = path.strip_prefix(root).map_err(std::io::Error::other)?;
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let mut folder = Dir::from_fd(openat2(File::open(root)?, relative, how)?)?;
    let mut listed = Vec::new();
    for entry in folder.iter() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            listed.push(Listed {
                path: path.join(OsStr::from_bytes(name)),
                is_folder: entry.file_type() == Some(Type::Directory),
                is_file: entry.file_type() == Some(Type::File),
            });
        }
    }
    Ok(listed)
}

/// Opens a file of a run.
pub(crate) fn open_for_reading(root: &Path, path: &Path) -> std::io::Result<File> {
    open_inside(root, path, OFlag::O_RDONLY)
}

/// Reads a file of a run, of at most `limit` bytes: a run may write more than we have memory.
pub(crate) fn read_inside(root: &Path, path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_for_reading(root, path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(too_long(limit));
    }
    Ok(bytes)
}

/// Why a file is not taken.
pub(crate) fn too_long(limit: u64) -> std::io::Error {
    let text = format!("this is longer than {} MiB, the most that is taken", limit >> 20);
    std::io::Error::new(std::io::ErrorKind::FileTooLarge, text)
}

/// Makes an empty file in the folder of a run, in the place of anything else.
pub(crate) fn create_inside(root: &Path, path: &Path) -> std::io::Result<File> {
    open_inside(root, path, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC)
}

/// Gives a folder and all in it to a user. Links themselves, never what they point to.
pub(crate) fn give_to(path: &Path, uid: u32) -> std::io::Result<()> {
    std::os::unix::fs::lchown(path, Some(uid), Some(uid))?;
    if path.symlink_metadata()?.is_dir() {
        for entry in std::fs::read_dir(path)? {
            give_to(&entry?.path(), uid)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_pipes_of_a_run_are_not_opened() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "secret").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::write(root.join("plain"), "text").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), root.join("file")).unwrap();
        std::os::unix::fs::symlink(outside.path(), root.join("folder")).unwrap();
        nix::unistd::mkfifo(&root.join("pipe"), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        assert_eq!(read_inside(root, &root.join("plain"), 4).unwrap(), b"text");
        for name in ["file", "folder/secret", "pipe", "folder"] {
            assert!(read_inside(root, &root.join(name), 4).is_err(), "{name}");
            assert!(create_inside(root, &root.join(name)).is_err(), "{name}");
        }
        let too_long = read_inside(root, &root.join("plain"), 3).unwrap_err();
        assert_eq!(too_long.kind(), std::io::ErrorKind::FileTooLarge);
        assert_eq!(std::fs::read(outside.path().join("secret")).unwrap(), b"secret");
    }
}
