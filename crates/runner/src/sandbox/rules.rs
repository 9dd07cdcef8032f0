//! The same view by Landlock: beside mounts as a second wall, without them as the only one. It knows no "less": everything
//! beside the way to a hidden folder is allowed one by one.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _,
    RulesetStatus, Scope, path_beneath_rules,
};

use super::view::{TEMPORARY, View};
use super::{Failed, Settings};

/// The newest that we know; what the kernel does not know of it, is left out. Without files it is refused.
const ABI_WANTED: ABI = ABI::V6;

/// Rules that are not in force yet.
pub(super) struct Rules(RulesetCreated);

/// Adds what lies in `folder` and neither is nor holds a hidden folder. Links are left out: they lead to what has a rule
/// of its own, or must not.
fn allow_beside(folder: &Path, covers: &[PathBuf], allowed: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if is_link || covers.contains(&path) {
            continue;
        }
        if covers.iter().any(|cover| cover.starts_with(&path)) {
            allow_beside(&path, covers, allowed);
        } else {
            allowed.push(path);
        }
    }
}

impl Rules {
    /// For a run that sees everything there is.
    pub(super) fn outside(settings: &Settings) -> Result<Self, Failed> {
        let view = View::of(settings);
        let mut readable = view.shown.clone();
        allow_beside(Path::new("/"), &view.covers, &mut readable);
        let own = [&settings.folder].into_iter().chain(&settings.writable).map(PathBuf::as_path);
        Self::of(&readable, own.chain(["/dev/shm", "/dev/mqueue"].map(Path::new)))
    }

    /// For a run that sees only what mounts have left: nothing of it is hidden once more.
    pub(super) fn inside(settings: &Settings) -> Result<Self, Failed> {
        let own = [&settings.folder].into_iter().chain(&settings.writable).map(PathBuf::as_path);
        let given = TEMPORARY.into_iter().chain(["/dev/shm", "/dev/mqueue", "/dev/pts"]).map(Path::new);
        Self::of(&[PathBuf::from("/")], own.chain(given))
    }

    fn of<'a>(readable: &[PathBuf], writable: impl Iterator<Item = &'a Path>) -> Result<Self, Failed> {
        let read = AccessFs::from_read(ABI_WANTED);
        let devices: BitFlags<AccessFs> = AccessFs::WriteFile | AccessFs::IoctlDev;
        let all = AccessFs::from_all(ABI_WANTED);
        let rules = Ruleset::default()
            .handle_access(all)
            .and_then(|rules| rules.scope(Scope::from_all(ABI_WANTED)))
            .and_then(Ruleset::create)
            .and_then(|rules| rules.add_rules(path_beneath_rules(readable, read)))
            .and_then(|rules| rules.add_rules(path_beneath_rules(["/dev"], devices)))
            .and_then(|rules| rules.add_rules(path_beneath_rules(writable, all)));
        rules.map(Self).map_err(Failed::at("make Landlock rules"))
    }

    /// From now on they hold for this process and all that it starts.
    pub(super) fn enforce(self) -> Result<(), Failed> {
        let status = self.0.restrict_self().map_err(Failed::at("put Landlock rules in force"))?;
        if status.ruleset == RulesetStatus::NotEnforced {
            return Err(Failed("the kernel has no Landlock".to_owned()));
        }
        Ok(())
    }
}
