//! What is checked of the TLS of a target group before it is stored.

use rustls::pki_types::ServerName;

use super::Context;
use crate::certs::{ClientPair, check_bundle};
use crate::error::{Error, Result};
use crate::schema::{Patch, SecretText};
use crate::secret::Secret;
use crate::store::Tx;
use crate::store::target_groups::GroupFields;

/// Checks what `new` has other than `old`, and seals the key that came with it. An omitted key stays, and so it must be
/// that of the certificate.
pub(super) fn settle(
    tx: &Tx<'_>,
    cx: &Context,
    old: &GroupFields,
    new: &mut GroupFields,
    key: Patch<SecretText>,
) -> Result<()> {
    if new.tls_server_name != old.tls_server_name {
        check_server_name(&new.tls_server_name)?;
    }
    if new.ca_bundle_pem != old.ca_bundle_pem {
        new.ca_bundle_pem = new.ca_bundle_pem.trim().to_owned();
        check_bundle(&new.ca_bundle_pem, "ca_bundle_pem")?;
    }
    let given = match &key {
        Patch::Set(text) => text.given(),
        Patch::Keep | Patch::Clear => None,
    };
    if given.is_none() && !key.is_keep() {
        new.client_key_encrypted.clear();
    }
    if given.is_none() && new.client_cert_pem == old.client_cert_pem && key.is_keep() {
        return Ok(());
    }
    new.client_cert_pem = new.client_cert_pem.trim().to_owned();
    let stored;
    let key = match given {
        Some(key) => key,
        None => {
            stored = opened(cx, &new.client_key_encrypted)?;
            &stored
        }
    };
    match (new.client_cert_pem.is_empty(), key.expose().is_empty()) {
        (true, true) => {}
        (true, false) => {
            let reason = "a key is stored or given: its certificate belongs to it, or clear client_key_pem";
            return Err(Error::invalid("target_group.client_cert", "client_cert_pem", reason));
        }
        (false, true) => {
            let reason = "give the key of the certificate in client_cert_pem";
            return Err(Error::invalid("target_group.client_key", "client_key_pem", reason));
        }
        (false, false) => {
            let pair = ClientPair::check(&new.client_cert_pem, key, tx.now())?;
            new.client_cert_pem = pair.cert_pem;
            if given.is_some() {
                new.client_key_encrypted = cx.key.encrypt(pair.key.expose());
            }
        }
    }
    Ok(())
}

fn opened(cx: &Context, envelope: &str) -> Result<Secret<String>> {
    Ok(cx.key.decrypt(envelope)?)
}

fn check_server_name(name: &str) -> Result<()> {
    if name.is_empty() || ServerName::try_from(name).is_ok() {
        return Ok(());
    }
    let reason = format!("{name:?} is no DNS name and no IP address");
    Err(Error::invalid("target_group.tls_server_name", "tls_server_name", reason))
}
