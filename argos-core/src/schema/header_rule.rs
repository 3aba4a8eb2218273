//! What a host changes about the fields of requests and answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text_enum;

text_enum! {
    /// What is done with a header.
    HeaderOp {
        /// Every line of the name makes way for one with this value.
        Set = "set",
        /// One more line.
        Add = "add",
        /// Every line of the name goes.
        Remove = "remove",
    }
}

/// One change of a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderRule {
    /// What is done.
    pub op: HeaderOp,
    /// The header's name.
    pub name: String,
    /// The value, with `{host} {path} {query} {uri} {scheme} {remote_ip}`; absent for `remove`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}
