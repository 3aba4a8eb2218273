//! A real name server: Knot, with zones and a key of the test's own, on a port of its own.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RData, RecordType};

/// How often a port is tried that somebody else may take meanwhile.
const TRIES: usize = 5;

/// The key that may change TXT records of every zone.
pub const KEY: &str = "argos-key";
/// A key that the server knows, and that may change nothing.
pub const WEAK_KEY: &str = "weak-key";
/// A key as [`KEY`], with SHA-512.
pub const LONG_KEY: &str = "long-key";

/// What is shared with the server, in base64.
pub fn secret() -> String {
    STANDARD.encode([7; 32])
}

/// A running server.
pub struct Knot {
    child: Child,
    folder: tempfile::TempDir,
    pub address: SocketAddr,
}

impl Knot {
    /// A server on 127.0.0.1 with `zones`: their names, and their records but for SOA, one a line, relative to the
    /// zone. None where no Knot is: then the test says so.
    pub fn start(zones: &[(&str, &str)]) -> Option<Self> {
        for _ in 0..TRIES {
            let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            match Self::start_at(([127, 0, 0, 1], port).into(), zones) {
                Some(Err(_taken)) => {}
                Some(Ok(knot)) => return Some(knot),
                None => return None,
            }
        }
        panic!("no port for a name server in {TRIES} tries");
    }

    /// As [`Knot::start`], at `address`; what the server said when it did not start.
    pub fn start_at(address: SocketAddr, zones: &[(&str, &str)]) -> Option<Result<Self, String>> {
        let Some((program, libraries)) = program() else {
            println!("not run: knotd is not there; scripts/setup-knot fetches it");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::create_dir(path.join("db")).unwrap();
        std::fs::write(path.join("knot.conf"), configuration(path, address, zones)).unwrap();
        for (zone, records) in zones {
            let start = format!("$ORIGIN {zone}.\n$TTL 60\n@ SOA ns admin 1 3600 600 86400 60\n{records}\n");
            std::fs::write(path.join(format!("{zone}.zone")), start).unwrap();
        }
        let mut child = Command::new(program)
            .arg("-c")
            .arg(path.join("knot.conf"))
            .env("LD_LIBRARY_PATH", libraries)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let (mut said, mut loaded, mut started) = (String::new(), 0, false);
        while loaded < zones.len() || !started {
            let Some(line) = lines.next() else {
                let _ = child.wait();
                return Some(Err(said));
            };
            let taken = line.contains("cannot bind");
            loaded += usize::from(line.contains("] loaded, serial"));
            started |= line.contains("server started");
            writeln!(said, "{line}").unwrap();
            if taken || line.contains(" error: ") {
                let _ = child.kill();
                let _ = child.wait();
                return Some(Err(said));
            }
        }
        // What it says later is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Ok(Self { child, folder, address }))
    }

    /// The values of the TXT records of `name`, in order, as the server tells them.
    pub fn txt(&self, name: &str) -> Vec<String> {
        let socket = UdpSocket::bind((self.address.ip(), 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut question = Message::new(77, MessageType::Query, OpCode::Query);
        let mut name = Name::from_ascii(name).unwrap();
        name.set_fqdn(true);
        question.add_query(Query::query(name, RecordType::TXT));
        socket.send_to(&question.to_vec().unwrap(), self.address).unwrap();
        let mut buffer = [0; 4096];
        let length = socket.recv(&mut buffer).unwrap();
        let answer = Message::from_vec(&buffer[..length]).unwrap();
        let text = |data: &RData| match data {
            RData::TXT(txt) => Some(String::from_utf8(txt.txt_data.concat()).unwrap()),
            _ => None,
        };
        let mut values: Vec<String> = answer.answers.iter().filter_map(|r| text(&r.data)).collect();
        values.sort();
        values
    }
}

impl Drop for Knot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        assert!(self.folder.path().exists());
    }
}

/// The server's program, as `scripts/setup-knot` unpacks it or as the system has it, and where its libraries are.
fn program() -> Option<(PathBuf, PathBuf)> {
    let unpacked = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("knot");
    let program = unpacked.join("usr/sbin/knotd");
    if program.is_file() {
        // One folder, named after the machine.
        let libraries = std::fs::read_dir(unpacked.join("usr/lib")).unwrap().map(|entry| entry.unwrap().path());
        return libraries.into_iter().find(|path| has_libraries(path)).map(|path| (program, path));
    }
    let places = ["/usr/sbin/knotd", "/usr/local/sbin/knotd", "/usr/bin/knotd"].map(PathBuf::from);
    places.into_iter().find(|path| path.is_file()).map(|path| (path, PathBuf::new()))
}

fn has_libraries(folder: &Path) -> bool {
    let Ok(mut entries) = std::fs::read_dir(folder) else { return false };
    entries.any(|entry| entry.unwrap().file_name().to_string_lossy().contains(".so"))
}

fn configuration(folder: &Path, address: SocketAddr, zones: &[(&str, &str)]) -> String {
    let folder = folder.display();
    let (ip, port, secret) = (address.ip(), address.port(), secret());
    let mut text = format!(
        "server:\n    rundir: \"{folder}\"\n    listen: {ip}@{port}\n\
         log:\n  - target: stderr\n    any: info\n\
         key:\n"
    );
    for (name, algorithm) in [(KEY, "hmac-sha256"), (WEAK_KEY, "hmac-sha256"), (LONG_KEY, "hmac-sha512")] {
        writeln!(text, "  - id: {name}\n    algorithm: {algorithm}\n    secret: {secret}").unwrap();
    }
    write!(
        text,
        "acl:\n  - id: update\n    key: [{KEY}, {LONG_KEY}]\n    action: update\n    update-type: [TXT]\n\
         database:\n    storage: \"{folder}/db\"\nzone:\n"
    )
    .unwrap();
    for (zone, _) in zones {
        writeln!(
            text,
            "  - domain: {zone}\n    storage: \"{folder}\"\n    file: {zone}.zone\n    zonefile-sync: -1\n    acl: update"
        )
        .unwrap();
    }
    text
}
