//! What front ends make of results: each language has a form of its own, made from the result itself.

mod rows;

use serde::Serialize;
use serde::ser::{
    Error as _, Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct,
    Serializer,
};
use serde_json::Value;

use crate::error::{Error, Result};

pub use rows::Rows;

/// Makes a front end's form of a result.
pub trait Form {
    /// The form.
    type Made;

    /// Makes it.
    ///
    /// # Errors
    /// Those of the form.
    fn make<T: Serialize>(&self, value: &T) -> Result<Self::Made>;
}

/// Results as JSON.
pub(super) struct Json;

impl Form for Json {
    type Made = Value;

    fn make<T: Serialize>(&self, value: &T) -> Result<Value> {
        serde_json::to_value(value).map_err(|e| Error::internal(format!("writing a result: {e}")))
    }
}

/// Builds values of another language from their parts, innermost first and in order.
pub trait Build {
    /// A value.
    type Value;

    /// A list, a record or a map begins; its parts follow.
    fn begin(&mut self) {}

    /// Nothing.
    ///
    /// # Errors
    /// Those of the language, as for all that follow.
    fn null(&mut self) -> Result<Self::Value>;

    /// A truth value.
    ///
    /// # Errors
    /// As above.
    fn boolean(&mut self, value: bool) -> Result<Self::Value>;

    /// A whole number.
    ///
    /// # Errors
    /// As above.
    fn integer(&mut self, value: i64) -> Result<Self::Value>;

    /// A number.
    ///
    /// # Errors
    /// As above.
    fn float(&mut self, value: f64) -> Result<Self::Value>;

    /// A text.
    ///
    /// # Errors
    /// As above.
    fn text(&mut self, value: &str) -> Result<Self::Value>;

    /// One of a closed set of words.
    ///
    /// # Errors
    /// As above.
    fn word(&mut self, value: &'static str) -> Result<Self::Value> {
        self.text(value)
    }

    /// A list of what was built last.
    ///
    /// # Errors
    /// As above.
    fn list(&mut self, items: Vec<Self::Value>) -> Result<Self::Value>;

    /// A record of what was built last.
    ///
    /// # Errors
    /// As above.
    fn record(&mut self, fields: Vec<(&'static str, Self::Value)>) -> Result<Self::Value>;

    /// A map of what was built last.
    ///
    /// # Errors
    /// As above.
    fn map(&mut self, entries: Vec<(String, Self::Value)>) -> Result<Self::Value>;
}

/// Builds `value`.
///
/// # Errors
/// Those of the builder.
pub fn build<B: Build, T: Serialize + ?Sized>(builder: &mut B, value: &T) -> Result<B::Value> {
    value.serialize(Builder(builder))
}

impl serde::ser::Error for Error {
    fn custom<T: std::fmt::Display>(text: T) -> Self {
        Self::internal(format!("writing a result: {text}"))
    }
}

struct Builder<'b, B>(&'b mut B);

/// Parts of a value that is being built; `key` is that of the next one.
struct Parts<'b, B: Build, K> {
    builder: &'b mut B,
    parts: Vec<(K, B::Value)>,
    key: Option<K>,
}

impl<'b, B: Build, K> Parts<'b, B, K> {
    fn new(builder: &'b mut B, len: Option<usize>) -> Result<Self> {
        builder.begin();
        Ok(Self { builder, parts: Vec::with_capacity(len.unwrap_or_default()), key: None })
    }

    fn push<T: Serialize + ?Sized>(&mut self, key: K, value: &T) -> Result<()> {
        let value = build(self.builder, value)?;
        self.parts.push((key, value));
        Ok(())
    }

    fn list(self) -> Result<B::Value> {
        self.builder.list(self.parts.into_iter().map(|(_, value)| value).collect())
    }
}

/// Shapes that no result has.
fn unknown<T>(what: &str) -> Result<T> {
    Err(Error::custom(format!("no face knows {what}")))
}

macro_rules! whole {
    ($($method:ident: $type:ty),+) => {$(
        fn $method(self, v: $type) -> Result<B::Value> {
            match i64::try_from(v) {
                Ok(n) => self.0.integer(n),
                Err(_) => unknown("so large a number"),
            }
        }
    )+};
}

impl<'b, B: Build> Serializer for Builder<'b, B> {
    type Ok = B::Value;
    type Error = Error;
    type SerializeSeq = Parts<'b, B, ()>;
    type SerializeTuple = Parts<'b, B, ()>;
    type SerializeTupleStruct = Parts<'b, B, ()>;
    type SerializeTupleVariant = Impossible<B::Value, Error>;
    type SerializeMap = Parts<'b, B, String>;
    type SerializeStruct = Parts<'b, B, &'static str>;
    type SerializeStructVariant = Impossible<B::Value, Error>;

    whole!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_u8: u8,
        serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);

    fn serialize_bool(self, v: bool) -> Result<B::Value> {
        self.0.boolean(v)
    }

    fn serialize_f32(self, v: f32) -> Result<B::Value> {
        self.0.float(v.into())
    }

    fn serialize_f64(self, v: f64) -> Result<B::Value> {
        self.0.float(v)
    }

    fn serialize_char(self, v: char) -> Result<B::Value> {
        self.0.text(v.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, v: &str) -> Result<B::Value> {
        self.0.text(v)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<B::Value> {
        unknown("bytes")
    }

    fn serialize_none(self) -> Result<B::Value> {
        self.0.null()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<B::Value> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<B::Value> {
        self.0.null()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<B::Value> {
        self.0.null()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, word: &'static str) -> Result<B::Value> {
        self.0.word(word)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<B::Value> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<B::Value> {
        unknown("a variant with a value")
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Parts<'b, B, ()>> {
        Parts::new(self.0, len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Parts<'b, B, ()>> {
        Parts::new(self.0, Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Parts<'b, B, ()>> {
        Parts::new(self.0, Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Impossible<B::Value, Error>> {
        unknown("a variant with values")
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Parts<'b, B, String>> {
        Parts::new(self.0, len)
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Parts<'b, B, &'static str>> {
        Parts::new(self.0, Some(len))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Impossible<B::Value, Error>> {
        unknown("a variant with fields")
    }
}

macro_rules! listed {
    ($($part:ident . $method:ident),+) => {$(
        impl<B: Build> $part for Parts<'_, B, ()> {
            type Ok = B::Value;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.push((), value)
            }

            fn end(self) -> Result<B::Value> {
                self.list()
            }
        }
    )+};
}

listed!(SerializeSeq.serialize_element, SerializeTuple.serialize_element, SerializeTupleStruct.serialize_field);

impl<B: Build> SerializeStruct for Parts<'_, B, &'static str> {
    type Ok = B::Value;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<()> {
        self.push(key, value)
    }

    fn end(self) -> Result<B::Value> {
        self.builder.record(self.parts)
    }
}

impl<B: Build> SerializeMap for Parts<'_, B, String> {
    type Ok = B::Value;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        match serde_json::to_value(key) {
            Ok(Value::String(text)) => self.key = Some(text),
            _ => return unknown("a map whose keys are no texts"),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        let Some(key) = self.key.take() else { return unknown("a value without its key") };
        self.push(key, value)
    }

    fn end(self) -> Result<B::Value> {
        self.builder.map(self.parts)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Builds JSON, to be compared with what serde_json makes itself.
    struct Tree;

    impl Build for Tree {
        type Value = Value;

        fn null(&mut self) -> Result<Value> {
            Ok(Value::Null)
        }

        fn boolean(&mut self, value: bool) -> Result<Value> {
            Ok(value.into())
        }

        fn integer(&mut self, value: i64) -> Result<Value> {
            Ok(value.into())
        }

        fn float(&mut self, value: f64) -> Result<Value> {
            Ok(value.into())
        }

        fn text(&mut self, value: &str) -> Result<Value> {
            Ok(value.into())
        }

        fn list(&mut self, items: Vec<Value>) -> Result<Value> {
            Ok(items.into())
        }

        fn record(&mut self, fields: Vec<(&'static str, Value)>) -> Result<Value> {
            Ok(Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
        }

        fn map(&mut self, entries: Vec<(String, Value)>) -> Result<Value> {
            Ok(Value::Object(entries.into_iter().collect()))
        }
    }

    #[test]
    fn what_is_built_is_what_json_shows() {
        use crate::schema::{Action, BlockConfig, Matcher, PathConfig, RowKey, WafMode};
        let action = Action::Block(BlockConfig { status: 403, body: "é\n".into(), content_type: String::new() });
        let path = Matcher::Path(PathConfig { patterns: vec!["/a*".into()], negate: true });
        let value = (action, [path], Some(WafMode::Block), None::<bool>, (RowKey::Number(7), RowKey::Text("k".into())));
        assert_eq!(build(&mut Tree, &value).unwrap(), json!(value));
        let plain = json!({"a": [1, -2, 2.5, "x", null, {"b": true}], "c": {}, "d": []});
        assert_eq!(build(&mut Tree, &plain).unwrap(), plain);
        assert!(build(&mut Tree, &u64::MAX).is_err());
    }
}
