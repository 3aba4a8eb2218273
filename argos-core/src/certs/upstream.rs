//! TLS towards the targets of a group: what they are trusted by, and the certificate that they are shown.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme};

use super::authorities::{Authorities, digest, is_authority};
use super::manual::parse;
use super::served::{Opener, certified_key};
use super::{provider, time};
use crate::clock::Clock;
use crate::outbound::system_trust;
use crate::schema::HttpVersion;

/// How TLS is spoken with the targets of a group.
pub struct UpstreamTls {
    /// Whether their certificates are checked.
    pub verify: bool,
    /// The name that is asked for and that the certificate must have; empty = that of the target.
    pub server_name: Box<str>,
    ca_bundle_pem: Box<str>,
    client_cert_pem: Box<str>,
    client_key_encrypted: Box<str>,
    version: HttpVersion,
    opener: Opener,
    identity: Arc<str>,
    ready: OnceLock<Arc<ClientConfig>>,
    /// For what HTTP/1.1 alone can carry.
    only_http1: OnceLock<Arc<ClientConfig>>,
}

/// The stored texts of a group.
#[derive(Clone, Copy)]
pub struct UpstreamTexts<'a> {
    /// Whether the certificates of targets are checked.
    pub verify: bool,
    /// The name that is asked for; empty = that of the target.
    pub server_name: &'a str,
    /// Those that are trusted; empty = those that the system trusts.
    pub ca_bundle_pem: &'a str,
    /// The certificate that targets are shown, and those that signed it.
    pub client_cert_pem: &'a str,
    /// The envelope of its key.
    pub client_key_encrypted: &'a str,
    /// What is offered to them.
    pub version: HttpVersion,
}

impl fmt::Debug for UpstreamTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UpstreamTls").field(&self.identity).finish()
    }
}

impl UpstreamTls {
    /// From what is stored. Nothing is read or opened before the first connection.
    #[must_use]
    pub fn new(texts: UpstreamTexts<'_>, opener: &Opener) -> Self {
        let verify = if texts.verify { "verified" } else { "unverified" };
        let own = [texts.ca_bundle_pem, texts.client_cert_pem, texts.client_key_encrypted];
        let parts = [verify, texts.server_name, own[0], own[1], own[2], texts.version.as_str()];
        Self {
            verify: texts.verify,
            server_name: texts.server_name.into(),
            ca_bundle_pem: texts.ca_bundle_pem.into(),
            client_cert_pem: texts.client_cert_pem.into(),
            client_key_encrypted: texts.client_key_encrypted.into(),
            version: texts.version,
            opener: opener.clone(),
            identity: hex::encode(digest(&parts)).into(),
            ready: OnceLock::new(),
            only_http1: OnceLock::new(),
        }
    }

    /// Tells apart whose connections may not be used for each other.
    #[must_use]
    pub fn identity(&self) -> &Arc<str> {
        &self.identity
    }

    /// In the form that handshakes use, for what HTTP/1.1 alone can carry if `only_http1`. All connections of a group
    /// share it, and with it their sessions.
    ///
    /// # Errors
    /// Why what is stored can't be used.
    pub(crate) fn config(&self, clock: &Clock, only_http1: bool) -> Result<&Arc<ClientConfig>, String> {
        let version = if only_http1 { HttpVersion::Http11 } else { self.version };
        let ready = if version == HttpVersion::Http11 { &self.only_http1 } else { &self.ready };
        if let Some(ready) = ready.get() {
            return Ok(ready);
        }
        // A fault is not kept: what the system trusts may be there the next time.
        let made = Arc::new(self.build(clock, version)?);
        Ok(ready.get_or_init(|| made))
    }

    /// Whether nothing but HTTP/2 is spoken.
    pub(crate) fn only_http2(&self) -> bool {
        self.version == HttpVersion::Http2
    }

    fn build(&self, clock: &Clock, version: HttpVersion) -> Result<ClientConfig, String> {
        let failed = |e: TlsError| format!("setting up TLS: {e}");
        let builder = ClientConfig::builder_with_details(provider(), time(clock));
        let builder = builder.with_safe_default_protocol_versions().map_err(failed)?;
        let verifier: Arc<dyn ServerCertVerifier> = match (self.verify, self.ca_bundle_pem.is_empty()) {
            (false, _) => Arc::new(Trust::Anybody),
            (true, true) => system_trust(provider())?,
            (true, false) => Arc::new(Trust::read(&self.ca_bundle_pem)?),
        };
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = if self.client_cert_pem.is_empty() {
            builder.with_no_client_auth()
        } else {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(self.client_pair()?)))
        };
        let offered: &[&[u8]] = match version {
            HttpVersion::Auto => &[b"h2", b"http/1.1"],
            HttpVersion::Http11 => &[b"http/1.1"],
            HttpVersion::Http2 => &[b"h2"],
        };
        config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }

    fn client_pair(&self) -> Result<CertifiedKey, String> {
        let plain = self.opener.open(&self.client_key_encrypted);
        let plain = plain.map_err(|why| format!("target_groups.client_key_encrypted can't be used: {why}"))?;
        certified_key(&self.client_cert_pem, "", plain.expose())
    }
}

/// Why no handshake with `target` succeeded, in words for the person who runs it.
pub(crate) fn refusal(e: &TlsError, target: &str) -> String {
    let TlsError::InvalidCertificate(fault) = e else { return format!("TLS with {target}: {e}") };
    let why = match fault {
        CertificateError::UnknownIssuer => "its issuer is not trusted".to_owned(),
        other if is_authority(other) => {
            "it is that of an authority; to trust it as it is, put it into ca_bundle_pem".to_owned()
        }
        other => other.to_string(),
    };
    format!("the certificate of {target} is not trusted: {why}")
}

/// Reads whom the system trusts before somebody waits for it. Why that failed is told by who needs it.
pub(crate) fn trust_system() {
    let _ = system_trust(provider());
}

/// Who may answer.
#[derive(Debug)]
enum Trust {
    /// Whoever does, as `verify_tls` false asks for.
    Anybody,
    /// Whom the authorities of a bundle vouch for, and the certificates in it as they are: those that sign themselves
    /// are often made as authorities, which no chain may end in.
    Bundle { authorities: Option<Arc<WebPkiServerVerifier>>, all: Vec<CertificateDer<'static>> },
}

impl Trust {
    fn read(text: &str) -> Result<Self, String> {
        let read = Authorities::read(text, "ca_bundle_pem").map_err(|e| e.to_string())?;
        let authorities = match read.roots.is_empty() {
            true => None,
            false => {
                let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(read.roots), provider());
                Some(builder.build().map_err(|e| e.to_string())?)
            }
        };
        Ok(Self::Bundle { authorities, all: read.all })
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let bad = |fault| Err(TlsError::InvalidCertificate(fault));
        let (authorities, all) = match self {
            Self::Anybody => return Ok(ServerCertVerified::assertion()),
            Self::Bundle { authorities, all } => (authorities, all),
        };
        if !all.contains(leaf) {
            let Some(authorities) = authorities else { return bad(CertificateError::UnknownIssuer) };
            return authorities.verify_server_cert(leaf, between, name, ocsp, now);
        }
        verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
        let Ok(parsed) = parse(leaf, "ca_bundle_pem") else { return bad(CertificateError::BadEncoding) };
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        match parsed.validity() {
            dates if seconds < dates.not_before.timestamp() => bad(CertificateError::NotValidYet),
            dates if seconds > dates.not_after.timestamp() => bad(CertificateError::Expired),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, cert, signed, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, cert, signed, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::authorities::of_first_version;
    use super::*;

    #[test]
    fn the_certificate_of_a_target_is_trusted_as_it_is_and_vouches_for_nobody() {
        let (root, leaf) = of_first_version();
        let read = |text: &str| {
            let Trust::Bundle { authorities, all } = Trust::read(text).unwrap() else { panic!("it is a bundle") };
            (authorities.is_some(), all.len())
        };
        assert_eq!(read(&leaf), (false, 1));
        assert_eq!(read(&root), (true, 1));
    }
}
