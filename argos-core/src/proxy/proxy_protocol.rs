//! The PROXY protocol, versions 1 and 2: who the client is, told by a proxy that passes its bytes on.
//!
//! Nothing of what follows it is read. Source: "The PROXY protocol", HAProxy, sections 2.1 and 2.2.

use std::io;
use std::net::SocketAddr;

use ppp::{HeaderResult, v1, v2};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// Bytes that tell the versions apart; either header is longer.
const FIRST: usize = 12;
/// Most bytes of version 1, its line end included.
const LINE: usize = 107;
/// What version 2 has behind the first bytes: command, family, length.
const REST: usize = 4;
/// Most bytes of version 2 behind that: addresses, and what some proxies add to them.
const PAYLOAD: usize = 4096;

/// Where the client is and which address it reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
}

impl Told {
    fn new(source: impl Into<SocketAddr>, destination: impl Into<SocketAddr>) -> Option<Self> {
        Some(Self { peer: source.into(), local: destination.into() })
    }
}

/// Reads the header; none where the proxy speaks for itself.
pub(crate) async fn read(socket: &mut TcpStream) -> io::Result<Option<Told>> {
    let mut bytes = vec![0; FIRST];
    socket.read_exact(&mut bytes).await?;
    if bytes == v2::PROTOCOL_PREFIX {
        bytes.resize(FIRST + REST, 0);
        socket.read_exact(&mut bytes[FIRST..]).await?;
        let size = usize::from(u16::from_be_bytes([bytes[FIRST + 2], bytes[FIRST + 3]]));
        if size > PAYLOAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        bytes.resize(FIRST + REST + size, 0);
        socket.read_exact(&mut bytes[FIRST + REST..]).await?;
    } else if bytes.starts_with(b"PROXY ") {
        read_line(socket, &mut bytes).await?;
    }
    told(&bytes)
}

async fn read_line(socket: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut seen = [0; LINE];
    while !bytes.ends_with(b"\n") {
        let n = socket.peek(&mut seen[..LINE - bytes.len()]).await?;
        let size = memchr::memchr(b'\n', &seen[..n]).map_or(n, |at| at + 1);
        // At the end of the connection, and of the room, there is nothing to see.
        if size == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let at = bytes.len();
        bytes.resize(at + size, 0);
        socket.read_exact(&mut bytes[at..]).await?;
    }
    Ok(())
}

fn told(bytes: &[u8]) -> io::Result<Option<Told>> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    match HeaderResult::parse(bytes) {
        HeaderResult::V1(header) => Ok(match header.map_err(|_| invalid())?.addresses {
            v1::Addresses::Tcp4(a) => {
                Told::new((a.source_address, a.source_port), (a.destination_address, a.destination_port))
            }
            v1::Addresses::Tcp6(a) => {
                Told::new((a.source_address, a.source_port), (a.destination_address, a.destination_port))
            }
            v1::Addresses::Unknown => None,
        }),
        HeaderResult::V2(header) => {
            let header = header.map_err(|_| invalid())?;
            if header.command == v2::Command::Local {
                return Ok(None);
            }
            Ok(match header.addresses {
                v2::Addresses::IPv4(a) => {
                    Told::new((a.source_address, a.source_port), (a.destination_address, a.destination_port))
                }
                v2::Addresses::IPv6(a) => {
                    Told::new((a.source_address, a.source_port), (a.destination_address, a.destination_port))
                }
                _ => None,
            })
        }
    }
}
