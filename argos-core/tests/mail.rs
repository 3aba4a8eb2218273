//! Mail against a real server (aiosmtpd), and against servers that misbehave.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod authority;
mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Channel, channel};
use std::time::Duration;

use argos_core::clock::{Clock, Timestamp};
use argos_core::event::Severity;
use argos_core::notify::send::MailTerms;
use argos_core::notify::{Config, Email, Outcome, Parcel, Rendered, Sender, Terms};
use argos_core::outbound::Reach;
use argos_core::schema::{SmtpAuth, SmtpTls};
use authority::{Authority, Of};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use support::Folder;
use support::receivers::{Receiver, opened};

const KEY: &str = "019b7a3c-0000-7000-8000-00000000002a";
const PASSWORD: &str = "sturdy-lantern-47";
/// 2026-01-01 00:00:07.
const NOW: Timestamp = Timestamp(1_767_225_607_000);

fn to(port: u16) -> Email {
    Email {
        smtp_host: "127.0.0.1".into(),
        smtp_port: port,
        username: String::new(),
        password: None,
        auth: SmtpAuth::None,
        tls: SmtpTls::None,
        from: "Argos <argos@example.org>".into(),
        to: vec!["ops@example.org".into(), "Ada Lovelace <ada@example.org>".into()],
        subject: String::new(),
    }
}

fn signing_in(of: Email, auth: SmtpAuth) -> Email {
    Email { username: "argos".into(), password: Some(PASSWORD.to_owned().into()), auth, ..of }
}

fn send_text(to: Email, mail: MailTerms, reach: Reach, subject: &str, body: &str) -> Outcome {
    let terms = Terms { reach, vapid: None, clock: Clock::manual(NOW) };
    let mut sender = Sender::new(Config::Email(to), terms).mailing(mail);
    let text = Rendered { subject: Some(subject.into()), body: body.into() };
    let parcel = Parcel {
        delivery: 42,
        idempotency_key: KEY,
        event_type: "config_change",
        severity: Severity::Info,
        text: &text,
        subscribers: &[],
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(sender.send(&parcel))
}

fn send(to: Email) -> Outcome {
    send_text(to, MailTerms::default(), Reach::default(), "[argos] info: config_change", "a host was made")
}

fn refused(outcome: Outcome) -> String {
    match outcome {
        Outcome::Refused { error } => error,
        other => panic!("{other:?}"),
    }
}

fn failed(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed { error, after: None } => error,
        other => panic!("{other:?}"),
    }
}

/// A mail server; none where it is not installed.
fn server(options: &Value) -> Option<Receiver> {
    Receiver::python("mail.py", &[&options.to_string()])
}

fn received(server: &Receiver) -> Value {
    serde_json::from_str(&server.line()).unwrap()
}

fn head(mail: &Value) -> &str {
    mail["content"].as_str().unwrap().split_once("\r\n\r\n").unwrap().0
}

#[test]
fn mail_arrives_with_its_text_and_what_identifies_it() {
    let Some(server) = server(&json!({"tls": "none"})) else { return };
    let text = "one\nzwei – 日本 🦚\n.\n.x\n";
    let subject = "[argos] Fehler – 日本";
    let sent = send_text(to(server.address.port()), MailTerms::default(), Reach::default(), subject, text);
    assert_eq!(sent, Outcome::Sent);
    let mail = received(&server);
    assert_eq!(mail["from"], "argos@example.org");
    assert_eq!(mail["to"], json!(["ops@example.org", "ada@example.org"]));
    let head = head(&mail);
    for line in [
        format!("Message-ID: <{KEY}@example.org>").as_str(),
        "Date: Thu, 01 Jan 2026 00:00:07 +0000",
        "From: Argos <argos@example.org>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
    ] {
        assert!(head.split("\r\n").any(|l| l.eq_ignore_ascii_case(line)), "{line} is not in\n{head}");
    }
    assert!(head.contains("Subject: [argos] Fehler =?utf-8?b?"), "{head}");
    assert!(head.contains("Content-Type: multipart/mixed;"), "{head}");
    // Opened by another program than the one that wrote it.
    assert_eq!(opened(&mail), json!({"text/plain": "one\nzwei – 日本 🦚\n.\n.x\n"}));
}

#[test]
fn a_page_comes_with_its_text() {
    let Some(server) = server(&json!({"tls": "none"})) else { return };
    let page = "<!doctype html><HTML lang=en><body><h1>Down</h1><p>a &lt;b&gt;</p></body></HTML>";
    let sent = send_text(to(server.address.port()), MailTerms::default(), Reach::default(), "s", page);
    assert_eq!(sent, Outcome::Sent);
    let mail = received(&server);
    assert!(head(&mail).contains("Content-Type: multipart/alternative;"));
    assert_eq!(opened(&mail), json!({"text/plain": "Down\na <b>", "text/html": page}));
}

#[test]
fn who_sends_signs_in_as_the_channel_says() {
    for (auth, mechanism) in [(SmtpAuth::Plain, "PLAIN"), (SmtpAuth::Login, "LOGIN")] {
        let options = json!({"tls": "none", "user": "argos", "password": PASSWORD, "mechanism": mechanism,
            "repeats": true});
        let Some(server) = server(&options) else { return };
        let right = signing_in(to(server.address.port()), auth);
        assert_eq!(send(right.clone()), Outcome::Sent);
        assert_eq!(received(&server)["signed_in"], true);
        let wrong = Email { password: Some("wrong-lantern-48".to_owned().into()), ..right.clone() };
        let error = refused(send(wrong));
        assert!(error.ends_with("answers 535 to the sign-in: see config.smtp_username and smtp_password"), "{error}");
        assert!(!error.contains("lantern"), "{error}");
        // Without a name nobody signs in, and this server wants that.
        let nobody = Email { username: String::new(), ..right.clone() };
        assert!(refused(send(nobody)).contains("answers 530"));
        let other = if auth == SmtpAuth::Plain { SmtpAuth::Login } else { SmtpAuth::Plain };
        let error = refused(send(Email { auth: other, ..right }));
        assert!(error.contains("does not offer to sign in by") && error.contains("config.smtp_auth"), "{error}");
    }
}

#[test]
fn encryption_is_of_the_kind_that_was_chosen_and_never_left_out() {
    let folder = Folder::new();
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let pair = ours.sign(Of { days: (-1, 3999), ..Of::server("localhost") });
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(folder.path()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (cert, key) = (write("cert.pem", &pair.cert), write("key.pem", &pair.key));
    let trusting = |authority: &Authority| {
        let trusted = vec![CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()];
        MailTerms { trusted, ..MailTerms::default() }
    };
    let send = |to: Email, terms: MailTerms| send_text(to, terms, Reach::default(), "s", "b");
    for (kind, tls) in [("starttls", SmtpTls::Starttls), ("implicit", SmtpTls::Implicit)] {
        let mut options = json!({"tls": kind, "cert": cert, "key": key});
        if tls == SmtpTls::Starttls {
            options["user"] = "argos".into();
            options["password"] = PASSWORD.into();
        }
        let Some(server) = server(&options) else { return };
        let port = server.address.port();
        let auth = if tls == SmtpTls::Starttls { SmtpAuth::Plain } else { SmtpAuth::None };
        let at = |host: &str| Email { smtp_host: host.into(), tls, ..signing_in(to(port), auth) };
        assert_eq!(send(at("localhost"), trusting(&ours)), Outcome::Sent, "{kind}");
        assert_eq!(received(&server)["encrypted"], true);
        // By another name, or vouched for by somebody else, it is another server.
        for (host, terms) in [("127.0.0.1", trusting(&ours)), ("localhost", trusting(&other))] {
            let error = failed(send(at(host), terms));
            assert!(error.to_lowercase().contains("certificate"), "{kind} {host}: {error}");
        }
    }
    let Some(plain) = server(&json!({"tls": "none"})) else { return };
    let at = |tls| Email { tls, smtp_host: "localhost".into(), ..to(plain.address.port()) };
    let error = refused(send(at(SmtpTls::Starttls), trusting(&ours)));
    assert!(error.contains("does not offer STARTTLS"), "{error}");
    failed(send(at(SmtpTls::Implicit), MailTerms { whole: Duration::from_secs(5), ..trusting(&ours) }));
}

#[test]
fn refusals_are_final_and_troubles_are_not() {
    let rcpt = json!({"gone@example.org": "550 5.1.1 no such user", "full@example.org": "452 4.2.2 mailbox full"});
    let Some(server) = server(&json!({"tls": "none", "rcpt": rcpt})) else { return };
    let port = server.address.port();
    let with = |recipients: &[&str]| Email { to: recipients.iter().map(|to| (*to).into()).collect(), ..to(port) };
    let error = refused(send(with(&["gone@example.org"])));
    assert_eq!(error, format!("127.0.0.1:{port} answers 550 to recipient gone@example.org: 5.1.1 no such user"));
    let error = failed(send(with(&["ops@example.org", "full@example.org"])));
    assert!(error.contains("answers 452 to recipient full@example.org"), "{error}");
    // Whoever is taken gets it, and it is told who did not.
    let error = refused(send(with(&["gone@example.org", "ops@example.org"])));
    assert!(error.ends_with("no such user; the other recipient has it"), "{error}");
    assert_eq!(received(&server)["to"], json!(["ops@example.org"]));

    for (answer, is_final) in [("451 4.3.0 try later", false), ("554 5.7.1 is spam", true)] {
        let Some(server) = self::server(&json!({"tls": "none", "data": answer})) else { return };
        let outcome = send(to(server.address.port()));
        let error = if is_final { refused(outcome) } else { failed(outcome) };
        assert!(error.contains(&answer[4..]), "{error}");
    }
}

#[test]
fn addresses_beyond_ascii_need_a_server_that_knows_them() {
    for utf8 in [true, false] {
        let Some(server) = server(&json!({"tls": "none", "utf8": utf8})) else { return };
        let outcome = send(Email { to: vec!["grün@example.org".into()], ..to(server.address.port()) });
        if utf8 {
            assert_eq!(outcome, Outcome::Sent);
            assert_eq!(received(&server)["to"], json!(["grün@example.org"]));
        } else {
            assert!(refused(outcome).contains("beyond ASCII"));
        }
    }
}

#[test]
fn nothing_ends_a_line_of_the_head() {
    // Nothing listens there: what is refused is refused before.
    let to = to(nobody());
    let breaks = ["\r\nBcc: eve@example.org", "\nBcc: eve@example.org", "\rBcc: eve@example.org", "\0"];
    for end in breaks {
        let subject = format!("s{end}");
        let outcome = send_text(to.clone(), MailTerms::default(), Reach::default(), &subject, "b");
        assert!(refused(outcome).starts_with("the subject holds a line break"));
        let from = Email { from: format!("argos@example.org{end}"), ..to.clone() };
        assert!(refused(send(from)).starts_with("config.from holds a line break"));
        let recipients = Email { to: vec!["ops@example.org".into(), format!("a{end} <a@example.org>")], ..to.clone() };
        assert!(refused(send(recipients)).starts_with("config.to[1] holds a line break"));
    }
    for bad in ["", "ops", "@example.org", "a@example.org, b@example.org", "a@example.org> RCPT TO:<b@example.org"] {
        let error = refused(send(Email { to: vec![bad.into()], ..to.clone() }));
        assert!(error.starts_with("config.to[0] is no address of mail"), "{bad}: {error}");
    }
}

/// A port of 127.0.0.1 where nobody listens.
fn nobody() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A server that does with its first connection as a test says. What it gives back comes through the channel.
fn serving<T: Send + 'static>(serve: impl FnOnce(TcpStream) -> T + Send + 'static) -> (SocketAddr, Channel<T>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    let (done, result) = channel();
    std::thread::spawn(move || done.send(serve(listener.accept().unwrap().0)));
    (at, result)
}

#[test]
fn no_server_holds_a_lane_up() {
    let quick = MailTerms { whole: Duration::from_millis(300), ..MailTerms::default() };
    let (at, _held) = serving(|stream| (stream, std::thread::park()));
    let error = failed(send_text(to(at.port()), quick.clone(), Reach::default(), "s", "b"));
    assert!(error.ends_with("does not take the mail within 0.3 s"), "{error}");
    // One that speaks without an end is not listened to for ever.
    let (at, _held) = serving(|mut stream| while stream.write_all(&[b'2'; 65_536]).is_ok() {});
    let error = failed(send_text(to(at.port()), MailTerms::default(), Reach::default(), "s", "b"));
    assert!(error.contains("says too much"), "{error}");
    assert!(failed(send(to(nobody()))).contains("can't be reached"));
}

#[test]
fn nothing_is_told_of_what_a_server_says_to_a_sign_in() {
    // It may repeat what it was told in any form.
    let word: String = PASSWORD.chars().rev().collect();
    for (answer, again) in [("535 no ", false), ("454 later ", true), ("334 ", true), ("no code ", true)] {
        let line = format!("{answer}{word}\r\n");
        let (at, _) = serving(move |stream| {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let say = |text: &str| (&stream).write_all(text.as_bytes());
            say("220 mail.test\r\n").unwrap();
            lines.next().unwrap();
            say("250-mail.test\r\n250 AUTH PLAIN LOGIN\r\n").unwrap();
            while lines.next().is_some() && say(&line).is_ok() {}
        });
        let outcome = send(signing_in(to(at.port()), SmtpAuth::Plain));
        let error = if again { failed(outcome) } else { refused(outcome) };
        assert!(error.contains("the sign-in") && !error.contains(&word), "{answer}: {error}");
    }
}

#[test]
fn a_farewell_that_fails_changes_nothing() {
    let (at, said) = serving(|stream| {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let say = |text: &str| (&stream).write_all(text.as_bytes()).unwrap();
        say("220 mail.test\r\n");
        for answer in ["250 mail.test", "250 OK", "250 OK", "250 OK", "354 go on"] {
            lines.next().unwrap();
            say(&format!("{answer}\r\n"));
        }
        let body = lines.take_while(|line| line != ".").count();
        say("250 OK\r\n");
        body
    });
    assert_eq!(send(to(at.port())), Outcome::Sent);
    assert!(said.recv().unwrap() > 10);
}

/// What a third party puts behind the answer to STARTTLS must not be taken for an answer inside the encryption.
#[test]
fn nothing_said_before_the_encryption_counts_inside_it() {
    let (at, first) = serving(|mut stream| {
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        stream.write_all(b"220 mail.test\r\n").unwrap();
        lines.read_line(&mut String::new()).unwrap();
        stream.write_all(b"250-mail.test\r\n250 STARTTLS\r\n").unwrap();
        let mut asked = String::new();
        lines.read_line(&mut asked).unwrap();
        assert_eq!(asked, "STARTTLS\r\n");
        stream.write_all(b"220 go on\r\n250-mail.test\r\n250 AUTH PLAIN\r\n235 OK\r\n250 OK\r\n").unwrap();
        let mut hello = [0; 3];
        lines.read_exact(&mut hello).unwrap();
        // What stands there now was put between, where an answer of TLS must be: the client says so and goes.
        let mut rest = Vec::new();
        let _ = lines.read_to_end(&mut rest);
        (hello, rest)
    });
    let to = Email { tls: SmtpTls::Starttls, ..signing_in(to(at.port()), SmtpAuth::Plain) };
    let error = failed(send(to));
    // It reached the encryption, where it is no message; kept outside it would have been the first answer inside.
    assert!(error.contains("corrupt message"), "{error}");
    let (hello, rest) = first.recv().unwrap();
    assert_eq!(hello[..2], [22, 3], "a handshake of TLS begins");
    assert!(!rest.windows(4).any(|bytes| bytes == b"AUTH"));
}

#[test]
fn mail_goes_into_private_networks_but_not_everywhere() {
    let at = |host: &str| Email { smtp_host: host.into(), ..to(25) };
    for host in ["169.254.169.254", "fd00:ec2::254", "[fd00:ec2::254]", "::ffff:169.254.169.254"] {
        let error = refused(send(at(host)));
        assert!(error.contains("where clouds keep secrets"), "{host}: {error}");
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let own = listener.local_addr().unwrap();
    let reach = Reach::default();
    reach.own.add([own]);
    for host in ["127.0.0.1", "localhost"] {
        let to = Email { smtp_host: host.into(), ..to(own.port()) };
        let error = refused(send_text(to, MailTerms::default(), reach.clone(), "s", "b"));
        assert!(error.contains("where Argos itself listens"), "{host}: {error}");
    }
    let error = failed(send(at("no-such-host.invalid")));
    assert!(error.contains("no-such-host.invalid:25 can't be looked up"), "{error}");
}

#[test]
fn credentials_are_not_sent_in_the_clear_to_another_machine() {
    // Nobody has this address (RFC 5737): it would be seen if something was sent, because that takes time.
    let quick = MailTerms { connect: Duration::from_millis(200), ..MailTerms::default() };
    let to = Email { smtp_host: "192.0.2.1".into(), ..to(25) };
    let send = |to: Email| send_text(to, quick.clone(), Reach::default(), "s", "b");
    for auth in [SmtpAuth::Plain, SmtpAuth::Login] {
        let error = refused(send(signing_in(to.clone(), auth)));
        assert!(error.starts_with("192.0.2.1:25 gets no credentials: without encryption"), "{error}");
        assert!(error.contains("config.tls"), "{error}");
    }
    // Without credentials, or with encryption, it may be tried.
    failed(send(to.clone()));
    failed(send(Email { tls: SmtpTls::Starttls, ..signing_in(to, SmtpAuth::Plain) }));
}
