//! Engines on this machine, and which of them a wanted version means.

use std::path::{Path, PathBuf};

use terrane_domain::engines::{Engine, EngineKind};

/// An engine that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundEngine {
    /// Which, and its version.
    pub engine: Engine,
    /// The program.
    pub path: PathBuf,
}

/// A version as three numbers and a pre-release; releases sort above pre-releases.
type Version = (u64, u64, u64, bool, String);

fn parse(version: &str) -> Option<Version> {
    let (numbers, pre) = version.split_once('-').map_or((version, ""), |(numbers, pre)| (numbers, pre));
    let mut parts = numbers.split('.');
    let mut next = || parts.next().map_or(Some(0), |part| part.parse().ok());
    let (major, minor, patch) = (next()?, next()?, next()?);
    Some((major, minor, patch, pre.is_empty(), pre.to_owned()))
}

/// Looks for terraform and tofu in `extra` and on the PATH; the newest first.
pub async fn find_engines(extra: &[PathBuf]) -> Vec<FoundEngine> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = extra.iter().cloned().chain(std::env::split_paths(&path));
    let mut found: Vec<FoundEngine> = Vec::new();
    for folder in folders {
        for (name, kind) in [("terraform", EngineKind::Terraform), ("tofu", EngineKind::OpenTofu)] {
            let program = folder.join(name);
            if let Some(version) = version_of(&program).await {
                let engine = Engine { kind, version };
                if !found.iter().any(|other| other.engine == engine) {
                    found.push(FoundEngine { engine, path: program });
                }
            }
        }
    }
    found.sort_by_key(|engine| std::cmp::Reverse(parse(&engine.engine.version)));
    found
}

async fn version_of(program: &Path) -> Option<String> {
    if !program.is_file() {
        return None;
    }
    let output = tokio::process::Command::new(program)
        .args(["version", "-json"])
        .env_clear()
        .env("CHECKPOINT_DISABLE", "1")
        .env("HOME", "/nonexistent")
        .output()
        .await
        .ok()?;
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    Some(document.get("terraform_version")?.as_str()?.to_owned())
}

fn satisfies(version: &Version, constraint: &str) -> bool {
    constraint.split(',').map(str::trim).all(|part| {
        let operator_length = part.find(|character: char| character.is_ascii_digit()).unwrap_or(part.len());
        let (operator, wanted) = part.split_at(operator_length);
        let Some(bound) = parse(wanted.trim()) else { return false };
        match operator.trim() {
            "" | "=" => *version == bound,
            "!=" => *version != bound,
            ">" => *version > bound,
            ">=" => *version >= bound,
            "<" => *version < bound,
            "<=" => *version <= bound,
            "~>" => {
                let parts = wanted.trim().split('.').count();
                let same = if parts >= 3 { version.0 == bound.0 && version.1 == bound.1 } else { version.0 == bound.0 };
                same && *version >= bound && version.3
            }
            _ => false,
        }
    })
}

/// The engine that `wanted` means: `latest`, an exact version, or a constraint.
pub fn choose<'a>(engines: &'a [FoundEngine], wanted: &str) -> Option<&'a FoundEngine> {
    if wanted == "latest" || wanted.is_empty() {
        return engines.first();
    }
    engines.iter().find(|found| parse(&found.engine.version).is_some_and(|version| satisfies(&version, wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engines() -> Vec<FoundEngine> {
        ["1.12.0", "1.11.4", "1.9.0-rc1"]
            .map(|version| FoundEngine {
                engine: Engine { kind: EngineKind::Terraform, version: version.to_owned() },
                path: PathBuf::new(),
            })
            .to_vec()
    }

    #[test]
    fn a_wanted_version_selects_the_newest_that_fits() {
        let table = [
            ("latest", Some("1.12.0")),
            ("1.11.4", Some("1.11.4")),
            ("~> 1.11.0", Some("1.11.4")),
            ("~> 1.11", Some("1.12.0")),
            (">= 1.2, < 1.12", Some("1.11.4")),
            ("1.9.0-rc1", Some("1.9.0-rc1")),
            ("1.5.0", None),
            ("nonsense", None),
        ];
        for (wanted, expected) in table {
            let engines = engines();
            let chosen = choose(&engines, wanted).map(|found| found.engine.version.as_str());
            assert_eq!(chosen, expected, "{wanted}");
        }
    }
}
