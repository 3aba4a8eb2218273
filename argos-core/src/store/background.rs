//! Threads whose work nobody waits for.

/// How much less of the processor such a thread gets than one that somebody waits for: a tenth.
#[cfg(target_os = "linux")]
const STEPS: i32 = 10;

/// Has this thread give way to those that answer requests and make changes, where the system can do that.
pub(crate) fn give_way() {
    // On Linux priorities are those of threads, and of the calling one where none is named.
    #[cfg(target_os = "linux")]
    if let Err(e) = rustix::process::setpriority_process(None, STEPS) {
        tracing::debug!("a thread keeps its priority: {e}");
    }
}
