//! Bearer tokens.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operation::operation;
use super::page::{by_number, list_input};
use super::{Context, Mutation, Page, Query, View, check_name};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{ApiToken, Order, Role, TokenId, TokenRole};
use crate::secret::{Reveal, random_token, token_hash};
use crate::store::{Tx, tokens};

list_input! {
    /// Lists tokens by id; their texts are never shown again.
    #[derive(Default)]
    ListTokens {}
}
operation!(ListTokens => Page<ApiToken>, "tokens.list", Get "/tokens", Admin, 200,
    "Lists tokens by id; their texts are never shown again.");

impl Query for ListTokens {
    fn run(self, view: &View<'_>) -> Result<Page<ApiToken>> {
        let fetch = |span| tokens::list(&view.read, span);
        by_number(view, "tokens", &self.asked(Order::Asc), fetch, |t| t.id.0)
    }
}

/// Makes a token.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// Unique name, 1–64 characters.
    pub name: String,
    /// What it may do; not more than its maker.
    pub role: TokenRole,
    /// When it ends; null = never.
    pub expires_at: Option<Timestamp>,
}
operation!(CreateToken => CreatedToken, "tokens.create", Post "/tokens", Admin, 201,
    "Makes a token and shows its text this once.", positional ["name"]);

/// A new token with its text, which is shown this once.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CreatedToken {
    #[allow(missing_docs, reason = "flattened; documented on its type")]
    #[serde(flatten)]
    pub stored: ApiToken,
    /// The text for `Authorization: Bearer`.
    #[schemars(with = "String")]
    pub token: Reveal<String>,
}

impl Mutation for CreateToken {
    const CONFIGURES: bool = false;

    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<CreatedToken> {
        check_name("name", &self.name, 64)?;
        if tx.actor().role().is_none_or(|maker| Role::from(self.role) > maker) {
            let text = format!("a token of role {} needs a maker of that role", self.role);
            return Err(Error::new(ErrorKind::Forbidden, "token.role_too_high", text));
        }
        if self.expires_at.is_some_and(|at| at <= tx.now()) {
            return Err(Error::invalid("out_of_range", "expires_at", "must lie in the future"));
        }
        let text = format!("argos_pat_{}", random_token());
        let id = tokens::insert(tx, &self.name, &token_hash(&text), self.role, self.expires_at)?;
        tx.about("token_created", "api_token", id, None);
        Ok(CreatedToken { stored: tokens::get(tx, id)?, token: Reveal::new(text) })
    }
}

/// Ends a token at once.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeToken {
    /// The token.
    pub id: TokenId,
}
operation!(RevokeToken => (), "tokens.revoke", Delete "/tokens/{id}", Admin, 204, "Ends a token at once.");

impl Mutation for RevokeToken {
    const CONFIGURES: bool = false;

    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<()> {
        if tokens::get(tx, self.id)?.revoked_at.is_some() {
            return Ok(());
        }
        tokens::revoke(tx, self.id)?;
        tx.about("token_revoked", "api_token", self.id, None);
        Ok(())
    }
}

impl From<TokenId> for RevokeToken {
    fn from(id: TokenId) -> Self {
        Self { id }
    }
}
