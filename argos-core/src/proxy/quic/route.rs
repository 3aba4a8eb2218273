//! How the datagrams of a connection find the core that serves it, wherever its client goes.
//!
//! The kernel spreads datagrams over the sockets of an address by where they come from. A client that moves to another
//! network, or whose router gives it another port, reaches another core in the middle of its connection. The name of
//! the connection, which each datagram carries, says which core it is of; the others pass it on.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, ConnectionId, ConnectionIdGenerator, UdpPoller};

use crate::clock::random;

/// Bytes of a name.
const NAME: usize = 8;
/// Datagrams that wait for a core; more are lost, as the network may lose them.
const MOST_WAITING: usize = 1024;

/// The sockets of one address.
pub(super) struct Router {
    boxes: Box<[Mutex<Mailbox>]>,
    // Says by a name's first byte how its second one hides the number of the core.
    veil: [u8; 256],
}

#[derive(Default)]
struct Mailbox {
    waiting: VecDeque<(RecvMeta, Box<[u8]>)>,
    waker: Option<Waker>,
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("cores", &self.boxes.len()).finish_non_exhaustive()
    }
}

impl Router {
    pub(super) fn new(cores: usize) -> Self {
        let boxes = (0..cores).map(|_| Mutex::default()).collect();
        Self { boxes, veil: random() }
    }

    fn name(&self, number: u8) -> [u8; NAME] {
        let mut name: [u8; NAME] = random();
        name[1] = number ^ self.veil[usize::from(name[0])];
        name
    }

    /// Which other core `datagram` is meant for.
    fn other(&self, datagram: &[u8], own: u8) -> Option<usize> {
        // Only datagrams after the handshake come from elsewhere than those before. Source: RFC 9000 §9, §17.3.
        let [first, a, b, ..] = *datagram else { return None };
        if first & 0x80 != 0 || datagram.len() <= NAME {
            return None;
        }
        let number = b ^ self.veil[usize::from(a)];
        (number != own && usize::from(number) < self.boxes.len()).then_some(usize::from(number))
    }

    fn mailbox(&self, core: usize) -> std::sync::MutexGuard<'_, Mailbox> {
        self.boxes[core].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass_on(&self, core: usize, meta: RecvMeta, datagram: &[u8]) {
        let mut mailbox = self.mailbox(core);
        if mailbox.waiting.len() < MOST_WAITING {
            let meta = RecvMeta { len: datagram.len(), stride: datagram.len(), ..meta };
            mailbox.waiting.push_back((meta, datagram.into()));
        }
        if let Some(waker) = mailbox.waker.take() {
            waker.wake();
        }
    }
}

/// Makes the names of a core's connections.
pub(super) struct Numbered {
    router: Arc<Router>,
    number: u8,
}

impl Numbered {
    pub(super) fn new(router: Arc<Router>, number: u8) -> Self {
        Self { router, number }
    }
}

impl ConnectionIdGenerator for Numbered {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&self.router.name(self.number))
    }

    fn cid_len(&self) -> usize {
        NAME
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// The socket of one core.
#[derive(Debug)]
pub(super) struct Routed {
    socket: Arc<dyn AsyncUdpSocket>,
    router: Arc<Router>,
    number: u8,
    // Whether the socket comes first: what others pass on must not keep it waiting for ever, nor it that.
    own_first: AtomicBool,
}

impl Routed {
    pub(super) fn new(socket: Arc<dyn AsyncUdpSocket>, router: Arc<Router>, number: u8) -> Self {
        Self { socket, router, number, own_first: AtomicBool::new(false) }
    }

    /// What other cores passed on.
    fn take(&self, cx: &Context<'_>, bufs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> usize {
        let mut mailbox = self.router.mailbox(usize::from(self.number));
        let mut n = 0;
        while n < bufs.len().min(meta.len())
            && let Some((one, datagram)) = mailbox.waiting.pop_front()
        {
            // It came in by a buffer like this one.
            let size = datagram.len().min(bufs[n].len());
            bufs[n][..size].copy_from_slice(&datagram[..size]);
            meta[n] = RecvMeta { len: size, ..one };
            n += 1;
        }
        if n == 0 && !mailbox.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            mailbox.waker = Some(cx.waker().clone());
        }
        n
    }

    /// Passes on what is not meant for this core; what stays keeps its order.
    fn sort(&self, buf: &mut [u8], meta: &mut RecvMeta) {
        let stride = meta.stride.max(1);
        let (mut kept, mut at) = (0, 0);
        while at < meta.len {
            let end = (at + stride).min(meta.len);
            match self.router.other(&buf[at..end], self.number) {
                Some(core) => self.router.pass_on(core, *meta, &buf[at..end]),
                None => {
                    if kept < at {
                        buf.copy_within(at..end, kept);
                    }
                    kept += end - at;
                }
            }
            at = end;
        }
        meta.len = kept;
    }
}

impl AsyncUdpSocket for Routed {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.socket).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.socket.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        if self.router.boxes.len() == 1 {
            return self.socket.poll_recv(cx, bufs, meta);
        }
        let own_first = self.own_first.fetch_xor(true, Ordering::Relaxed);
        if !own_first {
            let n = self.take(cx, bufs, meta);
            if n > 0 {
                return Poll::Ready(Ok(n));
            }
        }
        match self.socket.poll_recv(cx, bufs, meta) {
            Poll::Ready(Ok(n)) => {
                for (buf, meta) in bufs.iter_mut().zip(meta).take(n) {
                    self.sort(buf, meta);
                }
                Poll::Ready(Ok(n))
            }
            Poll::Pending if own_first => match self.take(cx, bufs, meta) {
                0 => Poll::Pending,
                n => Poll::Ready(Ok(n)),
            },
            other => other,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.socket.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.socket.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.socket.may_fragment()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(first: u8, name: &[u8], content: u8) -> Vec<u8> {
        let mut datagram = vec![first];
        datagram.extend_from_slice(name);
        datagram.extend_from_slice(&[content; 11]);
        datagram
    }

    #[test]
    fn a_name_says_its_core_and_nothing_else_does() {
        let router = Router::new(3);
        for number in 0..3 {
            let name = router.name(number);
            let short = datagram(0x40, &name, 0);
            for own in 0..3 {
                let other = (number != own).then_some(usize::from(number));
                assert_eq!(router.other(&short, own), other);
            }
            assert_eq!(router.other(&datagram(0xc0, &name, 0), number ^ 1), None, "a handshake stays");
            assert_eq!(router.other(&short[..NAME], number ^ 1), None, "too short for a name");
        }
        // Of a core that there is not.
        assert_eq!(router.other(&datagram(0x40, &router.name(9), 0), 0), None);
    }

    #[test]
    fn what_is_not_ours_is_passed_on_and_the_rest_keeps_its_order() {
        #[derive(Debug)]
        struct Nothing;

        impl AsyncUdpSocket for Nothing {
            fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
                unreachable!("nothing is sent")
            }

            fn try_send(&self, _: &Transmit<'_>) -> io::Result<()> {
                unreachable!("nothing is sent")
            }

            fn poll_recv(
                &self,
                _: &mut Context<'_>,
                _: &mut [IoSliceMut<'_>],
                _: &mut [RecvMeta],
            ) -> Poll<io::Result<usize>> {
                Poll::Pending
            }

            fn local_addr(&self) -> io::Result<SocketAddr> {
                Ok(SocketAddr::from(([127, 0, 0, 1], 1)))
            }
        }

        let router = Arc::new(Router::new(2));
        let one = |number| Routed::new(Arc::new(Nothing), Arc::clone(&router), number);
        let (first, second) = (one(0), one(1));
        let (own, other) = (router.name(0), router.name(1));
        let mut buf =
            [datagram(0x40, &own, 1), datagram(0x40, &other, 2), datagram(0x41, &own, 3), vec![0x40, 7]].concat();
        let mut meta = RecvMeta { len: buf.len(), stride: 20, ..RecvMeta::default() };
        first.sort(&mut buf, &mut meta);
        assert_eq!(meta.len, 42);
        assert_eq!(buf[..42], [datagram(0x40, &own, 1), datagram(0x41, &own, 3), vec![0x40, 7]].concat());

        let (mut space, mut metas) = ([0; 100], [RecvMeta::default()]);
        let mut cx = Context::from_waker(Waker::noop());
        let polled = second.poll_recv(&mut cx, &mut [IoSliceMut::new(&mut space)], &mut metas);
        assert!(matches!(polled, Poll::Ready(Ok(1))));
        assert_eq!(space[..metas[0].len], datagram(0x40, &other, 2));
        let polled = second.poll_recv(&mut cx, &mut [IoSliceMut::new(&mut space)], &mut metas);
        assert!(polled.is_pending());
    }
}
