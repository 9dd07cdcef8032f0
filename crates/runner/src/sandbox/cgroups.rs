//! Limits of memory and of processes that the kernel holds for a run as a whole, by control groups of either version.
//!
//! Below a group that this process may divide stands one of ours, and below that one for each job, which the first
//! process of each of its sandboxes enters. With version 1, memory and processes have a tree each.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Failed;

/// What is limited, by the names that the kernel has for it.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];
/// The processes of a group.
const PROCESSES: &str = "cgroup.procs";
/// Whoever writes 0 to one of these, enters. The first is version 1's, for a single thread: a process that has no more
/// than one enters without waiting until the kernel has looked at all others, which takes longer than all the rest of
/// a sandbox.
const ENTRANCES: [&str; 2] = ["tasks", PROCESSES];
/// How long the dead of a group may take to leave it.
const LOOKS: u32 = 200;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// What a run uses too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    Memory,
    Processes,
}

/// The folders of ours, in which groups of jobs are made: one with version 2, one for each controller with version 1.
#[derive(Debug)]
pub(crate) struct Groups(Vec<PathBuf>);

/// The group of one job. It goes with this value, and whatever still lives in it is killed.
#[derive(Debug)]
pub(crate) struct Group(Vec<PathBuf>);

/// A tree of groups as this process sees it.
#[derive(Debug, PartialEq, Eq)]
struct Tree {
    top: PathBuf,
    /// The group of this process.
    own: PathBuf,
}

/// Finds a tree, or says why there is none. `controller` is none for version 2. `mounts` is a `mountinfo`, `groups` the
/// list of groups that this process is in.
fn tree(mounts: &str, groups: &str, controller: Option<&str>) -> Option<Tree> {
    let is_mine = |kind: &str, options: &str| match controller {
        None => kind == "cgroup2",
        Some(name) => kind == "cgroup" && options.split(',').any(|option| option == name),
    };
    let mount = mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut kind = kind.split(' ');
        let (kind, _, options) = (kind.next()?, kind.next()?, kind.next()?);
        let mut place = place.split(' ').skip(3);
        is_mine(kind, options).then_some((place.next()?, place.next()?))
    });
    let path = groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (names, path) = (parts.next()?, parts.next()?);
        controller.map_or(names.is_empty(), |name| names.split(',').any(|each| each == name)).then_some(path)
    });
    let (root, top) = mount?;
    // Of a container, only its own part may be mounted, at the top.
    let path = path?;
    let below = path.strip_prefix(root).unwrap_or(path).trim_start_matches('/');
    let top = PathBuf::from(top);
    let own = top.join(below);
    Some(Tree { own: if own.is_dir() { own } else { top.clone() }, top })
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> String {
    let path = path.display().to_string();
    move |error| format!("{path}: {error}")
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(at(path))
}

/// Lets the groups in `folder` have limits. A group with processes may not be divided, unless it is the top.
fn divide(folder: &Path) -> Result<(), String> {
    let path = folder.join("cgroup.subtree_control");
    let has = std::fs::read_to_string(&path).map_err(at(&path))?;
    if CONTROLLERS.iter().all(|name| has.split_whitespace().any(|each| each == *name)) {
        return Ok(());
    }
    write(&path, "+memory +pids")
}

/// Makes our group in `parent`, and clears it of what an earlier life of this runner left.
fn settle(parent: &Path, name: &str, is_two: bool) -> Result<PathBuf, String> {
    if is_two {
        divide(parent)?;
    }
    let ours = parent.join(name);
    match std::fs::create_dir(&ours) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(at(&ours)(error)),
        _ => {}
    }
    for entry in std::fs::read_dir(&ours).map_err(at(&ours))?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            clear(&entry.path());
        }
    }
    if is_two {
        divide(&ours)?;
    }
    Ok(ours)
}

/// Makes our group as near to this process as can be: limits of the groups above hold for it then, too.
fn settle_in(tree: &Tree, name: &str, is_two: bool) -> Result<PathBuf, String> {
    let above = tree.own.parent().filter(|parent| parent.starts_with(&tree.top));
    let mut places: Vec<&Path> = [Some(tree.own.as_path()), above, Some(&tree.top)].into_iter().flatten().collect();
    places.dedup();
    let mut failed = Vec::new();
    for place in places {
        match settle(place, name, is_two) {
            Ok(ours) => return Ok(ours),
            Err(error) => {
                let _ = std::fs::remove_dir(place.join(name));
                failed.push(error);
            }
        }
    }
    Err(failed.join("; "))
}

impl Groups {
    /// Finds a place for groups, or says why there is none. `name` tells this runner's from others'.
    pub(super) fn find(name: &str) -> Result<Self, String> {
        let read = |path: &str| std::fs::read_to_string(path).map_err(at(Path::new(path)));
        let (mounts, groups) = (read("/proc/self/mountinfo")?, read("/proc/self/cgroup")?);
        let found = |controller| tree(&mounts, &groups, controller);
        let two = found(None).ok_or_else(|| "version 2 is not mounted".to_owned());
        let two = two.and_then(|tree| settle_in(&tree, name, true)).map(|ours| vec![ours]);
        let one = |controller| {
            let tree = found(Some(controller)).ok_or_else(|| format!("version 1 has no {controller}"))?;
            settle_in(&tree, name, false)
        };
        two.or_else(|no_two| {
            CONTROLLERS.into_iter().map(one).collect::<Result<_, _>>().map_err(|no_one| format!("{no_two}; {no_one}"))
        })
        .map(Self)
    }

    /// Makes a group with these limits.
    pub(crate) fn make(&self, name: &str, memory_bytes: u64, processes: u64) -> Result<Group, String> {
        let group = Group(self.0.iter().map(|ours| ours.join(name)).collect());
        for folder in &group.0 {
            std::fs::create_dir(folder).map_err(at(folder))?;
        }
        let memory = memory_bytes.to_string();
        // With version 1, the limit with swap may not be below the one without, and comes second.
        group.limit(&["memory.max", "memory.limit_in_bytes"], &memory)?;
        group.limit(&["pids.max"], &processes.to_string())?;
        for (swap, most) in [("memory.swap.max", "0"), ("memory.memsw.limit_in_bytes", memory.as_str())] {
            // A system without swap has neither.
            let _ = group.limit(&[swap], most);
        }
        Ok(group)
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for ours in &self.0 {
            let _ = std::fs::remove_dir(ours);
        }
    }
}

impl Group {
    fn limit(&self, names: &[&str], most: &str) -> Result<(), String> {
        let paths = self.0.iter().flat_map(|folder| names.iter().map(|name| folder.join(name)));
        let path = paths.into_iter().find(|path| path.exists());
        write(&path.ok_or_else(|| format!("there is no {} in {:?}", names[0], self.0))?, most)
    }

    /// What a sandbox enters.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        self.0.clone()
    }

    /// Which limit the run came up against: something of it was killed, or could not be started.
    pub(crate) fn exceeded(&self) -> Option<Resource> {
        let count = |file: &str, name: &str| {
            let texts = self.0.iter().filter_map(|folder| std::fs::read_to_string(folder.join(file)).ok());
            texts.filter_map(|text| value(&text, name)).any(|count| count > 0)
        };
        if count("memory.events", "oom_kill") || count("memory.oom_control", "oom_kill") {
            return Some(Resource::Memory);
        }
        count("pids.events", "max").then_some(Resource::Processes)
    }
}

/// Of a file with a name and a number in each line.
fn value(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

impl Drop for Group {
    fn drop(&mut self) {
        let folders = std::mem::take(&mut self.0);
        // What is dying may need a moment, and nothing waits for this.
        std::thread::spawn(move || folders.iter().for_each(|folder| clear(folder)));
    }
}

/// Kills what is in a group, and removes it.
fn clear(folder: &Path) {
    for _ in 0..LOOKS {
        let inside = std::fs::read_to_string(folder.join(PROCESSES)).unwrap_or_default();
        for pid in inside.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 0) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        match std::fs::remove_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => std::thread::sleep(BETWEEN_LOOKS),
            _ => return,
        }
    }
    tracing::error!(group = %folder.display(), "a run's control group could not be removed");
}

/// Puts this process, and so all that it starts, into groups.
pub(super) fn enter(groups: &[PathBuf]) -> Result<(), Failed> {
    let enter = |folder: &PathBuf| {
        let entrance = ENTRANCES.map(|name| folder.join(name)).into_iter().find(|path| path.exists());
        write(&entrance.ok_or_else(|| format!("{} is gone", folder.display()))?, "0")
    };
    groups.iter().try_for_each(enter).map_err(Failed::at("enter the run's control group"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_group_is_found_in_trees_of_both_versions() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        for path in ["unified/system.slice/terrane.service", "memory/a", "pids"] {
            std::fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        let mounts = format!(
            "30 20 0:26 / {root}/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n\
             31 20 0:27 / {root}/memory rw - cgroup cgroup rw,memory\n\
             32 20 0:28 /docker/1 {root}/pids rw - cgroup cgroup rw,pids\n"
        );
        let groups = "4:memory:/a\n8:pids:/docker/1\n0::/system.slice/terrane.service\n";
        let own = |controller| tree(&mounts, groups, controller).map(|tree| tree.own);
        let path = |path: &str| Some(folder.path().join(path));
        assert_eq!(own(None), path("unified/system.slice/terrane.service"));
        assert_eq!(own(Some("memory")), path("memory/a"));
        assert_eq!(own(Some("pids")), path("pids"), "only the container's part is mounted");
        assert_eq!(own(Some("cpu")), None);
    }

    /// A folder is no control group, but the files are written as to one.
    #[test]
    fn a_group_of_version_2_is_made_where_the_nearest_may_not_be_divided() {
        let folder = tempfile::tempdir().unwrap();
        let (top, own) = (folder.path().to_owned(), folder.path().join("slice/service"));
        std::fs::create_dir_all(&own).unwrap();
        std::fs::write(top.join("slice/cgroup.subtree_control"), "cpu memory pids\n").unwrap();
        std::fs::create_dir(top.join("slice/ours")).unwrap();
        std::fs::write(top.join("slice/ours/cgroup.subtree_control"), "").unwrap();
        let ours = settle_in(&Tree { top: top.clone(), own }, "ours", true).unwrap();
        assert_eq!(ours, top.join("slice/ours"));
        assert_eq!(std::fs::read_to_string(ours.join("cgroup.subtree_control")).unwrap(), "+memory +pids");
    }

    #[test]
    fn what_was_exceeded_is_read_from_the_events_of_both_versions() {
        let table = [
            ("memory.events", "low 0\nmax 7\noom 1\noom_kill 1\n", Some(Resource::Memory)),
            ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", Some(Resource::Memory)),
            ("memory.events", "max 9\noom 0\noom_kill 0\noom_group_kill 0\n", None),
            ("pids.events", "max 3\n", Some(Resource::Processes)),
            ("pids.events", "max 0\n", None),
        ];
        for (file, text, exceeded) in table {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(file), text).unwrap();
            let group = std::mem::ManuallyDrop::new(Group(vec![folder.path().to_owned()]));
            assert_eq!(group.exceeded(), exceeded, "{file}: {text}");
        }
    }
}
