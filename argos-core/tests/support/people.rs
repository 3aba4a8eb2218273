//! People who sign in to an Argos whose clock the test moves.

use argos_core::api::{ActivateTotp, CreateUser, SearchLogs, SetUpTotp, SignIn, SignedIn, VerifyTotp};
use argos_core::clock::{Clock, Timestamp};
use argos_core::error::Error;
use argos_core::schema::{Actor, CookieName, Cookies, LogEntry, Role, UserId};
use argos_core::secret::Secret;
use argos_core::store::Origin;
use argos_core::{Applied, Argos, Options};
use serde_json::Value;

use super::Folder;

/// The moment at which the clock stands at first.
pub const NOW: i64 = 1_800_000_000_000;
pub const SECOND: i64 = 1000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
/// A password that is accepted.
pub const PASSWORD: &str = "sturdy-lantern-47";

pub struct People {
    pub argos: Argos,
    pub clock: Clock,
    pub folder: Folder,
}

impl People {
    /// An Argos with the administrator `ada`.
    pub fn new() -> Self {
        let folder = Folder::new();
        let clock = Clock::manual(Timestamp(NOW));
        let argos = open(&folder, &clock);
        let people = Self { argos, clock, folder };
        people.add("ada", Role::Admin);
        people
    }

    pub fn add(&self, name: &str, role: Role) -> UserId {
        self.argos.users().create(CreateUser::new(name, role, Some(PASSWORD))).unwrap().value.id
    }

    /// The same folder, opened anew.
    pub fn reopened(self) -> Self {
        let Self { argos, clock, folder } = self;
        drop(argos);
        let argos = open(&folder, &clock);
        Self { argos, clock, folder }
    }

    pub fn pass(&self, ms: i64) {
        self.clock.set(Timestamp(self.clock.now().0 + ms));
    }

    /// Argos as somebody from `ip` sees it who is not signed in.
    pub fn from(&self, ip: &str) -> Argos {
        self.argos.acting(Actor::Anonymous, origin(ip))
    }

    pub fn try_login(&self, name: &str, password: &str, ip: &str) -> Result<Applied<SignedIn>, Error> {
        self.from(ip).auth().login(SignIn::new(name, password.to_owned()))
    }

    /// The token of a new session of `name`.
    pub fn login(&self, name: &str) -> String {
        token(&self.try_login(name, PASSWORD, "192.0.2.1").unwrap())
    }

    /// Argos as the holder of a session sees it.
    pub fn with(&self, token: &str) -> Option<Argos> {
        let token: Secret<String> = token.to_owned().into();
        self.argos.with_session(&[token], &origin("192.0.2.1")).unwrap()
    }

    /// Gives `name` a second factor: its secret and recovery codes.
    pub fn add_totp(&self, name: &str) -> (String, Vec<String>) {
        let argos = self.with(&self.login(name)).unwrap();
        let new = argos.auth().set_up_totp(SetUpTotp::proven_by(None)).unwrap().value;
        let code = self.code(new.secret.show());
        argos.auth().activate_totp(ActivateTotp::proven_by(None, code)).unwrap();
        // The code of the next step is another one.
        self.pass(30 * SECOND);
        (new.secret.show().clone(), new.recovery_codes.show().clone())
    }

    /// The code of now.
    pub fn code(&self, secret: &str) -> String {
        let key = totp_rs::Secret::try_from_base32(secret).unwrap();
        let totp = totp_rs::Builder::new().with_secret(key).build().unwrap();
        let at = u64::try_from(self.clock.now().0 / 1000).unwrap();
        totp.generate(at).to_string()
    }

    /// Begins a sign-in that asks for a second factor: the challenge, and Argos as that browser sees it.
    pub fn challenge(&self, name: &str, ip: &str) -> (String, Argos) {
        let applied = self.try_login(name, PASSWORD, ip).unwrap();
        assert!(applied.value.requires_totp && applied.value.user.is_none());
        let browser = Origin {
            cookies: Cookies {
                challenges: cookie(&applied, CookieName::Challenge).into_iter().collect(),
                ..Cookies::default()
            },
            ..origin(ip)
        };
        let id = applied.value.challenge_id.unwrap().show().clone();
        (id, self.argos.acting(Actor::Anonymous, browser))
    }

    /// The newest audit rows of these actions, the last one first.
    pub fn audit(&self, actions: &str) -> Vec<LogEntry> {
        let search = SearchLogs {
            source: Some("audit".into()),
            action: Some(actions.into()),
            limit: Some(1000),
            ..SearchLogs::default()
        };
        self.argos.logs().search(search).unwrap().items
    }

    pub fn count(&self, action: &str) -> usize {
        self.audit(action).len()
    }
}

fn open(folder: &Folder, clock: &Clock) -> Argos {
    let options = Options { clock: clock.clone(), crs: Some("baseline".into()), ..Options::new(folder.path()) };
    Argos::open(options).unwrap()
}

/// A call from `ip`.
pub fn origin(ip: &str) -> Origin {
    Origin { source_ip: ip.into(), user_agent: "a browser".into(), request_id: "r-1".into(), ..Origin::default() }
}

/// A cookie that the caller's browser shall keep.
pub fn cookie<T>(applied: &Applied<T>, name: CookieName) -> Option<Secret<String>> {
    applied.cookies.iter().find(|cookie| cookie.name == name)?.value.clone()
}

/// The token of the session that was begun.
pub fn token(applied: &Applied<SignedIn>) -> String {
    cookie(applied, CookieName::Session).unwrap().expose().clone()
}

/// What a row holds beside its columns.
pub fn raw(row: &LogEntry) -> Value {
    serde_json::from_str(&row.raw).unwrap()
}

/// Gives a code to a challenge.
pub fn verify(browser: &Argos, id: &str, code: &str) -> Result<Applied<SignedIn>, Error> {
    browser.auth().verify_totp(VerifyTotp { challenge_id: id.into(), code: code.into() })
}
