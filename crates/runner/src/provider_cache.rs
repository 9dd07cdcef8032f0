//! Providers that runs have downloaded, kept for later runs of their organization. A run can read them and never write to
//! them, and gets one only if its own lock file names the checksum of all that is in it: whatever a run leaves here can
//! never become what another run would not have downloaded itself.
//!
//! `cache/providers/ORGANIZATION/HOST/NAMESPACE/TYPE/VERSION/PLATFORM/CHECKSUM/...`, the checksum as base64 has it for names.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;
use sha2::{Digest as _, Sha256};
use terrane_domain::ids::OrganizationId;

use crate::folder::{list_inside, open_for_reading};
use crate::{RunLimits, hexadecimal};

/// An unpacked provider below a plugin folder: host, namespace, type, version, platform.
const PACKAGE_DEPTH: usize = 5;
/// The most files of one provider.
const MAX_FILES: usize = 10_000;
/// How much longer than the longest phase a provider counts as in use: the folder of a plan waits for its apply.
const MARGIN: Duration = Duration::from_hours(1);

/// All that is kept.
pub(crate) struct ProviderCache {
    root: PathBuf,
    limit: u64,
    /// So long after its last start a provider may be in use.
    in_use: Duration,
    /// One at a time is added, so that the limit holds.
    adding: Mutex<()>,
}

/// The files of a provider by their names, in order.
type Files = BTreeMap<String, PathBuf>;

impl ProviderCache {
    /// Keeps as much as the limits say below the runner's own folder. Nothing is kept or offered if that is 0.
    pub(crate) fn new(data_dir: &Path, limits: &RunLimits) -> Self {
        Self {
            root: data_dir.join("cache").join("providers"),
            limit: limits.provider_cache_bytes,
            in_use: limits.plan_time.max(limits.apply_time) + MARGIN,
            adding: Mutex::default(),
        }
    }

    /// The folder that runs of an organization may read, which is there afterwards; nothing if nothing is kept.
    pub(crate) fn folder(&self, organization: &OrganizationId) -> Option<PathBuf> {
        if self.limit == 0 {
            return None;
        }
        let folder = self.root.join(organization.as_str());
        create(&folder).ok().map(|()| folder)
    }

    /// Lays a link to each provider whose checksum `lock` names into a run's plugin folder, of which no run had a hand yet.
    pub(crate) fn offer(&self, organization: &OrganizationId, lock: &str, plugins: &Path) -> std::io::Result<()> {
        let Some(folder) = self.folder(organization) else { return Ok(()) };
        for entry in folders_at(&folder, PACKAGE_DEPTH + 1) {
            let checksum = entry.file_name().and_then(|name| lock_form(name.to_str()?));
            let package = entry.parent().and_then(|package| package.strip_prefix(&folder).ok());
            let (Some(checksum), Some(package)) = (checksum, package) else { continue };
            let link = plugins.join(package);
            if !lock.contains(&checksum) || link.symlink_metadata().is_ok() {
                continue;
            }
            // It was used now.
            futimens(File::open(&entry)?, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_NOW)?;
            if let Some(parent) = link.parent() {
                std::fs::create_dir_all(parent)?;
            }
            symlink(&entry, &link)?;
        }
        Ok(())
    }

    /// Keeps the providers that a run has downloaded into its plugin folder, which lies in `root`, as far as there is room.
    pub(crate) fn keep(&self, organization: &OrganizationId, root: &Path, plugins: &Path) -> std::io::Result<()> {
        let Some(folder) = self.folder(organization) else { return Ok(()) };
        let mut packages = vec![plugins.to_owned()];
        for _ in 0..PACKAGE_DEPTH {
            let mut inner = Vec::new();
            for path in packages {
                // A link is a provider from here, or from a mirror.
                inner.extend(
                    list_inside(root, &path)?.into_iter().filter(|entry| entry.is_folder).map(|entry| entry.path),
                );
            }
            packages = inner;
        }
        for package in packages {
            let Ok(address) = package.strip_prefix(plugins) else { continue };
            if let Some(files) = files_of(root, &package)? {
                self.add(root, &files, &folder.join(address))?;
            }
        }
        Ok(())
    }

    fn add(&self, root: &Path, files: &Files, place: &Path) -> std::io::Result<()> {
        let _one = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let (checksum, size) = checksum(root, files, None)?;
        if place.join(&checksum).exists() || !self.make_room(size) {
            return Ok(());
        }
        create(place)?;
        let coming = self.root.with_file_name("coming");
        let _ = std::fs::remove_dir_all(&coming);
        create(&coming)?;
        // What is copied is what counts: the run may have changed it meanwhile.
        let added = checksum_of_copy(root, files, &coming).and_then(|checksum| {
            std::fs::rename(&coming, place.join(&checksum))?;
            File::open(place)?.sync_all()
        });
        let _ = std::fs::remove_dir_all(&coming);
        added
    }

    /// Whether there is room for `size` bytes more, perhaps in place of what was not used for the longest time.
    fn make_room(&self, size: u64) -> bool {
        let entries = folders_at(&self.root, PACKAGE_DEPTH + 2);
        let used = |entry: &Path| entry.metadata().and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut entries: Vec<_> = entries.into_iter().map(|entry| (used(&entry), bytes_in(&entry), entry)).collect();
        entries.sort();
        let mut total: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
        for (used, bytes, entry) in entries {
            let is_old = used.elapsed().is_ok_and(|age| age > self.in_use);
            if total + size > self.limit && is_old && std::fs::remove_dir_all(&entry).is_ok() {
                total -= bytes;
            }
        }
        total + size <= self.limit
    }
}

/// A folder that every user may read.
fn create(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(path)
}

/// Our own folders so deep below `root`; those that cannot be read are left out.
fn folders_at(root: &Path, depth: usize) -> Vec<PathBuf> {
    let mut folders = vec![root.to_owned()];
    for _ in 0..depth {
        let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
        folders = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    }
    folders
}

fn bytes_in(path: &Path) -> u64 {
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => {
            std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| bytes_in(&entry.path())).sum()
        }
        Ok(found) => found.len(),
        Err(_) => 0,
    }
}

/// How a lock file has the checksum of an entry, in its quotes.
fn lock_form(entry: &str) -> Option<String> {
    Some(format!("\"h1:{}\"", STANDARD.encode(URL_SAFE_NO_PAD.decode(entry).ok()?)))
}

/// The files of a provider that a run has unpacked; nothing if it has what no provider has.
fn files_of(root: &Path, package: &Path) -> std::io::Result<Option<Files>> {
    let (mut files, mut folders) = (Files::new(), vec![package.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in list_inside(root, &folder)? {
            let name = entry.path.strip_prefix(package).ok().and_then(Path::to_str).filter(|name| !name.contains('\n'));
            let Some(name) = name.filter(|_| entry.is_folder || entry.is_file) else { return Ok(None) };
            if entry.is_folder {
                folders.push(entry.path);
            } else {
                files.insert(name.to_owned(), entry.path);
            }
            if files.len() + folders.len() > MAX_FILES {
                return Ok(None);
            }
        }
    }
    Ok(Some(files))
}

fn checksum_of_copy(root: &Path, files: &Files, to: &Path) -> std::io::Result<String> {
    let (checksum, _) = checksum(root, files, Some(to))?;
    File::open(to)?.sync_all()?;
    Ok(checksum)
}

/// The checksum that terraform's lock files call `h1` (of Go's `dirhash`) as the name of an entry, and the bytes; the files are copied on the way.
fn checksum(root: &Path, files: &Files, to: Option<&Path>) -> std::io::Result<(String, u64)> {
    let (mut lines, mut size) = (String::new(), 0);
    let mut buffer = vec![0; 64 * 1024];
    for (name, path) in files {
        let mut from = open_for_reading(root, path)?;
        let mut copy = to.map(|to| copy_of(&from, &to.join(name))).transpose()?;
        let mut hash = Sha256::new();
        loop {
            let length = from.read(&mut buffer)?;
            if length == 0 {
                break;
            }
            size += length as u64;
            hash.update(&buffer[..length]);
            copy.iter_mut().try_for_each(|copy| copy.write_all(&buffer[..length]))?;
        }
        copy.iter().try_for_each(File::sync_data)?;
        let _ = writeln!(lines, "{}  {name}", hexadecimal(&hash.finalize()));
    }
    Ok((URL_SAFE_NO_PAD.encode(Sha256::digest(lines)), size))
}

/// A new file that everyone may read, and execute if the run may execute its own.
fn copy_of(from: &File, to: &Path) -> std::io::Result<File> {
    if let Some(parent) = to.parent() {
        create(parent)?;
    }
    let mode = if from.metadata()?.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: &str = "registry.terraform.io/hashicorp/time/0.13.1/linux_amd64";

    struct World {
        folder: tempfile::TempDir,
        organization: OrganizationId,
    }

    impl World {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), organization: OrganizationId::from_entropy(1) }
        }

        fn cache(&self, limit: u64) -> ProviderCache {
            let limits = RunLimits { provider_cache_bytes: limit, ..RunLimits::default() };
            ProviderCache::new(&self.folder.path().join("data"), &limits)
        }

        /// A run that has unpacked a provider with this text as its program; its plugin folder.
        fn run(&self, name: &str, program: &str) -> PathBuf {
            let plugins = self.folder.path().join(name).join("plugins");
            std::fs::create_dir_all(plugins.join(PACKAGE)).unwrap();
            std::fs::write(plugins.join(PACKAGE).join("terraform-provider-time"), program).unwrap();
            std::fs::write(plugins.join(PACKAGE).join("LICENSE.txt"), "free").unwrap();
            plugins
        }

        fn keep(&self, cache: &ProviderCache, plugins: &Path) {
            cache.keep(&self.organization, plugins.parent().unwrap(), plugins).unwrap();
        }

        /// What a new run of an organization finds, which has this lock file.
        fn offered(&self, cache: &ProviderCache, organization: &OrganizationId, lock: &str) -> Option<String> {
            let plugins = tempfile::tempdir_in(self.folder.path()).unwrap();
            cache.offer(organization, lock, plugins.path()).unwrap();
            std::fs::read_to_string(plugins.path().join(PACKAGE).join("terraform-provider-time")).ok()
        }
    }

    /// The line of a lock file for a provider of two files, made by the tools that a person has: `sha256sum` of each in order
    /// of their names, and `sha256sum` of that.
    fn lock_of(program: &str) -> String {
        let line = |name: &str, text: &str| format!("{}  {name}\n", hexadecimal(&Sha256::digest(text)));
        let lines = line("LICENSE.txt", "free") + &line("terraform-provider-time", program);
        format!("hashes = [\n  \"h1:{}\",\n]", STANDARD.encode(Sha256::digest(lines)))
    }

    #[test]
    fn a_provider_is_offered_to_whom_names_its_checksum_and_to_nobody_else() {
        let world = World::new();
        let cache = world.cache(1 << 20);
        world.keep(&cache, &world.run("first", "good"));
        world.keep(&cache, &world.run("second", "evil"));
        let own = &world.organization;
        assert_eq!(world.offered(&cache, own, &lock_of("good")).as_deref(), Some("good"));
        assert_eq!(world.offered(&cache, own, &lock_of("evil")).as_deref(), Some("evil"));
        assert_eq!(world.offered(&cache, own, &lock_of("another")), None);
        assert_eq!(world.offered(&cache, own, ""), None);
        assert_eq!(world.offered(&cache, &OrganizationId::from_entropy(2), &lock_of("good")), None);
        assert_eq!(world.offered(&world.cache(0), own, &lock_of("good")), None);
    }

    #[test]
    fn what_is_no_provider_is_not_kept_and_no_link_of_a_run_is_followed() {
        let world = World::new();
        let cache = world.cache(1 << 20);
        let outside = world.folder.path().join("outside");
        std::fs::create_dir_all(outside.join("hashicorp/time/0.13.1/linux_amd64")).unwrap();
        std::fs::write(outside.join("hashicorp/time/0.13.1/linux_amd64/secret"), "secret").unwrap();
        let linked = world.run("linked", "good");
        symlink("/etc/passwd", linked.join(PACKAGE).join("passwd")).unwrap();
        world.keep(&cache, &linked);
        let climbing = world.run("climbing", "good");
        std::fs::remove_dir_all(climbing.join("registry.terraform.io")).unwrap();
        symlink(&outside, climbing.join("registry.terraform.io")).unwrap();
        world.keep(&cache, &climbing);
        assert_eq!(folders_at(&cache.root, PACKAGE_DEPTH + 2), Vec::<PathBuf>::new());
    }

    #[test]
    fn beyond_the_limit_only_what_was_not_used_for_long_makes_room() {
        let world = World::new();
        let cache = world.cache(12);
        world.keep(&cache, &world.run("first", "good"));
        world.keep(&cache, &world.run("second", "more"));
        let own = &world.organization;
        assert_eq!(world.offered(&cache, own, &lock_of("more")), None);
        let entry = &folders_at(&cache.root, PACKAGE_DEPTH + 2)[0];
        File::open(entry).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        world.keep(&cache, &world.run("third", "more"));
        assert_eq!(world.offered(&cache, own, &lock_of("more")).as_deref(), Some("more"));
        assert_eq!(world.offered(&cache, own, &lock_of("good")), None);
    }
}
