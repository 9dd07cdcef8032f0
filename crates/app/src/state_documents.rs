//! What the server reads of a state: serial, lineage, version, outputs and a list of resources. Streamed: instances
//! and their attributes are skipped, never held.

mod passes;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};

pub(crate) use passes::{Instance, instances, serial_span};

/// The parts of a state that documents show. No `Debug`: outputs hold secrets.
#[derive(Default, Deserialize)]
pub(crate) struct StateDocument {
    /// Version of the format.
    #[serde(default)]
    version: Option<u64>,
    /// What OpenTofu has encrypted: everything but serial and lineage.
    #[serde(default, deserialize_with = "present")]
    encrypted_data: bool,
    #[serde(default)]
    pub(crate) serial: i64,
    #[serde(default)]
    pub(crate) lineage: String,
    #[serde(default)]
    pub(crate) terraform_version: Option<String>,
    #[serde(default)]
    pub(crate) outputs: BTreeMap<String, OutputDocument>,
    #[serde(default)]
    resources: Vec<ResourceDocument>,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// One output as terraform writes it.
#[derive(Deserialize)]
pub(crate) struct OutputDocument {
    /// As it stands there: it may have many megabytes, and nobody here looks into it.
    pub(crate) value: Box<RawValue>,
    #[serde(rename = "type", default)]
    pub(crate) detailed_type: Value,
    #[serde(default)]
    pub(crate) sensitive: bool,
}

#[derive(Debug, Deserialize)]
struct ResourceDocument {
    #[serde(default)]
    module: Option<String>,
    #[serde(default)]
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    provider: String,
    #[serde(default)]
    instances: Count,
}

/// The length of an array whose members are skipped.
#[derive(Debug, Default)]
struct Count(u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counter;
        impl<'de> Visitor<'de> for Counter {
            type Value = Count;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Count, A::Error> {
                let mut count = 0;
                while members.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }
        }
        deserializer.deserialize_seq(Counter)
    }
}

impl StateDocument {
    /// Reads a state, or the envelope of one that its client has encrypted.
    pub(crate) fn read(reader: &mut dyn Read) -> Result<Self, String> {
        let reader = std::io::BufReader::with_capacity(64 * 1024, reader);
        let document: Self = serde_json::from_reader(reader).map_err(|error| error.to_string())?;
        if document.version.is_none() && !document.encrypted_data {
            return Err("it has neither a version nor encrypted data, so it is no state".to_owned());
        }
        Ok(document)
    }

    /// Whether only its client can read what it holds.
    pub(crate) const fn is_encrypted(&self) -> bool {
        self.encrypted_data
    }

    /// How many things it manages; what is only read does not count.
    pub(crate) fn managed_count(&self) -> i64 {
        let managed = self.resources.iter().filter(|resource| resource.mode != "data");
        let count: u64 = managed.map(|resource| resource.instances.0).sum();
        i64::try_from(count).unwrap_or(i64::MAX)
    }

    /// The resources as the API lists them.
    pub(crate) fn resource_list(&self) -> Value {
        self.resources
            .iter()
            .map(|resource| {
                json!({
                    "name": resource.name,
                    "type": if resource.mode == "data" { format!("data.{}", resource.kind) } else { resource.kind.clone() },
                    "count": resource.instances.0,
                    "module": resource.module.as_deref().unwrap_or("root"),
                    "provider": resource.provider,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_yields_outputs_and_counts_without_attributes() {
        let text = br#"{"version":4,"terraform_version":"1.11.4","serial":3,"lineage":"l","outputs":{"o":{"value":"x","type":"string","sensitive":true}},"resources":[{"mode":"managed","type":"terraform_data","name":"a","provider":"p","instances":[{"attributes":{"id":"1"}},{}]}]}"#;
        let state = StateDocument::read(&mut &text[..]).unwrap();
        assert_eq!((state.serial, state.lineage.as_str()), (3, "l"));
        assert!(state.outputs["o"].sensitive);
        assert_eq!(state.resource_list()[0]["count"], 2);
    }

    #[test]
    fn what_is_no_state_is_refused() {
        assert!(StateDocument::read(&mut &b"{\"version\":4"[..]).is_err());
        assert!(StateDocument::read(&mut &b"hello"[..]).is_err());
        assert!(StateDocument::read(&mut &b"{\"serial\":4}"[..]).is_err());
    }

    #[test]
    fn an_encrypted_state_tells_its_serial_and_lineage_only() {
        let text = br#"{"serial":4,"lineage":"l","meta":{"k":"bWV0YQ=="},"encrypted_data":"c2VjcmV0","encryption_version":"v0"}"#;
        let state = StateDocument::read(&mut &text[..]).unwrap();
        assert!(state.is_encrypted());
        assert_eq!((state.serial, state.lineage.as_str(), state.managed_count()), (4, "l", 0));
    }
}
