//! Connections: accepted while there is room, given up when they dawdle, let go when the server stops.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::settings::Settings;

/// After an accept that failed, as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);
/// A quiet gRPC connection is asked whether it still lives.
const PING: Duration = Duration::from_secs(30);
/// Streams of one gRPC connection.
const MOST_STREAMS: u32 = 256;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interface {
    Http,
    Grpc,
}

impl Interface {
    /// Its name in the handshake of TLS.
    pub(crate) const fn protocol(self) -> &'static [u8] {
        match self {
            Self::Http => b"http/1.1",
            Self::Grpc => b"h2",
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
        })
    }
}

/// A bound address.
pub(crate) struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
    interface: Interface,
    room: Arc<Semaphore>,
    most: usize,
    header_timeout: Duration,
    idle_timeout: Duration,
    drain_timeout: Duration,
}

impl Listener {
    pub(crate) fn new(
        tcp: TcpListener,
        tls: Option<TlsAcceptor>,
        interface: Interface,
        settings: &Settings,
    ) -> Self {
        Self {
            tcp,
            tls,
            interface,
            room: Arc::new(Semaphore::new(settings.max_connections)),
            most: settings.max_connections,
            header_timeout: settings.header_timeout,
            idle_timeout: settings.idle_timeout,
            drain_timeout: settings.drain_timeout,
        }
    }

    /// Answers until `stop`, then until all connections are done or their time is over.
    pub(crate) async fn run(self, routes: Router, mut stop: watch::Receiver<bool>) {
        let (give_up, given_up) = watch::channel(false);
        loop {
            let accepted = tokio::select! {
                accepted = self.accept() => accepted,
                _ = stop.wait_for(|stopped| *stopped) => break,
            };
            let Some((stream, room)) = accepted else { continue };
            let connection = Connection {
                routes: routes.clone(),
                tls: self.tls.clone(),
                interface: self.interface,
                header_timeout: self.header_timeout,
                idle_timeout: self.idle_timeout,
                stop: stop.clone(),
            };
            let mut given_up = given_up.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = connection.run(stream) => {}
                    _ = given_up.wait_for(|given_up| *given_up) => {}
                }
                drop(room);
            });
        }
        // No new connection from here on: the port is free for who comes next.
        let Self { tcp, room, most, drain_timeout, interface, .. } = self;
        drop(tcp);
        let all = u32::try_from(most).unwrap_or(u32::MAX);
        if tokio::time::timeout(drain_timeout, room.acquire_many(all)).await.is_err() {
            tracing::warn!(%interface, "connections were cut off: they did not end in time");
            let _ = give_up.send(true);
        }
    }

    /// The next connection, once there is room for it.
    async fn accept(&self) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        let room = self.room.clone().acquire_owned().await.ok()?;
        match self.tcp.accept().await {
            Ok((stream, _)) => {
                // Answers are small and waited for.
                let _ = stream.set_nodelay(true);
                Some((stream, room))
            }
            Err(error) => {
                tracing::warn!(%error, interface = %self.interface, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
                None
            }
        }
    }
}

struct Connection {
    routes: Router,
    tls: Option<TlsAcceptor>,
    interface: Interface,
    header_timeout: Duration,
    idle_timeout: Duration,
    stop: watch::Receiver<bool>,
}

impl Connection {
    /// What goes wrong with a connection is the client's to notice; it is no event here.
    async fn run(self, stream: TcpStream) {
        match self.tls.clone() {
            None => self.answer(stream).await,
            Some(tls) => {
                if let Ok(Ok(stream)) = tokio::time::timeout(self.header_timeout, tls.accept(stream)).await {
                    self.answer(stream).await;
                }
            }
        }
    }

    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let spoke = Arc::new(AtomicBool::new(false));
        let (routes, heard) = (self.routes, spoke.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            heard.store(true, Ordering::Relaxed);
            let routes = routes.clone();
            async move { routes.oneshot(request.map(Body::new)).await as Result<Response, _> }
        });
        let io = TokioIo::new(stream);
        let mut stop = self.stop;
        let stopped = async move {
            let _ = stop.wait_for(|stopped| *stopped).await;
        };
        let silent = silent(spoke, self.header_timeout);
        match self.interface {
            Interface::Http => {
                let mut builder = http1::Builder::new();
                builder.timer(TokioTimer::new()).header_read_timeout(self.idle_timeout);
                let mut connection = std::pin::pin!(builder.serve_connection(io, service));
                tokio::select! {
                    _ = connection.as_mut() => return,
                    () = silent => return,
                    () = stopped => connection.as_mut().graceful_shutdown(),
                }
                let _ = connection.await;
            }
            Interface::Grpc => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                builder
                    .timer(TokioTimer::new())
                    .max_concurrent_streams(MOST_STREAMS)
                    .keep_alive_interval(PING)
                    .keep_alive_timeout(self.header_timeout);
                let mut connection = std::pin::pin!(builder.serve_connection(io, service));
                tokio::select! {
                    _ = connection.as_mut() => return,
                    () = silent => return,
                    () = stopped => connection.as_mut().graceful_shutdown(),
                }
                let _ = connection.await;
            }
        }
    }
}

/// Ends when a connection has brought no request in time; never, once it has brought one.
async fn silent(spoke: Arc<AtomicBool>, limit: Duration) {
    tokio::time::sleep(limit).await;
    if spoke.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}
