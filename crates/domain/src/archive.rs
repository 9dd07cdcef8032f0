//! Rules for the entries of an uploaded configuration archive: pure, so that the server (which refuses a bad
//! upload) and the runner (which unpacks it) judge alike. Archives are hostile until proven otherwise; what two programs
//! may read in two ways is refused.

use std::collections::{HashMap, HashSet};

/// What an entry's header says, read by whoever reads the archive.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The path.
    pub path: &'a [u8],
    /// The target of a link.
    pub link: Option<&'a [u8]>,
    /// The kind of entry, as the byte that stands in the archive.
    pub flag: u8,
    /// Bytes of content.
    pub size: u64,
    /// The mode.
    pub mode: u32,
    /// Names of the extended (PAX) records: of this entry, or of all that follow if this is a global header.
    pub extensions: &'a [&'a str],
}

/// What is to be made of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// A regular file.
    File {
        /// Its path in the configuration, without `.`.
        path: String,
        /// Whether its owner may execute it: all that matters of the mode.
        is_executable: bool,
    },
    /// A folder; the root itself is the empty path.
    Directory {
        /// Its path.
        path: String,
    },
    /// A symbolic link.
    Symlink {
        /// Its path.
        path: String,
        /// What it points to, within the configuration.
        target: String,
    },
    /// Nothing: remarks about the archive.
    Nothing,
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
/// Longest part of a path.
pub const MAX_NAME_BYTES: usize = 255;
/// Deepest path, in parts.
pub const MAX_DEPTH: usize = 128;
/// The bits of a mode that lend the owner's or the group's rights to whoever executes the file.
const SET_ID: u32 = 0o6000;

/// Why an archive is refused, in words for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// A path is absolute, empty, no text, or has a `..`.
    #[error("the archive holds {0:?}, a path that leaves the configuration; pack the folder with relative paths only")]
    Path(String),
    /// A path is too long or too deep.
    #[error(
        "the archive holds a path of more than 4,096 bytes, 128 parts, or 255 bytes in one part, which begins with {0:?}; shorten it"
    )]
    LongPath(String),
    /// A link points outside.
    #[error("the archive holds the link {path:?} to {target:?}, which leaves the configuration")]
    Link {
        /// Where the link lies.
        path: String,
        /// Where it points.
        target: String,
    },
    /// A hard link, device, pipe or sparse file.
    #[error(
        "the archive holds {0:?}, which is neither a file, a folder nor a symbolic link; leave it out, or list it in .terraformignore"
    )]
    Kind(String),
    /// A file that would run with its owner's rights.
    #[error("the archive holds {0:?} with a set-user-id or set-group-id bit; take the bit away (chmod ug-s)")]
    SetId(String),
    /// Two entries at one path.
    #[error("the archive holds {0:?} twice")]
    Duplicate(String),
    /// An entry lies beneath something that is no folder.
    #[error("the archive holds {0:?}, which lies beneath a file or a symbolic link")]
    Beneath(String),
    /// Headers that other programs read otherwise.
    #[error(
        "the archive holds {path:?} with {what}, which programs read in different ways; pack it with terraform or plain tar"
    )]
    Ambiguous {
        /// The entry.
        path: String,
        /// What is said of it.
        what: String,
    },
    /// Too many entries or bytes.
    #[error("the archive unpacks to more than {0}")]
    TooLarge(&'static str),
    /// There is more after the end of the archive.
    #[error("the archive has further bytes after its end; pack it anew, as one gzip-compressed tar file")]
    Trailing,
    /// Not a gzip-compressed tar archive, or a cut one.
    #[error("the archive is not a complete gzip-compressed tar file: {0}")]
    Broken(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    File,
    Directory,
    Symlink,
}

/// Judges the entries of one archive, one after another.
#[derive(Debug, Default)]
pub struct ArchiveRules {
    entries: u64,
    bytes: u64,
    path_bytes: usize,
    seen: HashMap<String, Seen>,
}

/// As much of a path as a person wants to read.
fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).chars().take(100).collect()
}

/// The parts of a relative path, without `.`.
fn parts(bytes: &[u8]) -> Result<Vec<&str>, ArchiveError> {
    let leaves = || ArchiveError::Path(shown(bytes));
    let too_long = || ArchiveError::LongPath(shown(bytes));
    if bytes.len() > MAX_PATH_BYTES {
        return Err(too_long());
    }
    let path = std::str::from_utf8(bytes).map_err(|_| leaves())?;
    if path.is_empty() || path.starts_with('/') || path.contains('\0') {
        return Err(leaves());
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(leaves()),
            part if part.len() > MAX_NAME_BYTES => return Err(too_long()),
            part => parts.push(part),
        }
    }
    if parts.len() > MAX_DEPTH { Err(too_long()) } else { Ok(parts) }
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

/// Records that change what the rest of the header says in ways that not every program knows, or that say it twice.
fn check_extensions(entry: &Entry<'_>) -> Result<(), ArchiveError> {
    let ambiguous = |what: String| Err(ArchiveError::Ambiguous { path: shown(entry.path), what });
    let mut names = HashSet::new();
    for name in entry.extensions {
        if name.starts_with("GNU.sparse.") {
            return Err(ArchiveError::Kind(shown(entry.path)));
        }
        // Remarks, as git leaves them, are the one thing to say for all entries.
        if entry.flag == b'g' && *name != "comment" {
            return ambiguous(format!("{name:?} for all entries"));
        }
        if !names.insert(name) {
            return ambiguous(format!("{name:?} twice"));
        }
    }
    Ok(())
}

impl ArchiveRules {
    /// Judges one entry.
    pub fn check(&mut self, entry: &Entry<'_>) -> Result<Judged, ArchiveError> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(ArchiveError::TooLarge("100,000 entries"));
        }
        check_extensions(entry)?;
        if entry.flag == b'g' {
            return Ok(Judged::Nothing);
        }
        let parts = parts(entry.path)?;
        let path = parts.join("/");
        let (seen, judged) = match entry.flag {
            b'0' | b'\0' | b'7' => {
                if entry.mode & SET_ID != 0 {
                    return Err(ArchiveError::SetId(path));
                }
                self.bytes = self.bytes.saturating_add(entry.size);
                if self.bytes > MAX_UNPACKED_BYTES {
                    return Err(ArchiveError::TooLarge("1 GiB"));
                }
                (Seen::File, Judged::File { path: path.clone(), is_executable: entry.mode & 0o100 != 0 })
            }
            b'5' => (Seen::Directory, Judged::Directory { path: path.clone() }),
            b'2' => {
                let target = String::from_utf8_lossy(entry.link.unwrap_or_default()).into_owned();
                if !link_stays_inside(&parts, &target) {
                    return Err(ArchiveError::Link { path, target: shown(target.as_bytes()) });
                }
                (Seen::Symlink, Judged::Symlink { path: path.clone(), target })
            }
            _ => return Err(ArchiveError::Kind(path)),
        };
        if seen != Seen::File && entry.size > 0 {
            return Err(ArchiveError::Ambiguous { path, what: "content, though it is no file".to_owned() });
        }
        if path.is_empty() && seen != Seen::Directory {
            return Err(ArchiveError::Path(shown(entry.path)));
        }
        self.place(&parts, &path, seen)?;
        Ok(judged)
    }

    /// Notes what lies at a path, and that all above it are folders.
    fn place(&mut self, parts: &[&str], path: &str, seen: Seen) -> Result<(), ArchiveError> {
        // Those that stand again count again: each is looked up.
        self.path_bytes += path.len();
        if self.path_bytes > MAX_PATHS_BYTES {
            return Err(ArchiveError::TooLarge("32 MiB of paths"));
        }
        let mut ancestor = String::new();
        for part in parts.iter().take(parts.len().saturating_sub(1)) {
            if !ancestor.is_empty() {
                ancestor.push('/');
            }
            ancestor.push_str(part);
            match self.seen.get(&ancestor) {
                Some(Seen::Directory) => {}
                Some(Seen::File | Seen::Symlink) => return Err(ArchiveError::Beneath(path.to_owned())),
                None => {
                    self.path_bytes += ancestor.len();
                    self.seen.insert(ancestor.clone(), Seen::Directory);
                }
            }
        }
        match self.seen.insert(path.to_owned(), seen) {
            None => Ok(()),
            // A folder may stand twice: packers repeat them.
            Some(Seen::Directory) if seen == Seen::Directory => Ok(()),
            Some(_) => Err(ArchiveError::Duplicate(path.to_owned())),
        }
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

    fn entry(path: &str, flag: u8) -> Entry<'_> {
        Entry { path: path.as_bytes(), link: None, flag, size: 0, mode: 0o644, extensions: &[] }
    }

    fn link<'a>(path: &'a str, target: &'a str) -> Entry<'a> {
        Entry { link: Some(target.as_bytes()), ..entry(path, b'2') }
    }

    #[test]
    fn paths_and_links_that_leave_the_root_are_refused() {
        for path in ["/etc/passwd", "../x", "a/../../x", "", "a/\0"] {
            let judged = ArchiveRules::default().check(&entry(path, b'0'));
            assert!(matches!(judged, Err(ArchiveError::Path(_))), "{path:?}");
        }
        for (path, target) in
            [("l", "/etc"), ("l", ".."), ("a/l", "../.."), ("a/l", "x/../../../y"), ("l", "s/s/../../x")]
        {
            let judged = ArchiveRules::default().check(&link(path, target));
            assert!(matches!(judged, Err(ArchiveError::Link { .. })), "{path} -> {target}");
        }
    }

    #[test]
    fn an_ordinary_tree_is_taken() {
        let mut rules = ArchiveRules::default();
        let folder = |path: &str| Ok(Judged::Directory { path: path.to_owned() });
        let file = |path: &str, is_executable| Ok(Judged::File { path: path.to_owned(), is_executable });
        assert_eq!(rules.check(&Entry { extensions: &["comment"], ..entry("x", b'g') }), Ok(Judged::Nothing));
        assert_eq!(rules.check(&entry("./", b'5')), folder(""));
        assert_eq!(rules.check(&entry("./main.tf", b'0')), file("main.tf", false));
        assert_eq!(rules.check(&Entry { mode: 0o755, ..entry("b/run.sh", b'0') }), file("b/run.sh", true));
        assert_eq!(rules.check(&Entry { mode: 0o2755, ..entry("b/", b'5') }), folder("b"));
        assert_eq!(rules.check(&Entry { extensions: &["path", "mtime"], ..entry("a/", b'5') }), folder("a"));
        let linked = Judged::Symlink { path: "a/l".to_owned(), target: "../main.tf".to_owned() };
        assert_eq!(rules.check(&link("a/l", "../main.tf")), Ok(linked));
    }

    #[test]
    fn what_is_a_folder_stays_one_and_what_is_none_becomes_none() {
        let double = |path: &str| Err(ArchiveError::Duplicate(path.to_owned()));
        let beneath = |path: &str| Err(ArchiveError::Beneath(path.to_owned()));
        let two = |first: Entry<'_>, second: Entry<'_>| {
            let mut rules = ArchiveRules::default();
            rules.check(&first).unwrap();
            rules.check(&second).map(drop)
        };
        assert_eq!(two(entry("x", b'0'), entry("x", b'0')), double("x"));
        assert_eq!(two(entry("x", b'0'), entry("x/", b'5')), double("x"));
        assert_eq!(two(entry("x/y", b'0'), entry("x", b'0')), double("x"));
        assert_eq!(two(entry("x/y", b'0'), link("x", "z")), double("x"));
        assert_eq!(two(link("x", "y"), entry("x/z", b'0')), beneath("x/z"));
        assert_eq!(two(entry("x", b'0'), entry("x/z", b'0')), beneath("x/z"));
        assert_eq!(two(entry("x/", b'5'), entry("x", b'5')), Ok(()));
    }

    #[test]
    fn bombs_are_refused_however_small_their_entries() {
        let mut rules = ArchiveRules::default();
        let judged = rules.check(&Entry { size: MAX_UNPACKED_BYTES + 1, ..entry("z", b'0') });
        assert_eq!(judged, Err(ArchiveError::TooLarge("1 GiB")));
        let folder = vec!["f".repeat(MAX_NAME_BYTES); 15].join("/");
        for flag in [b'0', b'5'] {
            let mut rules = ArchiveRules::default();
            let mut judged =
                (0..MAX_ENTRIES).map(|number| rules.check(&entry(&format!("{folder}/{number}"), flag)).map(drop));
            assert_eq!(judged.find_map(Result::err), Some(ArchiveError::TooLarge("32 MiB of paths")));
        }
        let mut rules = ArchiveRules::default();
        let mut judged = (0..=MAX_ENTRIES).map(|_| rules.check(&entry("f", b'5')).map(drop));
        assert_eq!(judged.find_map(Result::err), Some(ArchiveError::TooLarge("100,000 entries")));
    }
}
