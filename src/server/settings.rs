//! What a server is told when it starts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::credentials::{CredentialSource, Credentials};

/// How a server runs.
#[derive(Debug)]
pub struct Settings {
    /// Where HTTP is answered.
    pub http: SocketAddr,
    /// Where gRPC is answered.
    pub grpc: SocketAddr,
    /// Whether the four write routes are open.
    pub allow_write: bool,
    /// Most bytes of a request's body.
    pub max_body: usize,
    /// Most rows of a request.
    pub max_rows: usize,
    /// Most requests that are worked on at once; more are refused at once.
    pub max_in_flight: usize,
    /// Most connections of each interface; more wait to be accepted.
    pub max_connections: usize,
    /// How long one request may take, its body included.
    pub request_timeout: Duration,
    /// How long the online store may take for one read.
    pub store_timeout: Duration,
    /// How long a client may take to shake hands, and to send the head of the first request of a connection.
    pub header_timeout: Duration,
    /// How long a connection may be idle, and the head of a later request may take. Longer than what lies between keeps
    /// its connections, or that will use one that is being closed.
    pub idle_timeout: Duration,
    /// How long requests that have begun may go on once the server is told to stop.
    pub drain_timeout: Duration,
    /// How often the registry and the credentials are looked at.
    pub refresh: Duration,
    /// API keys and certificate, read when the server is bound and at each refresh.
    pub credentials: Arc<dyn CredentialSource>,
    /// Version of the program, for `GetFeastServingInfo`.
    pub version: String,
}

impl Settings {
    /// The usual settings, on addresses of this machine alone.
    pub fn new(version: impl Into<String>) -> Self {
        Self {
            http: SocketAddr::from(([127, 0, 0, 1], 6566)),
            grpc: SocketAddr::from(([127, 0, 0, 1], 6567)),
            allow_write: false,
            max_body: 16 * 1024 * 1024,
            max_rows: 10_000,
            max_in_flight: 512,
            max_connections: 10_000,
            request_timeout: Duration::from_secs(10),
            store_timeout: Duration::from_secs(2),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            drain_timeout: Duration::from_secs(20),
            refresh: Duration::from_secs(60),
            credentials: Arc::new(Credentials::default()),
            version: version.into(),
        }
    }
}
