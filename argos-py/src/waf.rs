//! The rule engine without a store.

use argos_core::api::input;
use argos_core::waf::inspect::{Inspector, RequestLine};
use argos_core::{Error, Result};
use pyo3::prelude::*;

use crate::errors::raise;

/// What `argos.Waf` is made of. Every method works without Python's lock.
#[pyclass(frozen, name = "Waf", module = "argos._argos")]
pub(crate) struct Waf(Inspector);

#[pymethods]
impl Waf {
    /// Compiles the rules that the JSON text of the options names.
    #[staticmethod]
    fn compile(py: Python<'_>, options: &str) -> PyResult<Self> {
        let work = || Inspector::compile(input::into_operation(input::parse_object(options.as_bytes())?)?);
        py.detach(work).map(Self).map_err(|e| raise(py, &e))
    }

    /// Inspects one request: JSON text of the request → JSON text of the result.
    fn inspect(&self, py: Python<'_>, request: &str) -> PyResult<String> {
        let work = || -> Result<String> {
            let line: RequestLine = input::into_operation(input::parse_object(request.as_bytes())?)?;
            serde_json::to_string(&self.0.inspect(&line)).map_err(|e| Error::internal(e.to_string()))
        };
        py.detach(work).map_err(|e| raise(py, &e))
    }
}
