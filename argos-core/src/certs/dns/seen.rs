//! Waiting until a record is where authorities will look: at every server of its zone.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::{sleep, timeout};

use super::look::{ask, shown};
use super::rfc2136::{Server, told};
use super::{DnsFault, Look};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// For one look, however short the patience is.
const ONE_LOOK: Duration = Duration::from_secs(30);

/// Looks at once, and again until every server of the zone has `value` among the TXT records of `name`; with `only`, at
/// that one, which takes the updates.
///
/// # Errors
/// [`DnsFault::NotSeen`] with what a server says instead, when `patience` has ended.
pub(super) async fn wait(
    look: &Look,
    only: Option<&Server>,
    name: &Name,
    value: &str,
    patience: Duration,
) -> Result<(), DnsFault> {
    let mut over = pin!(sleep(patience));
    let mut missing = String::from("the name servers don't answer in that time");
    match timeout(patience.max(ONE_LOOK), everywhere(look, only, name, value)).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(reason)) => missing = reason,
        Err(_) => {}
    }
    let again = async {
        loop {
            sleep(PAUSE).await;
            match everywhere(look, only, name, value).await {
                Ok(()) => return,
                Err(reason) => missing = reason,
            }
        }
    };
    tokio::select! {
        biased;
        () = &mut over => {}
        () = again => return Ok(()),
    }
    Err(DnsFault::NotSeen { name: shown(name), seconds: patience.as_secs(), reason: missing })
}

/// Whether every server has it, or which one has not, and why.
async fn everywhere(look: &Look, only: Option<&Server>, name: &Name, value: &str) -> Result<(), String> {
    let servers = match only {
        Some(server) => vec![(None, vec![server.address().await.map_err(|e| e.to_string())?])],
        None => {
            let zone = look.zone(name).await.map_err(|e| e.to_string())?;
            let servers = look.servers(&zone).await.map_err(|e| e.to_string())?;
            servers.into_iter().map(|(name, addresses)| (Some(name), addresses)).collect()
        }
    };
    for (server, addresses) in servers {
        let called = |at: SocketAddr| match &server {
            Some(server) => format!("the name server {} ({at})", shown(server)),
            None => format!("the name server {at}"),
        };
        let mut heard = false;
        let mut silence = String::new();
        // An address of a kind that this machine has no way to does not count while another one answers.
        for at in addresses {
            match holds(at, name, value).await {
                Ok(Ok(())) => heard = true,
                Ok(Err(reason)) => return Err(format!("{} {reason}", called(at))),
                Err(e) => silence = e.to_string(),
            }
        }
        if !heard {
            return Err(silence);
        }
    }
    Ok(())
}

/// Whether the server at `at` has the value, or what it says instead.
async fn holds(at: SocketAddr, name: &Name, value: &str) -> Result<Result<(), String>, DnsFault> {
    let answer = ask(at, name, RecordType::TXT).await?.message;
    if !answer.authoritative {
        // What another one has told it may be old, or not what authorities will be told.
        let code = told(answer.response_code);
        return Ok(Err(format!("does not answer for the zone with authority ({code})")));
    }
    let values = answer.answers.iter().filter_map(|r| match &r.data {
        RData::TXT(txt) => Some(txt.txt_data.concat()),
        _ => None,
    });
    let (mut others, mut found) = (0, false);
    for one in values {
        found |= one == value.as_bytes();
        others += 1;
    }
    if found {
        return Ok(Ok(()));
    }
    let code = told(answer.response_code);
    Ok(Err(if others == 0 {
        format!("has no TXT record there ({code})")
    } else {
        format!("has {others} TXT records there, but not this one")
    }))
}
