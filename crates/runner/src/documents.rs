//! What is made of terraform's output: counts, and the redacted plan that clients render.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{Read, Write};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
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

/// Adds what one resource's change will do.
fn count(counts: &mut ChangeCounts, resource: &Value) {
    let change = resource.get("change");
    let actions = change.and_then(|change| change.get("actions")).and_then(Value::as_array);
    let does = |wanted: &str| i64::from(actions.is_some_and(|all| all.iter().any(|action| action == wanted)));
    counts.additions += does("create");
    counts.changes += does("update");
    counts.destructions += does("delete");
    let importing = change.and_then(|change| change.get("importing"));
    counts.imports += i64::from(importing.is_some_and(|importing| !importing.is_null()));
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
pub(crate) type SchemaName = (String, &'static str, String);

fn schema_of(list: &str, entry: &Value) -> SchemaName {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let group = match (list, entry.get("mode").and_then(Value::as_str)) {
        ("action_invocations" | "deferred_action_invocations", _) => "action_schemas",
        (_, Some("data")) => "data_source_schemas",
        _ => "resource_schemas",
    };
    (text("provider_name"), group, text("type"))
}

/// What is learnt of a plan while it is redacted.
#[derive(Default)]
pub(crate) struct PlanFacts {
    pub(crate) counts: ChangeCounts,
    /// What it names; clients crash without the schema of any of them.
    pub(crate) types: BTreeSet<SchemaName>,
    /// Whether it wrote configuration for something that it imports.
    pub(crate) generated_configuration: bool,
    /// Variables that the root module declares.
    declared: BTreeSet<String>,
    /// Variables whose values the plan keeps.
    kept: BTreeSet<String>,
}

impl PlanFacts {
    /// Variables whose values a saved plan does not keep: the ephemeral ones, which an apply needs anew.
    pub(crate) fn ephemeral_variables(&self) -> Vec<&str> {
        self.declared.difference(&self.kept).map(String::as_str).collect()
    }

    fn add_change(&mut self, resource: &Value) {
        count(&mut self.counts, resource);
        self.generated_configuration |= resource.pointer("/change/generated_config").is_some();
    }
}

/// Names of members whose values do not matter, and are not held.
#[derive(Default, Deserialize)]
#[serde(transparent)]
#[expect(clippy::zero_sized_map_values, reason = "a set cannot be read from a document's members")]
struct Names(BTreeMap<String, IgnoredAny>);

impl Names {
    fn into_set(self) -> BTreeSet<String> {
        self.0.into_keys().collect()
    }
}

/// Of a plan's configuration what is looked at.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Configuration {
    root_module: RootModule,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RootModule {
    variables: Names,
}

/// Writes the plan as clients render it, from `terraform show -json`: changes with sensitive leaves nulled. Variables,
/// configuration and prior state are left out. One entry at a time is in memory, however large the plan. The document has no
/// end yet: [`write_schemas`] adds it.
pub(crate) fn redact_plan(plan: impl Read, redacted: impl Write) -> Result<PlanFacts, serde_json::Error> {
    let mut redaction = Redacting { out: redacted, facts: PlanFacts::default(), written: BTreeSet::new() };
    let mut plan = serde_json::Deserializer::from_reader(plan);
    plan.deserialize_map(&mut redaction)?;
    plan.end()?;
    let empty = LISTS.map(|(list, ..)| (list, json!([])));
    let others =
        [("plan_format_version", Value::Null), ("output_changes", json!({})), ("relevant_attributes", json!([]))];
    for (name, value) in empty.into_iter().chain(others) {
        if !redaction.written.contains(name) {
            redaction.member(name, &value).map_err(serde_json::Error::io)?;
        }
    }
    redaction.out.flush().map_err(serde_json::Error::io)?;
    Ok(redaction.facts)
}

/// Adds the schemas to a redacted plan, and its end.
pub(crate) fn write_schemas(mut redacted: impl Write, schemas: &Schemas) -> std::io::Result<()> {
    write!(redacted, ",\"provider_format_version\":{},\"provider_schemas\":", schemas.format_version)?;
    serde_json::to_writer(&mut redacted, &schemas.providers)?;
    redacted.write_all(b"}")?;
    redacted.flush()
}

struct Redacting<W> {
    out: W,
    facts: PlanFacts,
    written: BTreeSet<String>,
}

impl<W: Write> Redacting<W> {
    fn name(&mut self, name: &str) -> std::io::Result<()> {
        let before = if self.written.is_empty() { '{' } else { ',' };
        self.written.insert(name.to_owned());
        write!(self.out, "{before}\"{name}\":")
    }

    fn member(&mut self, name: &str, value: &Value) -> std::io::Result<()> {
        self.name(name)?;
        Ok(serde_json::to_writer(&mut self.out, value)?)
    }
}

impl<'de, W: Write> Visitor<'de> for &mut Redacting<W> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a plan")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut plan: A) -> Result<(), A::Error> {
        while let Some(name) = plan.next_key::<String>()? {
            let list = LISTS.iter().find(|(list, ..)| *list == name);
            match name.as_str() {
                // Twice in a document would be twice in ours.
                _ if self.written.contains(&name) => drop(plan.next_value::<IgnoredAny>()?),
                "format_version" => {
                    let version = plan.next_value()?;
                    self.member("plan_format_version", &version).map_err(A::Error::custom)?;
                }
                "output_changes" => {
                    let mut outputs: Value = plan.next_value()?;
                    outputs.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(redact_change);
                    self.member(&name, &outputs).map_err(A::Error::custom)?;
                }
                "variables" => self.facts.kept = plan.next_value::<Names>()?.into_set(),
                "configuration" => {
                    let configuration: Configuration = plan.next_value()?;
                    self.facts.declared = configuration.root_module.variables.into_set();
                }
                // Paths only, no values.
                "relevant_attributes" => {
                    let attributes = plan.next_value()?;
                    self.member(&name, &attributes).map_err(A::Error::custom)?;
                }
                _ => match list {
                    Some(list) => {
                        self.name(&name).map_err(A::Error::custom)?;
                        plan.next_value_seed(Entries { plan: &mut *self, list })?;
                    }
                    None => drop(plan.next_value::<IgnoredAny>()?),
                },
            }
        }
        Ok(())
    }
}

/// The entries of one of a plan's lists, on their way.
struct Entries<'a, W> {
    plan: &'a mut Redacting<W>,
    list: &'static (&'static str, Option<&'static str>, Redaction),
}

impl<'de, W: Write> DeserializeSeed<'de> for Entries<'_, W> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, entries: D) -> Result<(), D::Error> {
        entries.deserialize_seq(self)
    }
}

impl<'de, W: Write> Visitor<'de> for Entries<'_, W> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let (list, inside, redact) = *self.list;
        let facts = &mut self.plan.facts;
        let mut before = b'[';
        while let Some(mut entry) = entries.next_element::<Value>()? {
            if list == "resource_changes" {
                facts.add_change(&entry);
            }
            let typed = match inside {
                Some(inside) => entry.get_mut(inside),
                None => Some(&mut entry),
            };
            if let Some(typed) = typed {
                facts.types.insert(schema_of(list, typed));
                redact(typed);
            }
            self.plan.out.write_all(&[before]).map_err(A::Error::custom)?;
            serde_json::to_writer(&mut self.plan.out, &entry).map_err(A::Error::custom)?;
            before = b',';
        }
        let end: &[u8] = if before == b'[' { b"[]" } else { b"]" };
        self.plan.out.write_all(end).map_err(A::Error::custom)
    }
}

/// The schemas that a plan names.
#[derive(Default)]
pub(crate) struct Schemas {
    format_version: Value,
    providers: Map<String, Value>,
}

impl Schemas {
    /// Reads them out of `terraform providers schema -json`, whose others are passed over; nothing if one is missing.
    pub(crate) fn read(all: impl Read, types: &BTreeSet<SchemaName>) -> Result<Option<Self>, serde_json::Error> {
        let mut schemas = Self::default();
        let mut reading = Reading { schemas: &mut schemas, types, place: Vec::new() };
        serde_json::Deserializer::from_reader(all).deserialize_map(&mut reading)?;
        let has = |(provider, group, kind): &SchemaName| {
            schemas.providers.get(provider).and_then(|schema| schema.get(group)?.get(kind)).is_some()
        };
        Ok(types.iter().all(has).then_some(schemas))
    }
}

/// A place in a document of schemas, by the names of the members that lead to it.
struct Reading<'a> {
    schemas: &'a mut Schemas,
    types: &'a BTreeSet<SchemaName>,
    place: Vec<String>,
}

impl Reading<'_> {
    /// Whether what stands at the place is wanted whole, or in parts.
    fn is_wanted(&self) -> Option<bool> {
        let of = |provider: &str| self.types.iter().any(|(name, ..)| name == provider);
        match self.place.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["provider_schemas"] => Some(false),
            ["provider_schemas", provider] => of(provider).then_some(false),
            ["format_version"] | ["provider_schemas", _, "provider"] => Some(true),
            ["provider_schemas", provider, group] => {
                self.types.iter().any(|(name, of, _)| name == provider && *of == group).then_some(false)
            }
            ["provider_schemas", provider, group, kind] => {
                self.types.iter().any(|(name, of, is)| name == provider && *of == group && is == kind).then_some(true)
            }
            _ => None,
        }
    }

    fn keep(&mut self, value: Value) {
        let mut place = std::mem::take(&mut self.place);
        match place.as_mut_slice() {
            [_] => self.schemas.format_version = value,
            [_, provider, rest @ ..] => {
                let empty = || json!({ "provider": null, "resource_schemas": {}, "data_source_schemas": {} });
                let entry = self.schemas.providers.entry(std::mem::take(provider)).or_insert_with(empty);
                match rest {
                    [group, kind] => entry[group.as_str()][kind.as_str()] = value,
                    _ => entry["provider"] = value,
                }
            }
            [] => {}
        }
    }
}

impl<'de> DeserializeSeed<'de> for &mut Reading<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, members: D) -> Result<(), D::Error> {
        members.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Reading<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("schemas")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let place = std::mem::take(&mut self.place);
        while let Some(name) = members.next_key::<String>()? {
            self.place.clone_from(&place);
            self.place.push(name);
            match self.is_wanted() {
                Some(true) => {
                    let value = members.next_value()?;
                    self.keep(value);
                }
                Some(false) => members.next_value_seed(&mut *self)?,
                None => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
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
        let schemas = json!({ "format_version": "1.0", "provider_schemas": {
            "p": { "provider": { "version": 0 }, "resource_schemas": { "t": { "version": 1 }, "u": {}, "d": {} },
                "action_schemas": { "a": {}, "x": {} } },
            "q": { "resource_schemas": { "t": {} } },
        } });
        let mut redacted = Vec::new();
        let facts = redact_plan(plan.to_string().as_bytes(), &mut redacted).unwrap();
        assert_eq!(facts.counts, ChangeCounts { additions: 1, ..ChangeCounts::default() });
        let read = |schemas: &Value| Schemas::read(schemas.to_string().as_bytes(), &facts.types).unwrap();
        let mut without = schemas.clone();
        without["provider_schemas"]["p"]["action_schemas"] = json!({ "x": {} });
        assert!(read(&without).is_none(), "a type without a schema");
        write_schemas(&mut redacted, &read(&schemas).unwrap()).unwrap();
        let redacted: Value = serde_json::from_slice(&redacted).unwrap();
        assert!(!redacted.to_string().contains("\"s\""));
        let change = &redacted["resource_changes"][0]["change"];
        assert_eq!(change["after"], json!({ "a": null, "b": [1, null] }));
        assert_eq!(change["after_sensitive"]["a"], json!(true));
        assert_eq!(redacted["deferred_changes"][0]["resource_change"]["change"]["after"], json!({ "a": null, "b": 1 }));
        assert_eq!(redacted["action_invocations"][0]["config_values"], json!({ "a": null, "b": 1 }));
        assert_eq!(redacted["provider_schemas"]["p"]["resource_schemas"], json!({ "t": { "version": 1 }, "d": {} }));
        assert_eq!(redacted["provider_schemas"]["p"]["provider"], json!({ "version": 0 }));
        assert_eq!(
            (&redacted["provider_schemas"]["q"], &redacted["provider_format_version"]),
            (&Value::Null, &json!("1.0"))
        );
        assert_eq!((&redacted["plan_format_version"], &redacted["resource_drift"]), (&json!("1.2"), &json!([])));
        assert_eq!((&redacted["output_changes"]["o"]["after"], redacted.get("variables")), (&Value::Null, None));
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
