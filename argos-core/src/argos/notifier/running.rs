//! The thread of a lane.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::lane::Lane;
use crate::argos::Argos;
use crate::schema::ChannelId;

/// Time in which a lane ends.
const ENDED: Duration = Duration::from_secs(3);

/// A lane and its thread.
pub(super) struct Running {
    pub(super) lane: Arc<Lane>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    ended: Receiver<()>,
}

impl Running {
    pub(super) fn start(argos: Argos, id: ChannelId) -> Self {
        let lane = Arc::new(Lane::new(argos, id));
        // Whatever an earlier process, or a thread that ended in a fault, left.
        lane.look_again();
        let (stop, stopped) = oneshot::channel();
        let (alive, ended) = sync_channel(0);
        let working = Arc::clone(&lane);
        let thread = std::thread::Builder::new().name("argos-channel".into());
        let thread = thread.spawn(move || working.run(stopped, alive));
        if let Err(e) = &thread {
            tracing::error!("starting the thread of channel {id}: {e}");
        }
        Self { lane, stop: Some(stop), thread: thread.ok(), ended }
    }

    /// Whether its thread is gone.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Has it end.
    pub(super) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has ended, for a while, and notes what came of its attempts.
    pub(super) fn wait(&mut self) {
        // One that is busy with a text that does not end is left to itself.
        if !matches!(self.ended.recv_timeout(ENDED), Err(RecvTimeoutError::Timeout))
            && let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of channel {} panicked", self.lane.id());
        }
        self.lane.flush_at_once();
    }
}
