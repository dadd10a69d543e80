//! A server from start to end: reads the registry once, binds, answers, refreshes, and drains when it is told to stop.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use provender_core::registry::Author;
use provender_runtime::clock::Clock;
use provender_runtime::feature_store::{Applied, FeatureStore};
use provender_runtime::metrics::Recorder;
use provender_runtime::provider::Provider;
use provender_runtime::registry::RegistryLog;
use provender_runtime::{Error, Result};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, Notify, watch};

use crate::credentials::CurrentCredentials;
use crate::grpc;
use crate::http::HttpRoutes;
use crate::listen::{Interface, Listener};
use crate::meters::Meters;
use crate::refresh::Refresher;
use crate::service::Service;
use crate::settings::Settings;
use crate::writes::Writes;

/// What a server stands on.
#[derive(Debug)]
pub struct Parts {
    /// The registry; only read, but for the ledgers when this server writes.
    pub log: RegistryLog,
    /// What was applied, to begin with.
    pub applied: Applied,
    /// The stores.
    pub provider: Arc<dyn Provider>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who runs it, for the ledgers.
    pub author: Author,
    /// Where it is counted what the server does; `/metrics` shows it.
    pub metrics: Recorder,
    /// What connections are given to, in turns, and stay with; none: the runtime that the server runs on.
    pub event_loops: Vec<Handle>,
}

/// A server that is bound and answers once it runs.
pub struct Server {
    http: Listener,
    grpc: Listener,
    http_address: SocketAddr,
    grpc_address: SocketAddr,
    service: Arc<Service>,
    refresher: Refresher,
    refresh: Arc<Notify>,
    event_loops: Vec<Handle>,
}

impl Server {
    /// Reads the credentials and binds both addresses.
    ///
    /// # Errors
    /// `Invalid` for an address that cannot be bound, or credentials that cannot be used.
    pub async fn bind(parts: Parts, settings: Settings) -> Result<Self> {
        let store = FeatureStore::new(parts.applied.clone(), parts.provider.clone())
            .with_store_timeout(settings.store_timeout)
            .with_metrics(parts.metrics.clone());
        let changed = Arc::new(Notify::new());
        let writes = settings.allow_write.then(|| Writes {
            log: parts.log.clone(),
            provider: parts.provider,
            author: parts.author,
            clock: parts.clock.clone(),
            changed: changed.clone(),
            running: Arc::new(Mutex::new(())),
            metrics: parts.metrics.clone(),
            runtime: Handle::current(),
        });
        let credentials = CurrentCredentials::read(settings.credentials.clone())?;
        let (http, http_address) = bind(settings.http, &settings, &credentials, Interface::Http).await?;
        let (grpc, grpc_address) = bind(settings.grpc, &settings, &credentials, Interface::Grpc).await?;
        let every = settings.refresh;
        let meters = Meters::new(parts.metrics);
        let service = Arc::new(Service::new(store, settings, credentials, writes, parts.clock, meters));
        let refresher = Refresher {
            log: parts.log,
            applied: parts.applied,
            service: service.clone(),
            every,
            now: changed.clone(),
        };
        Ok(Self {
            http,
            grpc,
            http_address,
            grpc_address,
            service,
            refresher,
            refresh: changed,
            event_loops: parts.event_loops,
        })
    }

    /// Told by who knows that the registry or the credentials have changed: they are looked at at once.
    pub fn refresh(&self) -> Arc<Notify> {
        self.refresh.clone()
    }

    /// Where HTTP is answered.
    pub const fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// Where gRPC is answered.
    pub const fn grpc_address(&self) -> SocketAddr {
        self.grpc_address
    }

    /// Answers until `stop` becomes true, then lets what has begun come to its end, for a while.
    ///
    /// # Errors
    /// None so far: what goes wrong with one connection ends that connection.
    pub async fn run(self, mut stop: watch::Receiver<bool>) -> Result<()> {
        let (health, grpc_routes) = grpc::routes(&self.service).await?;
        let refreshing = tokio::spawn(self.refresher.run(stop.clone()));
        let service = self.service;
        let draining = {
            let service = service.clone();
            let mut stop = stop.clone();
            async move {
                // An error means that nobody can tell any more: the same as being told.
                let _ = stop.wait_for(|stopped| *stopped).await;
                service.readiness.drain();
                health.stopping().await;
            }
        };
        let http_routes = HttpRoutes(service.clone());
        tokio::join!(
            self.http.run(http_routes, &self.event_loops, stop.clone()),
            self.grpc.run(grpc_routes, &self.event_loops, stop.clone()),
            draining
        );
        let _ = stop.wait_for(|stopped| *stopped).await;
        refreshing.abort();
        tracing::info!("stopped");
        Ok(())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Server")
            .field("http", &self.http_address)
            .field("grpc", &self.grpc_address)
            .finish_non_exhaustive()
    }
}

async fn bind(
    address: SocketAddr,
    settings: &Settings,
    credentials: &CurrentCredentials,
    interface: Interface,
) -> Result<(Listener, SocketAddr)> {
    let failed = |error: std::io::Error| {
        Error::invalid(format!("could not listen on {address}"))
            .with_source(error)
            .with_hint(format!("`--{interface} HOST:PORT` takes another address"))
    };
    let tcp = TcpListener::bind(address).await.map_err(failed)?;
    let bound = tcp.local_addr().map_err(failed)?;
    let certificate = credentials.certificate();
    let tls = certificate.map(|certificate| certificate.acceptor(interface.protocol())).transpose();
    let tls = tls.map_err(|error| Error::invalid(error.to_string()))?;
    Ok((Listener::new(tcp, tls, interface, settings), bound))
}
