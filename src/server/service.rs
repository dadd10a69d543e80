//! What both interfaces call: who may come in, and what they get.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use provender_core::time::Timestamp;
use provender_runtime::clock::Clock;
use provender_runtime::feature_store::{
    Entities, EntityColumns, FeatureStore, OnlineResponse, ReadPlan, Spelling,
};
use provender_runtime::{Error, in_turn};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::credentials::CurrentCredentials;
use crate::keys::{Scope, Verdict};
use crate::meters::{Endpoint, Meters};
use crate::readiness::Readiness;
use crate::refusal::{Code, Refusal};
use crate::settings::Settings;
use crate::writes::Writes;

/// A body with more bytes is large: it is taken apart on a blocking thread, and needs a place to be read at all.
const INLINE_BODY: usize = 64 * 1024;
/// One of so many requests that are worked on may send a large body.
const LARGE_BODY_SHARE: usize = 8;

/// A running server, as requests see it.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) store: FeatureStore,
    pub(crate) settings: Settings,
    pub(crate) credentials: CurrentCredentials,
    pub(crate) readiness: Readiness,
    /// Present when this server writes.
    pub(crate) writes: Option<Writes>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) meters: Meters,
    in_flight: Semaphore,
    /// Places for bodies that are large, so that those who send them slowly keep out nobody but each other.
    large_bodies: Semaphore,
}

/// `POST /get-online-features`: which features, for which entities. Fields that are not known are left out, as clients
/// of other versions send some.
#[derive(Deserialize)]
struct ReadRequest<'a> {
    #[serde(borrow, default)]
    features: Option<&'a RawValue>,
    #[serde(borrow, default)]
    feature_service: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    entities: Option<&'a RawValue>,
    #[serde(default)]
    full_feature_names: Option<bool>,
}

impl Service {
    pub(crate) fn new(
        store: FeatureStore,
        settings: Settings,
        credentials: CurrentCredentials,
        writes: Option<Writes>,
        clock: Arc<dyn Clock>,
        meters: Meters,
    ) -> Self {
        let in_flight = Semaphore::new(settings.max_in_flight);
        let large_bodies = Semaphore::new(settings.max_in_flight.div_ceil(LARGE_BODY_SHARE));
        let readiness = Readiness::default();
        Self { store, settings, credentials, readiness, writes, clock, meters, in_flight, large_bodies }
    }

    /// Lets a request in by its key; everybody where there are no keys.
    pub(crate) fn authorize(&self, headers: &HeaderMap, scope: Scope) -> Result<(), Refusal> {
        let Some(keys) = self.credentials.keys() else { return Ok(()) };
        let Some(presented) = presented_key(headers) else {
            return Err(Refusal::new(Code::Unauthenticated, "a key is needed")
                .with_help("send it as `Authorization: Bearer KEY`"));
        };
        match keys.verdict(presented, scope) {
            Verdict::Allowed => Ok(()),
            Verdict::Unknown => Err(Refusal::new(Code::Unauthenticated, "this key is not known")),
            Verdict::Forbidden => Err(Refusal::new(
                Code::Forbidden,
                match scope {
                    Scope::Read => "this key may not read",
                    Scope::Write => "this key may not write",
                },
            )),
        }
    }

    /// A place among the requests that are worked on. There is no queue: where all are taken, it is refused at once.
    pub(crate) fn admit(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        self.in_flight.try_acquire().map_err(|_| overloaded("too many requests at once"))
    }

    /// A place to send a body, where it is large or does not say how large it is.
    pub(crate) fn admit_body(&self, announced: Option<u64>) -> Result<Option<SemaphorePermit<'_>>, Refusal> {
        if announced.is_some_and(|length| length <= INLINE_BODY as u64) {
            return Ok(None);
        }
        let place = self.large_bodies.try_acquire();
        place.map(Some).map_err(|_| overloaded("too many large requests at once"))
    }

    /// Gives up on a request that takes too long.
    pub(crate) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        within(self.settings.request_timeout, work).await
    }

    /// The answer to the JSON of a request, as JSON.
    pub(crate) async fn read_json(self: &Arc<Self>, body: bytes::Bytes) -> Result<Vec<u8>, Refusal> {
        let now = self.clock.now();
        let (plan, entities) = if body.len() <= INLINE_BODY {
            self.understand(&body, now)?
        } else {
            let service = self.clone();
            on_blocking_thread(move || service.understand(&body, now)).await??
        };
        Ok(self.store.read_json(plan, entities, now).await?)
    }

    fn understand(&self, body: &[u8], now: Timestamp) -> Result<(Arc<ReadPlan>, EntityColumns), Refusal> {
        let request: ReadRequest<'_> = of_json(body)?;
        let spelling = match (request.features, &request.feature_service) {
            (Some(_), Some(_)) => {
                return Err(
                    invalid("`features` and `feature_service` are both given").with_help("give one of them")
                );
            }
            (None, None) => {
                return Err(invalid("the request names no features")
                    .with_help("give `features`, a list of `view:feature`, or `feature_service`"));
            }
            (Some(features), None) => Spelling::JsonList(features.get()),
            (None, Some(service)) => Spelling::Service(service),
        };
        let full_feature_names = request.full_feature_names.unwrap_or(false);
        let plan = self.store.plan(spelling, full_feature_names, now)?;
        let entities = EntityColumns::of_json(request.entities.map_or("{}", RawValue::get), &plan)?;
        self.count(Endpoint::GetOnlineFeatures, &plan, &entities);
        self.refuse_many_rows(entities.row_count())?;
        Ok((plan, entities))
    }

    /// The answer to a request whose features are spelled one a line.
    pub(crate) async fn read(
        &self,
        spelling: Spelling<'_>,
        full_feature_names: bool,
        entities: Entities,
    ) -> Result<OnlineResponse, Refusal> {
        let now = self.clock.now();
        let plan = self.store.plan(spelling, full_feature_names, now)?;
        let entities = EntityColumns::read(&entities, &plan)?;
        self.count(Endpoint::GrpcGetOnlineFeatures, &plan, &entities);
        self.refuse_many_rows(entities.row_count())?;
        Ok(self.store.read(plan, entities, now).await?)
    }

    fn count(&self, endpoint: Endpoint, plan: &ReadPlan, entities: &EntityColumns) {
        self.meters.rows(endpoint, entities.row_count());
        self.meters.features(endpoint, plan.feature_names().len());
    }

    pub(crate) fn refuse_many_rows(&self, rows: usize) -> Result<(), Refusal> {
        let most = self.settings.max_rows;
        if rows <= most {
            return Ok(());
        }
        Err(Refusal::new(Code::TooManyRows, format!("the request has {rows} rows; the most is {most}"))
            .with_help("ask in several requests"))
    }

    /// What writes, where this server does.
    pub(crate) fn writes(&self) -> Result<&Writes, Refusal> {
        self.writes.as_ref().ok_or_else(|| {
            Refusal::new(Code::WritesOff, "this server does not write")
                .with_help("it does when it is started with `--allow-write`")
        })
    }
}

/// Gives up on work after a time.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        Err(Refusal::new(Code::Timeout, format!("the request took longer than {limit:?}")))
    })
}

/// Runs work that would keep an async thread too long, in its turn.
pub(crate) async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    Ok(in_turn(move || Ok(work())).await?)
}

/// Reads a body. Text that is no JSON is another refusal than JSON that says something else.
pub(crate) fn of_json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        // A list would be taken for the fields in their order.
        serde_json::from_slice::<IgnoredAny>(body).map_err(bad_json)?;
        return Err(invalid("the body is no JSON object"));
    }
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => invalid(format!("the request cannot be read: {error}")),
        _ => bad_json(error),
    })
}

fn bad_json(error: serde_json::Error) -> Refusal {
    Refusal::new(Code::BadJson, format!("the body is no JSON: {error}"))
}

fn overloaded(message: &str) -> Refusal {
    Refusal::new(Code::Overloaded, message).with_help("try again in a moment")
}

pub(crate) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::from(Error::invalid(message))
}

/// The key of a request: `Authorization: Bearer KEY`, or `X-Api-Key: KEY`.
fn presented_key(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(key) = headers.get("x-api-key") {
        return Some(key.as_bytes());
    }
    let (scheme, key) = headers.get(http::header::AUTHORIZATION)?.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
}
