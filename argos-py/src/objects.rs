//! Results as Python objects.

use argos_core::form::{Build, Form, build};
use argos_core::{Error, Result};
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use serde::Serialize;

/// Results as plain data of Python, made under its lock.
pub(crate) struct Objects;

impl Form for Objects {
    type Made = Py<PyAny>;

    fn make<T: Serialize>(&self, value: &T) -> Result<Py<PyAny>> {
        Python::attach(|py| Ok(build(&mut Maker { py, shapes: Vec::new() }, value)?.unbind()))
    }
}

struct Maker<'py> {
    py: Python<'py>,
    shapes: Vec<Shape<'py>>,
}

/// The fields of a record. Each record of the shape begins as a copy of `empty`: a dictionary that grows costs more.
struct Shape<'py> {
    names: Vec<&'static str>,
    keys: Vec<Bound<'py, PyString>>,
    empty: Bound<'py, PyDict>,
}

fn fault(error: PyErr) -> Error {
    Error::internal(format!("making a result: {error}"))
}

type Any<'py> = Bound<'py, PyAny>;

macro_rules! plain {
    ($($method:ident: $type:ty),+) => {$(
        fn $method(&mut self, value: $type) -> Result<Any<'py>> {
            value.into_bound_py_any(self.py).map_err(fault)
        }
    )+};
}

impl<'py> Build for Maker<'py> {
    type Value = Any<'py>;

    fn null(&mut self) -> Result<Any<'py>> {
        Ok(self.py.None().into_bound(self.py))
    }

    plain!(boolean: bool, integer: i64, float: f64, text: &str);

    fn list(&mut self, items: Vec<Any<'py>>) -> Result<Any<'py>> {
        items.into_bound_py_any(self.py).map_err(fault)
    }

    fn record(&mut self, fields: Vec<(&'static str, Any<'py>)>) -> Result<Any<'py>> {
        let same = |shape: &Shape<'_>| {
            shape.names.len() == fields.len() && shape.names.iter().zip(&fields).all(|(a, (b, _))| std::ptr::eq(*a, *b))
        };
        let at = self.shapes.iter().position(same).unwrap_or(self.shapes.len());
        if at == self.shapes.len() {
            let names: Vec<&'static str> = fields.iter().map(|(name, _)| *name).collect();
            let keys: Vec<_> = names.iter().map(|name| PyString::intern(self.py, name)).collect();
            let empty = PyDict::new(self.py);
            keys.iter().try_for_each(|key| empty.set_item(key, 0)).map_err(fault)?;
            self.shapes.push(Shape { names, keys, empty });
        }
        let Shape { keys, empty, .. } = &self.shapes[at];
        let made = empty.copy().map_err(fault)?;
        keys.iter().zip(fields).try_for_each(|(key, (_, value))| made.set_item(key, value)).map_err(fault)?;
        Ok(made.into_any())
    }

    fn map(&mut self, entries: Vec<(String, Any<'py>)>) -> Result<Any<'py>> {
        let made = PyDict::new(self.py);
        entries.into_iter().try_for_each(|(key, value)| made.set_item(key, value)).map_err(fault)?;
        Ok(made.into_any())
    }
}
