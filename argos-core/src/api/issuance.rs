//! What is checked of a host before it gets a certificate: whether there can be one, and whether it can be ordered.

use crate::error::{Error, Result};
use crate::schema::{Certificate, CertificateKind, Directory, Hostname, TlsChallenge, TlsMode, is_mail_address};
use crate::store::hosts::{self, HostFields};
use crate::store::{Tx, settings};

/// Refuses a mode that has no certificate to serve: `stored` are the names of those that were uploaded.
pub(super) fn check_tls_mode(mode: TlsMode, domain: &Hostname, stored: &[Certificate]) -> Result<()> {
    let reason = match mode {
        // One for it could only be proven over DNS, for every name there is.
        TlsMode::Auto if domain.is_catch_all() => "the host * stands for every name: none or manual",
        TlsMode::Manual if !domain.is_catch_all() => {
            let mut uploaded = stored.iter().filter(|c| c.kind == CertificateKind::Manual).peekable();
            if uploaded.peek().is_none() {
                "no certificate is stored for this host: create it with none, then upload one, which sets this mode"
            } else if !uploaded.any(|c| c.names.iter().any(|name| domain.is_covered_by(name))) {
                let reason = format!("the certificate that was uploaded does not cover {domain}");
                return Err(Error::invalid("host.certificate_covers", "domain", reason));
            } else {
                return Ok(());
            }
        }
        _ => return Ok(()),
    };
    Err(Error::invalid("host.tls_mode", "tls_mode", reason))
}

/// Refuses a DNS provider that is not there; and for `tls_mode` `auto` only, so that a host keeps what it had while
/// another mode is on, how a certificate is to be proven where it can't be.
pub(super) fn check_issuance(tx: &Tx<'_>, host: &HostFields) -> Result<()> {
    let refused = |reason: String| Error::invalid("host.dns_provider_id", "dns_provider_id", reason);
    let provider = match host.dns_provider_id {
        Some(id) => Some((id, hosts::dns_provider_enabled(tx, id)?)),
        None => None,
    };
    if let Some((id, None)) = provider {
        return Err(refused(format!("DNS provider {id} does not exist")));
    }
    if host.tls_mode != TlsMode::Auto {
        return Ok(());
    }
    if !host.tls_email.is_empty() && !is_mail_address(&host.tls_email) {
        return Err(Error::invalid("host.tls_email", "tls_email", "is not an address of mail"));
    }
    if !host.tls_directory_url.is_empty() {
        Directory::of(&host.tls_directory_url, "")?;
    }
    match provider {
        Some((id, Some(false))) => return Err(refused(format!("DNS provider {id} is switched off"))),
        Some(_) => return Ok(()),
        None => {}
    }
    let common = settings::value(tx, "acme.directory_url")?.unwrap_or_default();
    if !Directory::of(&host.tls_directory_url, &common)?.signs(&host.domain) {
        return Ok(());
    }
    if host.domain.is_wildcard() {
        return Err(refused("a certificate for a wildcard is proven over DNS: give a DNS provider".into()));
    }
    if host.tls_challenge == TlsChallenge::Dns {
        return Err(refused("tls_challenge dns needs a DNS provider".into()));
    }
    Ok(())
}

/// What [`check_issuance`] looks at.
pub(super) fn issuance_of(host: &HostFields) -> impl PartialEq + use<'_> {
    (&host.domain, host.tls_mode, &host.tls_email, host.tls_challenge, &host.tls_directory_url, host.dns_provider_id)
}
