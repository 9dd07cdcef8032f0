//! The check that no source file outgrows what one reads in a sitting.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

const MOST_LINES: usize = 800;

/// The `.rs` files under these folders with too many lines, each as a sentence.
pub(crate) fn violations(folders: &[&Path]) -> Result<Vec<String>> {
    let mut violations = Vec::new();
    for folder in folders {
        visit(folder, &mut violations)?;
    }
    violations.sort();
    Ok(violations)
}

fn visit(folder: &Path, violations: &mut Vec<String>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                visit(&path, violations)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let lines = text.lines().count();
            if lines > MOST_LINES {
                violations.push(format!("{} has {lines} lines; {MOST_LINES} are the most. Split it.", path.display()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporary::Folder;

    #[test]
    fn a_file_that_is_too_long_is_found() {
        let folder = Folder::create("terrane-xtask-sizes").unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        fs::write(folder.path().join("src/long.rs"), "\n".repeat(MOST_LINES + 1)).unwrap();
        fs::write(folder.path().join("src/short.rs"), "\n".repeat(MOST_LINES)).unwrap();
        let violations = violations(&[folder.path()]).unwrap();
        assert_eq!(violations.len(), 1);
        assert!(violations[0].contains("long.rs has 801 lines"), "{}", violations[0]);
    }
}
