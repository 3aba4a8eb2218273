//! Every periodic job in one table. A job finds out from what is stored whether it is due, so that neither a restart
//! nor a clock that jumps makes it run twice or never. [`Argos::tend`] runs them, once a minute while Argos serves.
//!
//! [`Argos::tend`]: crate::Argos::tend

use crate::certs;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::schema::CertificateKind;
use crate::secret::MasterKey;
use crate::store::{Read, Tx, cert_status, certificates};

/// Certificates that are renewed in one change: another change that waits gets its turn soon.
const RENEWED_AT_ONCE: u32 = 50;
/// Between two looks at all certificates.
const CHECKED_EVERY_MS: i64 = 86_400_000;

/// Work that comes back.
#[derive(Debug)]
pub struct Job {
    /// Its name in the process log.
    pub name: &'static str,
    /// Whether there is something to do.
    pub due: fn(&Read<'_>) -> Result<bool>,
    /// Does it, or a part of it: what is left stays due.
    pub run: fn(&Tx<'_>, &MasterKey) -> Result<()>,
    /// Whether it changes configuration: it has an audit row and makes a generation.
    pub configures: bool,
}

/// All jobs.
pub const JOBS: &[Job] = &[
    Job {
        name: "renewing certificates of the local CA",
        due: |read| {
            Ok(!certificates::ending(read, CertificateKind::Local, certs::renewal_horizon(read.now()), 1)?.is_empty())
        },
        run: |tx, key| {
            let renewed = certs::renew_due(tx, key, RENEWED_AT_ONCE)?;
            tx.about("update", "certificate", format!("{renewed} of the local CA"), None);
            Ok(())
        },
        configures: true,
    },
    Job {
        name: "looking at the ends of certificates",
        due: |read| {
            let oldest = cert_status::oldest_check(read)?;
            // One in the future was noted before the clock was set back.
            let fresh = |at: Timestamp| (0..CHECKED_EVERY_MS).contains(&(read.now().0 - at.0));
            Ok(oldest.is_some_and(|at| !fresh(at)))
        },
        run: |tx, _| cert_status::check(tx).map(drop),
        configures: false,
    },
];
