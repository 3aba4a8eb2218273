//! A secret that a caller gives and never gets back.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::secret::{Secret, is_envelope};

/// A secret in an input; `Debug` hides it. The empty text stands for none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretText(Secret<String>);

impl SecretText {
    /// The secret; none for the empty text.
    #[must_use]
    pub fn given(&self) -> Option<&Secret<String>> {
        (!self.0.expose().is_empty()).then_some(&self.0)
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Secret::<String>::deserialize(d)?;
        if is_envelope(text.expose()) {
            return Err(de::Error::custom("secret_looks_encrypted: give the secret itself"));
        }
        Ok(Self(text))
    }
}

impl JsonSchema for SecretText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SecretText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "writeOnly": true})
    }
}

#[cfg(test)]
mod tests {
    use crate::schema::ChannelConfig;

    #[test]
    fn nothing_of_a_secret_that_is_no_text_is_told() {
        let odd =
            ["12345", "-12345", "12345.5", "123450000000000000000000000", "true", "[12345]", "{\"12345\": 12345}"];
        for value in odd {
            for field in ["url", "secret", "smtp_password", "bot_token"] {
                let told = serde_json::from_str::<ChannelConfig>(&format!("{{\"{field}\": {value}}}")).unwrap_err();
                assert!(told.to_string().contains("text") && !told.to_string().contains("12345"), "{told}");
            }
            if value != "true" {
                let text = format!("{{\"headers\": {{\"X-Key\": {value}}}}}");
                let told = serde_json::from_str::<ChannelConfig>(&text).unwrap_err();
                assert!(told.to_string().contains("text") && !told.to_string().contains("12345"), "{told}");
            }
        }
    }
}
