//! One line for each request, over both interfaces, with an id that the client may choose. No body is in it.

use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue, Method, Request, Response};
use provender_runtime::registry::random_id;

use crate::meters::{Endpoint, Meters, Outcome};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A longer request id of a client is not taken over.
const LONGEST_REQUEST_ID: usize = 64;

/// A request that has come in: its id, the client's where it sent one, and what will be told of it.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) endpoint: Endpoint,
    began: Instant,
    id: HeaderValue,
    /// Where anything is told: a line of each request is only there when somebody reads lines.
    line: Option<(Method, String)>,
}

impl Arrival {
    pub(crate) fn new<B>(request: &Request<B>, endpoint: Endpoint) -> Self {
        let id = match request.headers().get(&REQUEST_ID).filter(|id| is_plain(id)) {
            Some(id) => id.clone(),
            None => HeaderValue::try_from(random_id()).unwrap_or_else(|_| HeaderValue::from_static("-")),
        };
        let line = tracing::enabled!(tracing::Level::INFO)
            .then(|| (request.method().clone(), request.uri().path().to_owned()));
        Self { endpoint, began: Instant::now(), id, line }
    }

    /// Counts the answer, tells of it, and gives it the id. `reason` is told of what is this server's fault; of a client's
    /// the client was told.
    pub(crate) fn answered<B>(
        self,
        outcome: Outcome,
        reason: Option<&str>,
        meters: &Meters,
        response: &mut Response<B>,
    ) {
        let took = self.began.elapsed();
        meters.answered(self.endpoint, outcome, took);
        if let Some((method, path)) = &self.line {
            let line = Line { request_id: self.id.to_str().unwrap_or_default(), method, path, reason };
            line.tell(outcome, response.status().as_u16(), took);
        }
        response.headers_mut().insert(REQUEST_ID, self.id);
    }
}

fn is_plain(id: &HeaderValue) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    (1..=LONGEST_REQUEST_ID).contains(&id.len()) && id.as_bytes().iter().all(is_plain)
}

/// What a line says besides how the request ended.
struct Line<'a> {
    request_id: &'a str,
    method: &'a Method,
    path: &'a str,
    reason: Option<&'a str>,
}

impl Line<'_> {
    fn tell(&self, outcome: Outcome, status: u16, took: Duration) {
        let Self { request_id, method, path, reason } = self;
        // Whole microseconds.
        let milliseconds = (took.as_secs_f64() * 1_000_000.0).round() / 1_000.0;
        let (code, grpc_status) = match outcome {
            Outcome::Ok | Outcome::Status(tonic::Code::Ok) => ("", None),
            Outcome::Refused(code) => (code.as_str(), None),
            Outcome::Status(status) => ("", Some(status as i32)),
        };
        if status >= 500 || outcome.is_fault() {
            let reason = reason.unwrap_or_default();
            tracing::warn!(request_id, %method, path, status, grpc_status, code, reason, milliseconds, "request");
        } else if status >= 400 || grpc_status.is_some() {
            tracing::info!(request_id, %method, path, status, grpc_status, code, milliseconds, "request");
        } else {
            tracing::debug!(request_id, %method, path, status, milliseconds, "request");
        }
    }
}
