//! A database of one network, written here by hand. Source: the MaxMind DB file format specification, version 2.0.

#![allow(clippy::unwrap_used, reason = "tests")]

use crate::source::{LoadError, Loader};
use crate::{Now, Outcome, RuleSet};

/// A text, as the format writes it.
fn text(out: &mut Vec<u8>, text: &str) {
    out.push(0x40 | text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}

/// The beginning of a map of `pairs` pairs.
fn map(out: &mut Vec<u8>, pairs: u8) {
    out.push(0xe0 | pairs);
}

fn number(out: &mut Vec<u8>, kind: u8, value: u16) {
    match kind {
        // Unsigned 64 bit integers have an extended type.
        9 => out.extend_from_slice(&[0x02, 2]),
        _ => out.push(kind << 5 | 2),
    }
    out.extend_from_slice(&value.to_be_bytes());
}

/// Addresses below 128.0.0.0 lie nowhere, the others in one place.
fn database() -> Vec<u8> {
    let mut data = Vec::new();
    map(&mut data, 6);
    text(&mut data, "country");
    map(&mut data, 2);
    text(&mut data, "iso_code");
    text(&mut data, "NZ");
    text(&mut data, "names");
    map(&mut data, 1);
    text(&mut data, "en");
    text(&mut data, "New Zealand");
    text(&mut data, "continent");
    map(&mut data, 1);
    text(&mut data, "code");
    text(&mut data, "OC");
    text(&mut data, "city");
    map(&mut data, 1);
    text(&mut data, "names");
    map(&mut data, 1);
    text(&mut data, "en");
    text(&mut data, "Nelson");
    text(&mut data, "subdivisions");
    data.extend_from_slice(&[0x01, 4]);
    map(&mut data, 1);
    text(&mut data, "iso_code");
    text(&mut data, "NSN");
    text(&mut data, "postal");
    map(&mut data, 1);
    text(&mut data, "code");
    text(&mut data, "7010");
    text(&mut data, "location");
    map(&mut data, 2);
    for (name, value) in [("latitude", -41.25_f64), ("longitude", 173.5)] {
        text(&mut data, name);
        data.push(3 << 5 | 8);
        data.extend_from_slice(&value.to_be_bytes());
    }
    // One node of two records of 24 bits: the number of nodes means nothing, 16 more the first byte of the data.
    let mut file = vec![0, 0, 1, 0, 0, 17];
    file.extend_from_slice(&[0; 16]);
    file.extend_from_slice(&data);
    file.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    map(&mut file, 9);
    for (name, kind, value) in [
        ("node_count", 6, 1),
        ("record_size", 5, 24),
        ("ip_version", 5, 4),
        ("binary_format_major_version", 5, 2),
        ("binary_format_minor_version", 5, 0),
        ("build_epoch", 9, 1),
    ] {
        text(&mut file, name);
        number(&mut file, kind, value);
    }
    text(&mut file, "database_type");
    text(&mut file, "Test");
    text(&mut file, "languages");
    file.extend_from_slice(&[0x00, 4]);
    text(&mut file, "description");
    map(&mut file, 0);
    file
}

struct Files(Vec<u8>);

impl Loader for Files {
    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        match name {
            "etc/places.mmdb" => Ok(self.0.clone()),
            _ => Err(LoadError { name: name.to_owned(), reason: "is not there".to_owned() }),
        }
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, LoadError> {
        self.read(pattern).map(|_| Vec::new())
    }
}

const RULES: &str = "SecGeoLookupDb places.mmdb
SecRule REMOTE_ADDR \"@geoLookup\" \"id:1,phase:1,pass,chain,\\
    logdata:'%{GEO.COUNTRY_CODE} %{geo.country_name} %{GEO.COUNTRY_CONTINENT} %{GEO.REGION} %{GEO.CITY} \\
%{GEO.POSTAL_CODE} %{GEO.LATITUDE} %{GEO.LONGITUDE} %{GEO.DMA_CODE}'\"
    SecRule GEO:COUNTRY_CODE \"@within NZ AU\" \"\"
";

fn from(address: [u8; 4], file: Vec<u8>) -> Outcome {
    let (set, report) = RuleSet::builder(Files(file)).rules_str("etc/a.conf", RULES).compile().unwrap();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    let mut transaction = set.transaction(Now { unix_millis: 0 });
    transaction.connection(address.into(), 1, [192, 0, 2, 1].into(), 80);
    transaction.request_line(b"GET", b"/", b"HTTP/1.1");
    transaction.phase1();
    transaction.finish()
}

#[test]
fn the_database_of_the_rules_says_where_an_address_is() {
    let found = from([203, 0, 113, 9], database());
    assert_eq!(found.matched.len(), 1, "{found:?}");
    assert_eq!(found.matched[0].data, "NZ New Zealand OC NSN Nelson 7010 -41.25 173.5 ");
    assert!(from([10, 0, 0, 1], database()).matched.is_empty());
}

#[test]
fn a_broken_or_missing_database_is_refused_with_its_place_and_broken_records_never_match() {
    let codes = |rules: &str, file: &[u8]| {
        let built = RuleSet::builder(Files(file.to_vec())).rules_str("etc/a.conf", rules).compile();
        built.err().unwrap_or_default().into_iter().map(|e| (e.code, e.line)).collect::<Vec<_>>()
    };
    assert_eq!(codes("\nSecGeoLookupDb nowhere.mmdb", &[]), [("seclang.file", 2)]);
    assert_eq!(codes("SecGeoLookupDb places.mmdb", b"no database"), [("seclang.directive_value", 1)]);
    let whole = database();
    for cut in 0..whole.len() {
        let _ = codes(RULES, &whole[cut..]);
    }
    for at in 0..whole.len() {
        for byte in [0, 0xff, whole[at] ^ 0x20] {
            let mut file = whole.clone();
            file[at] = byte;
            if codes(RULES, &file).is_empty() {
                let _ = from([203, 0, 113, 9], file);
            }
        }
    }
}
