//! The gRPC interface, wire-compatible with Feast's serving API, with health checking and reflection.

mod deadline;
mod values;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use provender_core::time::{NANOS_PER_SECOND, Timestamp};
use provender_runtime::feature_store::{Entities, FieldStatus, OnlineResponse, OnlineResult, Spelling};
use provender_runtime::{Error, Result};
use serde_json::Value as Json;
use tokio::sync::Mutex;
use tonic::{Response as Reply, Status};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::ServiceExt as _;

use self::interface::serving::get_online_features_request::Kind;
use self::interface::serving::get_online_features_response::FeatureVector;
use self::interface::serving::serving_service_server::{SERVICE_NAME, ServingService, ServingServiceServer};
use self::interface::serving::{
    FeatureList, FieldStatus as StatusNumber, GetFeastServingInfoRequest, GetFeastServingInfoResponse,
    GetOnlineFeaturesRequest, GetOnlineFeaturesResponse, GetOnlineFeaturesResponseMetadata,
};
use self::interface::types::RepeatedValue;
use crate::keys::Scope;
use crate::listen::Routes;
use crate::meters::{Endpoint, Outcome};
use crate::refusal::Refusal;
use crate::request_log::Arrival;
use crate::service::{Service, invalid, within};

/// What was compiled from `proto/`.
#[expect(
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes,
    reason = "generated; the interface is documented in proto/"
)]
pub(crate) mod interface {
    pub mod types {
        tonic::include_proto!("feast.types");
    }
    pub mod serving {
        tonic::include_proto!("feast.serving");
    }
}

/// The interface, for reflection.
const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/serving_descriptors.bin"));
/// How the library begins to tell that a client's message is none.
const UNREADABLE: [&str; 2] = ["failed to decode Protobuf message", "Missing request message"];
/// Probes send no key.
const HEALTH: &str = "/grpc.health.v1.Health/";
/// What a probe may ask about: all together, and each service that reflection lists.
const SERVICES: [&str; 5] = [
    "",
    SERVICE_NAME,
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// Tells clients of the health service how the server is.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    reporter: HealthReporter,
    /// What is told of the service that needs the store; locked while that is found out.
    is_ready: Arc<Mutex<bool>>,
}

impl Health {
    /// No new request should come.
    pub(crate) async fn stopping(&self) {
        self.set(ServingStatus::NotServing).await;
    }

    async fn set(&self, status: ServingStatus) {
        for service in SERVICES {
            self.reporter.set_service_status(service, status).await;
        }
    }

    /// Finds out whether the store answers, unless that is being done. Whoever asks waits for nothing: a probe of whether the
    /// process lives has another answer than one of whether it can serve, and the next one of that hears of it.
    fn look(&self, service: &Arc<Service>) {
        let Ok(mut is_ready) = self.is_ready.clone().try_lock_owned() else { return };
        let (reporter, service) = (self.reporter.clone(), service.clone());
        tokio::spawn(async move {
            let now = service.readiness.problems(&service.store).await.is_ready;
            if std::mem::replace(&mut *is_ready, now) != now {
                let status = if now { ServingStatus::Serving } else { ServingStatus::NotServing };
                reporter.set_service_status(SERVICE_NAME, status).await;
            }
        });
    }
}

/// All services.
pub(crate) async fn routes(service: &Arc<Service>) -> Result<(Health, GrpcRoutes)> {
    let (reporter, health_service) = tonic_health::server::health_reporter();
    let health = Health { reporter, is_ready: Arc::new(Mutex::new(true)) };
    health.set(ServingStatus::Serving).await;
    let unshown = |error| {
        Error::new(provender_runtime::ErrorKind::Bug, "the interface cannot be shown").with_source(error)
    };
    let reflection = reflection_builder().build_v1().map_err(unshown)?;
    // Tools of some years ago know this one alone.
    let old_reflection = reflection_builder().build_v1alpha().map_err(unshown)?;
    let serving = ServingServiceServer::new(Serving(service.clone()))
        .max_decoding_message_size(service.settings.max_body)
        .max_encoding_message_size(usize::MAX);
    let mut calls = tonic::service::Routes::builder();
    calls.add_service(health_service).add_service(reflection).add_service(old_reflection);
    calls.add_service(serving);
    let routes =
        GrpcRoutes { service: service.clone(), health: health.clone(), calls: calls.routes().prepare() };
    Ok((health, routes))
}

/// All services, behind what every call goes through.
#[derive(Clone, Debug)]
pub(crate) struct GrpcRoutes {
    service: Arc<Service>,
    health: Health,
    calls: tonic::service::Routes,
}

impl Routes for GrpcRoutes {
    type Body = tonic::body::Body;

    async fn answer(&self, request: Request<Incoming>) -> Response<tonic::body::Body> {
        let arrival = Arrival::new(&request, Endpoint::over_grpc(request.uri().path()));
        let mut response =
            self.call(request).await.unwrap_or_else(|refusal| Status::from(refusal).into_http());
        // What ends well says so after its messages.
        let mut status = Status::from_header_map(response.headers());
        if let Some(unreadable) = status.as_ref().and_then(unreadable) {
            response = unreadable.clone().into_http();
            status = Some(unreadable);
        }
        let code = status.as_ref().map_or(tonic::Code::Ok, Status::code);
        let reason = status.as_ref().map(Status::message);
        arrival.answered(Outcome::Status(code), reason, &self.service.meters, &mut response);
        response
    }
}

/// What the library calls an error of this program, and is a message of the client that is none. Who is woken by internal
/// errors should not be by that.
fn unreadable(status: &Status) -> Option<Status> {
    let is_clients = status.code() == tonic::Code::Internal
        && UNREADABLE.iter().any(|beginning| status.message().starts_with(beginning));
    is_clients.then(|| Status::invalid_argument(format!("the message cannot be read: {}", status.message())))
}

impl GrpcRoutes {
    /// Looks at the key of everything but health checks, and gives up on a call that takes longer than its client waits, or
    /// than any request may take; reading its message counts.
    async fn call(
        &self,
        request: Request<Incoming>,
    ) -> std::result::Result<Response<tonic::body::Body>, Refusal> {
        if request.uri().path().starts_with(HEALTH) {
            self.health.look(&self.service);
        } else {
            self.service.authorize(request.headers(), Scope::Read)?;
        }
        let longest = self.service.settings.request_timeout;
        let limit = deadline::given(request.headers())?.map_or(longest, |given| given.min(longest));
        let answer = async {
            let Ok(response) = self.calls.clone().oneshot(request).await;
            Ok(response)
        };
        within(limit, answer).await
    }
}

fn reflection_builder() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

/// The serving service.
#[derive(Debug)]
pub(crate) struct Serving(Arc<Service>);

#[tonic::async_trait]
impl ServingService for Serving {
    async fn get_feast_serving_info(
        &self,
        _: tonic::Request<GetFeastServingInfoRequest>,
    ) -> Result<Reply<GetFeastServingInfoResponse>, Status> {
        Ok(Reply::new(GetFeastServingInfoResponse { version: self.0.settings.version.clone() }))
    }

    async fn get_online_features(
        &self,
        request: tonic::Request<GetOnlineFeaturesRequest>,
    ) -> Result<Reply<GetOnlineFeaturesResponse>, Status> {
        let service = &self.0;
        let _permit = service.admit()?;
        let answer = read(service, request.into_inner()).await?;
        Ok(Reply::new(message(answer)))
    }
}

async fn read(service: &Service, request: GetOnlineFeaturesRequest) -> Result<OnlineResponse, Refusal> {
    let lines;
    let spelling = match &request.kind {
        Some(Kind::FeatureService(name)) => Spelling::Service(name),
        Some(Kind::Features(FeatureList { val })) => {
            if let Some(odd) = val.iter().find(|reference| reference.contains(['\n', '\r'])) {
                return Err(invalid(format!("{odd:?} is not a feature such as `driver_stats:conv_rate`")));
            }
            lines = val.join("\n");
            Spelling::Lines(&lines)
        }
        None => {
            return Err(
                invalid("the request names no features").with_help("give `features` or `feature_service`")
            );
        }
    };
    let columns = columns(request.entities, request.request_context)?;
    service.read(spelling, request.full_feature_names, Entities::Columns(columns)).await
}

/// Entities and request fields are one thing here.
fn columns(
    entities: HashMap<String, RepeatedValue>,
    request_context: HashMap<String, RepeatedValue>,
) -> Result<BTreeMap<String, Vec<Json>>, Refusal> {
    let mut columns = BTreeMap::new();
    for (name, values) in entities.into_iter().chain(request_context) {
        if columns.contains_key(&name) {
            return Err(invalid(format!("`{name}` is in `entities` and in `request_context`")));
        }
        let values = values.val.into_iter().map(values::to_json).collect();
        columns.insert(name, values);
    }
    Ok(columns)
}

fn message(answer: OnlineResponse) -> GetOnlineFeaturesResponse {
    GetOnlineFeaturesResponse {
        metadata: Some(GetOnlineFeaturesResponseMetadata {
            feature_names: Some(FeatureList { val: answer.names }),
        }),
        results: answer.results.into_iter().map(vector).collect(),
    }
}

fn vector(result: OnlineResult) -> FeatureVector {
    FeatureVector {
        values: result.values.into_iter().map(values::of_value).collect(),
        statuses: result.statuses.into_iter().map(|status| status_number(status).into()).collect(),
        event_timestamps: result.event_timestamps.into_iter().map(timestamp).collect(),
    }
}

const fn status_number(status: FieldStatus) -> StatusNumber {
    match status {
        FieldStatus::Present => StatusNumber::Present,
        FieldStatus::NullValue => StatusNumber::NullValue,
        FieldStatus::NotFound => StatusNumber::NotFound,
        FieldStatus::OutsideMaxAge => StatusNumber::OutsideMaxAge,
    }
}

fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.as_nanos().rem_euclid(NANOS_PER_SECOND);
    prost_types::Timestamp { seconds: time.as_seconds(), nanos: i32::try_from(nanos).unwrap_or(0) }
}
