//! The life of one request. The order of the lines is the product's order.
//!
//! Before it, in `h1::connection`: strict parsing and the client's address. Bans do not exist yet; their place is before
//! `route::host`.

use super::core::Core;
use super::exchange::Exchange;
use super::h1::head::UNKNOWN_VERSION;
use super::stage::{admit, balance, decide, inspect, limit, prove, route, upstream};
use super::stop::Stop;
use crate::snapshot::Snapshot;

/// Answers the request of `ex` by the snapshot `live`.
pub(crate) async fn answer(ex: &mut Exchange, live: &Snapshot, core: &Core) -> Result<upstream::Reply, Stop> {
    ex.read_head(live)?;
    prove::name(ex, core)?; // certificate challenges
    let host = route::host(ex, live)?;
    limit::take(ex, core, host)?;
    inspect::head(ex, live, host)?; // WAF phase 1
    admit::visitor(ex, live, core, host).await?;
    inspect::body(ex, live, core, host).await?; // WAF phase 2
    let group = decide::rule(ex, host)?;
    let choice = balance::pick(ex, core, live, group)?;
    let reply = upstream::send(ex, live, core, choice).await?;
    inspect::reply(ex, live, core, host, reply).await // WAF phases 3 and 4
}

/// Refuses a request in a version that is not spoken. The rules see its head first, so that probes leave their rows.
pub(crate) fn unspoken(ex: &mut Exchange, live: &Snapshot, core: &Core) -> Stop {
    let seen = ex.read_head(live).and_then(|()| route::host(ex, live)).and_then(|host| {
        limit::take(ex, core, host)?;
        inspect::head(ex, live, host)
    });
    match seen {
        Err(stop @ (Stop::Waf(_) | Stop::Limited { .. })) => stop,
        _ => Stop::Refused(UNKNOWN_VERSION),
    }
}
