//! Reads online features at a fixed schedule and tells how long the answers took: the load of `benches/soak`. wrk asks as
//! fast as it is answered, and a client in Python needs a processor for itself long before the server does.
//!
//! Each connection is a thread with a schedule of its own. A latency counts from the scheduled moment to the last byte of
//! the answer, so what waits behind a late answer is late as well. A sleeping thread wakes up to 0.1 ms late, which is in every
//! latency. It needs nothing but the standard library: `rustc -O --edition 2024` builds it in seconds.
//!
//! ```text
//! paced_reads PORT RATE SECONDS CONNECTIONS ROWS KEYS FEATURES
//! ```
//! RATE is requests a second of all connections together, KEYS how many keys are there (from 0, of the entity `key`; all must
//! be found), FEATURES a JSON list. Prints one JSON object: latencies in milliseconds, and by how many seconds the end was
//! `behind` the schedule; the first errors are on stderr.

#![expect(clippy::print_stdout, clippy::print_stderr, clippy::expect_used, reason = "an example")]

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// An answer that takes longer is an error.
const LONGEST_ANSWER: Duration = Duration::from_secs(10);
/// So many errors of each connection are told.
const TOLD_ERRORS: usize = 3;

/// What is asked, and when.
struct Load {
    port: u16,
    rate: f64,
    seconds: f64,
    connections: u32,
    rows: usize,
    keys: u64,
    features: String,
    start: Instant,
}

/// What came of it.
#[derive(Default)]
struct Outcome {
    scheduled: u64,
    errors: u64,
    /// Of answers that are right, in milliseconds.
    latencies: Vec<f32>,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |name: &str| arguments.next().unwrap_or_else(|| usage(name));
    let load = Arc::new(Load {
        port: number("PORT", &argument("PORT")),
        rate: number("RATE", &argument("RATE")),
        seconds: number("SECONDS", &argument("SECONDS")),
        connections: number("CONNECTIONS", &argument("CONNECTIONS")),
        rows: number("ROWS", &argument("ROWS")),
        keys: number("KEYS", &argument("KEYS")),
        features: argument("FEATURES"),
        start: Instant::now(),
    });
    let threads = (0..load.connections).map(|connection| {
        let load = load.clone();
        thread::spawn(move || load.run(connection))
    });
    let threads: Vec<_> = threads.collect();
    let mut all = Outcome::default();
    for thread in threads {
        let outcome = thread.join().expect("a connection's thread does not panic");
        all.scheduled += outcome.scheduled;
        all.errors += outcome.errors;
        all.latencies.extend(outcome.latencies);
    }
    all.latencies.sort_unstable_by(f32::total_cmp);
    println!(
        r#"{{"scheduled": {}, "errors": {}, "behind": {}, "p50": {}, "p99": {}, "p999": {}, "greatest": {}}}"#,
        all.scheduled,
        all.errors,
        load.start.elapsed().as_secs_f64() - load.seconds,
        all.percentile(500),
        all.percentile(990),
        all.percentile(999),
        all.percentile(1000),
    );
}

fn usage(missing: &str) -> ! {
    eprintln!("{missing} is missing: paced_reads PORT RATE SECONDS CONNECTIONS ROWS KEYS FEATURES");
    std::process::exit(2)
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> T {
    text.parse().unwrap_or_else(|_| {
        eprintln!("{name} is no number that fits: `{text}`");
        std::process::exit(2)
    })
}

impl Load {
    /// One connection's part of the load.
    fn run(&self, connection: u32) -> Outcome {
        let mut outcome = Outcome::default();
        let mut random = Random(u64::from(connection) + 7);
        let mut stream = None;
        loop {
            let requests_before =
                f64::from(connection) + outcome.scheduled as f64 * f64::from(self.connections);
            let due = Duration::from_secs_f64(requests_before / self.rate);
            if due.as_secs_f64() >= self.seconds {
                return outcome;
            }
            outcome.scheduled += 1;
            let request = self.request(&mut random);
            thread::sleep(due.saturating_sub(self.start.elapsed()));
            match self.ask(&mut stream, &request) {
                Ok(()) => outcome.latencies.push((self.start.elapsed() - due).as_secs_f32() * 1000.0),
                Err(error) => {
                    stream = None;
                    outcome.errors += 1;
                    if outcome.errors <= TOLD_ERRORS as u64 {
                        eprintln!("after {:.1} s: {error}", self.start.elapsed().as_secs_f32());
                    }
                }
            }
        }
    }

    fn request(&self, random: &mut Random) -> String {
        let mut body = format!(r#"{{"features": {}, "entities": {{"key": ["#, self.features);
        for row in 0..self.rows {
            let comma = if row == 0 { "" } else { "," };
            let _ = write!(body, "{comma}{}", random.below(self.keys));
        }
        body.push_str("]}}");
        format!(
            "POST /get-online-features HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// Sends a request on a connection, which is made where there is none, and checks the answer.
    fn ask(&self, stream: &mut Option<TcpStream>, request: &str) -> io::Result<()> {
        let stream = match stream {
            Some(stream) => stream,
            None => stream.insert(self.connect()?),
        };
        stream.write_all(request.as_bytes())?;
        let answer = read_answer(stream)?;
        let is_right = answer.starts_with("HTTP/1.1 200 ") && !answer.contains("NOT_FOUND");
        let told = || io::Error::other(answer.chars().take(300).collect::<String>());
        is_right.then_some(()).ok_or_else(told)
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LONGEST_ANSWER))?;
        Ok(stream)
    }
}

/// One answer, head and body.
fn read_answer(stream: &mut TcpStream) -> io::Result<String> {
    let mut answer = Vec::new();
    let mut part = [0; 32 * 1024];
    let mut whole = None;
    while whole.is_none_or(|whole| answer.len() < whole) {
        match stream.read(&mut part)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            many => answer.extend_from_slice(&part[..many]),
        }
        whole = whole.or_else(|| length(&answer));
    }
    String::from_utf8(answer).map_err(io::Error::other)
}

/// Bytes of an answer, once its head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let head_end = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..head_end]).ok()?.to_ascii_lowercase();
    let (_, rest) = head.split_once("content-length:")?;
    let body: usize = rest.lines().next()?.trim().parse().ok()?;
    Some(head_end + body)
}

impl Outcome {
    /// The least latency that so many of a thousand are not above; the latencies are sorted.
    fn percentile(&self, thousandths: usize) -> f32 {
        let position = self.latencies.len() * thousandths / 1000;
        self.latencies.get(position.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or(f32::NAN)
    }
}

/// Numbers in no order, the same from the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}
