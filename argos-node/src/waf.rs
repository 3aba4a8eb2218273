//! The rule engine without a store.

use argos_core::Error;
use argos_core::api::input;
use argos_core::waf::inspect::{Inspector, RequestLine};
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;

use crate::work::{Work, promise};

/// What `Waf` in `index.js` is made of. Every method answers with a promise.
#[napi]
pub struct Waf(Inspector);

#[napi]
impl Waf {
    /// Compiles the rules that the JSON text of the options names.
    #[napi]
    pub fn compile(options: String) -> AsyncTask<Work<Waf>> {
        promise(move || {
            let options = input::into_operation(input::parse_object(options.as_bytes())?)?;
            Inspector::compile(options).map(Self)
        })
    }

    /// Inspects one request: JSON text of the request → JSON text of the result.
    #[napi]
    pub fn inspect(&self, request: String) -> AsyncTask<Work<String>> {
        let inspector = self.0.clone();
        promise(move || {
            let line: RequestLine = input::into_operation(input::parse_object(request.as_bytes())?)?;
            serde_json::to_string(&inspector.inspect(&line)).map_err(|e| Error::internal(e.to_string()))
        })
    }
}
