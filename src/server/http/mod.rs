//! The HTTP interface: JSON in, JSON out, in the shape that Feast's clients speak.

mod write;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use provender_runtime::metrics::TextFormat;
use serde::Serialize;

use crate::OPENAPI;
use crate::keys::Scope;
use crate::meters::count_http;
use crate::refusal::{Code, Refusal};
use crate::request_log::with_request_id;
use crate::service::{Service, on_blocking_thread};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

type Answer = Result<Response, Refusal>;

/// All routes.
pub(crate) fn routes(service: Arc<Service>) -> Router {
    Router::new()
        .route("/get-online-features", post(get_online_features))
        .route("/push", post(write::push))
        .route("/write-to-online-store", post(write::write_to_online_store))
        .route("/materialize", post(write::materialize))
        .route("/materialize-incremental", post(write::materialize_incremental))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(openapi))
        .fallback(async || Refusal::new(Code::UnknownPath, "there is nothing at this path"))
        .method_not_allowed_fallback(async || {
            Refusal::new(Code::MethodNotAllowed, "this path takes another method")
        })
        .layer(middleware::from_fn_with_state(service.clone(), count_http))
        .layer(middleware::from_fn(with_request_id))
        .with_state(service)
}

async fn get_online_features(State(service): State<Arc<Service>>, request: Request) -> Answer {
    service.authorize(request.headers(), Scope::Read)?;
    let answer = async {
        let body = json_body(&service, request).await?;
        let _permit = service.admit()?;
        Ok(json_response(service.read_json(body).await?))
    };
    service.in_time(answer).await
}

async fn health() -> Response {
    json_response(br#"{"status":"ok"}"#.to_vec())
}

/// Whether new requests should come here. What is wrong is told to who may read.
async fn ready(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    let problems = service.readiness.problems(&service.store).await;
    let status = if problems.is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let may_know = service.authorize(&headers, Scope::Read).is_ok();
    let state = ReadyState {
        status: if problems.is_ready { "ready" } else { "not_ready" },
        revision: may_know.then(|| service.store.revision()),
        problems: problems
            .list
            .iter()
            .map(|(part, problem)| Problem { part, problem: may_know.then_some(problem.as_str()) })
            .collect(),
    };
    let mut response = json_response(serde_json::to_vec(&state).unwrap_or_default());
    *response.status_mut() = status;
    response
}

#[derive(Serialize)]
struct ReadyState<'a> {
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    problems: Vec<Problem<'a>>,
}

#[derive(Serialize)]
struct Problem<'a> {
    part: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
}

/// What was counted, for Prometheus: in its older format for who does not accept the newer one.
async fn metrics(State(service): State<Arc<Service>>, headers: HeaderMap) -> Answer {
    service.authorize(&headers, Scope::Read)?;
    let recorder = service.meters.recorder.clone();
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    let (format, content_type) = match accepted {
        Some(accepted) if accepted.contains("application/openmetrics-text") => {
            (TextFormat::OpenMetrics, OPENMETRICS)
        }
        _ => (TextFormat::Prometheus, PROMETHEUS),
    };
    let text = on_blocking_thread(move || recorder.prometheus(format)).await?;
    let mut response = Body::from(text).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok(response)
}

async fn openapi(State(service): State<Arc<Service>>, headers: HeaderMap) -> Answer {
    service.authorize(&headers, Scope::Read)?;
    Ok(json_response(OPENAPI.as_bytes().to_vec()))
}

/// The bytes of a body that says that it is JSON, or says nothing.
async fn json_body(service: &Service, request: Request) -> Result<Bytes, Refusal> {
    refuse_other_type(request.headers())?;
    let most = service.settings.max_body;
    let too_large = || {
        Refusal::new(Code::BodyTooLarge, format!("the body has more than {most} bytes"))
            .with_help("ask in several requests")
    };
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let announced = announced.and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    let _place = service.admit_body(announced)?;
    let limit = service.settings.request_timeout / 2;
    let collected = tokio::time::timeout(limit, Limited::new(request.into_body(), most).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Refusal::new(Code::BadJson, "the body broke off")),
        Err(_) => Err(Refusal::new(Code::RequestTimeout, format!("the body did not come within {limit:?}"))),
    }
}

fn refuse_other_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(given) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Refusal::new(Code::UnsupportedMediaType, "the body is of another content type")
        .with_help("send `Content-Type: application/json`"))
}

fn json_response(body: Vec<u8>) -> Response {
    let mut response = Body::from(body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
