//! The walls between crates, as a table: who may depend on whom. Dependencies for tests alone are free.

use anyhow::Result;
use serde_json::Value;

use crate::workspace;

/// What a crate may depend on.
struct Wall {
    krate: &'static str,
    /// Which crates of this workspace.
    ours: &'static [&'static str],
    /// Which others; `None` means any that has no keeper.
    others: Option<&'static [&'static str]>,
}

const fn wall(krate: &'static str, ours: &'static [&'static str]) -> Wall {
    Wall { krate, ours, others: None }
}

const WALLS: &[Wall] = &[
    // Pure: no IO, no clock, no async.
    Wall { krate: "terrane-domain", ours: &[], others: Some(&["jiff", "serde", "serde_json", "thiserror"]) },
    // Knows nothing of Terraform.
    Wall {
        krate: "terrane-jsonapi",
        ours: &[],
        others: Some(&["form_urlencoded", "serde", "serde_json", "thiserror"]),
    },
    wall("terrane-store", &["terrane-domain"]),
    wall("terrane-policy", &["terrane-domain"]),
    wall("terrane-app", &["terrane-domain", "terrane-store", "terrane-policy"]),
    // Meets the rest only in the runner protocol, so that it can run anywhere.
    wall("terrane-runner", &["terrane-domain"]),
    // Front doors ask the services, never the store.
    wall("terrane-api", &["terrane-app", "terrane-domain", "terrane-jsonapi"]),
    wall("terrane-ui", &["terrane-app", "terrane-domain"]),
    wall("terrane-mcp", &["terrane-app", "terrane-domain"]),
    // The binary wires everything and holds no rule.
    wall(
        "terrane",
        &[
            "terrane-api",
            "terrane-app",
            "terrane-domain",
            "terrane-jsonapi",
            "terrane-mcp",
            "terrane-policy",
            "terrane-runner",
            "terrane-store",
            "terrane-ui",
        ],
    ),
    // For tests alone.
    wall("terrane-testkit", &["terrane-app", "terrane-domain", "terrane-store"]),
    wall("xtask", &[]),
];

/// Libraries that only some crates may use: what they do is done there and nowhere else.
const KEEPERS: &[(&str, &[&str])] = &[
    ("rusqlite", &["terrane-store"]),
    ("sqlx", &["terrane-store"]),
    ("object_store", &["terrane-store"]),
    ("regorus", &["terrane-policy"]),
    ("landlock", &["terrane-runner"]),
    ("nix", &["terrane-runner", "terrane"]),
    ("axum", &["terrane-api", "terrane-ui", "terrane-mcp", "terrane"]),
    ("maud", &["terrane-ui"]),
    ("rmcp", &["terrane-mcp"]),
];

/// Every dependency of this workspace that goes through a wall, each as a sentence.
pub(crate) fn violations() -> Result<Vec<String>> {
    Ok(check(&workspace::metadata()?))
}

fn check(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let ours: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut violations = Vec::new();
    for package in packages {
        let krate = package["name"].as_str().unwrap_or_default();
        let Some(wall) = WALLS.iter().find(|wall| wall.krate == krate) else {
            violations.push(format!("{krate} has no row in the table of walls (xtask/src/walls.rs)."));
            continue;
        };
        let dependencies = package["dependencies"].as_array().map_or(&[][..], Vec::as_slice);
        for dependency in dependencies.iter().filter(|dependency| dependency["kind"] != "dev") {
            let name = dependency["name"].as_str().unwrap_or_default();
            violations.extend(objection(wall, name, ours.contains(&name)));
        }
    }
    violations
}

fn objection(wall: &Wall, dependency: &str, is_ours: bool) -> Option<String> {
    let krate = wall.krate;
    let list = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    if is_ours {
        let allowed = wall.ours.contains(&dependency);
        return (!allowed).then(|| format!("{krate} must not depend on {dependency}; allowed: {}.", list(wall.ours)));
    }
    if let Some(others) = wall.others.filter(|others| !others.contains(&dependency)) {
        return Some(format!("{krate} must not depend on {dependency}; allowed: {}.", list(others)));
    }
    let (_, keepers) = KEEPERS.iter().find(|(name, keepers)| *name == dependency && !keepers.contains(&krate))?;
    Some(format!("{krate} must not depend on {dependency}, which belongs to {}.", list(keepers)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(krate: &str, kind: Option<&str>, dependency: &str) -> Value {
        json!({"packages": [
            {"name": krate, "dependencies": [{"name": dependency, "kind": kind}]},
            {"name": "terrane-store", "dependencies": []},
        ]})
    }

    #[test]
    fn the_walls_of_this_workspace_stand() {
        assert_eq!(violations().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn the_table_names_no_crate_twice() {
        for (index, wall) in WALLS.iter().enumerate() {
            assert!(WALLS[index + 1..].iter().all(|other| other.krate != wall.krate), "{}", wall.krate);
        }
    }

    #[test]
    fn holes_are_found() {
        for (krate, dependency) in [
            ("terrane-api", "terrane-store"),
            ("terrane-runner", "terrane-store"),
            ("terrane-app", "sqlx"),
            ("terrane-store", "nix"),
            ("terrane-domain", "tokio"),
            ("terrane-new", "serde"),
        ] {
            assert_eq!(check(&metadata(krate, None, dependency)).len(), 1, "{krate} -> {dependency}");
        }
    }

    #[test]
    fn tests_may_use_anything() {
        assert_eq!(check(&metadata("terrane-domain", Some("dev"), "tokio")), Vec::<String>::new());
    }
}
