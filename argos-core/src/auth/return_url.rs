//! Where a person may be sent once signed in: what a link asks for is read as a browser would read it, and only what was
//! understood is used.

use url::{Host, Url};

/// Bytes of a wish at most.
pub const LONGEST: usize = 2048;

/// What belongs to this Argos, as far as a person may be sent there.
pub struct Places<'a> {
    /// The panel's address; none = it is not known, and paths are all that is known of it.
    pub panel: Option<&'a Url>,
    /// The domain that the panel shares its cookie with.
    pub parent: Option<&'a str>,
    /// The ports beside the usual one at which hosts are served over https, and over http.
    pub ports: (&'a [u16], &'a [u16]),
    /// Whether a name is that of a host which is switched on and wants a sign-in. A host that takes every name is not
    /// meant: its names are anybody's.
    pub protects: &'a dyn Fn(&str) -> bool,
}

/// A place that a person may be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnUrl {
    /// A path of the panel, or a whole URL.
    pub url: String,
    /// What is there.
    pub at: At,
}

/// What is at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// The panel.
    Panel,
    /// A name that gets the panel's cookie.
    Shared,
    /// A protected host, which needs a ticket.
    Host {
        /// Its name as requests to it bear it.
        name: String,
        /// Scheme, name and port.
        origin: String,
    },
}

impl ReturnUrl {
    /// Where a person is sent who asked for no place, or for one that is refused.
    #[must_use]
    pub fn home() -> Self {
        Self { url: "/".into(), at: At::Panel }
    }

    /// The place that `wish` names, if a person may be sent there.
    #[must_use]
    pub fn parse(wish: &str, places: &Places<'_>) -> Option<Self> {
        if wish.len() > LONGEST || wish.bytes().any(|b| b < 0x20 || b == 0x7f) {
            return None;
        }
        match wish.strip_prefix('/') {
            Some(rest) => path(wish, rest, places),
            None => whole(wish, places),
        }
    }
}

fn path(wish: &str, rest: &str, places: &Places<'_>) -> Option<ReturnUrl> {
    let encoded = rest.get(..3).is_some_and(|first| first.eq_ignore_ascii_case("%5c"));
    if rest.starts_with(['/', '\\']) || encoded {
        return None;
    }
    // Whatever the panel's name is, a path stays there.
    let unknown = Url::parse("https://panel.invalid/").ok()?;
    let base = places.panel.unwrap_or(&unknown);
    let url = base.join(wish).ok()?;
    (url.origin() == base.origin()).then(|| of_panel(&url))?
}

/// The path, query and fragment of a URL at the panel.
fn of_panel(url: &Url) -> Option<ReturnUrl> {
    let text = &url[url::Position::BeforePath..];
    // Without its dot segments `/.//name` is another server to whoever reads it once more.
    (text.starts_with('/') && !text.starts_with("//")).then(|| ReturnUrl { url: text.to_owned(), at: At::Panel })
}

fn whole(wish: &str, places: &Places<'_>) -> Option<ReturnUrl> {
    let panel = places.panel?;
    let begins = |scheme: &str| wish.get(..scheme.len()).is_some_and(|b| b.eq_ignore_ascii_case(scheme));
    let scheme = ["https://", "http://"].into_iter().find(|s| begins(s))?;
    let authority = wish[scheme.len()..].split(['/', '\\', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || authority.contains(['@', '%']) {
        return None;
    }
    let url = Url::parse(wish).ok()?;
    if url.origin() == panel.origin() {
        return of_panel(&url);
    }
    let secure = url.scheme() == "https";
    if !secure && panel.scheme() != "http" {
        return None;
    }
    let ports = if secure { places.ports.0 } else { places.ports.1 };
    if url.port().is_some_and(|port| !ports.contains(&port)) {
        return None;
    }
    let name = match url.host()? {
        Host::Domain(name) if name.ends_with('.') => return None,
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    };
    // Places of Argos are no pages: one of them ends the session that has just begun.
    if url.path().to_ascii_lowercase().starts_with("/.argos") {
        return None;
    }
    let at = match places.parent {
        Some(parent) if within(&name, parent) => At::Shared,
        _ if (places.protects)(&name) => At::Host { name, origin: url.origin().ascii_serialization() },
        _ => return None,
    };
    Some(ReturnUrl { url: url.into(), at })
}

/// Whether `name` is `parent` or below it.
#[must_use]
pub fn within(name: &str, parent: &str) -> bool {
    name.strip_suffix(parent).is_some_and(|rest| !parent.is_empty() && (rest.is_empty() || rest.ends_with('.')))
}

#[cfg(test)]
mod tests;
