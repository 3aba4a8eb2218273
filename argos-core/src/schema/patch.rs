//! One field of a JSON merge patch: omitted, cleared or set. Source: RFC 7396.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Marks the JSON Schema of a [`Patch`] among those of fields that can only be omitted.
pub(crate) const CLEARABLE: &str = "x-clearable";

/// A field that may be left alone, cleared (`null`) or given a value. Declare with
/// `#[serde(default, skip_serializing_if = "Patch::is_keep")]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The field was omitted: keep what is stored.
    #[default]
    Keep,
    /// The field was `null`: clear it.
    Clear,
    /// Replace with this value.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether the field was omitted.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// Writes the change into `field`.
    pub fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value),
        }
    }
}

impl<T> From<T> for Patch<T> {
    fn from(value: T) -> Self {
        Self::Set(value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(d)?.map_or(Self::Clear, Self::Set))
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Set(value) => s.serialize_some(value),
            Self::Keep | Self::Clear => s.serialize_none(),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Patch<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Nullable_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Option::<T>::json_schema(generator);
        schema.insert(CLEARABLE.into(), true.into());
        schema
    }
}
