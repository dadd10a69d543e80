//! One line for each request, over both interfaces, with an id that the client may choose. No body is in it.

use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method};
use provender_runtime::registry::random_id;

use crate::refusal::Code;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A longer request id of a client is not taken over.
const LONGEST_REQUEST_ID: usize = 64;
/// Where a refusal of gRPC says its status; an answer has it after its messages.
const GRPC_STATUS: &str = "grpc-status";

/// Gives each request an id, the client's where it sent one, and tells how it ended. No body is in the line.
pub(crate) async fn with_request_id(request: Request, next: Next) -> Response {
    let id = match request.headers().get(&REQUEST_ID).filter(|id| is_plain(id)) {
        Some(id) => id.clone(),
        None => HeaderValue::try_from(random_id()).unwrap_or_else(|_| HeaderValue::from_static("-")),
    };
    let began = Instant::now();
    let told = tracing::enabled!(tracing::Level::INFO)
        .then(|| (request.method().clone(), request.uri().path().to_owned()));
    let mut response = next.run(request).await;
    if let Some((method, path)) = told {
        tell(&method, &path, &id, &response, began.elapsed());
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

fn is_plain(id: &HeaderValue) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    (1..=LONGEST_REQUEST_ID).contains(&id.len()) && id.as_bytes().iter().all(is_plain)
}

fn tell(method: &Method, path: &str, id: &HeaderValue, response: &Response, took: Duration) {
    let status = response.status();
    let code = response.extensions().get::<Code>().map_or("", |code| code.as_str());
    let grpc_status = response.headers().get(GRPC_STATUS).and_then(|status| status.to_str().ok());
    let refused = status.is_client_error() || grpc_status.is_some_and(|status| status != "0");
    let request_id = id.to_str().unwrap_or_default();
    let milliseconds = took.as_secs_f64() * 1_000.0;
    let status_number = status.as_u16();
    if status.is_server_error() {
        tracing::warn!(request_id, %method, path, status = status_number, grpc_status, code, milliseconds, "request");
    } else if refused {
        tracing::info!(request_id, %method, path, status = status_number, grpc_status, code, milliseconds, "request");
    } else {
        tracing::debug!(request_id, %method, path, status = status_number, milliseconds, "request");
    }
}
