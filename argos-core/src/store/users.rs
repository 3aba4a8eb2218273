//! `users`.

use rusqlite::{Row, named_params};

use super::columns::{json, moment, parsed, time};
use super::span::Span;
use super::tx::{Read, Tx};
use super::{host_access, sessions, tokens};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::schema::{Person, Provider, Role, User, UserId, Username};

/// A user with what is never shown.
#[derive(Clone)]
pub struct Stored {
    /// What is shown.
    pub user: User,
    /// PHC string of Argon2, or bcrypt from elsewhere.
    pub password_hash: Option<String>,
    /// Envelope of the shared secret; pending while `totp_enabled` is off.
    pub totp_secret: Option<String>,
    /// Envelope of the recovery codes.
    pub recovery_codes: Option<String>,
    /// When the second factor was switched on.
    pub totp_enabled_at: Option<Timestamp>,
    /// The last step whose code was taken.
    pub totp_last_step: i64,
    /// The identity at the identity provider.
    pub external_id: Option<String>,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Stored {
    /// Who is signed in as this user.
    #[must_use]
    pub fn person(&self) -> Person {
        let User { id, username, email, display_name, role, provider, oidc_groups, .. } = self.user.clone();
        Person { id, username, email, display_name, role, provider, groups: oidc_groups }
    }
}

/// A user to be made.
#[derive(Clone, Debug)]
pub struct NewUser<'a> {
    /// The name to sign in with.
    pub username: &'a Username,
    /// PHC string; none = no sign-in by password.
    pub password_hash: Option<&'a str>,
    /// Address of mail.
    pub email: Option<&'a str>,
    /// Name as others read it.
    pub display_name: Option<&'a str>,
    /// What they may do.
    pub role: Role,
    /// Whether they can sign in.
    pub enabled: bool,
    /// The identity at the identity provider that they are made for.
    pub external_id: Option<&'a str>,
    /// Groups there.
    pub groups: &'a [String],
}

const SELECT: &str = "SELECT id, username, password_hash, email, display_name, external_provider, external_id,
    created_via, totp_secret_encrypted, totp_recovery_codes_encrypted, totp_enabled, totp_enabled_at, last_login,
    created_at, updated_at, role, enabled, totp_last_step, oidc_groups, password_changed_at FROM users";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let password_hash: Option<String> = row.get("password_hash")?;
    Ok(Stored {
        user: User {
            id: UserId(row.get("id")?),
            username: row.get("username")?,
            email: row.get("email")?,
            display_name: row.get("display_name")?,
            role: parsed(row, "role", Role::parse)?,
            enabled: row.get("enabled")?,
            provider: sessions::provider(row)?,
            created_via: parsed(row, "created_via", Provider::parse)?,
            has_password: password_hash.is_some(),
            totp_enabled: row.get("totp_enabled")?,
            oidc_groups: json(row, "oidc_groups")?,
            last_login: moment(row, "last_login")?,
            password_changed_at: moment(row, "password_changed_at")?,
            created_at: time(row, "created_at")?,
            updated_at: time(row, "updated_at")?,
        },
        password_hash,
        totp_secret: row.get("totp_secret_encrypted")?,
        recovery_codes: row.get("totp_recovery_codes_encrypted")?,
        totp_enabled_at: moment(row, "totp_enabled_at")?,
        totp_last_step: row.get("totp_last_step")?,
        external_id: row.get("external_id")?,
    })
}

/// Whether any administrator exists.
///
/// # Errors
/// Those of the database.
pub fn admin_exists(read: &Read<'_>) -> Result<bool> {
    Ok(read.one("SELECT 1 FROM users WHERE role = 'admin' LIMIT 1", [], |_| Ok(()))?.is_some())
}

/// Users by id; with `username` only the one of that name.
///
/// # Errors
/// Those of the database.
pub fn list(read: &Read<'_>, username: Option<&str>, span: Span) -> Result<Vec<Stored>> {
    let sql = format!("{SELECT} WHERE (:name IS NULL OR username = :name) AND {}", span.sql("id"));
    read.all(&sql, named_params! { ":name": username, ":after": span.after, ":limit": span.limit }, from_row)
}

/// The user of that id.
///
/// # Errors
/// Those of the database.
pub fn find(read: &Read<'_>, id: UserId) -> Result<Option<Stored>> {
    read.one(&format!("{SELECT} WHERE id = :id"), named_params! { ":id": id.0 }, from_row)
}

/// One user.
///
/// # Errors
/// `user.not_found`.
pub fn get(read: &Read<'_>, id: UserId) -> Result<Stored> {
    find(read, id)?.ok_or_else(|| Error::not_found("user.not_found", format!("user {id}")))
}

/// The user of that name.
///
/// # Errors
/// Those of the database.
pub fn by_name(read: &Read<'_>, username: &Username) -> Result<Option<Stored>> {
    let sql = format!("{SELECT} WHERE username = :name");
    read.one(&sql, named_params! { ":name": username.as_str() }, from_row)
}

/// The user that an identity at the identity provider is attached to.
///
/// # Errors
/// Those of the database.
pub fn by_identity(read: &Read<'_>, subject: &str) -> Result<Option<Stored>> {
    let sql = format!("{SELECT} WHERE external_provider = 'oidc' AND external_id = :subject");
    read.one(&sql, named_params! { ":subject": subject }, from_row)
}

/// Makes a user.
///
/// # Errors
/// `user.username_taken`, `user.identity_taken`.
pub fn insert(tx: &Tx<'_>, new: &NewUser<'_>) -> Result<UserId> {
    refuse_taken(tx, new.username, None)?;
    if let Some(subject) = new.external_id {
        refuse_taken_identity(tx, subject)?;
    }
    let via = if new.external_id.is_some() { Provider::Oidc } else { Provider::Local };
    tx.execute(
        "INSERT INTO users (username, password_hash, email, display_name, external_provider, external_id, created_via,
            role, enabled, oidc_groups, password_changed_at, created_at, updated_at)
         VALUES (:username, :hash, :email, :display_name, :provider, :subject, :via, :role, :enabled, :groups,
            :changed, :now, :now)",
        named_params! {
            ":username": new.username.as_str(), ":hash": new.password_hash, ":email": new.email,
            ":display_name": new.display_name, ":provider": new.external_id.map(|_| Provider::Oidc.as_str()),
            ":subject": new.external_id, ":via": via.as_str(), ":role": new.role.as_str(), ":enabled": new.enabled,
            ":groups": serde_json::json!(new.groups).to_string(),
            ":changed": new.password_hash.map(|_| tx.now().0), ":now": tx.now().0,
        },
    )?;
    Ok(UserId(tx.last_id()))
}

fn refuse_taken(read: &Read<'_>, username: &Username, own: Option<UserId>) -> Result<()> {
    match by_name(read, username)? {
        Some(other) if own != Some(other.user.id) => {
            let reason = format!(
                "username {username:?} is already used by user {}",
                other.user.id,
                username = username.as_str()
            );
            Err(Error::conflict("user.username_taken", "username", reason))
        }
        _ => Ok(()),
    }
}

fn refuse_taken_identity(read: &Read<'_>, subject: &str) -> Result<()> {
    match by_identity(read, subject)? {
        Some(other) => {
            let reason = format!("this identity is attached to user {}", other.user.id);
            Err(Error::conflict("user.identity_taken", "external_id", reason))
        }
        None => Ok(()),
    }
}

/// Writes what administrators may change.
///
/// # Errors
/// `user.username_taken`.
pub fn update(tx: &Tx<'_>, user: &User) -> Result<()> {
    let username = Username::parse(&user.username)?;
    refuse_taken(tx, &username, Some(user.id))?;
    one(
        tx,
        user.id,
        tx.execute(
            "UPDATE users SET username = :username, email = :email, display_name = :display_name, role = :role,
            enabled = :enabled, updated_at = :now WHERE id = :id",
            named_params! {
                ":username": username.as_str(), ":email": user.email, ":display_name": user.display_name,
                ":role": user.role.as_str(), ":enabled": user.enabled, ":now": tx.now().0, ":id": user.id.0,
            },
        )?,
    )
}

/// Writes what the identity provider says of a person.
///
/// # Errors
/// Those of the database.
pub fn refresh(
    tx: &Tx<'_>,
    id: UserId,
    email: Option<&str>,
    display_name: Option<&str>,
    groups: &[String],
    role: Role,
) -> Result<()> {
    one(
        tx,
        id,
        tx.execute(
            "UPDATE users SET email = :email, display_name = :display_name, oidc_groups = :groups, role = :role,
            updated_at = :now WHERE id = :id",
            named_params! {
                ":email": email, ":display_name": display_name, ":groups": serde_json::json!(groups).to_string(),
                ":role": role.as_str(), ":now": tx.now().0, ":id": id.0,
            },
        )?,
    )
}

/// Attaches an identity at the identity provider, or takes it off.
///
/// # Errors
/// `user.identity_taken`.
pub fn bind(tx: &Tx<'_>, id: UserId, subject: Option<&str>) -> Result<()> {
    if let Some(subject) = subject {
        refuse_taken_identity(tx, subject)?;
    }
    one(tx, id, tx.execute(
        "UPDATE users SET external_provider = :provider, external_id = :subject, updated_at = :now WHERE id = :id",
        named_params! {
            ":provider": subject.map(|_| Provider::Oidc.as_str()), ":subject": subject, ":now": tx.now().0, ":id": id.0,
        },
    )?)
}

/// Sets a password.
///
/// # Errors
/// Those of the database.
pub fn set_password(tx: &Tx<'_>, id: UserId, hash: &str) -> Result<()> {
    one(
        tx,
        id,
        tx.execute(
            "UPDATE users SET password_hash = :hash, password_changed_at = :now, updated_at = :now WHERE id = :id",
            named_params! { ":hash": hash, ":now": tx.now().0, ":id": id.0 },
        )?,
    )
}

/// Stores the same password in another form.
///
/// # Errors
/// Those of the database.
pub fn rehash(tx: &Tx<'_>, id: UserId, hash: &str) -> Result<()> {
    let sql = "UPDATE users SET password_hash = :hash WHERE id = :id";
    tx.execute(sql, named_params! { ":hash": hash, ":id": id.0 }).map(drop)
}

/// The stored form of some password, always the same for a number while nobody comes or goes; none where nobody has one.
///
/// # Errors
/// Those of the database.
pub fn some_hash(read: &Read<'_>, number: u64) -> Result<Option<String>> {
    let count = "SELECT COUNT(*) FROM users WHERE password_hash IS NOT NULL";
    let count = read.one(count, [], |r| r.get::<_, u32>(0))?.unwrap_or(0);
    if count == 0 {
        return Ok(None);
    }
    let at = number % u64::from(count);
    let sql = "SELECT password_hash FROM users WHERE password_hash IS NOT NULL ORDER BY id LIMIT 1 OFFSET :at";
    read.one(sql, named_params! { ":at": i64::try_from(at).unwrap_or(0) }, |r| r.get(0))
}

/// Notes a sign-in.
///
/// # Errors
/// Those of the database.
pub fn note_login(tx: &Tx<'_>, id: UserId) -> Result<()> {
    let sql = "UPDATE users SET last_login = :now WHERE id = :id";
    tx.execute(sql, named_params! { ":now": tx.now().0, ":id": id.0 }).map(drop)
}

/// Stores a second factor that waits for its first code; both values are envelopes.
///
/// # Errors
/// Those of the database.
pub fn set_totp_pending(tx: &Tx<'_>, id: UserId, secret: &str, codes: &str) -> Result<()> {
    one(tx, id, tx.execute(
        "UPDATE users SET totp_secret_encrypted = :secret, totp_recovery_codes_encrypted = :codes, totp_enabled = 0,
            totp_enabled_at = NULL, totp_last_step = 0, updated_at = :now WHERE id = :id",
        named_params! { ":secret": secret, ":codes": codes, ":now": tx.now().0, ":id": id.0 },
    )?)
}

/// Switches a second factor on.
///
/// # Errors
/// Those of the database.
pub fn enable_totp(tx: &Tx<'_>, id: UserId) -> Result<()> {
    one(
        tx,
        id,
        tx.execute(
            "UPDATE users SET totp_enabled = 1, totp_enabled_at = :now, updated_at = :now WHERE id = :id",
            named_params! { ":now": tx.now().0, ":id": id.0 },
        )?,
    )
}

/// Switches a second factor off and forgets it.
///
/// # Errors
/// Those of the database.
pub fn disable_totp(tx: &Tx<'_>, id: UserId) -> Result<()> {
    one(
        tx,
        id,
        tx.execute(
            "UPDATE users SET totp_secret_encrypted = NULL, totp_recovery_codes_encrypted = NULL, totp_enabled = 0,
            totp_enabled_at = NULL, totp_last_step = 0, updated_at = :now WHERE id = :id",
            named_params! { ":now": tx.now().0, ":id": id.0 },
        )?,
    )
}

/// Takes the code of a step, if neither it nor a later one was taken; whether it was.
///
/// # Errors
/// Those of the database.
pub fn spend_step(tx: &Tx<'_>, id: UserId, step: i64) -> Result<bool> {
    let sql = "UPDATE users SET totp_last_step = :step WHERE id = :id AND totp_last_step < :step";
    Ok(tx.execute(sql, named_params! { ":step": step, ":id": id.0 })? == 1)
}

/// Stores other recovery codes where `old` still is what is stored; whether it was. All are envelopes.
///
/// # Errors
/// Those of the database.
pub fn swap_recovery_codes(tx: &Tx<'_>, id: UserId, old: &str, new: &str) -> Result<bool> {
    let sql = "UPDATE users SET totp_recovery_codes_encrypted = :new, updated_at = :now
        WHERE id = :id AND totp_recovery_codes_encrypted = :old";
    let params = named_params! { ":new": new, ":old": old, ":now": tx.now().0, ":id": id.0 };
    Ok(tx.execute(sql, params)? == 1)
}

/// Deletes a user: sessions and the entries of hosts' lists go too, tokens end, what they did stays.
///
/// # Errors
/// Those of the database.
pub fn delete(tx: &Tx<'_>, id: UserId) -> Result<()> {
    tokens::revoke_above(tx, id, None)?;
    host_access::forget_user(tx, id)?;
    tx.people_changed();
    one(tx, id, tx.execute("DELETE FROM users WHERE id = :id", named_params! { ":id": id.0 })?)
}

/// Whether somebody else than `but` can sign in by a password and is an administrator.
///
/// # Errors
/// Those of the database.
pub fn other_admin(read: &Read<'_>, but: UserId) -> Result<bool> {
    let sql =
        "SELECT 1 FROM users WHERE role = 'admin' AND enabled = 1 AND password_hash IS NOT NULL AND id <> :id LIMIT 1";
    Ok(read.one(sql, named_params! { ":id": but.0 }, |_| Ok(()))?.is_some())
}

fn one(tx: &Tx<'_>, id: UserId, rows: usize) -> Result<()> {
    tx.people_changed();
    match rows {
        1 => Ok(()),
        _ => Err(Error::internal(format!("users {id}: {rows} rows written where 1 was meant"))),
    }
}
