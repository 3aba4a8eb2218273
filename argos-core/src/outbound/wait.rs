//! Waiting for calls outside where no runtime is.

use crate::error::{Error, Result};

/// Waits for `work` on a thread of its own: the caller's may belong to a runtime, in which no other can run.
pub(crate) fn wait_for<T: Send>(work: impl Future<Output = T> + Send) -> Result<T> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Error::internal(format!("starting a runtime: {e}")))?;
        let done = runtime.block_on(work);
        // The system may still look for a name that nobody waits for any more.
        runtime.shutdown_background();
        Ok(done)
    };
    let done = std::thread::scope(|scope| scope.spawn(run).join());
    done.unwrap_or_else(|_| Err(Error::internal("work on a thread of its own ended in a panic")))
}
