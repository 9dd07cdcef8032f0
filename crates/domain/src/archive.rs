//! Rules for the entries of an uploaded configuration archive: pure, so that the server (which refuses a bad
//! upload) and the runner (which unpacks it) judge alike. Archives are hostile until proven otherwise.

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind<'a> {
    /// A regular file of this many bytes.
    File(u64),
    /// A folder.
    Directory,
    /// A symbolic link to this target.
    Symlink(&'a str),
    /// Anything else: hard links, devices, pipes.
    Other,
}

/// Most entries of an archive.
pub const MAX_ENTRIES: u64 = 100_000;
/// Most bytes after unpacking.
pub const MAX_UNPACKED_BYTES: u64 = 1 << 30;
/// Most bytes of the packed archive.
pub const MAX_PACKED_BYTES: u64 = 256 << 20;
/// How many times its packed size an archive may unpack to, beyond the first 10 MiB.
pub const MAX_RATIO: u64 = 200;
/// Most bytes of the headers of one entry: its path, its link and what packers add.
pub const MAX_HEADER_BYTES: u64 = 1 << 20;
/// Most bytes of all paths together: they are held while an archive is judged.
pub const MAX_PATHS_BYTES: usize = 32 << 20;
/// Longest path.
pub const MAX_PATH_BYTES: usize = 4096;

/// Why an archive is refused, in words for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// A path is absolute, empty, too long, or has a `..`.
    #[error("the archive holds {0:?}, a path that leaves the configuration; pack the folder with relative paths only")]
    Path(String),
    /// A link points outside.
    #[error("the archive holds the link {path:?} to {target:?}, which leaves the configuration")]
    Link {
        /// Where the link lies.
        path: String,
        /// Where it points.
        target: String,
    },
    /// A hard link, device or pipe.
    #[error("the archive holds {0:?}, which is neither a file, a folder nor a symbolic link")]
    Kind(String),
    /// Two entries at one path.
    #[error("the archive holds {0:?} twice")]
    Duplicate(String),
    /// An entry lies beneath a symbolic link.
    #[error("the archive holds {0:?}, which lies beneath a symbolic link")]
    ThroughLink(String),
    /// Too many entries or bytes.
    #[error("the archive unpacks to more than {0}")]
    TooLarge(&'static str),
    /// Not a gzip-compressed tar archive, or a cut one.
    #[error("the archive is not a complete gzip-compressed tar file: {0}")]
    Broken(String),
}

/// Judges the entries of one archive, one after another.
#[derive(Debug, Default)]
pub struct ArchiveRules {
    entries: u64,
    bytes: u64,
    path_bytes: usize,
    seen: std::collections::HashMap<String, bool>,
}

/// The parts of a relative path, without `.`; `None` if it leaves the root.
fn parts(path: &str) -> Option<Vec<&str>> {
    if path.is_empty() || path.starts_with('/') || path.len() > MAX_PATH_BYTES || path.contains('\0') {
        return None;
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part => parts.push(part),
        }
    }
    Some(parts)
}

/// Whether a link at `path` to `target` stays inside the root.
fn link_stays_inside(path: &[&str], target: &str) -> bool {
    if target.is_empty() || target.starts_with('/') || target.len() > MAX_PATH_BYTES || target.contains('\0') {
        return false;
    }
    let mut depth = path.len().saturating_sub(1);
    let mut has_gone_down = false;
    for part in target.split('/') {
        match part {
            "" | "." => {}
            // What lies below may itself be a link: from there, up leads anywhere.
            ".." if has_gone_down => return false,
            ".." => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return false,
            },
            _ => has_gone_down = true,
        }
    }
    true
}

impl ArchiveRules {
    /// Judges one entry; answers its normal path, without `.` and trailing slash (empty for the root itself).
    pub fn check(&mut self, path: &str, kind: EntryKind<'_>) -> Result<String, ArchiveError> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(ArchiveError::TooLarge("100,000 entries"));
        }
        let parts = parts(path).ok_or_else(|| ArchiveError::Path(path.to_owned()))?;
        let normal = parts.join("/");
        let mut ancestor = String::new();
        for part in parts.iter().take(parts.len().saturating_sub(1)) {
            if !ancestor.is_empty() {
                ancestor.push('/');
            }
            ancestor.push_str(part);
            if self.seen.get(&ancestor).is_some_and(|is_link| *is_link) {
                return Err(ArchiveError::ThroughLink(normal));
            }
        }
        match kind {
            EntryKind::File(size) => {
                self.bytes = self.bytes.saturating_add(size);
                if self.bytes > MAX_UNPACKED_BYTES {
                    return Err(ArchiveError::TooLarge("1 GiB"));
                }
            }
            // A folder may stand twice: packers repeat them.
            EntryKind::Directory => {
                if self.seen.get(&normal).is_some_and(|is_link| *is_link) {
                    return Err(ArchiveError::Duplicate(normal));
                }
                return Ok(normal);
            }
            EntryKind::Symlink(target) => {
                if !link_stays_inside(&parts, target) {
                    return Err(ArchiveError::Link { path: normal, target: target.to_owned() });
                }
            }
            EntryKind::Other => return Err(ArchiveError::Kind(normal)),
        }
        if normal.is_empty() {
            return Err(ArchiveError::Path(path.to_owned()));
        }
        self.path_bytes += normal.len();
        if self.path_bytes > MAX_PATHS_BYTES {
            return Err(ArchiveError::TooLarge("32 MiB of paths"));
        }
        if self.seen.insert(normal.clone(), matches!(kind, EntryKind::Symlink(_))).is_some() {
            return Err(ArchiveError::Duplicate(normal));
        }
        Ok(normal)
    }
}

/// The most bytes that an archive of `packed` bytes may unpack to, headers included.
pub const fn unpacked_limit(packed: u64) -> u64 {
    let by_ratio = (10 << 20) + packed.saturating_mul(MAX_RATIO);
    let absolute = MAX_UNPACKED_BYTES + MAX_ENTRIES * 1024;
    if by_ratio < absolute { by_ratio } else { absolute }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_links_that_leave_the_root_are_refused() {
        for path in ["/etc/passwd", "../x", "a/../../x", "", "a/\0"] {
            let judged = ArchiveRules::default().check(path, EntryKind::File(1));
            assert!(matches!(judged, Err(ArchiveError::Path(_))), "{path:?}");
        }
        for (path, target) in
            [("l", "/etc"), ("l", ".."), ("a/l", "../.."), ("a/l", "x/../../../y"), ("l", "s/s/../../x")]
        {
            let judged = ArchiveRules::default().check(path, EntryKind::Symlink(target));
            assert!(matches!(judged, Err(ArchiveError::Link { .. })), "{path} -> {target}");
        }
    }

    #[test]
    fn an_ordinary_tree_is_taken() {
        let mut rules = ArchiveRules::default();
        assert_eq!(rules.check("./", EntryKind::Directory), Ok(String::new()));
        assert_eq!(rules.check("./main.tf", EntryKind::File(10)), Ok("main.tf".to_owned()));
        assert_eq!(rules.check("a/", EntryKind::Directory), Ok("a".to_owned()));
        assert_eq!(rules.check("a/l", EntryKind::Symlink("../main.tf")), Ok("a/l".to_owned()));
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let mut rules = ArchiveRules::default();
        rules.check("d", EntryKind::Symlink("other")).unwrap();
        assert_eq!(rules.check("d/x", EntryKind::File(1)), Err(ArchiveError::ThroughLink("d/x".to_owned())));
    }

    #[test]
    fn doubles_devices_and_bombs_are_refused() {
        let mut rules = ArchiveRules::default();
        rules.check("x", EntryKind::File(1)).unwrap();
        assert_eq!(rules.check("x", EntryKind::File(1)), Err(ArchiveError::Duplicate("x".to_owned())));
        assert_eq!(rules.check("y", EntryKind::Other), Err(ArchiveError::Kind("y".to_owned())));
        let judged = rules.check("z", EntryKind::File(MAX_UNPACKED_BYTES));
        assert_eq!(judged, Err(ArchiveError::TooLarge("1 GiB")));
        let mut rules = ArchiveRules::default();
        let folder = "f".repeat(MAX_PATH_BYTES - 10);
        let mut paths = (0..MAX_ENTRIES).map(|number| rules.check(&format!("{folder}/{number}"), EntryKind::File(0)));
        assert_eq!(paths.find_map(Result::err), Some(ArchiveError::TooLarge("32 MiB of paths")));
    }
}
