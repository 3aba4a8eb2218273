//! `SecGeoLookupDb`: a database of places in the MaxMind DB format, which `@geoLookup` asks from there on.

use std::net::IpAddr;
use std::sync::Arc;

use maxminddb::{Reader, geoip2};

use crate::compile::load::Compiler;
use crate::lex::Word;
use crate::operators::GeoLookup;
use crate::source::{Position, relative_to};

impl Compiler<'_> {
    /// Opens the database. It wins over the one that the caller handed in, for the rules below.
    pub(super) fn geo_database(&mut self, file: &Arc<str>, at: &Position, words: &[Word]) {
        let name = words.first().map(|word| word.text.bytes.as_slice()).unwrap_or_default();
        let read = std::str::from_utf8(name)
            .map_err(|_| "a file name is UTF-8".to_owned())
            .and_then(|name| self.loader.read(&relative_to(file, name)).map_err(|error| error.to_string()));
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(why) => return self.findings.error("seclang.file", at, name, why),
        };
        match Reader::from_source(bytes) {
            Ok(reader) => {
                self.geo = Some(Arc::new(Database(reader)));
                // The operator that rules above have asks what was there before.
                self.operators.retain(|(name, _), _| *name != "geolookup");
            }
            Err(why) => self.findings.error("seclang.directive_value", at, name, why.to_string()),
        }
    }
}

struct Database(Reader<Vec<u8>>);

impl GeoLookup for Database {
    fn look_up(&self, address: IpAddr) -> Option<Vec<(&'static str, String)>> {
        // A record that can't be read is one that is not there. City records hold all that country records do.
        let found = self.0.lookup(address).ok()?;
        let place = found.decode::<geoip2::City<'_>>().ok()??;
        let largest = place.subdivisions.first();
        let number = |number: Option<f64>| number.map(|number| number.to_string());
        let text = |text: Option<&str>| text.map(str::to_owned);
        let members = [
            ("COUNTRY_CODE", text(place.country.iso_code)),
            ("COUNTRY_NAME", text(place.country.names.english)),
            ("COUNTRY_CONTINENT", text(place.continent.code)),
            ("REGION", text(largest.and_then(|region| region.iso_code))),
            ("CITY", text(place.city.names.english)),
            ("POSTAL_CODE", text(place.postal.code)),
            ("LATITUDE", number(place.location.latitude)),
            ("LONGITUDE", number(place.location.longitude)),
            ("DMA_CODE", place.location.metro_code.map(|code| code.to_string())),
        ];
        Some(members.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
    }
}

#[cfg(test)]
mod tests;
