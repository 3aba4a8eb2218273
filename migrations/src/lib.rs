//! The numbered SQL migrations of an Argos database. An applied one is never edited: its checksum is stored.

use sha2::{Digest as _, Sha256};

/// One step from an older schema to a newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// File stem: four digits, `_`, a name.
    pub version: &'static str,
    /// SQL text with LF line ends.
    pub sql: &'static str,
}

impl Migration {
    /// Lower-case hex SHA-256 of the file.
    #[must_use]
    pub fn checksum(&self) -> String {
        hex::encode(Sha256::digest(self.sql.as_bytes()))
    }
}

/// Every migration in the order of application.
pub const ALL: &[Migration] = &[
    Migration { version: "0001_baseline", sql: include_str!("../migrations/0001_baseline.sql") },
    Migration { version: "0002_acme_orders", sql: include_str!("../migrations/0002_acme_orders.sql") },
    Migration { version: "0003_client_certificates", sql: include_str!("../migrations/0003_client_certificates.sql") },
    Migration { version: "0004_order_schedule", sql: include_str!("../migrations/0004_order_schedule.sql") },
    Migration { version: "0005_shared_certificates", sql: include_str!("../migrations/0005_shared_certificates.sql") },
    Migration {
        version: "0006_certificate_directory",
        sql: include_str!("../migrations/0006_certificate_directory.sql"),
    },
    Migration { version: "0007_sticky_sessions", sql: include_str!("../migrations/0007_sticky_sessions.sql") },
    Migration { version: "0008_header_rules", sql: include_str!("../migrations/0008_header_rules.sql") },
    Migration { version: "0009_compression", sql: include_str!("../migrations/0009_compression.sql") },
];

// Numbers that repeat, go backwards or have not four digits fail the build.
const _: () = {
    let mut i = 0;
    let mut last = 0;
    while i < ALL.len() {
        let v = ALL[i].version.as_bytes();
        let (mut n, mut d) = (0u32, 0);
        while d < 4 {
            assert!(v[d].is_ascii_digit(), "a migration begins with four digits");
            n = n * 10 + (v[d] - b'0') as u32;
            d += 1;
        }
        assert!(v[4] == b'_' && n > last, "migrations are in order and unique");
        last = n;
        i += 1;
    }
};
