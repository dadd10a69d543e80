//! `provender serve` as a process of its own, and requests that are written byte by byte.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::provender;

/// A server that ends with the test.
pub(crate) struct Serving {
    child: Child,
    pub(crate) http: String,
}

impl Serving {
    pub(crate) fn start(folder: &Path, options: &[&str]) -> Self {
        Self::spawn(&mut provender(folder), options)
    }

    /// Starts a server by a command that ends before `serve`.
    pub(crate) fn spawn(command: &mut Command, options: &[&str]) -> Self {
        let mut child = command
            .args(["serve", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--log-format", "json"])
            .args(options)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut before = Vec::new();
        let listening = told.find(|line| {
            before.push(line.clone());
            line.contains("\"listening\"")
        });
        let listening = listening.unwrap_or_else(|| panic!("it does not listen: {before:#?}"));
        let listening: Json = serde_json::from_str(&listening).unwrap();
        // What comes later must not fill the pipe.
        std::thread::spawn(move || told.for_each(drop));
        Self { child, http: listening["http"].as_str().unwrap().to_owned() }
    }

    /// The whole answer to a request.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> String {
        ask(&self.http, method, path, &[], body).unwrap()
    }

    /// Asks until an answer is as it should be.
    pub(crate) fn wait(&self, path: &str, is_right: impl Fn(&str) -> bool) -> String {
        let begin = Instant::now();
        loop {
            let answer = self.ask("GET", path, "");
            if is_right(&answer) {
                return answer;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "{path} stays {answer}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Ends it as an operator would.
    pub(crate) fn stop(mut self) {
        self.signal("-TERM");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal, such as `-STOP`.
pub(crate) fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// The whole answer to a request over a connection of its own; an error: there is no whole answer.
pub(crate) fn ask(
    address: &str,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let length = body.len();
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.is_empty() { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(answer) }
}

/// The status of an answer.
pub(crate) fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// The body of an answer.
pub(crate) fn body(answer: &str) -> Json {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or_else(|_| panic!("{answer}"))
}
