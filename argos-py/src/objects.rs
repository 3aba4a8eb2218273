//! Results as Python objects.

use argos_core::form::{Column, Form, Node, Table, Tables, Tree};
use argos_core::{Error, Result};
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use serde::Serialize;

type Any<'py> = Bound<'py, PyAny>;

/// The plain data that `tree` stands for.
pub(crate) fn plain<'py>(py: Python<'py>, tree: &Tree) -> PyResult<Any<'py>> {
    let keys = tree.shapes.iter().map(|names| names.iter().map(|name| PyString::intern(py, name)).collect());
    Maker { py, keys: keys.collect() }.node(&tree.root)
}

/// Results as what a function of Python makes of their plain data. It must be the same for all calls of an operation,
/// and nobody may be able to change what it gives: an answer is given again while its configuration runs.
pub(crate) struct Records(pub(crate) Py<PyAny>);

impl Form for Records {
    type Made = Py<PyAny>;

    fn make<T: Serialize>(&self, value: &T) -> Result<Py<PyAny>> {
        let tree = Tables.make(value)?;
        let made = Python::attach(|py| self.0.call1(py, (plain(py, &tree)?,)));
        made.map_err(|e| Error::internal(format!("making a record: {e}")))
    }

    fn again(made: &Py<PyAny>) -> Option<Py<PyAny>> {
        Some(Python::attach(|py| made.clone_ref(py)))
    }
}

struct Maker<'py> {
    py: Python<'py>,
    /// The names of each shape.
    keys: Vec<Vec<Bound<'py, PyString>>>,
}

impl<'py> Maker<'py> {
    fn node(&self, value: &Node) -> PyResult<Any<'py>> {
        match value {
            Node::Null => Ok(self.py.None().into_bound(self.py)),
            Node::Bool(value) => value.into_bound_py_any(self.py),
            Node::Whole(value) => value.into_bound_py_any(self.py),
            Node::Float(value) => value.into_bound_py_any(self.py),
            Node::Text(value) => Ok(PyString::new(self.py, value).into_any()),
            Node::Word(value) => Ok(PyString::intern(self.py, value).into_any()),
            Node::List(items) => {
                let items = items.iter().map(|item| self.node(item)).collect::<PyResult<Vec<_>>>()?;
                Ok(PyList::new(self.py, items)?.into_any())
            }
            Node::Record(shape, fields) => {
                let made = PyDict::new(self.py);
                for (key, value) in self.keys[*shape].iter().zip(fields) {
                    made.set_item(key, self.node(value)?)?;
                }
                Ok(made.into_any())
            }
            Node::Table(table) => Ok(PyList::new(self.py, self.table(table)?)?.into_any()),
        }
    }

    /// Records are copies of one that holds what all have alike: copying costs less than making.
    fn table(&self, table: &Table) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let keys = &self.keys[table.shape];
        let alike = PyDict::new(self.py);
        for (key, column) in keys.iter().zip(&table.columns) {
            match column {
                Column::Same(value) => alike.set_item(key, self.node(value)?)?,
                Column::Each(_) | Column::Records(_) => alike.set_item(key, 0)?,
            }
        }
        let rows = (0..table.rows).map(|_| alike.copy()).collect::<PyResult<Vec<_>>>()?;
        for (key, column) in keys.iter().zip(&table.columns) {
            match column {
                Column::Same(_) => {}
                Column::Each(cells) => {
                    for (row, cell) in rows.iter().zip(cells) {
                        row.set_item(key, self.node(cell)?)?;
                    }
                }
                Column::Records(records) => {
                    for (row, record) in rows.iter().zip(self.table(records)?) {
                        row.set_item(key, record)?;
                    }
                }
            }
        }
        Ok(rows)
    }
}
