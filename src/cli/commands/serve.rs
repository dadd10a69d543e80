//! `provender serve`: online features over HTTP and gRPC, until a signal ends it.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::Arc;

use provender_core::time::Duration;
use provender_runtime::clock::SystemClock;
use provender_runtime::feature_store::Applied;
use provender_runtime::metrics::Recorder;
use provender_server::{Credentials, Parts, Server, Settings};
use tokio::runtime::Handle;

use crate::arguments::GlobalArguments;
use crate::commands::version::VERSION;
use crate::credentials::CredentialFiles;
use crate::error::{CommandError, CommandResult, Exit};
use crate::executor::{EventLoops, StopWords, allow_open_files, block_on, on_hangup, stop_signal};
use crate::metrics::{MetricsArgs, measured};
use crate::output::{LogFormat, LogLevel, Ui};
use crate::workspace::{Workspace, author};

/// Open files that are no connections of clients: the registry's, the store's, what a materialization reads.
const OTHER_FILES: usize = 256;

/// Serve online features over HTTP and gRPC
#[derive(Debug, clap::Args)]
#[command(
    after_help = "API keys are lines of a name, its scopes (`read`, `write` or `read,write`) and the SHA-256 digest of the key; \
                  PROVENDER_API_KEYS may hold them instead of a file. Without keys everybody may do everything. \
                  Files of keys and certificate are read again when the registry is looked at, and at SIGHUP."
)]
pub(crate) struct Args {
    /// Where HTTP is answered
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:6566", value_parser = address)]
    http: SocketAddr,
    /// Where gRPC is answered
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:6567", value_parser = address)]
    grpc: SocketAddr,
    /// Open the routes that write to the online store and materialize
    #[arg(long)]
    allow_write: bool,
    /// File with API keys
    #[arg(long, value_name = "FILE")]
    api_keys: Option<PathBuf>,
    /// Certificate chain of the server, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Private key of the certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
    /// Form of log lines, on stderr
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    log_format: LogFormat,
    /// Least level of log lines; `debug` has one for each request
    #[arg(long, value_enum, default_value_t, value_name = "LEVEL")]
    log_level: LogLevel,
}

/// How much is taken on.
#[derive(Debug, clap::Args)]
struct LimitArgs {
    /// Most bytes of a request's body
    #[arg(long, value_name = "BYTES", default_value_t = 16 * 1024 * 1024)]
    max_body: usize,
    /// Most rows of a request
    #[arg(long, value_name = "ROWS", default_value_t = 10_000)]
    max_rows: usize,
    /// Most requests at once; more are refused at once
    #[arg(long, value_name = "REQUESTS", default_value_t = 512)]
    max_in_flight: usize,
    /// Most connections of each interface; more wait
    #[arg(long, value_name = "CONNECTIONS", default_value_t = 10_000)]
    max_connections: usize,
    /// How long one request may take
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    request_timeout: Duration,
    /// How long the online store may take for one read
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    store_timeout: Duration,
    /// How long a client may take to send the head of its first request
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    header_timeout: Duration,
    /// How long a connection may be idle; longer than a load balancer keeps its own
    #[arg(long, value_name = "DURATION", default_value = "75s")]
    idle_timeout: Duration,
    /// How long requests may go on after a signal
    #[arg(long, value_name = "DURATION", default_value = "20s")]
    drain_timeout: Duration,
}

/// An address, also by the name of a host.
fn address(text: &str) -> Result<SocketAddr, String> {
    let mut found = text.to_socket_addrs().map_err(|error| error.to_string())?;
    found.next().ok_or_else(|| "the host has no address".to_owned())
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let workspace = Workspace::open(ui, global)?;
    let settings = settings(&workspace, args)?;
    let _lines = ui.log(args.log_format, args.log_level);
    let warn = |warning| tracing::warn!("{warning}");
    let event_loops = EventLoops::start()?;
    block_on(measured(&workspace, &args.metrics, warn, async |metrics| {
        serve(&workspace, settings, metrics, event_loops.handles()).await
    }))
}

async fn serve(
    workspace: &Workspace,
    settings: Settings,
    metrics: Recorder,
    event_loops: Vec<Handle>,
) -> CommandResult {
    let credentials = settings.credentials.read()?;
    refuse_other_authentication(workspace, &credentials)?;
    let settings = Settings { max_connections: connections(settings.max_connections), ..settings };
    let log = workspace.registry()?;
    let applied = Applied::of(&log, workspace.applied(&log).await?).await?;
    let provider = if settings.allow_write { workspace.provider()? } else { workspace.online_provider()? };
    let clock = Arc::new(SystemClock);
    let parts = Parts { log, applied, provider, clock, author: author(), metrics, event_loops };
    let stop = stop_signal(StopWords {
        first: "stopping: requests that have begun are answered; once more stops at once",
        second: "stopped at once",
        say: |line| tracing::info!("{line}"),
    })?;
    let server = Server::bind(parts, settings).await?;
    let refresh = server.refresh();
    on_hangup(move || refresh.notify_one())?;
    let (http, grpc) = (server.http_address(), server.grpc_address());
    let project = &workspace.environment.project;
    let (keys, tls) = (credentials.keys.is_some(), credentials.tls.is_some());
    tracing::info!(project, %http, %grpc, keys, tls, "listening");
    server.run(stop).await?;
    Ok(Exit::Done)
}

fn settings(workspace: &Workspace, args: &Args) -> CommandResult<Settings> {
    let limits = &args.limits;
    let tls = args.tls_certificate.clone().zip(args.tls_key.clone());
    let credentials = CredentialFiles { api_keys: args.api_keys.clone(), tls };
    Ok(Settings {
        http: args.http,
        grpc: args.grpc,
        allow_write: args.allow_write,
        max_body: at_least_one("--max-body", limits.max_body)?,
        max_rows: at_least_one("--max-rows", limits.max_rows)?,
        max_in_flight: at_least_one("--max-in-flight", limits.max_in_flight)?,
        max_connections: at_least_one("--max-connections", limits.max_connections)?,
        request_timeout: std_duration("--request-timeout", limits.request_timeout)?,
        store_timeout: std_duration("--store-timeout", limits.store_timeout)?,
        header_timeout: std_duration("--header-timeout", limits.header_timeout)?,
        idle_timeout: std_duration("--idle-timeout", limits.idle_timeout)?,
        drain_timeout: std_duration("--drain-timeout", limits.drain_timeout)?,
        // With `cache_ttl_seconds: 0` nothing may be old; a second is as good as a server can keep that.
        refresh: whole(workspace.environment.registry.cache_ttl).max(std::time::Duration::from_secs(1)),
        credentials: Arc::new(credentials),
        ..Settings::new(VERSION)
    })
}

/// Connections of each interface for which there are open files, with some left for registry and store: without those, answers
/// would fail instead of connections wait.
fn connections(asked: usize) -> usize {
    let files = allow_open_files();
    let most = (files.saturating_sub(OTHER_FILES) / 2).max(1);
    const WHY: &str = "fewer connections than `--max-connections` are taken: the limit of open files (`ulimit -n`) is too low";
    // Who did not ask for so many need not be warned.
    let is_usual = asked == Settings::new(VERSION).max_connections;
    match asked > most {
        true if is_usual => tracing::info!(files, connections = most, "{WHY}"),
        true => tracing::warn!(files, connections = most, "{WHY}"),
        false => {}
    }
    asked.min(most)
}

fn at_least_one(option: &str, count: usize) -> CommandResult<usize> {
    // More cannot be counted by what counts them.
    let most = u32::MAX as usize >> 3;
    match count {
        0 => Err(CommandError::new(format!("`{option}` must be at least 1"))),
        _ => Ok(count.min(most)),
    }
}

const fn whole(duration: Duration) -> std::time::Duration {
    std::time::Duration::from_nanos(duration.as_nanos().unsigned_abs())
}

fn std_duration(option: &str, duration: Duration) -> CommandResult<std::time::Duration> {
    if duration.is_zero() {
        return Err(CommandError::new(format!("`{option}` must be longer than nothing")));
    }
    Ok(whole(duration))
}

/// A project that asks for authentication must not be served without any.
fn refuse_other_authentication(workspace: &Workspace, credentials: &Credentials) -> CommandResult<()> {
    let asked = workspace.environment.authentication.get("type").map(String::as_str);
    match asked {
        Some(kind) if kind != "no_auth" && credentials.keys.is_none() => Err(CommandError::new(format!(
            "`auth` in feature_store.yaml asks for `{kind}`, which this server does not know"
        ))
        .with_hint("give API keys with `--api-keys FILE`, or set `auth: {type: no_auth}`")),
        _ => Ok(()),
    }
}
