//! Sends what is recorded to a StatsD server, once a second, behind everything else.
//!
//! It is UDP, from a socket that never blocks: what cannot be sent at once is lost, and nobody waits. Looking a name up can
//! take long, so that too happens in the background; until a name is known, counts are kept and told later.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::time::Duration;

use cadence::{BufferedUdpMetricSink, StatsdClient};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::lines::{TagStyle, Told};
use super::recorder::Recorder;
use super::table::PREFIX;

/// How often lines are sent.
const EVERY: Duration = Duration::from_secs(1);
/// A name that was not found is looked up again after this long.
const AGAIN: Duration = Duration::from_secs(30);
/// A process that ends waits this long at most for a name, and as long for the last lines.
const LONGEST_END: Duration = Duration::from_millis(250);
/// Bytes of a datagram: what passes an Ethernet in one piece.
const DATAGRAM: usize = 1_432;
/// After so many lines there is a pause, so that a collector's buffer does not run over.
const LINES_AT_ONCE: usize = 512;
const PAUSE: Duration = Duration::from_millis(2);

/// A StatsD server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    /// `HOST:PORT`.
    pub place: String,
    /// How lines to it carry labels.
    pub tags: TagStyle,
}

/// Sends in the background, until it is told to finish.
#[derive(Debug)]
pub struct Exporter {
    finish: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Exporter {
    /// Begins, on the async runtime that this is called on. `warn` is told once where the place cannot be found.
    pub fn start(
        recorder: Recorder,
        collector: Collector,
        warn: impl FnOnce(String) + Send + 'static,
    ) -> Self {
        recorder.sample();
        let (finish, mut finished) = watch::channel(false);
        let task = tokio::spawn(async move {
            if let Some(client) = connect(&collector.place, warn, &mut finished).await {
                export(&recorder, &client, collector.tags, finished).await;
            }
        });
        Self { finish, task }
    }

    /// Sends what was recorded last. Takes half a second at most.
    pub async fn finish(self) {
        // An error means that it has ended: its place was not found.
        let _ = self.finish.send(true);
        let _ = tokio::time::timeout(2 * LONGEST_END, self.task).await;
    }
}

/// A client of the place, once that is found; none where the process ends before.
async fn connect(
    place: &str,
    warn: impl FnOnce(String),
    finished: &mut watch::Receiver<bool>,
) -> Option<StatsdClient> {
    let mut opening = std::pin::pin!(open(place));
    let opened = tokio::select! {
        opened = &mut opening => Some(opened),
        () = told(finished) => tokio::time::timeout(LONGEST_END, opening).await.ok(),
    };
    let why = match opened {
        Some(Ok(client)) => return Some(client),
        Some(Err(error)) => error.to_string(),
        None => "looking it up takes too long".to_owned(),
    };
    warn(format!("metrics are not sent: `{place}` was not found: {why}"));
    loop {
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = told(finished) => return None,
        }
        if let Ok(client) = open(place).await {
            return Some(client);
        }
    }
}

/// Ends once this is to finish, or nobody is left who could say so.
async fn told(finished: &mut watch::Receiver<bool>) {
    let _ = finished.wait_for(|finished| *finished).await;
}

async fn open(place: &str) -> io::Result<StatsdClient> {
    let place = place.to_owned();
    // Whoever looks names up may block for long; a process that ends does not wait for that thread.
    let looked_up = tokio::task::spawn_blocking(move || client_of(&place)).await;
    looked_up.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn client_of(place: &str) -> io::Result<StatsdClient> {
    let found = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let address = place.to_socket_addrs()?.next().ok_or_else(found)?;
    let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    let sink = BufferedUdpMetricSink::with_capacity(address, socket, DATAGRAM).map_err(io::Error::other)?;
    Ok(StatsdClient::from_sink(PREFIX, sink))
}

/// Sends until it is told to finish, and once more then.
async fn export(
    recorder: &Recorder,
    client: &StatsdClient,
    tags: TagStyle,
    mut finished: watch::Receiver<bool>,
) {
    let mut before = Told::default();
    let mut is_last = false;
    while !is_last {
        is_last = tokio::select! {
            () = tokio::time::sleep(EVERY) => false,
            () = told(&mut finished) => true,
        };
        for (at, lines) in before.news(recorder).chunks(LINES_AT_ONCE).enumerate() {
            if at > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            for line in lines {
                line.send(client, tags);
            }
        }
        // What is lost here is lost: nothing depends on it.
        let _ = client.flush();
    }
}
