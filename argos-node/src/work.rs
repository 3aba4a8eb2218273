//! Work off the main thread, as a promise.

use argos_core::{Error, Result};
use napi::bindgen_prelude::{AsyncTask, ToNapiValue, TypeName};
use napi::{Env, Task};

use crate::errors::pack;

/// One call, run by a thread of Node's pool.
pub struct Work<T>(Option<Box<dyn FnOnce() -> Result<T> + Send>>);

/// A promise of what `run` answers.
pub(crate) fn promise<T>(run: impl FnOnce() -> Result<T> + Send + 'static) -> AsyncTask<Work<T>>
where
    T: Send + ToNapiValue + TypeName + 'static,
{
    AsyncTask::new(Work(Some(Box::new(run))))
}

impl<T: Send + ToNapiValue + TypeName + 'static> Task for Work<T> {
    type Output = T;
    type JsValue = T;

    fn compute(&mut self) -> napi::Result<T> {
        let run = self.0.take().ok_or_else(|| pack(&Error::internal("a task was run twice")))?;
        run().map_err(|e| pack(&e))
    }

    fn resolve(&mut self, _: Env, output: T) -> napi::Result<T> {
        Ok(output)
    }
}
