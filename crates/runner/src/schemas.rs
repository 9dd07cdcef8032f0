//! The schemas of a configuration's providers, which are large and take seconds for the big ones: asked for once.

use std::collections::BTreeSet;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};
use terrane_domain::reasons::ReasonCode;

use crate::child::{Ended, Setting, words};
use crate::documents::{SchemaName, Schemas};
use crate::plan::MAX_LOCK_BYTES;
use crate::{RunnerError, folder};

/// The head of a provider, where linkers put the id of a build: another build has another head.
const HEAD_BYTES: u64 = 64 * 1024;
/// Of more files than this the rest goes unseen; a run may have made any number.
const MOST_FILES: usize = 1_000;
/// `.terraform/providers/HOST/NAMESPACE/TYPE/VERSION/PLATFORM/FILE`.
const DEEPEST: usize = 6;

/// The schemas of these types, or nothing if it was stopped meanwhile.
pub(crate) async fn of(setting: &Setting, types: BTreeSet<SchemaName>) -> Result<Option<Schemas>, RunnerError> {
    let path = setting.runner.config.data_dir.join("cache").join(format!("schemas-{}.json", key(setting)));
    // Built-in providers stand in no lock file: two configurations may share a key and name different types.
    let (known, wanted) = (path.clone(), types.clone());
    if let Ok(Ok(Some(known))) = tokio::task::spawn_blocking(move || read(&known, &wanted)).await {
        return Ok(Some(known));
    }
    let temporary = path.with_extension(setting.job.id.as_str());
    let (ended, shown) = setting.run_into(&words(&["providers", "schema", "-json"]), &temporary).await?;
    match ended {
        Ended::Exited(status) if status.success() => {
            std::fs::rename(&temporary, &path).map_err(RunnerError::file(&path))?;
            let read = tokio::task::spawn_blocking(move || read(&path, &types)).await;
            let missing = || std::io::Error::other("a type of the plan has none");
            let read = read.unwrap_or_else(|error| Err(std::io::Error::other(error)));
            read.and_then(|schemas| schemas.ok_or_else(missing)).map(Some).map_err(|error| {
                RunnerError::job(ReasonCode::Internal, format!("The schemas cannot be read: {error}."))
            })
        }
        ended => {
            let _ = std::fs::remove_file(&temporary);
            match ended {
                Ended::Exited(status) => Err(Setting::failure(status, &shown, ReasonCode::PlanFailed)),
                Ended::Stopped(_) => Ok(None),
            }
        }
    }
}

fn read(path: &Path, types: &BTreeSet<SchemaName>) -> std::io::Result<Option<Schemas>> {
    Ok(Schemas::read(BufReader::new(std::fs::File::open(path)?), types)?)
}

/// What the schemas depend on: the engine, the lock file, and the providers that were installed by it, since a lock file
/// may allow several. A run could answer whatever it likes, so each organization has answers of its own.
fn key(setting: &Setting) -> String {
    let (engine, module) = (&setting.engine.engine, setting.folder.module());
    let lock = folder::read_inside(&setting.folder.root, &setting.folder.lock_file(), MAX_LOCK_BYTES);
    let mut hash = Sha256::new();
    for part in [setting.job.organization_name.as_str(), engine.kind.as_str(), engine.version.as_str()] {
        hash.update(part);
        hash.update([0]);
    }
    hash.update(lock.unwrap_or_default());
    for (path, what) in installed(&setting.folder.root, &module.join(".terraform/providers")) {
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update([0]);
        hash.update(what);
    }
    let digest = hash.finalize();
    // Half of it tells enough apart.
    digest.first_chunk().map_or_else(String::new, |half| format!("{:032x}", u128::from_be_bytes(*half)))
}

/// The files of a folder inside of `root`, in their order, with what tells one from another.
fn installed(root: &Path, providers: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    collect(root, providers, DEEPEST, &mut files);
    files.sort();
    files
}

fn collect(root: &Path, path: &Path, depth: usize, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    let Ok(metadata) = path.symlink_metadata() else { return };
    if files.len() >= MOST_FILES {
        return;
    }
    let what = if metadata.is_dir() {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten().filter(|_| depth > 0);
        return entries.for_each(|entry| collect(root, &entry.path(), depth - 1, files));
    } else if metadata.is_symlink() {
        // A provider that is kept elsewhere. It is not read: a run may have laid the link.
        let target = std::fs::read_link(path).unwrap_or_default();
        let changed = path.metadata().and_then(|metadata| metadata.modified()).ok();
        let changed = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        [target.as_os_str().as_encoded_bytes(), &changed.as_nanos().to_be_bytes()].concat()
    } else {
        let mut head = Vec::new();
        if let Ok(file) = folder::open_for_reading(root, path) {
            let _ = file.take(HEAD_BYTES).read_to_end(&mut head);
        }
        [&metadata.len().to_be_bytes()[..], &head].concat()
    };
    files.push((path.to_owned(), what));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_build_of_a_provider_under_the_same_name_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("providers/registry.terraform.io/hashicorp/null/3.2.4/linux_amd64");
        std::fs::create_dir_all(&place).unwrap();
        let seen = || installed(folder.path(), &folder.path().join("providers"));
        std::fs::write(place.join("terraform-provider-null"), "one build").unwrap();
        let first = seen();
        assert_eq!(first.len(), 1);
        assert_eq!(seen(), first);
        std::fs::write(place.join("terraform-provider-null"), "another..").unwrap();
        assert_ne!(seen(), first);
        std::os::unix::fs::symlink("/nowhere", place.join("terraform-provider-link")).unwrap();
        assert_eq!(seen().len(), 2);
    }
}
