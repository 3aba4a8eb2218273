//! Certificates of clients: who may vouch for those of one host, and what is told of the one that was shown.

use std::fmt;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ProducesTickets, WebPkiClientVerifier};
use rustls::{CertificateError, Error as TlsError};
use sha2::{Digest as _, Sha256};
use x509_parser::asn1_rs::ToDer as _;
use x509_parser::x509::X509Name;

use super::authorities::{Authorities, digest, is_authority};
use super::manual::parse;
use super::provider;
use crate::error::{Error, Result};
use crate::schema::HostId;

/// What the clients of one host have to show.
pub struct Clients {
    /// Whether a request without a certificate is refused.
    pub required: bool,
    ca_pem: Box<str>,
    identity: [u8; 32],
    ready: OnceLock<std::result::Result<Ready, Box<str>>>,
}

/// What handshakes need.
pub(crate) struct Ready {
    /// Looks at what is shown. To show nothing is no fault here: the request is answered, and so in words.
    pub(crate) verifier: Arc<dyn ClientCertVerifier>,
    /// Seals the sessions of this host, so that none begins under other terms.
    pub(crate) ticketer: Arc<dyn ProducesTickets>,
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let identity = hex::encode(self.identity);
        f.debug_struct("Clients").field("required", &self.required).field("identity", &identity).finish()
    }
}

impl Clients {
    /// From what is stored of the host `host`.
    #[must_use]
    pub fn new(host: HostId, ca_pem: &str, required: bool) -> Self {
        let identity = digest(&[&host.to_string(), ca_pem]);
        Self { required, ca_pem: ca_pem.into(), identity, ready: OnceLock::new() }
    }

    /// Tells apart the terms under which certificates are looked at: the host and whom it trusts.
    #[must_use]
    pub fn identity(&self) -> &[u8; 32] {
        &self.identity
    }

    /// What handshakes need; made for the first one.
    ///
    /// # Errors
    /// Why what is stored can't be used.
    pub(crate) fn ready(&self) -> std::result::Result<&Ready, &str> {
        let ready = self.ready.get_or_init(|| self.build().map_err(Into::into));
        ready.as_ref().map_err(|why| &**why)
    }

    fn build(&self) -> std::result::Result<Ready, String> {
        let read = Authorities::read(&self.ca_pem, "client_ca_pem").map_err(|e| e.to_string())?;
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(read.roots), provider());
        let verifier = builder.allow_unauthenticated().build().map_err(|e| e.to_string())?;
        Ok(Ready { verifier, ticketer: Ticketer::new().map_err(|e| e.to_string())? })
    }
}

/// Checks the authorities in `text` before they are stored.
///
/// # Errors
/// `certificate.too_large`, `certificate.not_pem`, `certificate.unreadable`; `certificate.no_authority`, when certificates
/// are wanted and none of these may sign others.
pub fn check_client_ca(text: &str, wanted: bool) -> Result<()> {
    let read = Authorities::read(text, "client_ca_pem")?;
    if wanted && read.roots.is_empty() {
        let reason = "holds no certificate of an authority, so that no client could be trusted";
        return Err(Error::invalid("certificate.no_authority", "client_ca_pem", reason));
    }
    Ok(())
}

/// What is told of a certificate that a client showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// SHA-256 of its DER form in hexadecimal, a blank, and its subject.
    text: Box<str>,
}

const FINGERPRINT: usize = 64;

impl Shown {
    /// Of the certificate that `chain` begins with; none when it can't be read.
    fn of(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let leaf = chain.first()?;
        let parsed = parse(leaf, "").ok()?;
        let mut text = hex::encode(Sha256::digest(leaf));
        text.push(' ');
        put_name(&mut text, parsed.subject());
        Some(Self { text: text.into() })
    }

    /// Both, with a blank between.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of its DER form in hexadecimal.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.text[..FINGERPRINT]
    }

    /// Its subject in the form of RFC 4514, in ASCII.
    pub(crate) fn subject(&self) -> &str {
        &self.text[FINGERPRINT + 1..]
    }
}

/// What a handshake under `clients` ended with: the certificate that was shown. One that a session brought with it is
/// looked at again, because it may have ended since.
pub(crate) fn shown(clients: &Clients, chain: &[CertificateDer<'_>], resumed: bool, now: UnixTime) -> Option<Shown> {
    if resumed {
        let (leaf, between) = chain.split_first()?;
        clients.ready().ok()?.verifier.verify_client_cert(leaf, between, now).ok()?;
    }
    Shown::of(chain)
}

/// Why the certificate that a client showed is not trusted; none for any other fault of a handshake.
pub(crate) fn client_refusal(e: &TlsError) -> Option<String> {
    match e {
        TlsError::InvalidCertificate(fault) => {
            let why = match fault {
                CertificateError::UnknownIssuer => "its issuer is not trusted by the host".to_owned(),
                other if is_authority(other) => "it is that of an authority, not of a client".to_owned(),
                other => other.to_string(),
            };
            Some(format!("the certificate of a client is not trusted: {why}"))
        }
        TlsError::General(why) if why.contains("client_ca_pem") => Some(why.clone()),
        _ => None,
    }
}

/// The name with its last part first. What is no printable ASCII stands as the hexadecimal digits of its bytes, so that
/// the text can stand in a header. Source: RFC 4514 §2.
fn put_name(out: &mut String, name: &X509Name<'_>) {
    let mut first = true;
    let parts: Vec<_> = name.iter_rdn().collect();
    for part in parts.into_iter().rev() {
        for (n, attribute) in part.iter().enumerate() {
            if !std::mem::take(&mut first) {
                out.push(if n == 0 { ',' } else { '+' });
            }
            let known = x509_parser::objects::oid2abbrev(attribute.attr_type(), x509_parser::objects::oid_registry());
            match known {
                Ok(short) => out.push_str(short),
                Err(_) => out.push_str(&attribute.attr_type().to_id_string()),
            }
            out.push('=');
            match attribute.as_str() {
                Ok(value) => put_value(out, value),
                // Another kind of text stands as the digits of its whole encoding, with tag and length.
                Err(_) => {
                    let der = attribute.attr_value().to_der_vec().unwrap_or_default();
                    out.push_str(&format!("#{}", hex::encode(der)));
                }
            }
        }
    }
}

fn put_value(out: &mut String, value: &str) {
    let last = value.len().saturating_sub(1);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' ' | b'#' if at == 0 => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' ' if at == last => out.push_str("\\ "),
            b' '..=b'~' => out.push(char::from(byte)),
            // Writing to memory can't fail.
            other => drop(write!(out, "\\{other:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::string::BmpString;
    use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair};

    use super::super::authorities::of_first_version;
    use super::*;

    #[test]
    fn the_certificate_of_a_client_vouches_for_nobody() {
        let (root, client) = of_first_version();
        assert!(check_client_ca(&root, true).is_ok());
        assert_eq!(check_client_ca(&client, true).unwrap_err().code(), "certificate.no_authority");
        let both = Clients::new(HostId(1), &[&*root, &client].concat(), true);
        let roots = both.ready().unwrap().verifier.root_hint_subjects().len();
        assert_eq!(roots, 1, "the one that signed itself");
    }

    #[test]
    fn values_that_are_no_text_stand_with_their_whole_encoding() {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let value = DnValue::BmpString(BmpString::try_from("Zo").unwrap());
        params.distinguished_name.push(DnType::CommonName, value);
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(Shown::of(&[made.der().clone()]).unwrap().subject(), "CN=#1e04005a006f");
    }

    #[test]
    fn subjects_can_stand_in_a_header() {
        for (parts, expected) in [
            (vec![(DnType::CountryName, "DE"), (DnType::CommonName, "device 7")], "CN=device 7,C=DE"),
            (vec![(DnType::CommonName, "a,b+c\"d\\e;<f>")], r#"CN=a\,b\+c\"d\\e\;\<f\>"#),
            (vec![(DnType::CommonName, " x ")], r"CN=\ x\ "),
            (vec![(DnType::CommonName, "#1")], r"CN=\#1"),
            (vec![(DnType::CommonName, "Zoë\r\nX: y")], r"CN=Zo\C3\AB\0D\0AX: y"),
            (vec![], ""),
        ] {
            let mut params = CertificateParams::default();
            params.distinguished_name = DistinguishedName::new();
            for (kind, value) in parts {
                params.distinguished_name.push(kind, value);
            }
            let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            let shown = Shown::of(&[made.der().clone()]).unwrap();
            assert_eq!(shown.subject(), expected);
            assert_eq!(shown.fingerprint(), hex::encode(Sha256::digest(made.der())));
        }
    }
}
