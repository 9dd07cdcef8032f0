//! What is made of terraform's output: counts, and the redacted plan that clients render.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use terrane_domain::runner_protocol::ChangeCounts;

/// Reads terraform's lines as they pass, for the counts of an apply.
#[derive(Default)]
pub(crate) struct Scanner {
    rest: Vec<u8>,
    counts: ChangeCounts,
}

/// A longer line is no line that we look for.
const LONGEST_LINE: usize = 64 * 1024;

impl Scanner {
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.rest.len() < LONGEST_LINE {
                self.rest.extend_from_slice(part);
            }
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.rest);
                self.line(&String::from_utf8_lossy(&line));
            }
        }
    }

    fn line(&mut self, line: &str) {
        if line.contains("\"type\":\"change_summary\"") {
            if let Ok(value) = serde_json::from_str::<Value>(line) {
                let changes = value.get("changes").cloned().unwrap_or_default();
                let count = |name: &str| changes.get(name).and_then(Value::as_i64).unwrap_or(0);
                self.counts = ChangeCounts {
                    additions: count("add"),
                    changes: count("change"),
                    destructions: count("remove"),
                    imports: count("import"),
                };
            }
        } else if let Some((_, summary)) = line.split_once("complete! Resources: ") {
            let count = |word: &str| {
                let number = summary.split(", ").find(|part| part.contains(word))?.split(' ').next()?;
                number.parse().ok()
            };
            self.counts = ChangeCounts {
                additions: count("added").unwrap_or(0),
                changes: count("changed").unwrap_or(0),
                destructions: count("destroyed").unwrap_or(0),
                imports: count("imported").unwrap_or(0),
            };
        }
    }

    pub(crate) const fn counts(&self) -> ChangeCounts {
        self.counts
    }
}

/// What a plan will do.
pub(crate) fn plan_counts(plan: &Value) -> ChangeCounts {
    let mut counts = ChangeCounts::default();
    for change in plan.get("resource_changes").and_then(Value::as_array).into_iter().flatten() {
        let change = change.get("change").cloned().unwrap_or_default();
        let does = |wanted: &str| {
            change.get("actions").and_then(Value::as_array).is_some_and(|all| all.iter().any(|action| action == wanted))
        };
        counts.additions += i64::from(does("create"));
        counts.changes += i64::from(does("update"));
        counts.destructions += i64::from(does("delete"));
        counts.imports += i64::from(change.get("importing").is_some_and(|importing| !importing.is_null()));
    }
    counts
}

/// Whether the plan wrote configuration for something that it imports.
pub(crate) fn has_generated_configuration(plan: &Value) -> bool {
    let changes = plan.get("resource_changes").and_then(Value::as_array).into_iter().flatten();
    changes.filter_map(|entry| entry.get("change")).any(|change| change.get("generated_config").is_some())
}

/// Variables of the root module whose values a saved plan does not keep: the ephemeral ones, which an apply needs anew.
pub(crate) fn ephemeral_variables(plan: &Value) -> Vec<String> {
    let declared = plan.pointer("/configuration/root_module/variables").and_then(Value::as_object);
    let kept = plan.get("variables").and_then(Value::as_object);
    let is_kept = |name: &str| kept.is_some_and(|kept| kept.contains_key(name));
    declared.into_iter().flat_map(Map::keys).filter(|name| !is_kept(name)).cloned().collect()
}

/// Nulls every leaf that the mask marks as sensitive.
fn redact(value: &mut Value, mask: &Value) {
    match (value, mask) {
        (value, Value::Bool(true)) => *value = Value::Null,
        (Value::Object(members), Value::Object(masks)) => {
            for (name, mask) in masks {
                if let Some(member) = members.get_mut(name) {
                    redact(member, mask);
                }
            }
        }
        (Value::Array(members), Value::Array(masks)) => {
            for (member, mask) in members.iter_mut().zip(masks) {
                redact(member, mask);
            }
        }
        _ => {}
    }
}

fn redact_change(change: &mut Value) {
    for side in ["before", "after"] {
        let mask = change.get(format!("{side}_sensitive")).cloned().unwrap_or_default();
        if let Some(value) = change.get_mut(side) {
            redact(value, &mask);
        }
    }
}

/// An action's configuration.
fn redact_action(action: &mut Value) {
    let mask = action.get("config_sensitive").cloned().unwrap_or_default();
    if let Some(values) = action.get_mut("config_values") {
        redact(values, &mask);
    }
}

/// What is marked sensitive in a list of the plan, and how.
type Redaction = fn(&mut Value);

/// The lists of a plan, where in their entries something lies that has a type, and how that is redacted.
const LISTS: [(&str, Option<&str>, Redaction); 5] = [
    ("resource_changes", None, redact_resource),
    ("resource_drift", None, redact_resource),
    ("deferred_changes", Some("resource_change"), redact_resource),
    ("action_invocations", None, redact_action),
    ("deferred_action_invocations", Some("action_invocation"), redact_action),
];

fn redact_resource(resource: &mut Value) {
    if let Some(change) = resource.get_mut("change") {
        redact_change(change);
    }
}

/// Provider, group of its schemas, and type of what a list names.
fn schema_of(list: &str, entry: &Value) -> (String, &'static str, String) {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let group = match (list, entry.get("mode").and_then(Value::as_str)) {
        ("action_invocations" | "deferred_action_invocations", _) => "action_schemas",
        (_, Some("data")) => "data_source_schemas",
        _ => "resource_schemas",
    };
    (text("provider_name"), group, text("type"))
}

/// The plan as clients render it: changes with sensitive leaves nulled, and the schemas of the types that it names.
/// Variables, configuration and prior state are left out.
pub(crate) fn redacted_plan(mut plan: Value, schemas: &Value) -> Value {
    let mut redacted = Map::new();
    redacted.insert("plan_format_version".to_owned(), plan.get("format_version").cloned().unwrap_or_default());
    let mut types = BTreeSet::new();
    for (list, inside, redact) in LISTS {
        let mut entries = plan.get_mut(list).map_or_else(|| json!([]), Value::take);
        for entry in entries.as_array_mut().into_iter().flatten() {
            let entry = match inside {
                Some(inside) => entry.get_mut(inside),
                None => Some(entry),
            };
            if let Some(entry) = entry {
                types.insert(schema_of(list, entry));
                redact(entry);
            }
        }
        redacted.insert(list.to_owned(), entries);
    }
    let mut outputs = plan.get_mut("output_changes").map_or_else(|| json!({}), Value::take);
    for change in outputs.as_object_mut().into_iter().flat_map(Map::values_mut) {
        redact_change(change);
    }
    redacted.insert("output_changes".to_owned(), outputs);
    // Paths only, no values.
    let attributes = plan.get_mut("relevant_attributes").map_or_else(|| json!([]), Value::take);
    redacted.insert("relevant_attributes".to_owned(), attributes);
    redacted.insert("provider_format_version".to_owned(), schemas.get("format_version").cloned().unwrap_or_default());
    redacted.insert("provider_schemas".to_owned(), named_schemas(schemas, &types));
    Value::Object(redacted)
}

/// Whether `schemas` has every type that the plan names; clients crash without one.
pub(crate) fn has_schemas(plan: &Value, schemas: &Value) -> bool {
    let all = schemas.get("provider_schemas");
    LISTS.iter().all(|(list, inside, _)| {
        let entries = plan.get(list).and_then(Value::as_array).into_iter().flatten();
        let mut typed = entries.filter_map(|entry| inside.map_or(Some(entry), |inside| entry.get(inside)));
        typed.all(|entry| {
            let (provider, group, kind) = schema_of(list, entry);
            all.and_then(|all| all.get(provider)?.get(group)?.get(kind)).is_some()
        })
    })
}

fn named_schemas(schemas: &Value, types: &BTreeSet<(String, &'static str, String)>) -> Value {
    let mut named = Map::new();
    for (provider, group, kind) in types {
        let Some(schema) = schemas.get("provider_schemas").and_then(|all| all.get(provider)) else { continue };
        let entry = named.entry(provider.clone()).or_insert_with(
            || json!({ "provider": schema.get("provider"), "resource_schemas": {}, "data_source_schemas": {} }),
        );
        if let Some(found) = schema.get(*group).and_then(|group| group.get(kind)) {
            entry[*group][kind] = found.clone();
        }
    }
    Value::Object(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensitive_leaves_are_nulled_and_masks_stay() {
        let plan = json!({
            "format_version": "1.2",
            "variables": { "secret": { "value": "s" } },
            "resource_changes": [{
                "provider_name": "p", "mode": "managed", "type": "t",
                "change": { "actions": ["create"], "before": null, "after": { "a": "s", "b": [1, "s"] },
                    "after_sensitive": { "a": true, "b": [false, true] } },
            }],
            "output_changes": { "o": { "after": "s", "after_sensitive": true } },
            "deferred_changes": [{ "reason": "instance_count_unknown", "resource_change": {
                "provider_name": "p", "mode": "managed", "type": "d",
                "change": { "after": { "a": "s", "b": 1 }, "after_sensitive": { "a": true } },
            } }],
            "action_invocations": [{ "provider_name": "p", "type": "a",
                "config_values": { "a": "s", "b": 1 }, "config_sensitive": { "a": true } }],
            "deferred_action_invocations": [{ "reason": "excluded", "action_invocation": {
                "provider_name": "p", "type": "a", "config_values": { "a": "s" }, "config_sensitive": { "a": true } } }],
        });
        let schemas = json!({ "format_version": "1.0", "provider_schemas": { "p": { "provider": {}, "resource_schemas": { "t": {}, "u": {}, "d": {} },
            "action_schemas": { "a": {}, "x": {} } } } });
        assert!(has_schemas(&plan, &schemas));
        let redacted = redacted_plan(plan, &schemas);
        assert!(!redacted.to_string().contains("\"s\""));
        let change = &redacted["resource_changes"][0]["change"];
        assert_eq!(change["after"], json!({ "a": null, "b": [1, null] }));
        assert_eq!(change["after_sensitive"]["a"], json!(true));
        assert_eq!(redacted["deferred_changes"][0]["resource_change"]["change"]["after"], json!({ "a": null, "b": 1 }));
        assert_eq!(redacted["action_invocations"][0]["config_values"], json!({ "a": null, "b": 1 }));
        assert_eq!(redacted["provider_schemas"]["p"]["resource_schemas"], json!({ "t": {}, "d": {} }));
        assert_eq!(redacted["provider_schemas"]["p"]["action_schemas"], json!({ "a": {} }));
    }

    #[test]
    fn counts_are_read_from_both_forms_of_output() {
        let expected = ChangeCounts { additions: 1, changes: 2, destructions: 3, imports: 0 };
        let mut text = Scanner::default();
        text.take(b"Apply comp");
        text.take(b"lete! Resources: 1 added, 2 changed, 3 destroyed.\n");
        assert_eq!(text.counts(), expected);
        let mut lines = Scanner::default();
        lines.take(b"{\"type\":\"change_summary\",\"changes\":{\"add\":1,\"change\":2,\"remove\":3}}\n");
        assert_eq!(lines.counts(), expected);
    }
}
