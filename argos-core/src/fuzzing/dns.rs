//! DNS providers and CAA: what is taken can be used, comes back, and tells nothing of its secrets.

use crate::certs::dns::{CaaRecord, Provider, caa_allows};
use crate::schema::{DnsConfig, DnsProviderKind};

/// Shorter texts can stand in a fault by chance.
const TELLING: usize = 8;

pub(super) fn dns_providers(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = DnsConfig::from_stored(&text);
    let Ok(config) = serde_json::from_str::<DnsConfig>(&text) else { return };
    for at_cli in [false, true] {
        let stored = config.to_stored(at_cli);
        assert_eq!(DnsConfig::from_stored(stored.expose()).ok(), Some((config.clone(), at_cli)));
        for kind in DnsProviderKind::ALL {
            let checked = config.check(*kind, at_cli);
            let made = Provider::new(*kind, &config, at_cli);
            assert_eq!(checked.is_ok(), made.is_ok(), "{kind}: {checked:?}, {made:?}");
            let Err(fault) = checked else { continue };
            for secret in [&config.tsig_secret, &config.api_token].into_iter().flatten() {
                let secret = secret.expose();
                assert!(secret.len() < TELLING || !fault.message().contains(secret.as_str()), "{fault}");
            }
        }
    }
    let shown = serde_json::to_string(&config.shown(DnsProviderKind::Rfc2136)).expect("a record is written");
    assert!(shown.contains("tsig_secret_set") && !shown.contains("api_token"));
}

pub(super) fn caa(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let record = |line: &str| {
        let mut parts = line.splitn(3, ' ');
        let mut next = || parts.next().unwrap_or_default().to_owned();
        CaaRecord { flags: next().parse().unwrap_or_default(), tag: next(), value: next() }
    };
    let mut records: Vec<CaaRecord> = text.lines().map(record).collect();
    let issuers = ["ca.test".to_owned()];
    for wildcard in [false, true] {
        let allowed = caa_allows(&records, &issuers, wildcard);
        // More who may issue never makes it less.
        for tag in ["issue", "issuewild"] {
            let mine = CaaRecord { flags: 0, tag: tag.into(), value: "ca.test; a=b".into() };
            records.push(mine);
        }
        let with_mine = caa_allows(&records, &issuers, wildcard);
        assert!(allowed.is_err() || with_mine.is_ok(), "{text:?}");
        // With it, only a tag that nobody knows refuses.
        assert!(with_mine.is_ok() || records.iter().any(|r| r.flags & 128 != 0), "{text:?}");
        records.truncate(records.len() - 2);
    }
}
