//! Whether the client may ask once more.

use crate::proxy::core::Core;
use crate::proxy::exchange::Exchange;
use crate::proxy::limit::{Key, Standing};
use crate::proxy::stop::Stop;
use crate::snapshot::{Host, Limit, LimitBy};

/// Counts the request, where the host limits them.
pub(crate) fn take(ex: &mut Exchange, core: &Core, host: &Host) -> Result<(), Stop> {
    let Some(limit) = &host.limit else { return Ok(()) };
    let standing = core.shared.quotas.take(host.id, limit, key(ex, limit), ex.facts.began);
    ex.facts.standing = Some(standing);
    match standing.allowed {
        true => Ok(()),
        false => Err(Stop::Limited { status: limit.status, seconds: standing.seconds }),
    }
}

/// How the request would stand, where the host limits them; it is not counted.
pub(crate) fn look(ex: &Exchange, core: &Core, host: &Host) -> Option<Standing> {
    let limit = host.limit.as_ref()?;
    Some(core.shared.quotas.look(host.id, limit, key(ex, limit), ex.facts.began))
}

/// What the request is counted by.
pub(crate) fn key<'a>(ex: &'a Exchange, limit: &'a Limit) -> Key<'a> {
    let address = Key::Address(ex.client.ip);
    match &limit.by {
        LimitBy::Address => address,
        LimitBy::Host => Key::Host,
        LimitBy::Header(name) => {
            let mut values = ex.values(name.as_bytes());
            match (values.next(), values.next()) {
                // Which of several an upstream reads is not known: whoever sends them must not get a quota for each
                // value of another one.
                (Some(value), None) if !value.is_empty() => Key::Value(value),
                _ => address,
            }
        }
    }
}
