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
        for kind in EngineKind::ALL.iter().copied() {
            let program = folder.join(kind.program());
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

const fn is_pre_release(version: &Version) -> bool {
    !version.3
}

/// Whether a version fits a constraint. A pre-release fits only where it, or one of the same numbers, is named.
fn satisfies(version: &Version, constraint: &str) -> bool {
    constraint.split(',').map(str::trim).all(|part| {
        let operator_length = part.find(|character: char| character.is_ascii_digit()).unwrap_or(part.len());
        let (operator, wanted) = part.split_at(operator_length);
        let Some(bound) = parse(wanted.trim()) else { return false };
        let numbers = |version: &Version| (version.0, version.1, version.2);
        if is_pre_release(version) && !(is_pre_release(&bound) && numbers(version) == numbers(&bound)) {
            return false;
        }
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
                same && *version >= bound
            }
            _ => false,
        }
    })
}

/// The engine that `wanted` means: `latest`, an exact version, or a constraint. For a workspace of terraform, which is what
/// they are unless somebody says otherwise, a tofu is taken where no terraform fits; a workspace of OpenTofu may use what
/// terraform does not know, and its state may be one that terraform cannot read.
pub fn choose<'a>(engines: &'a [FoundEngine], kind: EngineKind, wanted: &str) -> Option<&'a FoundEngine> {
    let is_latest = wanted == "latest" || wanted.is_empty();
    let fits = |found: &&FoundEngine| {
        parse(&found.engine.version)
            .is_some_and(|version| if is_latest { !is_pre_release(&version) } else { satisfies(&version, wanted) })
    };
    let of_kind = |kind| engines.iter().filter(move |found| found.engine.kind == kind).find(fits);
    match kind {
        EngineKind::Terraform => of_kind(EngineKind::Terraform).or_else(|| of_kind(EngineKind::OpenTofu)),
        EngineKind::OpenTofu => of_kind(EngineKind::OpenTofu),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engines(list: &[&str]) -> Vec<FoundEngine> {
        let engine = |text: &&str| {
            let (name, version) = text.split_once(' ').unwrap();
            let kind = if name == "tofu" { EngineKind::OpenTofu } else { EngineKind::Terraform };
            FoundEngine { engine: Engine { kind, version: version.to_owned() }, path: PathBuf::new() }
        };
        list.iter().map(engine).collect()
    }

    #[test]
    fn a_wanted_version_selects_the_newest_that_fits_and_terraform_before_tofu() {
        let all = [
            "tofu 1.14.0",
            "terraform 1.13.0-beta2",
            "terraform 1.13.0-beta1",
            "terraform 1.12.0",
            "tofu 1.11.5",
            "terraform 1.11.4",
            "terraform 1.9.0-rc1",
        ];
        let table = [
            ("latest", Some("1.12.0")),
            ("", Some("1.12.0")),
            ("1.11.4", Some("1.11.4")),
            ("1.11.5", Some("1.11.5")),
            ("1.14.0", Some("1.14.0")),
            ("~> 1.11.0", Some("1.11.4")),
            ("~> 1.11", Some("1.12.0")),
            ("!= 1.12.0", Some("1.11.4")),
            (">= 1.2, < 1.12", Some("1.11.4")),
            (">= 1.2", Some("1.12.0")),
            ("> 1.12.0, < 1.14.0", None),
            (">= 1.13.0-beta1", Some("1.13.0-beta2")),
            ("~> 1.13.0-beta1", Some("1.13.0-beta2")),
            ("1.13.0-beta1", Some("1.13.0-beta1")),
            (">= 1.8.0-rc1, < 1.9.0", None),
            ("1.9.0-rc1", Some("1.9.0-rc1")),
            ("1.5.0", None),
            ("nonsense", None),
        ];
        for (wanted, expected) in table {
            let engines = engines(&all);
            let chosen = choose(&engines, EngineKind::Terraform, wanted).map(|found| found.engine.version.as_str());
            assert_eq!(chosen, expected, "{wanted}");
        }
        assert_eq!(choose(&engines(&["terraform 1.13.0-beta1"]), EngineKind::Terraform, "latest"), None);
        let only_tofu = engines(&["tofu 1.11.0-rc1", "tofu 1.10.0"]);
        assert_eq!(choose(&only_tofu, EngineKind::Terraform, "latest"), only_tofu.last());
    }

    #[test]
    fn a_workspace_of_opentofu_never_gets_terraform() {
        let all = engines(&["terraform 1.12.0", "tofu 1.11.5", "tofu 1.10.6"]);
        let version = |wanted| choose(&all, EngineKind::OpenTofu, wanted).map(|found| found.engine.version.as_str());
        assert_eq!(version("latest"), Some("1.11.5"));
        assert_eq!(version("1.10.6"), Some("1.10.6"));
        assert_eq!(version("1.12.0"), None);
    }
}
