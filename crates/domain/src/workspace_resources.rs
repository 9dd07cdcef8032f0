//! Resources of a workspace: what its newest state manages, one for each instance, and since when.
//!
//! Source: `api-docs/workspace-resources.mdx`.

use crate::ids::{OrganizationId, StateVersionId, WorkspaceId, WorkspaceResourceId};
use crate::time::Timestamp;

/// One instance of a resource that the newest state manages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceResource {
    /// Identifier; stays as long as the address is in the state.
    pub id: WorkspaceResourceId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// Where it stands in the configuration, without the word `module`.
    pub address: String,
    /// The path of its module, `root` for the configuration itself.
    pub module: String,
    /// Its name.
    pub name: String,
    /// The provider's source without its registry, for example `hashicorp/aws`.
    pub provider: String,
    /// Its type.
    pub provider_type: String,
    /// Its index, if its resource has a count or a key for each instance.
    pub name_index: Option<String>,
    /// Tells whether a state says something else of it than the one before. No digest: only ever compared.
    pub fingerprint: i64,
    /// The state version that was the first to say what the newest says of it.
    pub modified_by_state_version_id: StateVersionId,
    /// When it came into the state.
    pub created_at: Timestamp,
    /// When it last changed there.
    pub updated_at: Timestamp,
}

/// The index of an instance, as a state holds it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(untagged)]
pub enum InstanceKey {
    /// Of a resource with `count`.
    Number(i64),
    /// Of a resource with `for_each`.
    Text(String),
}

impl InstanceKey {
    /// The index alone.
    pub fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// A module's address without the word before each of its names: `module.a["x"].module.b` is `a["x"].b`.
pub fn module_path(address: &str) -> String {
    let mut path = String::with_capacity(address.len());
    let (mut is_quoted, mut is_escaped, mut is_start) = (false, false, true);
    let mut rest = address;
    while let Some(character) = rest.chars().next() {
        if is_start && let Some(name) = rest.strip_prefix("module.") {
            (rest, is_start) = (name, false);
            continue;
        }
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        is_start = character == '.' && !is_quoted;
        path.push(character);
        rest = &rest[character.len_utf8()..];
    }
    path
}

/// An instance's address: the path of its module unless that is the root, type, name and index.
pub fn instance_address(module: &str, kind: &str, name: &str, key: Option<&InstanceKey>) -> String {
    let prefix = if module.is_empty() { String::new() } else { format!("{module}.") };
    match key {
        None => format!("{prefix}{kind}.{name}"),
        Some(InstanceKey::Number(number)) => format!("{prefix}{kind}.{name}[{number}]"),
        Some(InstanceKey::Text(text)) => {
            format!("{prefix}{kind}.{name}[{}]", serde_json::Value::String(text.clone()))
        }
    }
}

/// A provider's source without its registry, of its address in a state: `provider["registry.terraform.io/hashicorp/aws"]`.
/// An address of another form is answered as it is.
pub fn provider_source(address: &str) -> &str {
    let quoted = address.split_once("[\"").and_then(|(_, rest)| rest.split_once("\"]")).map(|(source, _)| source);
    let Some(source) = quoted else { return address };
    match source.split_once('/') {
        Some((_, rest)) if rest.contains('/') => rest,
        _ => source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_paths_leave_out_the_word_and_nothing_of_keys() {
        for (address, path) in [
            ("", ""),
            ("module.media_bucket", "media_bucket"),
            ("module.a.module.b", "a.b"),
            ("module.module.module.b", "module.b"),
            (r#"module.a["x.module.y"].module.b[0]"#, r#"a["x.module.y"].b[0]"#),
            (r#"module.a["\".module.y"].module.b"#, r#"a["\".module.y"].b"#),
        ] {
            assert_eq!(module_path(address), path);
        }
    }

    #[test]
    fn addresses_are_those_of_the_configuration() {
        for (module, key, address) in [
            ("", None, "null_resource.one"),
            ("a", Some(InstanceKey::Number(0)), "a.null_resource.one[0]"),
            ("a.b", Some(InstanceKey::Text("x\"y".to_owned())), r#"a.b.null_resource.one["x\"y"]"#),
        ] {
            assert_eq!(instance_address(module, "null_resource", "one", key.as_ref()), address);
        }
    }

    #[test]
    fn a_provider_is_named_without_its_registry() {
        for (address, source) in [
            (r#"provider["registry.terraform.io/hashicorp/aws"]"#, "hashicorp/aws"),
            (r#"module.a.provider["registry.terraform.io/hashicorp/aws"].west"#, "hashicorp/aws"),
            (r#"provider["terraform.io/builtin/terraform"]"#, "builtin/terraform"),
            ("provider.aws", "provider.aws"),
            (r#"provider["x"]"#, "x"),
        ] {
            assert_eq!(provider_source(address), source);
        }
    }
}
