//! Versions of the engines that were released, whatever is installed here, and how a workspace may name one.

use crate::engines::EngineKind;

/// Major, minor and patch.
type Numbers = (u64, u64, u64);

/// Each line of terraform's releases with its last patch; all before it were released too.
const TERRAFORM: &[Numbers] = &[
    (0, 10, 8),
    (0, 11, 15),
    (0, 12, 31),
    (0, 13, 7),
    (0, 14, 11),
    (0, 15, 5),
    (1, 0, 11),
    (1, 1, 9),
    (1, 2, 9),
    (1, 3, 10),
    (1, 4, 7),
    (1, 5, 7),
    (1, 6, 6),
    (1, 7, 5),
    (1, 8, 5),
    (1, 9, 8),
    (1, 10, 5),
    (1, 11, 4),
    (1, 12, 2),
    (1, 13, 5),
    (1, 14, 0),
];

/// The same of OpenTofu.
const OPENTOFU: &[Numbers] = &[(1, 6, 3), (1, 7, 10), (1, 8, 11), (1, 9, 4), (1, 10, 10), (1, 11, 9), (1, 12, 6)];

/// What new workspaces have, and what follows the newest version.
pub const LATEST: &str = "latest";

/// Whether an exact version was released, or may have been since this list was made.
pub fn is_known(engine: EngineKind, version: &str) -> bool {
    let releases = match engine {
        EngineKind::Terraform => TERRAFORM,
        EngineKind::OpenTofu => OPENTOFU,
    };
    let (numbers, pre_release) = version.split_once('-').map_or((version, None), |(numbers, pre)| (numbers, Some(pre)));
    let Some(wanted) = numbers_of(numbers, 3) else { return false };
    if pre_release.is_some_and(|pre| !is_pre_release(pre)) {
        return false;
    }
    let wanted = (wanted[0], wanted[1], wanted[2]);
    let newest = releases.last().copied().unwrap_or_default();
    let is_listed =
        releases.iter().any(|(major, minor, patch)| (*major, *minor) == (wanted.0, wanted.1) && wanted.2 <= *patch);
    is_listed || wanted > newest
}

/// Whether a workspace may have this as its version: `latest`, a known version, or a constraint.
pub fn is_allowed(engine: EngineKind, text: &str) -> bool {
    text == LATEST || is_known(engine, text) || is_constraint(text)
}

fn is_constraint(text: &str) -> bool {
    text.len() <= 255
        && text.split(',').all(|part| {
            let part = part.trim();
            let version = part.trim_start_matches(['~', '>', '<', '=', '!']);
            let operator = &part[..part.len() - version.len()];
            let (numbers, pre) =
                version.trim().split_once('-').map_or((version.trim(), None), |(n, pre)| (n, Some(pre)));
            matches!(operator, "=" | "!=" | ">" | ">=" | "<" | "<=" | "~>")
                && numbers_of(numbers, 1).is_some()
                && pre.is_none_or(is_pre_release)
        })
}

/// The numbers between dots: at least `least` and at most three.
fn numbers_of(text: &str, least: usize) -> Option<Vec<u64>> {
    let is_number = |part: &&str| (1..=6).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<_> = text.split('.').collect();
    let is_right = (least..=3).contains(&parts.len()) && parts.iter().all(is_number);
    if is_right { parts.iter().map(|part| part.parse().ok()).collect() } else { None }
}

fn is_pre_release(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    (1..=32).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn released_versions_and_constraints_are_allowed() {
        for text in [
            "latest",
            "0.10.0",
            "0.11.0",
            "0.11.1",
            "0.15.4",
            "1.0.0",
            "1.11.4",
            "1.14.0-beta1",
            "1.99.0",
            "2.0.0",
            "~> 1.11",
            "~>1.11.0",
            ">= 1.5, < 1.9.0",
            "= 1.11.4",
            "!=1.2.3,>1",
            ">= 1.13.0-alpha1",
        ] {
            assert!(is_allowed(EngineKind::Terraform, text), "{text:?}");
        }
        for text in [
            "",
            "nonexisting",
            "1",
            "1.11",
            "1.11.5",
            "0.9.11",
            "1.11.4.1",
            "1.11.x",
            "v1.11.4",
            "~> ",
            "~>1.x",
            "1.11.4, 1.11.3",
            ">> 1",
            "latest ",
            "1.11.4-",
            "1.1\u{661}.4",
            "1.2.3\0",
            "9999999.0.0",
        ] {
            assert!(!is_allowed(EngineKind::Terraform, text), "{text:?}");
        }
    }

    #[test]
    fn each_engine_has_releases_of_its_own() {
        for (version, terraform, opentofu) in [
            ("1.5.7", true, false),
            ("1.10.10", false, true),
            ("1.12.6", false, true),
            ("1.12.7", false, true),
            ("1.13.0", true, true),
        ] {
            assert_eq!(is_known(EngineKind::Terraform, version), terraform, "terraform {version}");
            assert_eq!(is_known(EngineKind::OpenTofu, version), opentofu, "opentofu {version}");
        }
    }
}
