//! Mail, handed to a server for submission (RFC 6409).
//!
//! ```text
//! text ──▶ message ──▶ address, checked as every call outside ──▶ encryption ──▶ sign-in ──▶ recipients ──▶ message
//! ```

mod plain;
mod way;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::{Address, Message};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use way::Way;

use super::{Outcome, Parcel, Terms};
use crate::clock::{Timestamp, random};
use crate::notify::config::Email;
use crate::outbound::{Reach, system_trust};
use crate::schema::{Hostname, SmtpAuth, SmtpTls};

/// Bytes that a server may say, with its certificates.
const MOST: usize = 1 << 20;
/// Time for a farewell, behind which nothing depends on the server.
const FAREWELL: Duration = Duration::from_secs(2);
/// Bytes of a server's own words that are told.
const MOST_WORDS: usize = 300;

/// Bounds of mail.
#[derive(Clone, Debug)]
pub struct MailTerms {
    /// Time to a connection.
    pub connect: Duration,
    /// Time of all of it.
    pub whole: Duration,
    /// Authorities that may vouch for servers beside those that the system trusts.
    pub trusted: Vec<CertificateDer<'static>>,
}

impl Default for MailTerms {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), whole: Duration::from_secs(30), trusted: Vec::new() }
    }
}

pub(super) async fn send(to: &Email, terms: &Terms, mail: &MailTerms, parcel: &Parcel<'_>) -> Outcome {
    let message = match message(to, terms.clock.now(), parcel) {
        Ok(message) => message,
        Err(error) => return Outcome::Refused { error },
    };
    let host = host(&to.smtp_host);
    let server = Server { to, mail, name: format!("{}:{}", to.smtp_host, to.smtp_port), host };
    let late = || server.failed(&format!("does not take the mail within {} s", mail.whole.as_secs_f64()));
    match timeout(mail.whole, server.hand_over(&terms.reach, &message)).await {
        Ok(Ok((connection, outcome))) => {
            // It has the mail. Whether it also says goodbye changes nothing.
            let _ = timeout(FAREWELL, farewell(connection)).await;
            outcome
        }
        Ok(Err(outcome)) => outcome,
        Err(_) => late(),
    }
}

async fn farewell(mut connection: AsyncSmtpConnection) {
    let _ = connection.quit().await;
}

/// The message, or why there is none.
fn message(to: &Email, now: Timestamp, parcel: &Parcel<'_>) -> Result<Message, String> {
    let subject = parcel.text.subject.as_deref().unwrap_or(parcel.event_type);
    // What ends a line of the head could begin another one.
    if subject.contains(char::is_control) {
        return Err("the subject holds a line break or another control character".into());
    }
    let from = mailbox("config.from", &to.from)?;
    let domain = Some(from.email.domain()).filter(|domain| domain.is_ascii()).unwrap_or("argos.invalid");
    let key: String = parcel.idempotency_key.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let mut head = Message::builder()
        .message_id(Some(format!("<{key}@{domain}>")))
        .date(SystemTime::UNIX_EPOCH + Duration::from_millis(now.millis().try_into().unwrap_or(0)))
        .from(from)
        .subject(subject)
        // So that no machine answers, such as that of somebody on holiday. Source: RFC 3834 §5.
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into()));
    for (at, address) in to.to.iter().enumerate() {
        head = head.to(mailbox(&format!("config.to[{at}]"), address)?);
    }
    let body = &parcel.text.body;
    let boundary = hex::encode(random::<16>());
    let parts = if body.to_ascii_lowercase().contains("<html") {
        let alternatives = MultiPart::alternative().boundary(boundary);
        alternatives.singlepart(SinglePart::plain(plain::text_of(body))).singlepart(SinglePart::html(body.clone()))
    } else {
        MultiPart::mixed().boundary(boundary).singlepart(SinglePart::plain(body.clone()))
    };
    head.multipart(parts).map_err(|e| format!("the mail can't be written: {e}"))
}

fn mailbox(field: &str, text: &str) -> Result<Mailbox, String> {
    if text.contains(char::is_control) {
        return Err(format!("{field} holds a line break or another control character"));
    }
    text.parse().map_err(|e| format!("{field} is no address of mail: {e}"))
}

/// The server that mail is handed to.
struct Server<'a> {
    to: &'a Email,
    mail: &'a MailTerms,
    /// What it is called in errors.
    name: String,
    /// What is looked up, and what its certificate must hold.
    host: String,
}

/// What was said so far, and to whom.
type Connected = (AsyncSmtpConnection, Outcome);

impl Server<'_> {
    async fn hand_over(&self, reach: &Reach, message: &Message) -> Result<Connected, Outcome> {
        let to = self.to;
        // Mail servers often lie in the network of one's own, and the channel's maker named this one.
        let reach = Reach { private: true, own: reach.own.clone() };
        let found = reach.addresses(&self.host, to.smtp_port).await.map_err(|fault| match fault.may_pass() {
            true => Outcome::Failed { error: fault.to_string(), after: None },
            false => Outcome::Refused { error: fault.to_string() },
        })?;
        let signs_in = to.auth != SmtpAuth::None && !to.username.is_empty();
        if signs_in && to.tls == SmtpTls::None && found.iter().any(|at| !at.ip().to_canonical().is_loopback()) {
            let text = "gets no credentials: without encryption they are sent to this machine only; \
                        set config.tls to starttls or implicit";
            return Err(self.refused(text));
        }
        let mut connection = self.connect(&found).await?;
        if to.tls == SmtpTls::Starttls {
            if !connection.can_starttls() {
                return Err(
                    self.refused("does not offer STARTTLS; set config.tls to implicit, if it has a port for that")
                );
            }
            let tls = self.starttls().map_err(|e| self.refused(&format!("can't be called: {}", self.words(&e))))?;
            connection.starttls(tls, &ClientId::default()).await.map_err(|e| self.fault("STARTTLS", &e))?;
        }
        if signs_in {
            self.sign_in(&mut connection).await?;
        }
        let outcome = self.submit(&mut connection, message).await?;
        Ok((connection, outcome))
    }

    /// A connection to the first address that takes one; to no other than those that were checked.
    async fn connect(&self, found: &[SocketAddr]) -> Result<AsyncSmtpConnection, Outcome> {
        let connect = async {
            let mut last = None;
            for at in found {
                match TcpStream::connect(at).await {
                    Ok(stream) => return Ok((stream, *at)),
                    Err(e) => last = Some(e),
                }
            }
            Err(last.map_or_else(|| "has no address".into(), |e| format!("can't be reached: {e}")))
        };
        let late = |_| self.failed(&format!("takes no connection within {} s", self.mail.connect.as_secs_f64()));
        let (stream, at) = timeout(self.mail.connect, connect).await.map_err(late)?.map_err(|why| self.failed(&why))?;
        let stream: Box<dyn AsyncTokioStream> = match self.to.tls {
            SmtpTls::Implicit => {
                let config = self.tls().map_err(|why| self.refused(&format!("can't be called: {why}")))?;
                let name = ServerName::try_from(self.host.clone());
                let name = name.map_err(|_| self.refused("has no name that a certificate could hold"))?;
                let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
                Box::new(Way::new(stream.map_err(|e| self.failed(&format!("TLS: {e}")))?, at, MOST))
            }
            SmtpTls::Starttls | SmtpTls::None => Box::new(Way::new(stream, at, MOST)),
        };
        let greeted = AsyncSmtpConnection::connect_with_transport(stream, &ClientId::default()).await;
        greeted.map_err(|e| self.fault("the greeting", &e))
    }

    /// Encryption from the first byte.
    fn tls(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let trust = match &self.mail.trusted[..] {
            [] => system_trust(provider.clone())?,
            more => {
                Arc::new(Verifier::new_with_extra_roots(more.to_vec(), provider.clone()).map_err(|e| e.to_string())?)
            }
        };
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|e| e.to_string())?.dangerous().with_custom_certificate_verifier(trust);
        Ok(config.with_no_client_auth())
    }

    /// Encryption from `STARTTLS` on.
    fn starttls(&self) -> Result<TlsParameters, SmtpError> {
        let mut tls = TlsParameters::builder(self.host.clone());
        for authority in &self.mail.trusted {
            tls = tls.add_root_certificate(Certificate::from_der(authority.to_vec())?);
        }
        tls.build()
    }

    async fn sign_in(&self, connection: &mut AsyncSmtpConnection) -> Result<(), Outcome> {
        let (mechanism, name) = match self.to.auth {
            SmtpAuth::Plain => (Mechanism::Plain, "PLAIN"),
            SmtpAuth::Login => (Mechanism::Login, "LOGIN"),
            SmtpAuth::None => return Ok(()),
        };
        if !connection.server_info().supports_auth_mechanism(mechanism) {
            return Err(self.refused(&format!("does not offer to sign in by {name}; see config.smtp_auth")));
        }
        let password = self.to.password.as_ref().map(|word| word.expose().clone()).unwrap_or_default();
        let credentials = Credentials::new(self.to.username.clone(), password);
        connection.auth(&[mechanism], &credentials).await.map_err(|e| self.not_signed_in(&e))?;
        Ok(())
    }

    /// Why nobody was signed in. A server may repeat in any form what it was just told: none of its words are.
    fn not_signed_in(&self, e: &SmtpError) -> Outcome {
        let name = &self.name;
        let error = match e.status() {
            Some(code) => format!("{name} answers {code} to the sign-in: see config.smtp_username and smtp_password"),
            None => format!("{name} ends the connection or can't be understood at the sign-in"),
        };
        if e.is_permanent() || e.is_client() {
            Outcome::Refused { error }
        } else {
            Outcome::Failed { error, after: None }
        }
    }

    /// Names the recipients and gives the message to those that are taken.
    async fn submit(&self, connection: &mut AsyncSmtpConnection, message: &Message) -> Result<Outcome, Outcome> {
        let envelope = message.envelope();
        let mut parameters = Vec::new();
        if envelope.from().into_iter().chain(envelope.to()).any(|address| !address.to_string().is_ascii()) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(self.refused("does not take addresses with letters beyond ASCII"));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let sender = Mail::new(envelope.from().cloned(), parameters);
        connection.command(sender).await.map_err(|e| self.fault("the sender", &e))?;
        let (mut taken, mut refusals) = (0, Vec::new());
        for address in envelope.to() {
            match connection.command(Rcpt::new(address.clone(), Vec::new())).await {
                Ok(_) => taken += 1,
                Err(e) if e.is_permanent() => refusals.push(self.said(&recipient(address), &e)),
                // Some would get it twice, if the others were tried again.
                Err(e) => return Err(self.fault(&recipient(address), &e)),
            }
        }
        if taken == 0 {
            return Err(Outcome::Refused { error: refusals.join("; ") });
        }
        connection.command(Data).await.map_err(|e| self.fault("the message", &e))?;
        connection.message(&message.formatted()).await.map_err(|e| self.fault("the message", &e))?;
        if refusals.is_empty() {
            return Ok(Outcome::Sent);
        }
        let others = if taken == 1 { "the other recipient has it" } else { "the other recipients have it" };
        Ok(Outcome::Refused { error: format!("{}; {others}", refusals.join("; ")) })
    }

    /// What a fault means: a server that says no means it, anything else may pass.
    fn fault(&self, of: &str, e: &SmtpError) -> Outcome {
        let error = self.said(of, e);
        if e.is_permanent() || e.is_client() {
            return Outcome::Refused { error };
        }
        Outcome::Failed { error, after: None }
    }

    fn said(&self, of: &str, e: &SmtpError) -> String {
        let (name, words) = (&self.name, self.words(e));
        match e.status() {
            Some(code) => format!("{name} answers {code} to {of}: {words}"),
            None => format!("{name}, {of}: {words}"),
        }
    }

    /// The innermost words of an error, without what is secret: servers repeat what they were told.
    fn words(&self, e: &SmtpError) -> String {
        let mut at: &dyn std::error::Error = e;
        while let Some(inner) = at.source() {
            at = inner;
        }
        let mut words = at.to_string().replace(char::is_control, " ");
        if let Some(word) = self.to.password.as_ref().map(|word| word.expose()).filter(|word| !word.is_empty()) {
            let both = STANDARD.encode(format!("\0{}\0{word}", self.to.username));
            for secret in [word, &STANDARD.encode(word), &both] {
                words = words.replace(secret, "***");
            }
        }
        words.truncate(words.floor_char_boundary(MOST_WORDS));
        words.trim().to_owned()
    }

    fn refused(&self, why: &str) -> Outcome {
        Outcome::Refused { error: format!("{} {why}", self.name) }
    }

    fn failed(&self, why: &str) -> Outcome {
        Outcome::Failed { error: format!("{} {why}", self.name), after: None }
    }
}

/// A name as the network knows it, or an address without the brackets of a URL.
fn host(text: &str) -> String {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    match (bare.parse::<IpAddr>(), Hostname::parse(text)) {
        (Err(_), Ok(name)) => name.as_str().to_owned(),
        _ => bare.to_owned(),
    }
}

fn recipient(address: &Address) -> String {
    format!("recipient {address}")
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn hosts_are_called_as_the_network_knows_them() {
        for (given, called) in [
            ("Mail.Example.org", "mail.example.org"),
            ("mail.grün.example", "mail.xn--grn-ioa.example"),
            ("192.0.2.1", "192.0.2.1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(host(given), called);
        }
    }
}
