//! One open data folder.

use std::mem::take;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use argos_core::api::{Terms, input};
use argos_core::form::Tables;
use argos_core::secret::Secret;
use argos_core::store::Origin;
use argos_core::{Argos, Error, ErrorKind, Options, Result, ServeOptions, Serving};
use pyo3::prelude::*;
use serde::Deserialize;
use serde_json::{Map, json};

use crate::errors::raise;
use crate::objects::{Records, plain};

/// A result as plain data, the generation that a change made, and a tag.
type Answer = (Py<PyAny>, Option<u64>, Option<String>);

/// What `argos.Argos` is made of. Every method waits without Python's lock.
#[pyclass(frozen, name = "Argos", module = "argos._argos")]
pub(crate) struct Client {
    /// None once closed. A call reads it until it is done, so that closing waits for running calls.
    open: Arc<RwLock<Option<Open>>>,
    /// The bearer token of who asks, or nobody's; none for the program itself.
    bearer: Option<Option<Secret<String>>>,
}

struct Open {
    argos: Argos,
    serving: Mutex<Vec<Serving>>,
}

/// The values of `start`, read as the core reads the input of an operation.
#[derive(Deserialize)]
struct Start {
    http: Vec<SocketAddr>,
    threads: usize,
}

impl Client {
    /// Runs `work` on the open Argos, without Python's lock.
    fn with<T: Send>(&self, py: Python<'_>, work: impl Send + FnOnce(&Open) -> Result<T>) -> PyResult<T> {
        let done = py.detach(|| match &*self.open.read().unwrap_or_else(PoisonError::into_inner) {
            Some(open) => work(open),
            None => Err(Error::new(ErrorKind::Unavailable, "closed", "this Argos is closed")),
        });
        done.map_err(|e| raise(py, &e))
    }

    /// A token is looked up at every call: one that was revoked asks nothing more.
    fn asked(&self, open: &Open) -> Result<Argos> {
        match &self.bearer {
            None => Ok(open.argos.clone()),
            Some(token) => open.argos.with_token(token.as_ref().map(|t| t.expose().as_str()), Origin::default()),
        }
    }
}

impl Open {
    fn stop(&self, grace: Duration) {
        let all = take(&mut *self.serving.lock().unwrap_or_else(PoisonError::into_inner));
        all.into_iter().for_each(|serving| serving.stop(grace));
    }
}

#[pymethods]
impl Client {
    /// Opens the data folder.
    #[staticmethod]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        master_key: Option<String>,
        master_key_file: Option<PathBuf>,
        create: bool,
    ) -> PyResult<Self> {
        let mut options = Options { create, ..Options::new(path) };
        options.key.env_key = master_key.map(Secret::new);
        options.key.env_file = master_key_file;
        let argos = py.detach(|| Argos::open(options)).map_err(|e| raise(py, &e))?;
        let open = Arc::new(RwLock::new(Some(Open { argos, serving: Mutex::default() })));
        Ok(Self { open, bearer: None })
    }

    /// The same Argos, asked by the holder of a token or by nobody.
    fn with_token(&self, token: Option<String>) -> Self {
        Self { open: self.open.clone(), bearer: Some(token.map(Secret::new)) }
    }

    /// Runs an operation: JSON text of its input and of its terms → value, generation, tag.
    fn call(&self, py: Python<'_>, name: &str, input: &str, terms: &str) -> PyResult<Answer> {
        let done = self.with(py, |open| {
            let terms: Terms = input::into_operation(input::parse_object(terms.as_bytes())?)?;
            self.asked(open)?.on(terms).call_as(name, input::parse_object(input.as_bytes())?, &Tables)
        })?;
        Ok((plain(py, &done.value)?.unbind(), done.generation, done.etag))
    }

    /// Asks a query, as `call` does: what `made` makes of the value, its tag. See [`Records`].
    fn ask(&self, py: Python<'_>, name: &str, input: &str, made: Py<PyAny>) -> PyResult<(Py<PyAny>, Option<String>)> {
        self.with(py, |open| {
            let done = self.asked(open)?.call_as(name, input::parse_object(input.as_bytes())?, &Records(made))?;
            Ok((done.value, done.etag))
        })
    }

    /// Begins to serve; the real addresses.
    fn start(&self, py: Python<'_>, http: Vec<String>, threads: i64) -> PyResult<Vec<String>> {
        self.with(py, |open| {
            let given = Map::from_iter([("http".to_owned(), json!(http)), ("threads".to_owned(), json!(threads))]);
            let Start { http, threads } = input::into_operation(given)?;
            let serving = open.argos.start(&ServeOptions { http, threads, ..ServeOptions::default() })?;
            let addresses = serving.addresses().iter().map(ToString::to_string).collect();
            open.serving.lock().unwrap_or_else(PoisonError::into_inner).push(serving);
            Ok(addresses)
        })
    }

    /// Ends serving; requests in flight have `grace_seconds` to finish.
    fn stop(&self, py: Python<'_>, grace_seconds: f64) -> PyResult<()> {
        self.with(py, |open| {
            let grace = Duration::try_from_secs_f64(grace_seconds);
            let grace = grace.map_err(|e| Error::invalid("wrong_value", "grace_seconds", e.to_string()))?;
            open.stop(grace);
            Ok(())
        })
    }

    /// Stops, and gives the folder back. Once closed, nothing happens.
    fn close(&self, py: Python<'_>) {
        py.detach(|| {
            // Held to the end: whoever closes it a second time finds the folder free as well.
            let mut slot = self.open.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(open) = slot.take() {
                open.stop(Duration::ZERO);
            }
        });
    }
}
