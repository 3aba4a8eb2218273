//! The one error that callers of the library see: a kind, a stable code, a text, and the fields at fault.
//!
//! Each module has its own `thiserror` enum; a `From` beside that enum turns it into [`Error`], so that the
//! choice of kind and code stands next to the fault. Ended requests are not errors: see `proxy::Stop`.

use std::borrow::Cow;
use std::fmt;

/// What sort of failure it is. Exhaustive on purpose: a new kind must be mapped by every front end to compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A value is not allowed; [`Error::fields`] names it. HTTP 422.
    Invalid,
    /// Nobody is signed in, or the token is not good. HTTP 401.
    Unauthorized,
    /// The actor's role does not allow it. HTTP 403.
    Forbidden,
    /// The thing asked for does not exist. HTTP 404.
    NotFound,
    /// The change contradicts what is stored. HTTP 409.
    Conflict,
    /// Too many tries; [`Error::retry_after`] says when. HTTP 429.
    RateLimited,
    /// Something needed is not running or timed out. HTTP 503.
    Unavailable,
    /// Stored data can't be trusted: wrong key, tampered secret, newer database. HTTP 500.
    Corrupt,
    /// A fault of Argos itself. HTTP 500, detail hidden from remote callers.
    Internal,
}

impl ErrorKind {
    /// The status that the HTTP API answers.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Invalid => 422,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::RateLimited => 429,
            Self::Unavailable => 503,
            Self::Corrupt | Self::Internal => 500,
        }
    }

    /// The exit code of the command line.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::NotFound => 3,
            Self::Conflict => 4,
            Self::Invalid => 5,
            Self::Corrupt => 6,
            Self::Unauthorized | Self::Forbidden => 7,
            Self::RateLimited | Self::Unavailable => 8,
        }
    }

    /// The name as the reference writes it, such as `NotFound`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invalid => "Invalid",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "NotFound",
            Self::Conflict => "Conflict",
            Self::RateLimited => "RateLimited",
            Self::Unavailable => "Unavailable",
            Self::Corrupt => "Corrupt",
            Self::Internal => "Internal",
        }
    }
}

/// One value at fault.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct FieldError {
    /// Path of the field, such as `rules[3].action.config.status_code`.
    pub field: String,
    /// What is wrong and what is allowed.
    pub reason: String,
    /// Line inside a text value, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column inside a text value, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

/// A refused or failed call.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    code: Cow<'static, str>,
    message: String,
    fields: Vec<FieldError>,
    retry_after_seconds: Option<u32>,
    kept: bool,
}

impl Error {
    /// An error of `kind` with a stable `code` and a text that says what, which value, and what is allowed.
    #[must_use]
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self::with_code(kind, code.into(), message.into())
    }

    /// An error that another process of the same program reported.
    #[must_use]
    pub fn from_remote(kind: ErrorKind, code: &str, message: impl Into<String>) -> Self {
        Self::with_code(kind, code.to_owned().into(), message.into())
    }

    fn with_code(kind: ErrorKind, code: Cow<'static, str>, message: String) -> Self {
        Self(Box::new(Inner { kind, code, message, fields: Vec::new(), retry_after_seconds: None, kept: false }))
    }

    /// `Invalid` for one field; the text is made from both.
    #[must_use]
    pub fn invalid(code: &'static str, field: impl Into<String>, reason: impl Into<String>) -> Self {
        let (field, reason) = (field.into(), reason.into());
        let message = if field.is_empty() { reason.clone() } else { format!("{field}: {reason}") };
        Self::new(ErrorKind::Invalid, code, message).with_field(field, reason)
    }

    /// `NotFound` for one resource, such as `host 7`.
    #[must_use]
    pub fn not_found(code: &'static str, what: impl fmt::Display) -> Self {
        Self::new(ErrorKind::NotFound, code, format!("{what} does not exist"))
    }

    /// `Conflict` at one field.
    #[must_use]
    pub fn conflict(code: &'static str, field: impl Into<String>, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::new(ErrorKind::Conflict, code, reason.clone()).with_field(field, reason)
    }

    /// A broken promise of Argos itself; `message` is for the process log.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, "internal", message)
    }

    /// Adds one field at fault.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, reason: impl Into<String>) -> Self {
        let (field, reason) = (field.into(), reason.into());
        self.0.fields.push(FieldError { field, reason, line: None, column: None });
        self
    }

    /// Adds fields at fault, with positions inside their text.
    #[must_use]
    pub fn with_fields(mut self, fields: impl IntoIterator<Item = FieldError>) -> Self {
        self.0.fields.extend(fields);
        self
    }

    /// Puts `prefix` before every field name, so that a nested record's error names the whole path.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        let text = |f: &FieldError| match &*f.field {
            "" => f.reason.clone(),
            field => format!("{field}: {}", f.reason),
        };
        let from_field = self.0.fields.first().is_some_and(|f| self.0.message == text(f));
        for f in &mut self.0.fields {
            f.field = if f.field.is_empty() { prefix.to_owned() } else { format!("{prefix}.{}", f.field) };
        }
        // A text that was made from the field names the same path.
        if from_field && self.0.kind == ErrorKind::Invalid {
            self.0.message = text(&self.0.fields[0]);
        }
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after_seconds = Some(seconds);
        self
    }

    /// Refuses a change and keeps what it wrote before, such as the row of a failed attempt.
    #[must_use]
    pub(crate) fn kept(mut self) -> Self {
        self.0.kept = true;
        self
    }

    /// Whether what the change wrote before is kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.0.kept
    }

    /// The sort of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Stable text such as `host.domain_taken`, listed in the reference.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The text for a person.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The values at fault, if it is about values.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// Seconds to wait, for `RateLimited` and `Unavailable`.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.0.retry_after_seconds
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {}", self.0.kind, self.0.code, self.0.message)
    }
}

impl std::error::Error for Error {}

/// What calls of the library return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
