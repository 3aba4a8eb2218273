//! The second factor of whoever asks.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::operation::operation;
use super::passwords::Proof;
use super::sign_in::{asking, check_code_rate, event, spend_code, spend_recovery_code, wrong_code};
use super::{Context, Mutation, Query, View};
use crate::auth::{RecoveryCodes, TotpSecret, qr};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::secret::{Reveal, Secret};
use crate::store::{Tx, audit, sessions, users};

/// Shows the second factor of whoever asks.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetTotp {}
operation!(GetTotp => TotpState, "auth.totp", Get "/auth/totp", Session, 200,
    "Shows the second factor of whoever asks.");

/// The second factor of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TotpState {
    /// Whether it is asked for.
    pub enabled: bool,
    /// Since when.
    pub enabled_at: Option<Timestamp>,
    /// Whether it waits for its first code.
    pub setup_pending: bool,
    /// Recovery codes that are left; null while it is off.
    pub recovery_codes_remaining: Option<usize>,
}

impl Query for GetTotp {
    fn run(self, view: &View<'_>) -> Result<TotpState> {
        let found = asking(view.actor.user_id(), |id| users::get(&view.read, id))?;
        let enabled = found.user.totp_enabled;
        let codes = found.recovery_codes.as_deref().filter(|_| enabled);
        let left = codes.map(|codes| Ok::<_, Error>(RecoveryCodes::stored(codes, &view.cx.key)?.left())).transpose()?;
        Ok(TotpState {
            enabled,
            enabled_at: found.totp_enabled_at,
            setup_pending: !enabled && found.totp_secret.is_some(),
            recovery_codes_remaining: left,
        })
    }
}

/// Declares an operation that asks for the password, or a sign-in that is not long ago, beside its own fields.
macro_rules! proven {
    ($(#[$doc:meta])* $name:ident { $($(#[$own_meta:meta])* $own:ident : $own_type:ty,)* }
     $(keeps { $($kept:ident : $kept_type:ty),* })?) => {
        $(#[$doc])*
        #[derive(Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The password of whoever asks; not needed within 5 minutes of the sign-in.
            pub password: Option<Secret<String>>,
            $($(#[$own_meta])* pub $own: $own_type,)*
            $($(#[serde(skip)] #[schemars(skip)] $kept: $kept_type,)*)?
            #[serde(skip)]
            #[schemars(skip)]
            proof: Option<Proof>,
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }

        impl $name {
            /// With the password of whoever asks; it may be left out within 5 minutes of the sign-in.
            #[must_use]
            pub fn proven_by(password: Option<&str>, $($own: $own_type),*) -> Self {
                let password = password.map(|text| text.to_owned().into());
                Self { password, $($own,)* $($($kept: None,)*)? proof: None }
            }

            fn prove(&mut self, view: &View<'_>) -> Result<()> {
                self.proof = Some(Proof::begin(view, self.password.as_ref())?);
                Ok(())
            }

            fn check(&mut self, cx: &Context) -> Result<()> {
                self.proof.as_mut().map_or(Ok(()), |proof| proof.check(cx))
            }

            fn settle(&mut self, tx: &Tx<'_>, cx: &Context) -> Result<()> {
                let proof = self.proof.take();
                proof.ok_or_else(|| Error::internal("a proof that was not begun"))?.settle(tx, cx)
            }
        }
    };
}
pub(super) use proven;

proven! {
    /// Begins a second factor: a shared secret that waits for its first code, and recovery codes.
    SetUpTotp {}
}
operation!(SetUpTotp => NewTotp, "auth.set_up_totp", Post "/auth/totp/setup", Session, 200,
    "Begins a second factor: shows its secret and recovery codes this once; it is asked for after its first code.");

/// A second factor that waits for its first code. All of it is shown this once.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NewTotp {
    /// The shared secret in base32.
    #[schemars(with = "String")]
    pub secret: Reveal<String>,
    /// The address that authenticator programs read.
    #[schemars(with = "String")]
    pub otpauth_url: Reveal<String>,
    /// The address as a QR code, SVG.
    #[schemars(with = "String")]
    pub qr_svg: Reveal<String>,
    /// The address as a QR code, PNG in base64.
    #[schemars(with = "String")]
    pub qr_png_base64: Reveal<String>,
    /// Ten codes, each good once in place of one of the second factor.
    #[schemars(with = "Vec<String>")]
    pub recovery_codes: Reveal<Vec<String>>,
}

impl Mutation for SetUpTotp {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        refuse_enabled(&asking(view.actor.user_id(), |id| users::get(&view.read, id))?)?;
        self.prove(view)
    }

    fn act(&mut self, cx: &Context) -> Result<()> {
        self.check(cx)
    }

    fn run(mut self, tx: &Tx<'_>, cx: &Context) -> Result<NewTotp> {
        self.settle(tx, cx)?;
        let found = asking(tx.actor().user_id(), |id| users::get(tx, id))?;
        refuse_enabled(&found)?;
        let (secret, (codes, shown)) = (TotpSecret::generate(), RecoveryCodes::generate());
        let url = secret.url(&found.user.username);
        let (svg, png) = qr(&url)?;
        users::set_totp_pending(tx, found.user.id, &cx.key.encrypt(secret.text().expose()), &codes.seal(&cx.key))?;
        audit::auth(tx, &event("totp_setup_started", &found, json!({})))?;
        let reveal = |text: &Secret<String>| Reveal::new(text.expose().clone());
        Ok(NewTotp {
            secret: reveal(secret.text()),
            otpauth_url: reveal(&url),
            qr_svg: reveal(&svg),
            qr_png_base64: reveal(&png),
            recovery_codes: Reveal::new(shown),
        })
    }
}

fn refuse_enabled(found: &users::Stored) -> Result<()> {
    if found.user.totp_enabled {
        return Err(Error::conflict("totp.enabled", "", "the second factor is on already; disable it first"));
    }
    Ok(())
}

/// Refuses whoever has a password and does not give it: a session that was stolen must not take the second factor along.
fn need_password(found: &users::Stored, given: Option<&Secret<String>>) -> Result<()> {
    if found.user.has_password && given.is_none() {
        return Err(Error::invalid("reauth.needed", "password", "is needed for this, however fresh the sign-in is"));
    }
    Ok(())
}

fn refuse_disabled(found: &users::Stored) -> Result<()> {
    if !found.user.totp_enabled {
        return Err(Error::conflict("totp.disabled", "", "the second factor is off"));
    }
    Ok(())
}

proven! {
    /// Switches the second factor on with its first code. Other sessions end.
    ActivateTotp {
        /// Six digits.
        code: String,
    }
}
operation!(ActivateTotp => (), "auth.activate_totp", Post "/auth/totp/activate", Session, 204,
    "Switches the second factor on with its first code; other sessions end.");

impl Mutation for ActivateTotp {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        self.prove(view)
    }

    fn act(&mut self, cx: &Context) -> Result<()> {
        self.check(cx)
    }

    fn run(mut self, tx: &Tx<'_>, cx: &Context) -> Result<()> {
        self.settle(tx, cx)?;
        let found = asking(tx.actor().user_id(), |id| users::get(tx, id))?;
        refuse_enabled(&found)?;
        if found.totp_secret.is_none() {
            return Err(Error::conflict("totp.not_set_up", "", "set the second factor up first"));
        }
        check_code_rate(tx, cx, &found)?;
        if !spend_code(tx, cx, &found, &self.code)? {
            return Err(wrong_code(tx, cx, &found, "totp_activate_failed")?);
        }
        users::enable_totp(tx, found.user.id)?;
        let ended = sessions::end_all(tx, found.user.id, tx.actor().session().map(|s| s.id))?;
        audit::auth(tx, &event("totp_enabled", &found, json!({"ended_sessions": ended})))
    }
}

proven! {
    /// Switches the second factor off with one of its codes, or a recovery code. Other sessions end.
    DisableTotp {
        /// Six digits, or a recovery code.
        code: String,
    }
}
operation!(DisableTotp => (), "auth.disable_totp", Post "/auth/totp/disable", Session, 204,
    "Switches the second factor off with one of its codes or a recovery code; other sessions end.");

impl Mutation for DisableTotp {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let found = asking(view.actor.user_id(), |id| users::get(&view.read, id))?;
        refuse_disabled(&found)?;
        need_password(&found, self.password.as_ref())?;
        self.prove(view)
    }

    fn act(&mut self, cx: &Context) -> Result<()> {
        self.check(cx)
    }

    fn run(mut self, tx: &Tx<'_>, cx: &Context) -> Result<()> {
        self.settle(tx, cx)?;
        let found = asking(tx.actor().user_id(), |id| users::get(tx, id))?;
        refuse_disabled(&found)?;
        check_code_rate(tx, cx, &found)?;
        // Six digits are a code; whatever else is given may be a recovery code.
        let digits = self.code.chars().filter(|c| !c.is_whitespace()).all(|c| c.is_ascii_digit());
        let right = match digits {
            true => spend_code(tx, cx, &found, &self.code)?,
            false => spend_recovery_code(tx, cx, &found, &self.code)
                .map(|left| left.is_some())
                .map_err(|e| e.under("code"))?,
        };
        if !right {
            return Err(wrong_code(tx, cx, &found, "totp_login_failed")?);
        }
        users::disable_totp(tx, found.user.id)?;
        let ended = sessions::end_all(tx, found.user.id, tx.actor().session().map(|s| s.id))?;
        audit::auth(tx, &event("totp_disabled", &found, json!({"ended_sessions": ended})))
    }
}

proven! {
    /// Makes ten new recovery codes; the old ones are good for nothing more.
    NewRecoveryCodes {}
}
operation!(NewRecoveryCodes => ShownCodes, "auth.new_recovery_codes", Post "/auth/totp/recovery-codes", Session, 200,
    "Makes ten new recovery codes and shows them this once; the old ones are good for nothing more.");

/// Recovery codes, shown this once.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ShownCodes {
    /// Ten codes, each good once.
    #[schemars(with = "Vec<String>")]
    pub codes: Reveal<Vec<String>>,
}

impl Mutation for NewRecoveryCodes {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let found = asking(view.actor.user_id(), |id| users::get(&view.read, id))?;
        refuse_disabled(&found)?;
        need_password(&found, self.password.as_ref())?;
        self.prove(view)
    }

    fn act(&mut self, cx: &Context) -> Result<()> {
        self.check(cx)
    }

    fn run(mut self, tx: &Tx<'_>, cx: &Context) -> Result<ShownCodes> {
        self.settle(tx, cx)?;
        let found = asking(tx.actor().user_id(), |id| users::get(tx, id))?;
        refuse_disabled(&found)?;
        let (codes, shown) = RecoveryCodes::generate();
        let old = found.recovery_codes.as_deref().unwrap_or_default();
        if !users::swap_recovery_codes(tx, found.user.id, old, &codes.seal(&cx.key))? {
            return Err(Error::internal("recovery codes changed inside one transaction"));
        }
        audit::auth(tx, &event("recovery_codes_regenerated", &found, json!({})))?;
        Ok(ShownCodes { codes: Reveal::new(shown) })
    }
}
