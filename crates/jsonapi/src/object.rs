//! Objects that are written field by field: what `serde_json::json!` is for, without a tree of values.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// An object made by [`object!`](crate::object!).
#[derive(Debug, Clone, Copy)]
pub struct Object<F>(#[doc(hidden)] pub F);

/// The fields of an [`Object`]: nothing, or a name with its value and the others.
pub trait Fields {
    /// How many there are.
    const COUNT: usize;

    /// Writes them in order.
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;
}

impl Fields for () {
    const COUNT: usize = 0;

    fn write<M: SerializeMap>(&self, _: &mut M) -> Result<(), M::Error> {
        Ok(())
    }
}

impl<V: Serialize, F: Fields> Fields for (&'static str, V, F) {
    const COUNT: usize = F::COUNT + 1;

    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let (name, value, others) = self;
        map.serialize_entry(name, value)?;
        others.write(map)
    }
}

impl<F: Fields> Serialize for Object<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(F::COUNT))?;
        self.0.write(&mut map)?;
        map.end()
    }
}

/// Makes an object that is written as JSON in this order: `object! { "name": &thing.name, "size": 3, "source": () }`.
///
/// Values are taken as they stand, so what is large is best given as a reference; `()` is null, and an object in it
/// is an `object!` of its own.
#[macro_export]
macro_rules! object {
    (@fields) => { () };
    (@fields $name:literal: $value:expr $(, $($others:tt)*)?) => {
        ($name, $value, $crate::object!(@fields $($($others)*)?))
    };
    ($($fields:tt)*) => { $crate::object::Object($crate::object!(@fields $($fields)*)) };
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_object_is_written_in_the_order_of_its_fields() {
        let name = "one".to_owned();
        let object = object! { "name": &name, "auto-apply": true, "source": (), "actions": object! { "count": 1 }, };
        assert_eq!(
            serde_json::to_string(&object).unwrap(),
            r#"{"name":"one","auto-apply":true,"source":null,"actions":{"count":1}}"#
        );
        assert_eq!(serde_json::to_string(&object! {}).unwrap(), "{}");
    }
}
