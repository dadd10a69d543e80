//! Connections: accepted while there is room, given up when they dawdle, let go when the server stops.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::net;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use hyper::body::{Body, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::one_piece::OnePiece;
use crate::settings::Settings;

/// After an accept that failed, as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);
/// A quiet gRPC connection is asked whether it still lives.
const PING: Duration = Duration::from_secs(30);
/// A kept HTTP connection is closed so long after the server was told to stop: who uses it all the time has a request on its
/// way at any moment, and learns with the answer to that one that it is the last.
const LAST_REQUEST: Duration = Duration::from_secs(1);
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

/// What answers the requests of an interface.
pub(crate) trait Routes: Clone + Send + Sync + 'static {
    /// That of an answer.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// Every request has an answer; what goes wrong is one too.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// A bound address.
pub(crate) struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
    interface: Interface,
    room: Arc<Semaphore>,
    most: usize,
    request_timeout: Duration,
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
            request_timeout: settings.request_timeout,
            header_timeout: settings.header_timeout,
            idle_timeout: settings.idle_timeout,
            drain_timeout: settings.drain_timeout,
        }
    }

    /// Answers until `stop`, each connection on the next of the event loops, or on this one where there are none; then until
    /// all connections are done or their time is over.
    pub(crate) async fn run(
        self,
        routes: impl Routes,
        event_loops: &[Handle],
        mut stop: watch::Receiver<bool>,
    ) {
        let here = Handle::current();
        let mut event_loops = event_loops.iter().cycle();
        let mut next_loop = || event_loops.next().unwrap_or(&here);
        let (give_up, given_up) = watch::channel(false);
        let connection = Connection {
            routes,
            tls: self.tls.clone(),
            interface: self.interface,
            request_timeout: self.request_timeout,
            header_timeout: self.header_timeout,
            idle_timeout: self.idle_timeout,
            stop: stop.clone(),
            is_stopping: Arc::default(),
        };
        loop {
            let accepted = tokio::select! {
                accepted = self.accept() => accepted,
                _ = stop.wait_for(|stopped| *stopped) => break,
            };
            if let Some((stream, room)) = accepted {
                connection.clone().begin(next_loop(), stream, room, given_up.clone());
            }
        }
        connection.is_stopping.store(true, Ordering::Relaxed);
        // No new connection from here on: the port is free for who comes next.
        let Self { tcp, room, most, drain_timeout, interface, .. } = self;
        for (stream, room) in waiting(tcp, &room) {
            connection.clone().begin(next_loop(), stream, room, given_up.clone());
        }
        drop(connection);
        let all = u32::try_from(most).unwrap_or(u32::MAX);
        if tokio::time::timeout(drain_timeout, room.acquire_many(all)).await.is_err() {
            tracing::warn!(%interface, "connections were cut off: they did not end in time");
            let _ = give_up.send(true);
        }
    }

    /// The next connection, once there is room for it.
    async fn accept(&self) -> Option<(net::TcpStream, OwnedSemaphorePermit)> {
        let room = self.room.clone().acquire_owned().await.ok()?;
        match self.tcp.accept().await {
            Ok((stream, _)) => Some((stream.into_std().ok()?, room)),
            Err(error) => {
                tracing::warn!(%error, interface = %self.interface, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
                None
            }
        }
    }
}

/// Answers are small and waited for, so they are sent at once. Who takes nothing of one for so long is given up by the system,
/// where it can: the connection would be held, and the answer with it.
fn set_up(stream: &TcpStream, limit: Duration) {
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        let limit = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, limit);
    }
}

/// Connections that the system has let in already, as far as there is room: their requests may be on their way, and closing
/// the listener would reset them.
fn waiting(
    tcp: TcpListener,
    room: &Arc<Semaphore>,
) -> impl Iterator<Item = (net::TcpStream, OwnedSemaphorePermit)> {
    // Asked of the system itself, which may know more of them than the runtime does.
    let tcp = tcp.into_std().ok();
    std::iter::from_fn(move || {
        let room = room.clone().try_acquire_owned().ok()?;
        let (stream, _) = tcp.as_ref()?.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some((stream, room))
    })
}

/// How connections of an interface are answered.
#[derive(Clone)]
struct Connection<R> {
    routes: R,
    tls: Option<TlsAcceptor>,
    interface: Interface,
    request_timeout: Duration,
    header_timeout: Duration,
    idle_timeout: Duration,
    stop: watch::Receiver<bool>,
    /// The same for requests, which look at it each.
    is_stopping: Arc<AtomicBool>,
}

impl<R: Routes> Connection<R> {
    /// Answers on a task of its own on an event loop, until the connection ends or is given up.
    fn begin(
        self,
        event_loop: &Handle,
        stream: net::TcpStream,
        room: OwnedSemaphorePermit,
        mut given_up: watch::Receiver<bool>,
    ) {
        event_loop.spawn(async move {
            let Ok(stream) = TcpStream::from_std(stream) else { return };
            set_up(&stream, self.request_timeout);
            tokio::select! {
                biased;
                () = self.run(stream) => {}
                _ = given_up.wait_for(|given_up| *given_up) => {}
            }
            drop(room);
        });
    }

    /// What goes wrong with a connection is the client's to notice; it is no event here.
    async fn run(self, stream: TcpStream) {
        match self.tls.clone() {
            None => self.answer(stream).await,
            Some(tls) => match tokio::time::timeout(self.header_timeout, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.answer(stream).await,
                Ok(Err(error)) => {
                    tracing::debug!(%error, interface = %self.interface, "a handshake of TLS failed");
                }
                Err(_) => {}
            },
        }
    }

    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let requests = Arc::new(AtomicU64::new(0));
        let (routes, heard, is_stopping) = (self.routes, requests.clone(), self.is_stopping);
        let is_http = self.interface == Interface::Http;
        let service = service_fn(move |request: Request<Incoming>| {
            heard.fetch_add(1, Ordering::Relaxed);
            let (routes, is_stopping) = (routes.clone(), is_stopping.clone());
            async move {
                let mut answer = routes.answer(request).await;
                if is_http {
                    // What has come in on other connections is answered first, then all answers are sent one after the
                    // other: who has many connections from this machine is woken up once for them, not for each.
                    tokio::task::yield_now().await;
                    if is_stopping.load(Ordering::Relaxed) {
                        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                    }
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let io = TokioIo::new(OnePiece(stream));
        let mut stop = self.stop;
        let stopped = async move {
            let _ = stop.wait_for(|stopped| *stopped).await;
        };
        let mut silent = std::pin::pin!(silent(&requests, self.header_timeout));
        match self.interface {
            Interface::Http => {
                let mut builder = http1::Builder::new();
                builder.timer(TokioTimer::new()).header_read_timeout(self.idle_timeout);
                // Who has sent a whole request may say that it was the last, and still wants the answer.
                builder.half_close(true);
                let mut connection = std::pin::pin!(builder.serve_connection(io, service));
                let last = async {
                    stopped.await;
                    tokio::time::sleep(LAST_REQUEST).await;
                };
                tokio::select! {
                    biased;
                    _ = connection.as_mut() => return,
                    () = silent.as_mut() => return,
                    () = last => connection.as_mut().graceful_shutdown(),
                }
                // Half a head that stays so is no request that has begun.
                tokio::select! {
                    _ = connection => {}
                    () = silent => {}
                }
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
                    () = idle(&requests, self.idle_timeout) => {
                        connection.as_mut().graceful_shutdown();
                        // Who does not hear that it is over is gone.
                        let _ = tokio::time::timeout(self.header_timeout, connection).await;
                        return;
                    }
                    () = stopped => connection.as_mut().graceful_shutdown(),
                }
                let _ = connection.await;
            }
        }
    }
}

/// Ends when a connection has brought no request in time; never, once it has brought one.
async fn silent(requests: &AtomicU64, limit: Duration) {
    tokio::time::sleep(limit).await;
    if requests.load(Ordering::Relaxed) > 0 {
        std::future::pending::<()>().await;
    }
}

/// Ends when a connection has brought no request for some time, and not for twice as long.
async fn idle(requests: &AtomicU64, limit: Duration) {
    let mut known = 0;
    loop {
        tokio::time::sleep(limit).await;
        let now = requests.load(Ordering::Relaxed);
        if std::mem::replace(&mut known, now) == now {
            return;
        }
    }
}
