//! Servers that tests start on a free port and stop: a real one for S3, a small one that speaks as much of the XML API of Google
//! Cloud Storage as reading needs, and one that says the same to everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The S3 server of the Python package `moto`, with an empty bucket.
pub(super) struct S3Server {
    process: Child,
    log: tempfile::NamedTempFile,
    pub(super) endpoint: String,
}

impl S3Server {
    pub(super) const BUCKET: &str = "bucket";

    /// None where the package is not installed, which is said on standard error, where no test runner hides it.
    pub(super) fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = tempfile::NamedTempFile::new().unwrap();
        let output = || Stdio::from(log.reopen().unwrap());
        let started = Command::new("moto_server")
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output())
            .spawn();
        let process = match started {
            Ok(process) => process,
            Err(error) => {
                let text = format!(
                    "SKIPPED: sources on S3 were not tested: `moto_server` cannot be started ({error}); `pip install 'moto[server]'` installs it\n"
                );
                std::io::stderr().write_all(text.as_bytes()).unwrap();
                return None;
            }
        };
        let mut server = Self { process, log, endpoint: format!("http://127.0.0.1:{port}") };
        let begin = Instant::now();
        while !server.makes_bucket(port) {
            let is_over = server.process.try_wait().unwrap().is_some();
            assert!(
                !is_over && begin.elapsed() < Duration::from_secs(60),
                "moto_server does not come up; its log:\n{}",
                server.log()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(server)
    }

    fn makes_bucket(&self, port: u16) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
        let request = format!(
            "PUT /{} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            Self::BUCKET
        );
        let mut answer = String::new();
        stream.write_all(request.as_bytes()).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 200")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap_or_default()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "log of moto_server:\n{}", self.log());
        }
    }
}

/// A request as far as these servers look at it.
struct Request {
    method: String,
    /// Decoded.
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn error(status: u16, code: &str) -> Self {
        let body =
            format!("<?xml version='1.0'?><Error><Code>{code}</Code><Message>Because.</Message></Error>");
        Self { status, headers: Vec::new(), body: body.into_bytes() }
    }
}

/// Answers every request on a free port, for as long as the test program lives. Returns the endpoint.
fn serve(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || while talk(&stream, &*answer).is_some() {});
        }
    });
    endpoint
}

/// One request and its answer; none when the other side is gone.
fn talk(stream: &TcpStream, answer: &dyn Fn(&Request) -> Answer) -> Option<()> {
    // Nothing is sent before the last request is answered, so nothing is lost in the buffer.
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = query.map(|(name, value)| (decoded(name), decoded(value))).collect();
    let request = Request { method, path: decoded(path), query, headers, body };
    let Answer { status, headers, body } = answer(&request);
    let mut text = format!("HTTP/1.1 {status} Said\r\n");
    if !headers.iter().any(|(name, _)| *name == "Content-Length") {
        let _ = write!(text, "Content-Length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let mut bytes = (text + "\r\n").into_bytes();
    if request.method != "HEAD" {
        bytes.extend(body);
    }
    let mut stream = stream;
    stream.write_all(&bytes).ok()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}

/// A server that says this to everybody.
pub(super) fn saying(status: u16, body: &'static str) -> String {
    serve(move |_| Answer { status, headers: Vec::new(), body: body.as_bytes().to_vec() })
}

/// A server that speaks to nobody.
pub(super) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Bytes of objects, each with the number of its version.
type Objects = BTreeMap<String, (Vec<u8>, u64)>;

/// Google Cloud Storage with one bucket, `bucket`. Lists have at most three entries, so that the next page is asked for.
pub(super) fn gcs() -> String {
    let answer = storage();
    serve(move |request| answer(request))
}

/// The same, where every second request is refused.
pub(super) fn busy_gcs() -> String {
    let (answer, asked) = (storage(), AtomicUsize::new(0));
    serve(move |request| {
        let is_busy = asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        if is_busy { Answer::error(503, "SlowDown") } else { answer(request) }
    })
}

fn storage() -> impl Fn(&Request) -> Answer {
    let objects: Mutex<Objects> = Mutex::default();
    move |request| {
        let path = request.path.trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let mut objects = objects.lock().unwrap();
        match (bucket, request.method.as_str()) {
            // A write that must make the object: of generation 0 is one that is not there.
            ("bucket", "PUT")
                if objects.contains_key(key)
                    && request
                        .headers
                        .get("x-goog-if-generation-match")
                        .is_some_and(|wanted| wanted == "0") =>
            {
                Answer::error(412, "PreconditionFailed")
            }
            ("bucket", "PUT") => {
                let version = objects.values().map(|(_, version)| version + 1).max().unwrap_or(1);
                objects.insert(key.to_owned(), (request.body.clone(), version));
                Answer { status: 200, headers: vec![("ETag", tag(version))], body: Vec::new() }
            }
            ("bucket", "GET") if key.is_empty() => list(&objects, request),
            ("bucket", _) => object(&objects, key, request),
            _ => Answer::error(404, "NoSuchBucket"),
        }
    }
}

fn tag(version: u64) -> String {
    format!("\"{version}\"")
}

fn object(objects: &Objects, key: &str, request: &Request) -> Answer {
    let Some((bytes, version)) = objects.get(key) else { return Answer::error(404, "NoSuchKey") };
    if request.headers.get("if-match").is_some_and(|wanted| *wanted != tag(*version)) {
        return Answer::error(412, "PreconditionFailed");
    }
    let mut headers = vec![
        ("ETag", tag(*version)),
        ("x-goog-generation", version.to_string()),
        ("Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT".to_owned()),
    ];
    if request.method == "HEAD" {
        headers.push(("Content-Length", bytes.len().to_string()));
        return Answer { status: 200, headers, body: Vec::new() };
    }
    let Some(range) = request.headers.get("range").and_then(|range| range.strip_prefix("bytes=")) else {
        return Answer { status: 200, headers, body: bytes.clone() };
    };
    let (first, last) = range.split_once('-').unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    let last = last.min(bytes.len() - 1);
    headers.push(("Content-Range", format!("bytes {first}-{last}/{}", bytes.len())));
    Answer { status: 206, headers, body: bytes[first..=last].to_vec() }
}

fn list(objects: &Objects, request: &Request) -> Answer {
    let asked = |name: &str| request.query.get(name).cloned().unwrap_or_default();
    let (prefix, delimiter, after) = (asked("prefix"), asked("delimiter"), asked("continuation-token"));
    let mut entries = BTreeSet::new();
    for key in objects.keys().filter(|key| key.starts_with(&prefix)) {
        let rest = &key[prefix.len()..];
        let folder = rest.split_once('/').filter(|_| !delimiter.is_empty());
        entries.insert(folder.map_or_else(|| key.clone(), |(folder, _)| format!("{prefix}{folder}/")));
    }
    let page: Vec<&String> = entries.iter().filter(|entry| **entry > after).take(4).collect();
    let mut body = "<?xml version='1.0'?><ListBucketResult>".to_owned();
    for entry in page.iter().take(3) {
        let _ = match objects.get(*entry) {
            None => write!(body, "<CommonPrefixes><Prefix>{entry}</Prefix></CommonPrefixes>"),
            Some((bytes, version)) => write!(
                body,
                "<Contents><Key>{entry}</Key><Size>{}</Size><ETag>{}</ETag><LastModified>2025-01-01T00:00:00.000Z</LastModified></Contents>",
                bytes.len(),
                tag(*version)
            ),
        };
    }
    if page.len() > 3 {
        let _ = write!(body, "<NextContinuationToken>{}</NextContinuationToken>", page[2]);
    }
    body.push_str("</ListBucketResult>");
    Answer { status: 200, headers: Vec::new(), body: body.into_bytes() }
}

/// A server that takes connections and never answers.
pub(super) fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().collect::<Vec<_>>());
    endpoint
}
