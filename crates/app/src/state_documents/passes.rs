//! Readings of a state that must know its bytes: where one member lies, and whether an instance is the same as before.

use std::cell::Cell;
use std::fmt;
use std::io::{BufReader, Read};
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use terrane_domain::workspace_resources::{InstanceKey, instance_address, module_path, provider_source};

/// What the parser has taken: how much, and a running fingerprint of it (FNV-1a). It takes byte after byte, and of what
/// follows a value one byte at most.
#[derive(Default)]
struct Taken {
    bytes: Cell<u64>,
    fingerprint: Cell<u64>,
}

impl Taken {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;

    fn take(&self, byte: u8) {
        self.bytes.set(self.bytes.get() + 1);
        self.fingerprint.set((self.fingerprint.get() ^ u64::from(byte)).wrapping_mul(Self::PRIME));
    }
}

struct Tapped<'a, R> {
    inner: BufReader<R>,
    taken: &'a Taken,
}

impl<R: Read> Read for Tapped<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        // More than one byte at a time would be ahead of the parser.
        let one = buffer.len().min(1);
        let length = self.inner.read(&mut buffer[..one])?;
        buffer[..length].iter().for_each(|byte| self.taken.take(*byte));
        Ok(length)
    }
}

fn parse<'a, T: for<'de> DeserializeSeed<'de>>(
    reader: &'a mut dyn Read,
    taken: &'a Taken,
    seed: T,
) -> Result<(), serde_json::Error> {
    let tapped = Tapped { inner: BufReader::with_capacity(64 * 1024, reader), taken };
    seed.deserialize(&mut serde_json::Deserializer::from_reader(tapped)).map(drop)
}

/// Takes the members of an object, one after another.
trait Members<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, object: &mut A) -> Result<(), A::Error>;
}

struct Object<'a, T>(&'a mut T);

impl<'de, T: Members<'de>> DeserializeSeed<'de> for Object<'_, T> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Members<'de>> Visitor<'de> for Object<'_, T> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(name) = object.next_key::<String>()? {
            self.0.member(&name, &mut object)?;
        }
        Ok(())
    }
}

/// Takes the elements of an array, one after another; `false` at its end.
trait Elements<'de> {
    fn element<A: SeqAccess<'de>>(&mut self, array: &mut A) -> Result<bool, A::Error>;
}

struct Array<'a, T>(&'a mut T);

impl<'de, T: Elements<'de>> DeserializeSeed<'de> for Array<'_, T> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Elements<'de>> Visitor<'de> for Array<'_, T> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while self.0.element(&mut array)? {}
        Ok(())
    }
}

struct Serial<'a> {
    taken: &'a Taken,
    span: Option<Range<u64>>,
}

impl<'de> Members<'de> for Serial<'_> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, object: &mut A) -> Result<(), A::Error> {
        let start = self.taken.bytes.get();
        object.next_value::<IgnoredAny>()?;
        if name == "serial" {
            // A number ends where something else begins, which is taken by then.
            self.span = Some(start..self.taken.bytes.get() - 1);
        }
        Ok(())
    }
}

/// Where the serial of a state lies, from behind its name: `: 7`. `None` if it has none.
pub(crate) fn serial_span(reader: &mut dyn Read) -> Result<Option<Range<u64>>, serde_json::Error> {
    let taken = Taken::default();
    let mut serial = Serial { taken: &taken, span: None };
    parse(reader, &taken, Object(&mut serial))?;
    Ok(serial.span)
}

/// One instance that a state manages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instance {
    pub(crate) address: String,
    pub(crate) module: String,
    pub(crate) name: String,
    pub(crate) provider: String,
    pub(crate) provider_type: String,
    pub(crate) name_index: Option<String>,
    pub(crate) fingerprint: i64,
}

struct State<'a> {
    taken: &'a Taken,
    found: Vec<Instance>,
}

impl<'de> Members<'de> for State<'_> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, object: &mut A) -> Result<(), A::Error> {
        match name {
            "resources" => object.next_value_seed(Array(self)),
            _ => object.next_value::<IgnoredAny>().map(drop),
        }
    }
}

impl<'de> Elements<'de> for State<'_> {
    fn element<A: SeqAccess<'de>>(&mut self, array: &mut A) -> Result<bool, A::Error> {
        let mut resource = Resource {
            taken: self.taken,
            module: String::new(),
            mode: String::new(),
            kind: String::new(),
            name: String::new(),
            provider: String::new(),
            instances: Vec::new(),
        };
        let is_there = array.next_element_seed(Object(&mut resource))?.is_some();
        if is_there && resource.mode != "data" {
            resource.add_to(&mut self.found);
        }
        Ok(is_there)
    }
}

struct Resource<'a> {
    taken: &'a Taken,
    module: String,
    mode: String,
    kind: String,
    name: String,
    provider: String,
    instances: Vec<(Option<InstanceKey>, u64)>,
}

impl Resource<'_> {
    fn add_to(self, found: &mut Vec<Instance>) {
        let module = module_path(&self.module);
        for (key, fingerprint) in self.instances {
            found.push(Instance {
                address: instance_address(&module, &self.kind, &self.name, key.as_ref()),
                module: if module.is_empty() { "root".to_owned() } else { module.clone() },
                name: self.name.clone(),
                provider: provider_source(&self.provider).to_owned(),
                provider_type: self.kind.clone(),
                name_index: key.as_ref().map(InstanceKey::text),
                fingerprint: fingerprint.cast_signed(),
            });
        }
    }
}

impl<'de> Members<'de> for Resource<'_> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, object: &mut A) -> Result<(), A::Error> {
        match name {
            "module" => self.module = object.next_value()?,
            "mode" => self.mode = object.next_value()?,
            "type" => self.kind = object.next_value()?,
            "name" => self.name = object.next_value()?,
            "provider" => self.provider = object.next_value()?,
            "instances" => object.next_value_seed(Array(self))?,
            _ => drop(object.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl<'de> Elements<'de> for Resource<'_> {
    fn element<A: SeqAccess<'de>>(&mut self, array: &mut A) -> Result<bool, A::Error> {
        let mut members = InstanceMembers { key: None, is_deposed: false };
        let Some(fingerprint) = array.next_element_seed(Fingerprinted(self.taken, Object(&mut members)))? else {
            return Ok(false);
        };
        // What is deposed waits to be destroyed, beside the instance that has its address.
        if !members.is_deposed {
            self.instances.push((members.key, fingerprint));
        }
        Ok(true)
    }
}

/// Answers the fingerprint of the value's bytes.
struct Fingerprinted<'a, T>(&'a Taken, T);

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Fingerprinted<'_, T> {
    type Value = u64;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        self.0.fingerprint.set(Taken::BASIS);
        self.1.deserialize(deserializer)?;
        Ok(self.0.fingerprint.get())
    }
}

struct InstanceMembers {
    key: Option<InstanceKey>,
    is_deposed: bool,
}

impl<'de> Members<'de> for InstanceMembers {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, object: &mut A) -> Result<(), A::Error> {
        match name {
            "index_key" => self.key = object.next_value()?,
            "deposed" => self.is_deposed = object.next_value::<Option<IgnoredAny>>()?.is_some(),
            _ => drop(object.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

/// The instances that a state manages; what is only read does not count. Of each no more than its names is held.
pub(crate) fn instances(reader: &mut dyn Read) -> Result<Vec<Instance>, serde_json::Error> {
    let taken = Taken::default();
    let mut state = State { taken: &taken, found: Vec::new() };
    parse(reader, &taken, Object(&mut state))?;
    Ok(state.found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(second: &str) -> String {
        let data = r#"{"mode":"data","type":"d","name":"n","provider":"p","instances":[{"attributes":{}}]}"#;
        let managed = format!(
            r#"{{"module":"module.a","mode":"managed","type":"t","name":"n","provider":"provider[\"r/h/p\"]","instances":[
              {{"index_key":"x","attributes":{{"id":"1"}}}}, {{"index_key":1,"attributes":{{"id":"{second}"}}}},
              {{"index_key":1,"deposed":"0a","attributes":{{}}}} ]}}"#
        );
        format!(r#"{{"version":4,"outputs":{{"serial":3}},"serial" : 17 , "resources":[{data},{managed}]}}"#)
    }

    #[test]
    fn the_serial_is_found_among_its_namesakes() {
        for (text, wanted) in [
            (state("2").as_str(), Some(" : 17 ")),
            (r#"{"serial":5,"version":4}"#, Some(":5")),
            (r#"{"serial":5}"#, Some(":5")),
            (r#"{"version":4}"#, None),
        ] {
            let span = serial_span(&mut text.as_bytes()).unwrap();
            let found =
                span.map(|span| &text[usize::try_from(span.start).unwrap()..usize::try_from(span.end).unwrap()]);
            assert_eq!(found.map(str::trim_end), wanted.map(str::trim_end), "{text}");
        }
    }

    #[test]
    fn only_what_changed_has_another_fingerprint() {
        let read = |text: String| instances(&mut text.as_bytes()).unwrap();
        let (before, same, after) = (read(state("2")), read(state("2")), read(state("3")));
        let addresses: Vec<_> = before.iter().map(|instance| instance.address.as_str()).collect();
        assert_eq!(addresses, [r#"a.t.n["x"]"#, "a.t.n[1]"]);
        assert_eq!(before[1].name_index.as_deref(), Some("1"));
        assert_eq!((before[0].module.as_str(), before[0].provider.as_str()), ("a", "h/p"));
        assert_eq!(before, same);
        assert_eq!(before[0], after[0]);
        assert_ne!(before[1].fingerprint, after[1].fingerprint);
    }
}
