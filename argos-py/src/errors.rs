//! Errors of the core as exceptions of `argos.errors`.

use argos_core::{Error, ErrorKind};
use pyo3::prelude::*;

/// The class of each kind.
const fn class(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid => "InvalidError",
        ErrorKind::Unauthorized => "UnauthorizedError",
        ErrorKind::Forbidden => "ForbiddenError",
        ErrorKind::NotFound => "NotFoundError",
        ErrorKind::Conflict => "ConflictError",
        ErrorKind::RateLimited => "RateLimitedError",
        ErrorKind::Unavailable => "UnavailableError",
        ErrorKind::Corrupt => "CorruptError",
        ErrorKind::Internal => "InternalError",
    }
}

/// The exception for `error`.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    build(py, error).map_or_else(|failed| failed, PyErr::from_value)
}

fn build<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let module = py.import("argos.errors")?;
    let field = module.getattr("FieldError")?;
    let fields = error.fields().iter().map(|f| field.call1((&f.field, &f.reason, f.line, f.column)));
    let fields = fields.collect::<PyResult<Vec<_>>>()?;
    module.getattr(class(error.kind()))?.call1((error.message(), error.code(), fields, error.retry_after()))
}
