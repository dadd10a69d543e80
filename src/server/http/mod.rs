//! The HTTP interface: JSON in, JSON out, in the shape that Feast's clients speak.

mod write;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use provender_runtime::metrics::TextFormat;
use serde::Serialize;

use crate::OPENAPI;
use crate::keys::Scope;
use crate::listen::Routes;
use crate::meters::{Endpoint, Outcome};
use crate::refusal::{Code, Refusal};
use crate::request_log::Arrival;
use crate::service::{Service, on_blocking_thread};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

type Request = http::Request<Incoming>;
type Response = http::Response<Full<Bytes>>;
type Answer = Result<Response, Refusal>;

/// All routes of this interface.
#[derive(Clone, Debug)]
pub(crate) struct HttpRoutes(pub(crate) Arc<Service>);

impl Routes for HttpRoutes {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request) -> Response {
        let Self(service) = self;
        let arrival = Arrival::new(&request, Endpoint::over_http(request.uri().path()));
        match route(service, request, arrival.endpoint).await {
            Ok(mut response) => {
                arrival.answered(Outcome::Ok, None, &service.meters, &mut response);
                response
            }
            Err(refusal) => {
                let mut response = Response::from(&refusal);
                let (outcome, reason) = (Outcome::Refused(refusal.code), Some(refusal.message()));
                arrival.answered(outcome, reason, &service.meters, &mut response);
                response
            }
        }
    }
}

async fn route(service: &Arc<Service>, request: Request, endpoint: Endpoint) -> Answer {
    let method = request.method();
    let (methods, fits) = match endpoint {
        Endpoint::Health | Endpoint::Ready | Endpoint::Metrics | Endpoint::OpenApi => {
            ("GET, HEAD", method == Method::GET || method == Method::HEAD)
        }
        _ => ("POST", method == Method::POST),
    };
    match endpoint {
        Endpoint::OtherHttp
        | Endpoint::GrpcGetOnlineFeatures
        | Endpoint::GrpcServingInfo
        | Endpoint::OtherGrpc => Err(Refusal::new(Code::UnknownPath, "there is nothing at this path")),
        _ if !fits => Err(Refusal::method_not_allowed(methods)),
        Endpoint::GetOnlineFeatures => get_online_features(service, request).await,
        Endpoint::Push | Endpoint::WriteToOnlineStore => write::rows(service, request, endpoint).await,
        Endpoint::Materialize => write::materialize(service, request).await,
        Endpoint::MaterializeIncremental => write::materialize_incremental(service, request).await,
        Endpoint::Health => Ok(json_response(r#"{"status":"ok"}"#)),
        Endpoint::Ready => Ok(ready(service, request.headers()).await),
        Endpoint::Metrics => metrics(service, request.headers()).await,
        Endpoint::OpenApi => openapi(service, request.headers()),
    }
}

async fn get_online_features(service: &Arc<Service>, request: Request) -> Answer {
    service.authorize(request.headers(), Scope::Read)?;
    let answer = async {
        let body = json_body(service, request).await?;
        let _permit = service.admit()?;
        Ok(json_response(service.read_json(body).await?))
    };
    service.in_time(answer).await
}

/// Whether new requests should come here. What is wrong is told to who may read.
async fn ready(service: &Service, headers: &HeaderMap) -> Response {
    let problems = service.readiness.problems(&service.store).await;
    let status = if problems.is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let may_know = service.authorize(headers, Scope::Read).is_ok();
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
async fn metrics(service: &Service, headers: &HeaderMap) -> Answer {
    service.authorize(headers, Scope::Read)?;
    let recorder = service.meters.recorder.clone();
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    let (format, content_type) = match accepted {
        Some(accepted) if accepted.contains("application/openmetrics-text") => {
            (TextFormat::OpenMetrics, OPENMETRICS)
        }
        _ => (TextFormat::Prometheus, PROMETHEUS),
    };
    let text = on_blocking_thread(move || recorder.prometheus(format)).await?;
    Ok(response(text, content_type))
}

fn openapi(service: &Service, headers: &HeaderMap) -> Answer {
    service.authorize(headers, Scope::Read)?;
    Ok(json_response(OPENAPI))
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

fn json_response(body: impl Into<Bytes>) -> Response {
    response(body, "application/json")
}

fn response(body: impl Into<Bytes>, content_type: &'static str) -> Response {
    let mut response = Response::new(Full::new(body.into()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
