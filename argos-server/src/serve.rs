//! `argos serve`: the proxy, the panel listener, the socket of the command line, and how all of it stops.

use std::io::IsTerminal as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener, ToSocketAddrs as _, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use argos_core::api::{CreateUser, ListUsers};
use argos_core::error::{Error, ErrorKind, Result};
use argos_core::schema::Role;
use argos_core::waf::AuditLog;
use argos_core::{Argos, Options, ServeOptions, clock::Clock};
use axum::serve::ListenerExt as _;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;

use crate::http::{Door, routes};
use crate::secure::SecureListener;
use crate::{Failure, client, demo, environment};

/// Time in which answers of the panel end.
const LAST: Duration = Duration::from_secs(1);

pub(crate) fn command() -> Command {
    let listen = |name: &'static str, env: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .env(env)
            .value_name("ADDRESS")
            .value_delimiter(',')
            .action(ArgAction::Append)
            .default_value(default)
            .help(help)
    };
    Command::new("serve")
        .about("Runs the gateway")
        .arg(listen(
            "http",
            "ARGOS_HTTP_LISTEN",
            "[::]:80",
            "Plain HTTP: address:port, a list, or off; with ?proxy=v1v2 behind PROXY protocol",
        ))
        .arg(listen(
            "https",
            "ARGOS_HTTPS_LISTEN",
            "[::]:443",
            "HTTP over TLS: address:port, a list, or off; with ?proxy=v1v2 behind PROXY protocol",
        ))
        .arg(
            Arg::new("h3")
                .long("h3")
                .env("ARGOS_H3_LISTEN")
                .value_name("ADDRESS")
                .value_delimiter(',')
                .action(ArgAction::Append)
                .help("HTTP/3: UDP address:port, a list, or off [default: the addresses of --https]"),
        )
        .arg(listen("panel", "ARGOS_PANEL_LISTEN", "127.0.0.1:9180", "The HTTP API: address:port, a list, or off"))
        .arg(
            Arg::new("panel-tls")
                .long("panel-tls")
                .action(ArgAction::SetTrue)
                .help("The HTTP API over TLS, with a certificate of the local CA"),
        )
        .arg(
            Arg::new("threads")
                .long("threads")
                .env("ARGOS_THREADS")
                .value_name("NUMBER")
                .value_parser(value_parser!(u16).range(1..=1024))
                .help("Proxy threads [default: one for each core]"),
        )
        .arg(
            Arg::new("grace")
                .long("grace")
                .value_name("SECONDS")
                .value_parser(value_parser!(u64).range(0..=3600))
                .default_value("30")
                .help("How long requests in flight may take at the stop"),
        )
        .arg(
            Arg::new("crs")
                .long("crs")
                .env("ARGOS_CRS_PATH")
                .value_name("FOLDER")
                .value_parser(value_parser!(PathBuf))
                .help("The core rule set that hosts run, or `baseline`; wins over the setting crs.path"),
        )
        .arg(
            Arg::new("waf-audit-log")
                .long("waf-audit-log")
                .env("ARGOS_WAF_AUDIT_LOG")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Appends one JSON object a line for each request with a finding; opened anew at SIGHUP"),
        )
        .arg(
            Arg::new("waf-audit-all")
                .long("waf-audit-all")
                .action(ArgAction::SetTrue)
                .requires("waf-audit-log")
                .help("For each inspected request, with a finding or without"),
        )
        .arg(
            Arg::new("demo")
                .long("demo")
                .action(ArgAction::SetTrue)
                .help("Adds the host demo.localhost before an upstream that echoes"),
        )
}

/// Sends the process log to standard error: what `--log-level` or `default` lets through.
pub(crate) fn start_process_log(matches: &ArgMatches, default: &str) -> Result<()> {
    let level = matches.get_one::<String>("log-level").map_or(default, String::as_str);
    let known = ["error", "warn", "info", "debug", "trace"].contains(&level);
    let level = level.parse::<LevelFilter>().ok().filter(|_| known).ok_or_else(|| {
        let reason = format!("{level:?} is not a level; allowed: error, warn, info, debug, trace");
        Error::invalid("log_level", "log-level", reason)
    })?;
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    // A closed standard error must not end the gateway.
    let log = log.log_internal_errors(false);
    let log = log.with_ansi(std::io::stderr().is_terminal());
    match std::env::var("ARGOS_LOG_FORMAT").as_deref() {
        Ok("json") => log.json().init(),
        Ok("text") | Err(_) => log.with_target(false).init(),
        Ok(_) => return Err(Error::invalid("log_format", "ARGOS_LOG_FORMAT", "allowed: text, json")),
    }
    Ok(())
}

/// The addresses of a flag; those with `?proxy=v1v2` are in `announced` too.
fn addresses(matches: &ArgMatches, name: &str, announced: Option<&mut Vec<SocketAddr>>) -> Result<Vec<SocketAddr>> {
    let (mut all, mut behind) = (Vec::new(), Vec::new());
    for text in matches.get_many::<String>(name).into_iter().flatten() {
        if text == "off" {
            continue;
        }
        let (address, option) = text.split_once('?').map_or((text.as_str(), None), |(a, o)| (a, Some(o)));
        let found = address.to_socket_addrs().map_err(|_| {
            Error::invalid("listen", name, format!("{text:?} is not address:port, such as 127.0.0.1:8080 or [::]:80"))
        })?;
        match option {
            None => all.extend(found),
            Some("proxy=v1v2") if announced.is_some() => {
                let found: Vec<_> = found.collect();
                behind.extend_from_slice(&found);
                all.extend(found);
            }
            Some(_) => {
                let text = format!("{text:?}: behind ? stands proxy=v1v2, for a TCP listener of the proxy");
                return Err(Error::invalid("listen", name, text));
            }
        }
    }
    if let Some(announced) = announced {
        announced.append(&mut behind);
    }
    Ok(all)
}

/// The sockets that a service manager passes on, TCP and UDP. Source: sd_listen_fds(3).
fn inherited() -> Result<(Vec<StdListener>, Vec<UdpSocket>)> {
    let mut passed = ListenFd::from_env();
    let (mut tcp, mut udp) = (Vec::new(), Vec::new());
    for i in 0..passed.len() {
        // One that is of another kind stays where it is.
        if let Ok(Some(socket)) = passed.take_udp_socket(i) {
            udp.push(socket);
            continue;
        }
        let failed = |e| {
            Error::invalid("listen_fds", "LISTEN_FDS", format!("socket {i} neither listens on TCP nor is UDP: {e}"))
        };
        tcp.extend(passed.take_tcp_listener(i).map_err(failed)?);
    }
    Ok((tcp, udp))
}

/// Takes the socket at `address` out of `sockets`.
fn take(sockets: &mut Vec<StdListener>, address: SocketAddr) -> Option<StdListener> {
    let at = sockets.iter().position(|socket| socket.local_addr().is_ok_and(|own| own == address))?;
    Some(sockets.swap_remove(at))
}

pub(crate) fn run(matches: &ArgMatches, unknown: &[String]) -> Result<(), Failure> {
    start_process_log(matches, "info")?;
    for name in unknown {
        tracing::warn!("the environment has {name}, which Argos does not know");
    }
    let mut proxy_protocol = Vec::new();
    let http = addresses(matches, "http", Some(&mut proxy_protocol))?;
    let https = addresses(matches, "https", Some(&mut proxy_protocol))?;
    let h3 = matches.contains_id("h3").then(|| addresses(matches, "h3", None)).transpose()?;
    let panel = addresses(matches, "panel", None)?;
    let (mut inherited, inherited_udp) = inherited()?;
    let data_dir = environment::data_dir(matches);
    let argos = Argos::open(Options {
        key: environment::key_source(matches),
        data_dir: data_dir.clone(),
        clock: Clock::system(),
        create: matches.get_flag("create"),
        panel_url: environment::panel_url(),
        crs: environment::crs(matches),
    })?;
    match argos.snapshot().rules.path() {
        Some(folder) => tracing::info!("WAF rules: {}", folder.display()),
        None if argos.snapshot().rules.is_unusable() => tracing::error!("WAF rules: none can be used"),
        None => tracing::info!("WAF rules: built in"),
    }
    let audit_log = match matches.get_one::<PathBuf>("waf-audit-log") {
        Some(path) => Some(Arc::new(AuditLog::open(path, matches.get_flag("waf-audit-all"))?)),
        None => None,
    };
    if let Some((username, password)) = environment::first_admin()? {
        make_first_admin(&argos, username, &password)?;
    }
    if let Some(token) = argos.issue_setup_token()? {
        tracing::info!("for the API make a token: argos token create NAME --role admin");
        tracing::info!(
            "no administrator exists yet; the panel's /login (or POST /api/v1/auth/setup) makes the first one with this token"
        );
        tracing::info!("setup token: {}", token.show());
    }
    let threads = matches.get_one::<u16>("threads").map_or(0, |n| usize::from(*n));
    let grace = Duration::from_secs(matches.get_one::<u64>("grace").copied().unwrap_or(30));
    // One thread is enough for people and programs at the panel; requests have threads of their own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("argos-panel")
        .enable_all()
        .build()
        .map_err(|e| Error::internal(format!("starting a runtime: {e}")))?;
    let panel = panel.into_iter().map(|address| (address, take(&mut inherited, address))).collect();
    let panel = Panel { addresses: panel, secure: matches.get_flag("panel-tls") };
    let (inherited, inherited_udp) = (inherited.into(), inherited_udp.into());
    let resolvers = Arc::default();
    let options = ServeOptions {
        http,
        https,
        h3,
        proxy_protocol,
        inherited,
        inherited_udp,
        threads,
        audit_log,
        resolvers,
        // It is opened first.
        panel: None,
    };
    let last = argos.clone();
    let served = runtime.block_on(serve(argos, options, panel, &data_dir, matches.get_flag("demo"), grace));
    // From here on nobody changes anything; what was changed meanwhile is still told, by the next process.
    runtime.shutdown_timeout(LAST);
    last.keep_events()?;
    served?;
    Ok(())
}

/// Makes the first administrator that the environment names, where nobody exists yet; nobody who exists is changed.
fn make_first_admin(argos: &Argos, username: String, password: &str) -> Result<()> {
    if !argos.users().list(ListUsers::default())?.items.is_empty() {
        return Ok(());
    }
    let at = |e: Error| match e.fields().first().map(|f| (f.field.as_str(), f.reason.clone())) {
        Some(("username", reason)) => Error::invalid("environment.first_admin", "ARGOS_INITIAL_ADMIN_USER", reason),
        Some(("password", reason)) => Error::invalid("environment.first_admin", "ARGOS_INITIAL_ADMIN_PASSWORD", reason),
        _ => e,
    };
    let made = argos.users().create(CreateUser::new(username, Role::Admin, Some(password))).map_err(at)?;
    tracing::info!("the administrator {} was made; sign in at the panel's /login", made.value.username);
    Ok(())
}

async fn serve(
    argos: Argos,
    options: ServeOptions,
    panel: Panel,
    data_dir: &Path,
    with_demo: bool,
    grace: Duration,
) -> Result<()> {
    // Before the first listener, so that no signal finds the process without its handler.
    let handler = |kind| signal(kind).map_err(|e| Error::internal(format!("handling signals: {e}")));
    let (mut term, mut int) = (handler(SignalKind::terminate())?, handler(SignalKind::interrupt())?);
    let mut hangup = handler(SignalKind::hangup())?;
    let (audit_log, reloading) = (options.audit_log.clone(), argos.clone());
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            if let Some(log) = &audit_log {
                log.reopen();
            }
            let argos = reloading.clone();
            // Compiling takes a moment that the panel's only thread must not wait for.
            match tokio::task::spawn_blocking(move || argos.reload_rules()).await {
                Ok(Ok(())) => tracing::info!("SIGHUP: the WAF rules are read anew"),
                Ok(Err(e)) => tracing::error!("SIGHUP: the WAF rules stay as they are: {e}"),
                Err(e) => tracing::error!("SIGHUP: reading the WAF rules failed: {e}"),
            }
        }
    });
    if with_demo {
        demo::start(&argos).await?;
    }
    let panel_is_off = panel.addresses.is_empty();
    let mut options = options;
    if !panel_is_off {
        options.panel = Some(open_panel_to_proxy(&argos).await?);
    }
    open_panel(&argos, panel).await?;
    let socket = open_socket(data_dir)?;
    let app = routes(argos.clone(), Door::Socket);
    tokio::spawn(async move { axum::serve(socket.0, app).await });
    let serving = argos.start(&options)?;
    for address in serving.addresses() {
        tracing::info!("http: http://{address}");
    }
    for address in serving.secure_addresses() {
        tracing::info!("https: https://{address}");
    }
    for address in serving.h3_addresses() {
        tracing::info!("http/3: https://{address} (UDP)");
    }
    if serving.addresses().is_empty() && serving.secure_addresses().is_empty() && panel_is_off {
        tracing::warn!("no listener is on: nothing is served but the command line");
    }
    if let (true, Some(address)) = (with_demo, serving.addresses().first()) {
        tracing::info!("try: curl -H 'Host: demo.localhost' http://{address}/hello");
    }
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    tracing::info!("stopping: requests in flight have {} s; a second signal ends them", grace.as_secs());
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::warn!("a second signal: stopping at once");
        std::process::exit(1);
    });
    let audit_log = options.audit_log;
    let stopped = tokio::task::spawn_blocking(move || {
        serving.stop(grace);
        if let Some(log) = audit_log {
            log.close();
        }
    });
    let stopped = stopped.await;
    // The name goes before the lock does, so that the next command opens the folder itself.
    drop(SocketFile(data_dir.join(client::SOCKET)));
    stopped.map_err(|_| Error::internal("stopping was cut off"))
}

/// Where the panel is reached.
struct Panel {
    /// Each with the socket that listens there already, if one was passed on.
    addresses: Vec<(SocketAddr, Option<StdListener>)>,
    /// Whether inside TLS.
    secure: bool,
}

async fn open_panel(argos: &Argos, panel: Panel) -> Result<()> {
    let terms = if panel.secure {
        let reached: Vec<_> = panel.addresses.iter().map(|(address, _)| address.ip()).collect();
        Some(argos.panel_tls(&reached)?)
    } else {
        None
    };
    for (address, passed) in panel.addresses {
        let failed = |e: std::io::Error| in_use(&address.to_string(), &e);
        let listener = match passed {
            Some(socket) => {
                socket.set_nonblocking(true).map_err(failed)?;
                TcpListener::from_std(socket).map_err(failed)?
            }
            None => TcpListener::bind(address).await.map_err(failed)?,
        };
        let bound = listener.local_addr().map_err(failed)?;
        argos.own_listeners().add([bound]);
        let app = routes(argos.clone(), Door::Panel { secure: panel.secure })
            .into_make_service_with_connect_info::<SocketAddr>();
        match &terms {
            None => {
                tracing::info!("panel: http://{bound}/api/v1");
                tokio::spawn(async move { axum::serve(listener, app).await });
            }
            Some(terms) => {
                tracing::info!("panel: https://{bound}/api/v1");
                let listener = SecureListener::new(listener, terms.clone()).map_err(failed)?;
                // What a tapped listener tells of its clients is their address.
                tokio::spawn(async move { axum::serve(listener.tap_io(|_| {}), app).await });
            }
        }
    }
    Ok(())
}

/// Opens the panel to the proxy, which leads `panel.proxy_host` there; where it listens.
async fn open_panel_to_proxy(argos: &Argos) -> Result<SocketAddr> {
    let failed = |e: std::io::Error| in_use("a port of 127.0.0.1", &e);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    argos.own_listeners().add([bound]);
    let app = routes(argos.clone(), Door::Panel { secure: false }).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(bound)
}

fn in_use(what: &str, e: &std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "listen", format!("can't listen on {what}: {e}"))
}

/// Removes the socket's name.
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The command line's socket. The folder's lock is ours, so a name that is left is of a process that died.
fn open_socket(data_dir: &Path) -> Result<(UnixListener,)> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = data_dir.join(client::SOCKET);
    let fault = |e: std::io::Error| in_use(&path.display().to_string(), &e);
    if path.exists() {
        std::fs::remove_file(&path).map_err(fault)?;
    }
    let listener = UnixListener::bind(&path).map_err(fault)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(fault)?;
    Ok((listener,))
}
