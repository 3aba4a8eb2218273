//! A provider of OpenID Connect on 127.0.0.1 that does what it is told, good or bad.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use argos_core::clock::Clock;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

/// How an ID token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    /// By the provider's key.
    Good,
    /// Not at all.
    None,
    /// As if the public key were a shared one.
    Confused,
    /// By a key that nobody published.
    Stranger,
}

/// What an endpoint does instead of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Takes the connection and says nothing.
    Silent,
    /// Answers without an end.
    Endless,
    /// Announces more than anybody wants.
    Huge,
    /// Sends elsewhere.
    Redirect,
    /// Fails.
    Broken,
    /// Answers what is no JSON.
    Page,
}

type Change = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// What the provider does.
pub struct Ways {
    /// Changes its document.
    pub document: Change,
    /// Changes what ID tokens say.
    pub claims: Change,
    /// Changes their headers.
    pub head: Change,
    pub signing: Signing,
    /// The name of its one key; another name is another key.
    pub key: String,
    /// What it tells at the userinfo endpoint; none = it has none.
    pub userinfo: Option<Value>,
    pub moods: HashMap<&'static str, Mood>,
    /// Whether it looks at the proof of PKCE, and takes codes once.
    pub careful: bool,
    /// Codes that were given: nonce, challenge.
    codes: HashMap<String, (String, String)>,
    next: u32,
    /// Requests: path, head, body.
    pub asked: Vec<(String, String, String)>,
    /// Connections that are kept open without a word.
    held: Vec<TcpStream>,
}

/// The running provider. Its thread ends with the process.
#[derive(Clone)]
pub struct Idp {
    pub address: SocketAddr,
    clock: Clock,
    ways: Arc<Mutex<Ways>>,
}

impl Idp {
    pub fn start(clock: &Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let unchanged: Change = Arc::new(|_| ());
        let ways = Ways {
            document: unchanged.clone(),
            claims: unchanged.clone(),
            head: unchanged,
            signing: Signing::Good,
            key: "first".into(),
            userinfo: None,
            moods: HashMap::new(),
            careful: true,
            codes: HashMap::new(),
            next: 0,
            asked: Vec::new(),
            held: Vec::new(),
        };
        let address = listener.local_addr().unwrap();
        let idp = Self { address, clock: clock.clone(), ways: Arc::new(Mutex::new(ways)) };
        let own = idp.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let idp = own.clone();
                std::thread::spawn(move || idp.serve(stream));
            }
        });
        idp
    }

    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn ways(&self) -> MutexGuard<'_, Ways> {
        self.ways.lock().unwrap()
    }

    /// Has ID tokens say something else.
    pub fn claims(&self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.ways().claims = Arc::new(change);
    }

    pub fn document(&self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.ways().document = Arc::new(change);
    }

    /// How often a path was asked.
    pub fn count(&self, path: &str) -> usize {
        self.ways().asked.iter().filter(|(asked, ..)| asked == path).count()
    }

    /// The person at the browser signs in: the code for a sign-in that `url` begins.
    pub fn sign_in(&self, url: &str) -> String {
        let url = Url::parse(url).unwrap();
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        let fixed = [("response_type", "code"), ("code_challenge_method", "S256"), ("client_id", "argos")];
        for (name, value) in fixed {
            assert_eq!(query[name], value, "{url}");
        }
        let mut ways = self.ways();
        ways.next += 1;
        let code = format!("code-{}", ways.next);
        ways.codes.insert(code.clone(), (query["nonce"].clone(), query["code_challenge"].clone()));
        code
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut head = String::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let lower = head.to_ascii_lowercase();
        let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        let mood = {
            let mut ways = self.ways();
            ways.asked.push((path.clone(), head.clone(), body.clone()));
            ways.moods.get(&*path).copied()
        };
        let (status, kind, text) = match mood {
            Some(Mood::Silent) => {
                self.ways().held.push(stream);
                return;
            }
            Some(Mood::Endless) => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{");
                while stream.write_all(&[b' '; 65_536]).is_ok() {}
                return;
            }
            Some(Mood::Huge) => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n");
                self.ways().held.push(stream);
                return;
            }
            Some(Mood::Redirect) => (302, "location: http://127.0.0.1:1/elsewhere", "{}".into()),
            Some(Mood::Broken) => (500, "content-type: application/json", r#"{"error":"broken"}"#.into()),
            Some(Mood::Page) => (200, "content-type: text/html", "<html>".into()),
            None => {
                let (status, value) = self.answer(&path, &head, &body);
                (status, "content-type: application/json", value.to_string())
            }
        };
        let length = text.len();
        let _ = write!(
            stream,
            "HTTP/1.1 {status} x\r\n{kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
        );
    }

    fn answer(&self, path: &str, head: &str, body: &str) -> (u16, Value) {
        let issuer = self.issuer();
        let mut ways = self.ways();
        match path {
            "/.well-known/openid-configuration" => {
                let mut document = json!({
                    "issuer": issuer, "authorization_endpoint": format!("{issuer}/auth"),
                    "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
                    "end_session_endpoint": format!("{issuer}/end"),
                });
                if ways.userinfo.is_some() {
                    document["userinfo_endpoint"] = json!(format!("{issuer}/me"));
                }
                (ways.document)(&mut document);
                (200, document)
            }
            "/keys" => (200, json!({ "keys": [public(&ways.key)] })),
            "/token" => {
                let form: HashMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
                let known = match ways.careful {
                    true => ways.codes.remove(&form["code"]),
                    false => ways.codes.get(&form["code"]).cloned(),
                };
                let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
                let Some((nonce, _)) = known.filter(|(_, challenge)| !ways.careful || *challenge == proof) else {
                    return (400, json!({"error": "invalid_grant", "error_description": "bad\r\ncode"}));
                };
                let now = self.clock.now().millis() / 1000;
                let mut claims = json!({
                    "iss": issuer, "aud": "argos", "sub": "sub-of-ann", "nonce": nonce, "exp": now + 300, "iat": now,
                    "email": "ann@shop.example", "email_verified": true, "preferred_username": "ann", "groups": [],
                });
                (ways.claims)(&mut claims);
                let token = sign(&ways, &claims);
                (200, json!({"access_token": "access-word", "token_type": "Bearer", "id_token": token}))
            }
            "/me" if head.to_ascii_lowercase().contains("authorization: bearer access-word") => {
                (200, ways.userinfo.clone().unwrap_or_default())
            }
            _ => (404, json!({})),
        }
    }
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn sign(ways: &Ways, claims: &Value) -> String {
    let mut head = json!({"alg": "RS256", "kid": ways.key});
    if ways.signing != Signing::Good {
        head["alg"] = json!(match ways.signing {
            Signing::None => "none",
            Signing::Confused => "HS256",
            _ => "RS256",
        });
    }
    (ways.head)(&mut head);
    let message = format!("{}.{}", part(&head), part(claims));
    let (key, algorithm) = match ways.signing {
        Signing::None => return format!("{message}."),
        Signing::Good => (key(&ways.key), Algorithm::RS256),
        Signing::Stranger => (key("stranger"), Algorithm::RS256),
        Signing::Confused => {
            let public = public(&ways.key);
            let modulus = URL_SAFE_NO_PAD.decode(public["n"].as_str().unwrap()).unwrap();
            (EncodingKey::from_secret(&modulus), Algorithm::HS256)
        }
    };
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// The key of that name; the same in all tests of a process, since making one takes a while.
fn key(name: &str) -> EncodingKey {
    static KEYS: LazyLock<Mutex<HashMap<String, EncodingKey>>> = LazyLock::new(Mutex::default);
    let mut keys = KEYS.lock().unwrap();
    let make = || {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        // The signer wants the key itself (PKCS #1), which stands behind 26 bytes about what it is (PKCS #8).
        EncodingKey::from_rsa_der(&pair.serialize_der()[26..])
    };
    keys.entry(name.to_owned()).or_insert_with(make).clone()
}

fn public(name: &str) -> Value {
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key(name), Algorithm::RS256).unwrap()).unwrap();
    jwk["kid"] = json!(name);
    jwk
}
