//! What a run sees of the file system: everything that its user may see, less the hidden folders, plus its own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::Settings;

/// Where programs put temporary files. A run has its own.
pub(super) const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];

/// What the kernel tells of itself and of all control groups.
const KERNEL: [&str; 5] =
    ["/sys/fs", "/sys/firmware", "/sys/kernel/debug", "/sys/kernel/security", "/sys/kernel/tracing"];

/// The folders to hide, and what of them is shown all the same.
pub(super) struct View {
    /// None lies inside another.
    pub(super) covers: Vec<PathBuf>,
    /// Parts of them for reading: the engine, and what whoever runs the server wants read.
    pub(super) shown: Vec<PathBuf>,
}

impl View {
    pub(super) fn of(settings: &Settings) -> Self {
        let covers = covers(settings);
        let shown = shown(settings, &covers);
        Self { covers, shown }
    }

    /// The cover over `path`, if one is.
    pub(super) fn cover_of(&self, path: &Path) -> Option<&Path> {
        self.covers.iter().find(|cover| path.starts_with(cover)).map(PathBuf::as_path)
    }
}

/// The hidden folders, those for temporary files, and the outermost folder on the way to the run's own that others may
/// not pass.
fn covers(settings: &Settings) -> Vec<PathBuf> {
    let is_closed =
        |path: &Path| std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 == 0);
    let mut ancestors: Vec<&Path> = settings.folder.ancestors().skip(1).collect();
    ancestors.reverse();
    let closed = ancestors.into_iter().find(|path| *path != Path::new("/") && is_closed(path)).map(Path::to_owned);
    let named = settings.hidden.iter().chain(&settings.home).cloned();
    let named = named.chain(TEMPORARY.into_iter().chain(KERNEL).map(PathBuf::from)).chain(closed);
    let mut covers: Vec<PathBuf> = named.filter_map(|path| path.canonicalize().ok()).collect();
    covers.retain(|path| path.is_dir() && path != Path::new("/"));
    covers.sort();
    covers.dedup();
    let outer = covers.clone();
    covers.retain(|path| !outer.iter().any(|other| other != path && path.starts_with(other)));
    covers
}

/// What is to be read, and the engine.
fn shown(settings: &Settings, covers: &[PathBuf]) -> Vec<PathBuf> {
    let mut shown = engine(settings);
    shown.extend(settings.readable.iter().cloned());
    shown.retain(|path| covers.iter().any(|cover| path.starts_with(cover)));
    shown.sort();
    shown.dedup();
    shown
}

/// The engine, by its name and by what that name leads to. In a home, what lies beside it may belong to it, as with
/// programs that switch between versions.
fn engine(settings: &Settings) -> Vec<PathBuf> {
    let Some(program) = settings.engine.clone() else { return Vec::new() };
    let real = program.canonicalize().ok();
    let mut paths: Vec<PathBuf> = [Some(program), real].into_iter().flatten().collect();
    for path in &mut paths {
        let inside = settings.home.as_ref().and_then(|home| Some((home, path.strip_prefix(home).ok()?)));
        let Some(first) = inside.and_then(|(home, rest)| Some(home.join(rest.components().next()?))) else { continue };
        if !settings.hidden.iter().any(|hidden| hidden.starts_with(&first) || first.starts_with(hidden)) {
            *path = first;
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Guard;

    fn settings(root: &Path, engine: &Path) -> Settings {
        Settings {
            guard: Guard { namespaces: true, landlock: true },
            runner_pid: 1,
            folder: root.join("home/data/runs/run-1"),
            temporary: root.join("home/data/runs/run-1/tmp"),
            hidden: vec![root.join("home/data")],
            writable: Vec::new(),
            readable: vec![root.join("home/mirror"), root.join("mirror")],
            home: Some(root.join("home")),
            uid: None,
            engine: Some(engine.to_owned()),
            groups: Vec::new(),
            file_bytes: 1,
        }
    }

    #[test]
    fn an_engine_and_a_mirror_in_a_hidden_folder_are_shown_and_no_more_than_belongs_to_them() {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let root = folder.path();
        std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["home/data/runs/run-1", "home/data/tools", "home/.tfenv/bin", "home/mirror"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        let table = [
            ("home/data/tools/terraform", Some("home/data/tools/terraform")),
            ("home/.tfenv/bin/terraform", Some("home/.tfenv")),
            ("bin/terraform", None),
        ];
        for (engine, expected) in table {
            let view = View::of(&settings(root, &root.join(engine)));
            let expected = expected.into_iter().chain(["home/mirror"]).map(|path| root.join(path));
            assert_eq!(view.shown, expected.collect::<Vec<_>>(), "{engine}");
            assert!(view.covers.contains(&root.join("home")));
            assert_eq!(view.cover_of(&root.join("home/data/root.key")), Some(root.join("home").as_path()));
        }
    }
}
