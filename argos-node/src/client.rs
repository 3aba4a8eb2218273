//! One open data folder.

use std::mem::take;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use argos_core::api::{Terms, input};
use argos_core::form::Rows;
use argos_core::secret::Secret;
use argos_core::store::Origin;
use argos_core::{Argos, Error, ErrorKind, Options, Result, ServeOptions, Serving};
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;
use serde::Deserialize;
use serde_json::json;

use crate::work::{Work, promise};

/// What `Argos` in `index.js` is made of. Every method answers with a promise.
#[napi(js_name = "Argos")]
pub struct Client {
    /// None once closed. A call reads it until it is done, so that closing waits for running calls.
    slot: Arc<RwLock<Option<Open>>>,
    /// The bearer token of who asks, or nobody's; none for the program itself.
    bearer: Option<Option<Arc<Secret<String>>>>,
}

struct Open {
    argos: Argos,
    serving: Mutex<Vec<Serving>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OpenOptions {
    path: PathBuf,
    master_key: Option<String>,
    master_key_file: Option<PathBuf>,
    #[serde(default)]
    create: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    http: Vec<SocketAddr>,
    #[serde(default)]
    threads: usize,
}

impl Client {
    /// Runs `work` on the open Argos.
    fn with<T>(&self, work: impl FnOnce(&Open) -> Result<T> + Send + 'static) -> AsyncTask<Work<T>>
    where
        Work<T>: napi::Task,
        T: Send + napi::bindgen_prelude::ToNapiValue + napi::bindgen_prelude::TypeName + 'static,
    {
        let slot = self.slot.clone();
        promise(move || match &*slot.read().unwrap_or_else(PoisonError::into_inner) {
            Some(open) => work(open),
            None => Err(Error::new(ErrorKind::Unavailable, "closed", "this Argos is closed")),
        })
    }
}

impl Open {
    fn new(text: &str) -> Result<Self> {
        let given: OpenOptions = input::into_operation(input::parse_object(text.as_bytes())?)?;
        let mut options = Options { create: given.create, ..Options::new(given.path) };
        options.key.env_key = given.master_key.map(Secret::new);
        options.key.env_file = given.master_key_file;
        Ok(Self { argos: Argos::open(options)?, serving: Mutex::default() })
    }

    fn stop(&self, grace: Duration) {
        let all = take(&mut *self.serving.lock().unwrap_or_else(PoisonError::into_inner));
        all.into_iter().for_each(|serving| serving.stop(grace));
    }
}

#[napi]
impl Client {
    /// Opens the data folder that the JSON text of the options names.
    #[napi]
    pub fn open(options: String) -> AsyncTask<Work<Client>> {
        promise(move || Ok(Self { slot: Arc::new(RwLock::new(Some(Open::new(&options)?))), bearer: None }))
    }

    /// The same Argos, asked by the holder of a token or by nobody.
    #[napi]
    pub fn with_token(&self, token: Option<String>) -> Self {
        Self { slot: self.slot.clone(), bearer: Some(token.map(|text| Arc::new(Secret::new(text)))) }
    }

    /// Runs an operation: JSON text of its input and of its terms → JSON text `[value, generation, etag]`, with the
    /// value as `Rows` writes it.
    #[napi]
    pub fn call(&self, name: String, input: String, terms: String) -> AsyncTask<Work<String>> {
        let bearer = self.bearer.clone();
        self.with(move |open| {
            // A token is looked up at every call: one that was revoked asks nothing more.
            let argos = match &bearer {
                None => open.argos.clone(),
                Some(token) => open.argos.with_token(token.as_ref().map(|t| t.expose().as_str()), Origin::default())?,
            };
            let terms: Terms = input::into_operation(input::parse_object(terms.as_bytes())?)?;
            let done = argos.on(terms).call_as(&name, input::parse_object(input.as_bytes())?, &Rows)?;
            Ok(format!("[{},{},{}]", done.value, json!(done.generation), json!(done.etag)))
        })
    }

    /// The answer to a query, as `call` without terms gives it, if it is at hand: nothing is read or waited for.
    #[napi]
    pub fn at_hand(&self, name: String, input: String) -> Option<String> {
        // A token has to be looked up.
        let (None, Ok(slot)) = (&self.bearer, self.slot.try_read()) else { return None };
        let input = input::parse_object(input.as_bytes()).ok()?;
        let done = slot.as_ref()?.argos.at_hand(&name, &input, &Rows).ok()??;
        Some(format!("[{},null,{}]", done.value, json!(done.etag)))
    }

    /// Begins to serve as the JSON text of the options says; the real addresses.
    #[napi]
    pub fn start(&self, options: String) -> AsyncTask<Work<Vec<String>>> {
        self.with(move |open| {
            let Start { http, threads } = input::into_operation(input::parse_object(options.as_bytes())?)?;
            let serving = open.argos.start(&ServeOptions { http, threads, ..ServeOptions::default() })?;
            let addresses = serving.addresses().iter().map(ToString::to_string).collect();
            open.serving.lock().unwrap_or_else(PoisonError::into_inner).push(serving);
            Ok(addresses)
        })
    }

    /// Ends serving; requests in flight have `grace_seconds` to finish.
    #[napi]
    pub fn stop(&self, grace_seconds: f64) -> AsyncTask<Work<()>> {
        self.with(move |open| {
            let grace = Duration::try_from_secs_f64(grace_seconds);
            let grace = grace.map_err(|e| Error::invalid("wrong_value", "graceSeconds", e.to_string()))?;
            open.stop(grace);
            Ok(())
        })
    }

    /// Stops, and gives the folder back. Once closed, nothing happens.
    #[napi]
    pub fn close(&self) -> AsyncTask<Work<()>> {
        let slot = self.slot.clone();
        promise(move || {
            // Held to the end: whoever closes it a second time finds the folder free as well.
            let mut slot = slot.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(open) = slot.take() {
                open.stop(Duration::ZERO);
            }
            Ok(())
        })
    }
}
