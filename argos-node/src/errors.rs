//! Errors of the core as one packed text, which `index.js` unpacks: Node's interface carries no more.

use argos_core::{Error, ErrorKind};
use serde_json::json;

/// The `code` of each kind.
const fn code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid => "ARGOS_INVALID",
        ErrorKind::Unauthorized => "ARGOS_UNAUTHORIZED",
        ErrorKind::Forbidden => "ARGOS_FORBIDDEN",
        ErrorKind::NotFound => "ARGOS_NOT_FOUND",
        ErrorKind::Conflict => "ARGOS_CONFLICT",
        ErrorKind::RateLimited => "ARGOS_RATE_LIMITED",
        ErrorKind::Unavailable => "ARGOS_UNAVAILABLE",
        ErrorKind::Corrupt => "ARGOS_CORRUPT",
        ErrorKind::Internal => "ARGOS_INTERNAL",
    }
}

/// The packed form of `error`.
pub(crate) fn pack(error: &Error) -> napi::Error {
    let packed = json!({
        "code": code(error.kind()),
        "argosCode": error.code(),
        "message": error.message(),
        "fields": error.fields(),
        "retryAfter": error.retry_after(),
    });
    napi::Error::from_reason(packed.to_string())
}
