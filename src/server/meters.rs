//! What is counted of requests: a place for each endpoint and each way in which a request can end, found without a lock.

use std::sync::OnceLock;
use std::time::Duration;

use provender_runtime::metrics::{Age, Counter, Distribution, Recorder, table};

use crate::refusal::Code;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    GetOnlineFeatures,
    Push,
    WriteToOnlineStore,
    Materialize,
    MaterializeIncremental,
    Health,
    Ready,
    Metrics,
    OpenApi,
    OtherHttp,
    GrpcGetOnlineFeatures,
    GrpcServingInfo,
    OtherGrpc,
}

/// All of them in their order, with their paths and their names.
const ENDPOINTS: [(Endpoint, &str, &str); 13] = [
    (Endpoint::GetOnlineFeatures, "/get-online-features", "get-online-features"),
    (Endpoint::Push, "/push", "push"),
    (Endpoint::WriteToOnlineStore, "/write-to-online-store", "write-to-online-store"),
    (Endpoint::Materialize, "/materialize", "materialize"),
    (Endpoint::MaterializeIncremental, "/materialize-incremental", "materialize-incremental"),
    (Endpoint::Health, "/health", "health"),
    (Endpoint::Ready, "/ready", "ready"),
    (Endpoint::Metrics, "/metrics", "metrics"),
    (Endpoint::OpenApi, "/openapi.json", "openapi"),
    (Endpoint::OtherHttp, "", "other"),
    (Endpoint::GrpcGetOnlineFeatures, "/feast.serving.ServingService/GetOnlineFeatures", "GetOnlineFeatures"),
    (Endpoint::GrpcServingInfo, "/feast.serving.ServingService/GetFeastServingInfo", "GetFeastServingInfo"),
    (Endpoint::OtherGrpc, "", "grpc_other"),
];

impl Endpoint {
    /// That of a path of the HTTP interface; what a client makes up is one of the others.
    pub(crate) fn over_http(path: &str) -> Self {
        Self::of_path(&ENDPOINTS[..Self::OtherHttp as usize], path).unwrap_or(Self::OtherHttp)
    }

    /// The same of the gRPC interface.
    pub(crate) fn over_grpc(path: &str) -> Self {
        Self::of_path(&ENDPOINTS[Self::OtherHttp as usize + 1..], path).unwrap_or(Self::OtherGrpc)
    }

    fn of_path(endpoints: &[(Self, &str, &str)], path: &str) -> Option<Self> {
        let found = endpoints.iter().find(|(_, known, _)| *known == path)?;
        Some(found.0)
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    Ok,
    Refused(Code),
    /// Over gRPC.
    Status(tonic::Code),
}

/// More than there are codes of refusals or of gRPC.
const OUTCOMES: usize = 40;

impl Outcome {
    const fn position(self) -> usize {
        match self {
            Self::Ok | Self::Status(tonic::Code::Ok) => 0,
            Self::Status(code) => code as usize,
            Self::Refused(code) => 20 + code as usize,
        }
    }

    /// Whether this server, or what it stands on, is at fault, and not the client.
    pub(crate) fn is_fault(self) -> bool {
        match self {
            Self::Ok => false,
            Self::Refused(code) => code.status().is_server_error(),
            Self::Status(code) => matches!(
                code,
                tonic::Code::Unknown
                    | tonic::Code::DeadlineExceeded
                    | tonic::Code::ResourceExhausted
                    | tonic::Code::Internal
                    | tonic::Code::Unavailable
                    | tonic::Code::DataLoss
            ),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Ok | Self::Status(tonic::Code::Ok) => "ok".to_owned(),
            Self::Refused(code) => code.as_str().to_owned(),
            Self::Status(code) => lower_case(&format!("{code:?}")),
        }
    }
}

/// `NotFound` as `not_found`.
fn lower_case(name: &str) -> String {
    let mut lower = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !lower.is_empty() {
            lower.push('_');
        }
        lower.push(letter.to_ascii_lowercase());
    }
    lower
}

/// What requests count in.
#[derive(Debug)]
pub(crate) struct Meters {
    pub(crate) recorder: Recorder,
    endpoints: [EndpointMeters; ENDPOINTS.len()],
    registry_age: Age,
    refresh_failures: Counter,
    credential_failures: Counter,
}

/// Each series begins with the first request that it is about.
#[derive(Debug, Default)]
struct EndpointMeters {
    outcomes: Outcomes,
    duration: OnceLock<Distribution>,
    rows: OnceLock<Distribution>,
    features: OnceLock<Distribution>,
}

/// By [`Outcome::position`].
#[derive(Debug)]
struct Outcomes([OnceLock<Counter>; OUTCOMES]);

impl Default for Outcomes {
    fn default() -> Self {
        Self([const { OnceLock::new() }; OUTCOMES])
    }
}

impl Meters {
    pub(crate) fn new(recorder: Recorder) -> Self {
        Self {
            endpoints: std::array::from_fn(|_| EndpointMeters::default()),
            registry_age: recorder.age(&table::REGISTRY_AGE, &[]),
            refresh_failures: recorder.counter(&table::REGISTRY_REFRESH_FAILURES, &[]),
            credential_failures: recorder.counter(&table::CREDENTIAL_REFRESH_FAILURES, &[]),
            recorder,
        }
    }

    /// A request was answered.
    pub(crate) fn answered(&self, endpoint: Endpoint, outcome: Outcome, took: Duration) {
        let (meters, name) = self.of(endpoint);
        let counter = &meters.outcomes.0[outcome.position()];
        counter.get_or_init(|| self.recorder.counter(&table::REQUESTS, &[name, &outcome.name()])).add(1);
        let duration = || self.recorder.distribution(&table::REQUEST_DURATION, &[name]);
        meters.duration.get_or_init(duration).record_duration(took);
    }

    /// A request has so many rows.
    pub(crate) fn rows(&self, endpoint: Endpoint, rows: usize) {
        let (meters, name) = self.of(endpoint);
        let series = || self.recorder.distribution(&table::REQUEST_ROWS, &[name]);
        meters.rows.get_or_init(series).record(rows as u64);
    }

    /// A request asks for so many features.
    pub(crate) fn features(&self, endpoint: Endpoint, features: usize) {
        let (meters, name) = self.of(endpoint);
        let series = || self.recorder.distribution(&table::REQUEST_FEATURES, &[name]);
        meters.features.get_or_init(series).record(features as u64);
    }

    fn of(&self, endpoint: Endpoint) -> (&EndpointMeters, &'static str) {
        (&self.endpoints[endpoint as usize], ENDPOINTS[endpoint as usize].2)
    }

    /// The registry was looked at.
    pub(crate) fn registry<T>(&self, looked: &Result<T, provender_runtime::Error>) {
        match looked {
            Ok(_) => self.registry_read(),
            Err(_) => self.refresh_failures.add(1),
        }
    }

    /// The credentials were looked at.
    pub(crate) fn credentials(&self, looked: &Result<(), provender_runtime::Error>) {
        if looked.is_err() {
            self.credential_failures.add(1);
        }
    }

    /// What is known of the registry is of now.
    pub(crate) fn registry_read(&self) {
        self.registry_age.since(self.recorder.now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_and_outcome_has_its_place() {
        for (at, (endpoint, path, _)) in ENDPOINTS.into_iter().enumerate() {
            assert_eq!(endpoint as usize, at);
            let over_http = at <= Endpoint::OtherHttp as usize;
            let (own, other) = (Endpoint::over_http(path), Endpoint::over_grpc(path));
            let (own, other) = if over_http { (own, other) } else { (other, own) };
            assert_eq!(own, endpoint);
            assert!(matches!(other, Endpoint::OtherHttp | Endpoint::OtherGrpc));
        }
        let grpc = (0..=16).map(|code| Outcome::Status(tonic::Code::from(code)));
        let outcomes: Vec<Outcome> = grpc.chain(Code::ALL.map(Outcome::Refused)).collect();
        let mut places: Vec<usize> = outcomes.iter().map(|outcome| outcome.position()).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), outcomes.len());
        assert!(places.iter().all(|place| *place < OUTCOMES));
        assert_eq!(Outcome::Status(tonic::Code::DeadlineExceeded).name(), "deadline_exceeded");
    }
}
