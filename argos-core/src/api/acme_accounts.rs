//! Accounts with certificate authorities.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use super::operation::operation;
use super::page::{by_number, list_input};
use super::{Context, Mutation, Page, Query, View};
use crate::certs::{acme, unmarked};
use crate::error::{Error, Result};
use crate::schema::{AcmeAccount, AcmeAccountId, Directory, Order, is_mail_address};
use crate::secret::Secret;
use crate::store::{Tx, acme_accounts};

list_input! {
    /// Lists accounts with certificate authorities by id: one for each directory and contact.
    #[derive(Default)]
    ListAcmeAccounts {}
}
operation!(ListAcmeAccounts => Page<AcmeAccount>, "acme_accounts.list", Get "/acme-accounts", Viewer, 200,
    "Lists accounts with certificate authorities by id: one for each directory and contact.");

impl Query for ListAcmeAccounts {
    fn run(self, view: &View<'_>) -> Result<Page<AcmeAccount>> {
        let asked = self.asked(Order::Asc);
        by_number(view, "acme-accounts", &asked, |span| acme_accounts::list(&view.read, span), |a| a.id.0)
    }
}

/// Shows one account with a certificate authority.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetAcmeAccount {
    /// The account.
    pub id: AcmeAccountId,
}
operation!(GetAcmeAccount => AcmeAccount, "acme_accounts.get", Get "/acme-accounts/{id}", Viewer, 200,
    "Shows one account with a certificate authority.");

impl Query for GetAcmeAccount {
    fn run(self, view: &View<'_>) -> Result<AcmeAccount> {
        acme_accounts::get(&view.read, self.id)
    }
}

impl From<AcmeAccountId> for GetAcmeAccount {
    fn from(id: AcmeAccountId) -> Self {
        Self { id }
    }
}

/// Stores an account before its first order; with a key, one that is registered already, such as another client's.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAcmeAccount {
    /// The authority's directory: an https URL, `production` or `staging` (Let's Encrypt's).
    pub directory_url: String,
    /// The contact that hosts name; default empty = none.
    pub email: Option<String>,
    /// Its key: P-256 in PKCS#8 PEM; default: a new one.
    #[schemars(extend("writeOnly" = true))]
    pub key_pem: Option<String>,
}
operation!(CreateAcmeAccount => AcmeAccount, "acme_accounts.create", Post "/acme-accounts", Admin, 201,
    "Stores an account before its first order; with a key, one that is registered already, such as another client's.");

impl fmt::Debug for CreateAcmeAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateAcmeAccount").field("directory_url", &self.directory_url).finish_non_exhaustive()
    }
}

impl Mutation for CreateAcmeAccount {
    const CONFIGURES: bool = false;

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<AcmeAccount> {
        let Some(directory) = Directory::parse(&self.directory_url) else {
            let reason = "allowed: production, staging, or the https URL of an ACME directory";
            return Err(Error::invalid("acme_account.directory_url", "directory_url", reason));
        };
        let email = self.email.unwrap_or_default();
        if !email.is_empty() && !is_mail_address(&email) {
            return Err(Error::invalid("acme_account.email", "email", "is not an address of mail"));
        }
        let key = match self.key_pem.map(|text| Secret::new(unmarked(&text).into_owned())) {
            Some(key) => {
                acme::check_key(&key).map_err(|why| Error::invalid("acme_account.key", "key_pem", why)).map(|()| key)?
            }
            None => acme::new_key().map_err(|fault| Error::internal(fault.to_string()))?,
        };
        if let Some((known, _)) = acme_accounts::find(tx, directory.url(), &email)? {
            let text = format!("account {} has this directory and contact", known.id);
            return Err(Error::conflict("acme_account.taken", "email", text));
        }
        acme_accounts::begin(tx, directory.url(), &email, &cx.key.encrypt(key.expose()))?;
        let Some((made, _)) = acme_accounts::find(tx, directory.url(), &email)? else {
            return Err(Error::internal("an account was stored"));
        };
        tx.about("create", "acme_account", made.id, None);
        Ok(made)
    }
}

/// Forgets an account with a certificate authority and its key; the next order registers a new one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteAcmeAccount {
    /// The account.
    pub id: AcmeAccountId,
}
operation!(DeleteAcmeAccount => (), "acme_accounts.delete", Delete "/acme-accounts/{id}", Admin, 204,
    "Forgets an account with a certificate authority and its key; the next order registers a new one.",
    of GetAcmeAccount { id });

impl Mutation for DeleteAcmeAccount {
    const CONFIGURES: bool = false;

    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<()> {
        acme_accounts::get(tx, self.id)?;
        acme_accounts::delete(tx, self.id)?;
        tx.about("delete", "acme_account", self.id, None);
        Ok(())
    }
}

impl From<AcmeAccountId> for DeleteAcmeAccount {
    fn from(id: AcmeAccountId) -> Self {
        Self { id }
    }
}
