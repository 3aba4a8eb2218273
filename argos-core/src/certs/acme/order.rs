//! One order, step by step. Each step can be the first after a restart: what it needs is what was kept before it.

use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error, Identifier, NewOrder, Order,
    OrderStatus, RetryPolicy, RevocationReason, RevocationRequest,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::fault::{Fault, FaultKind};
use crate::clock::Timestamp;
use crate::schema::TlsChallenge;
use crate::secret::Secret;

/// How long an authority may take to look at a proof, or to sign.
const POLLED: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.5).timeout(Duration::from_secs(120));

/// How a name is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// HTTP-01. Source: RFC 8555 §8.3.
    Http,
    /// TLS-ALPN-01. Source: RFC 8737.
    TlsAlpn,
    /// DNS-01. Source: RFC 8555 §8.4.
    Dns,
}

impl Proof {
    /// The stored word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::TlsAlpn => "tls-alpn",
            Self::Dns => "dns",
        }
    }

    /// The name in the standard.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Http => "HTTP-01",
            Self::TlsAlpn => "TLS-ALPN-01",
            Self::Dns => "DNS-01",
        }
    }

    /// The ways in which a name is proven, in their order. Over DNS only, when it is a wildcard.
    #[must_use]
    pub fn ways(chosen: TlsChallenge, wildcard: bool) -> &'static [Self] {
        match chosen {
            _ if wildcard => &[Self::Dns],
            TlsChallenge::Auto => &[Self::Http, Self::TlsAlpn],
            TlsChallenge::Http => &[Self::Http],
            TlsChallenge::TlsAlpn => &[Self::TlsAlpn],
            TlsChallenge::Dns => &[Self::Dns],
        }
    }

    fn kind(self) -> ChallengeType {
        match self {
            Self::Http => ChallengeType::Http01,
            Self::TlsAlpn => ChallengeType::TlsAlpn01,
            Self::Dns => ChallengeType::Dns01,
        }
    }
}

/// Places an order for `name`; it replaces the certificate `replaces` where the authority understands that.
///
/// # Errors
/// Those of the authority.
pub async fn place(account: &Account, name: &str, replaces: Option<&str>) -> Result<Order, Fault> {
    let names = [Identifier::Dns(name.to_owned())];
    if let Some(pem) = replaces
        && let Ok(der) = CertificateDer::from_pem_slice(pem.as_bytes())
        && let Ok(old) = CertificateIdentifier::try_from(&der)
    {
        match account.new_order(&NewOrder::new(&names).replaces(old)).await {
            Ok(order) => return Ok(order),
            Err(Error::Api(problem)) if Fault::from(&problem).kind == FaultKind::Limited => {
                return Err(Fault::from(&problem));
            }
            // The way to it failed: the order may be placed all the same.
            Err(Error::Other(e)) if e.is::<Fault>() => return Err(Error::Other(e).into()),
            // It may not know the old one, or have replaced it already: that must not stop a new one.
            Err(Error::Api(_) | Error::Unsupported(_) | Error::Other(_)) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(account.new_order(&NewOrder::new(&names)).await?)
}

/// An order that was placed before.
///
/// # Errors
/// `Stale` when it is gone or has failed, and those of the authority.
pub async fn order(account: &Account, url: &str) -> Result<Order, Fault> {
    let mut order = account.order(url.to_owned()).await?;
    if order.state().status == OrderStatus::Invalid {
        return Err(Fault::new(FaultKind::Stale, "the order has failed"));
    }
    Ok(order)
}

/// Proves `name`, the one of `order`. For each authorization that is not proven yet, `present` makes the proof visible, given the token, the
/// key authorization, its digest, and its value in DNS; what it returns is kept until the authority has looked.
///
/// # Errors
/// `Unproven` when the authority does not see the proof; `present`'s, and those of the authority.
pub async fn prove<P>(
    order: &mut Order,
    name: &str,
    how: Proof,
    mut present: impl AsyncFnMut(&str, &str, &[u8], &str) -> Result<P, Fault>,
) -> Result<(), Fault> {
    let mut shown = Vec::new();
    let mut all = order.authorizations();
    while let Some(one) = all.next().await {
        let mut one = one?;
        // A proof is for the whole world: what nobody ordered is not proven.
        let asked = one.identifier().to_string();
        if !asked.eq_ignore_ascii_case(name) {
            return Err(Fault::new(FaultKind::Stale, format!("the authority asks for {asked}, which was not ordered")));
        }
        match one.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            _ => return Err(Fault::new(FaultKind::Stale, "an authorization of the order has ended")),
        }
        let Some(mut challenge) = one.challenge(how.kind()) else {
            return Err(Fault::new(FaultKind::Unproven, "the authority does not offer this way"));
        };
        // Source: RFC 8555 §8.3: base64url without padding.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if challenge.token.is_empty() || challenge.token.len() > 256 || !challenge.token.bytes().all(plain) {
            return Err(Fault::other("the authority gives a token that is none"));
        }
        let key = challenge.key_authorization();
        shown.push(present(&challenge.token, key.as_str(), key.digest().as_ref(), &key.dns_value()).await?);
        challenge.set_ready().await?;
    }
    let ended = match order.poll_ready(&POLLED).await {
        Ok(OrderStatus::Ready | OrderStatus::Valid | OrderStatus::Processing) => return Ok(()),
        Ok(_) => Fault::new(FaultKind::Unproven, "the authority calls the proof invalid"),
        Err(Error::Api(problem)) => Fault::unproven(&problem),
        Err(e) => Fault::from(e),
    };
    // The order says less than the challenge that failed.
    let mut all = order.authorizations();
    while let Some(Ok(mut one)) = all.next().await {
        if one.refresh().await.is_ok()
            && let Some(problem) = one.challenges.iter().find_map(|c| c.error.as_ref())
        {
            return Err(Fault::unproven(problem));
        }
    }
    Err(ended)
}

/// Has the order signed for the key, which was kept before, and fetches the certificate with those that signed it, as PEM. After a restart this
/// goes on where it was: an order that is signed already is not signed again.
///
/// # Errors
/// Those of the authority; `Stale` when the order failed.
pub async fn finalize(order: &mut Order, name: &str, key_pem: &Secret<String>) -> Result<String, Fault> {
    if order.state().status == OrderStatus::Ready {
        let failed = |e: rcgen::Error| Fault::other(format!("making the request to sign: {e}"));
        let key = KeyPair::from_pem(key_pem.expose()).map_err(failed)?;
        let mut params = CertificateParams::new([name.to_owned()]).map_err(failed)?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key).map_err(failed)?;
        order.finalize_csr(request.der()).await?;
    }
    Ok(order.poll_certificate(&POLLED).await?)
}

/// Revokes a certificate that has been replaced. One that is revoked already counts as done.
///
/// # Errors
/// Those of the authority.
pub async fn revoke(account: &Account, cert_pem: &str) -> Result<(), Fault> {
    let der = CertificateDer::from_pem_slice(cert_pem.as_bytes()).map_err(|e| Fault::other(e.to_string()))?;
    let request = RevocationRequest { certificate: &der, reason: Some(RevocationReason::Superseded) };
    match account.revoke(&request).await {
        Err(Error::Api(p)) if p.r#type.as_deref().is_some_and(|t| t.ends_with(":alreadyRevoked")) => Ok(()),
        done => Ok(done?),
    }
}

/// When the authority wants a certificate renewed: the window, and after how long to ask again. None = it has no such
/// answers. Source: RFC 9773 §4.
///
/// # Errors
/// Those of the authority.
pub async fn renewal_window(
    account: &Account,
    cert_pem: &str,
) -> Result<Option<(Timestamp, Timestamp, Duration)>, Fault> {
    let der = CertificateDer::from_pem_slice(cert_pem.as_bytes()).map_err(|e| Fault::other(e.to_string()))?;
    let Ok(id) = CertificateIdentifier::try_from(&der) else { return Ok(None) };
    match account.renewal_info(&id).await {
        Ok((known, again)) => {
            let at = |moment: time::OffsetDateTime| {
                Timestamp(i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX))
            };
            let (start, end) = (at(known.suggested_window.start), at(known.suggested_window.end));
            Ok((start <= end).then_some((start, end, again)))
        }
        Err(Error::Unsupported(_)) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_in_their_order() {
        assert_eq!(Proof::ways(TlsChallenge::Auto, false), [Proof::Http, Proof::TlsAlpn]);
        assert_eq!(Proof::ways(TlsChallenge::TlsAlpn, false), [Proof::TlsAlpn]);
        assert_eq!(Proof::ways(TlsChallenge::Dns, false), [Proof::Dns]);
        assert_eq!(Proof::ways(TlsChallenge::Auto, true), [Proof::Dns]);
    }
}
