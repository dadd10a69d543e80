//! The gRPC interface: the same answers, statuses for refusals, health and keys.

use std::collections::HashMap;
use std::str::FromStr as _;

use provender_core::encoding::Cell;
use provender_core::model::Value;
use provender_runtime::testing::int;
use sha2::{Digest as _, Sha256};
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::world::{NOW, Running, World};
use crate::grpc::interface::serving::get_online_features_request::Kind;
use crate::grpc::interface::serving::serving_service_client::ServingServiceClient;
use crate::grpc::interface::serving::{FeatureList, GetFeastServingInfoRequest, GetOnlineFeaturesRequest};
use crate::grpc::interface::types::value::Val;
use crate::grpc::interface::types::{RepeatedValue, Value as Message};

pub(super) async fn channel(server: &Running) -> Channel {
    Endpoint::from_str(&format!("http://{}", server.grpc)).unwrap().connect().await.unwrap()
}

pub(super) fn request(features: &[&str], entities: &[(&str, Vec<Option<Val>>)]) -> GetOnlineFeaturesRequest {
    let column = |(name, values): &(&str, Vec<Option<Val>>)| {
        let val = values.iter().map(|val| Message { val: val.clone() }).collect();
        ((*name).to_owned(), RepeatedValue { val })
    };
    GetOnlineFeaturesRequest {
        kind: Some(Kind::Features(FeatureList {
            val: features.iter().map(|text| (*text).to_owned()).collect(),
        })),
        entities: entities.iter().map(column).collect(),
        ..GetOnlineFeaturesRequest::default()
    }
}

pub(super) fn key(value: i64) -> Option<Val> {
    Some(Val::Int64Val(value))
}

#[tokio::test]
async fn answers_and_statuses() {
    let mut world = World::new().await;
    world
        .store("stats", &[Value::Int64(1)], NOW + 5, &[Cell::Value(Value::Float32(f32::NAN)), int(i64::MAX)])
        .await;
    world.store("stats", &[Value::Int64(2)], NOW - 1, &[Cell::Null, int(2)]).await;
    world.store("stats", &[Value::Int64(3)], 0, &[Cell::Value(Value::Float32(1.0)), int(3)]).await;
    let fare = [Value::String("a".to_owned()), Value::Int64(1)];
    world.store("fares", &fare, NOW, &[Cell::Value(Value::Float64(2.5))]).await;
    let server = world.start().await;
    let mut client = ServingServiceClient::new(channel(&server).await);
    let info = client.get_feast_serving_info(GetFeastServingInfoRequest {}).await.unwrap();
    assert_eq!(info.into_inner().version, "test");
    let text = Some(Val::StringVal("2".to_owned()));
    let keys = vec![key(1), text, key(3), key(404), None, Some(Val::Int32Val(1))];
    let answer =
        client.get_online_features(request(&["stats:rate", "stats:trips"], &[("driver_id", keys)])).await;
    let answer = answer.unwrap().into_inner();
    assert_eq!(answer.metadata.unwrap().feature_names.unwrap().val, ["driver_id", "rate", "trips"]);
    assert_eq!(answer.results[1].statuses, [1, 2, 4, 3, 3, 1]);
    assert!(matches!(answer.results[1].values[0].val, Some(Val::FloatVal(value)) if value.is_nan()));
    assert_eq!(answer.results[2].statuses, [1, 1, 4, 3, 3, 1]);
    assert_eq!(answer.results[2].values[0].val, key(i64::MAX));
    assert_eq!(answer.results[2].values[2].val, None);
    let time = &answer.results[2].event_timestamps[0];
    assert_eq!((time.seconds, time.nanos), (NOW / 1_000_000_000, 5));
    let entities = [("driver_id", vec![key(1)]), ("city", vec![Some(Val::StringVal("a".to_owned()))])];
    let mut asked = request(&["price:offer"], &entities);
    let distance = RepeatedValue { val: vec![Message { val: Some(Val::DoubleVal(2.0)) }] };
    asked.request_context = HashMap::from([("distance".to_owned(), distance)]);
    let answer = client.get_online_features(asked).await.unwrap().into_inner();
    assert_eq!(answer.results[2].values[0].val, Some(Val::DoubleVal(5.0)));
}

#[tokio::test]
async fn refusals_have_their_statuses() {
    let mut world = World::new().await;
    (world.settings.max_rows, world.settings.max_body) = (2, 1_000);
    let server = world.start().await;
    let mut client = ServingServiceClient::new(channel(&server).await);
    let one = || [("driver_id", vec![key(1)])];
    let service = |name: &str| GetOnlineFeaturesRequest {
        kind: Some(Kind::FeatureService(name.to_owned())),
        ..GetOnlineFeaturesRequest::default()
    };
    let mut twice = request(&["stats:rate"], &one());
    twice.request_context = twice.entities.clone();
    let long = "x".repeat(2_000);
    for (asked, code) in [
        (GetOnlineFeaturesRequest::default(), Code::InvalidArgument),
        (request(&[], &one()), Code::InvalidArgument),
        (request(&["stats"], &one()), Code::InvalidArgument),
        (request(&["stats:rate\nstats:trips"], &one()), Code::InvalidArgument),
        (request(&["none:rate"], &one()), Code::NotFound),
        (request(&["stats:none"], &one()), Code::NotFound),
        (service("none"), Code::NotFound),
        (service(""), Code::NotFound),
        (service("model"), Code::InvalidArgument),
        (request(&["stats:rate"], &[]), Code::InvalidArgument),
        (request(&["stats:rate"], &[("driver_id", vec![Some(Val::BoolVal(true))])]), Code::InvalidArgument),
        (request(&["stats:rate"], &[("driver_id", vec![key(1); 3])]), Code::InvalidArgument),
        (twice, Code::InvalidArgument),
        (request(&["stats:rate"], &[("driver_id", vec![Some(Val::StringVal(long))])]), Code::OutOfRange),
    ] {
        let refused = client.get_online_features(asked.clone()).await.unwrap_err();
        assert_eq!(refused.code(), code, "{asked:?}: {refused}");
    }
}

#[tokio::test]
async fn health_needs_no_key_and_everything_else_does() {
    let mut world = World::new().await;
    let digest: String = Sha256::digest("reader").iter().map(|byte| format!("{byte:02x}")).collect();
    world.keys(&format!("model read {digest}"));
    let server = world.start().await;
    let channel = channel(&server).await;
    let mut health = HealthClient::new(channel.clone());
    for service in ["", "feast.serving.ServingService"] {
        let status = health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap();
        assert_eq!(status.into_inner().status, 1, "{service}");
    }
    let mut client = ServingServiceClient::new(channel.clone());
    let asked = request(&["stats:rate"], &[("driver_id", vec![key(1)])]);
    let refused = client.get_online_features(asked.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let refused = client.get_feast_serving_info(GetFeastServingInfoRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let mut with_key = tonic::Request::new(asked);
    with_key.metadata_mut().insert("authorization", "Bearer reader".parse().unwrap());
    client.get_online_features(with_key).await.unwrap();
    // A stop is told to those who watch.
    let mut watching = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watching.message().await.unwrap().unwrap().status, 1);
    server.stop();
    assert_eq!(watching.message().await.unwrap().unwrap().status, 2);
    drop((watching, health, client, channel));
    server.ended().await;
}

/// A message as it is, whatever it is.
struct RawCodec;

impl tonic::codec::Codec for RawCodec {
    type Encode = Vec<u8>;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl tonic::codec::Encoder for RawCodec {
    type Item = Vec<u8>;
    type Error = tonic::Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut tonic::codec::EncodeBuf<'_>) -> Result<(), tonic::Status> {
        prost::bytes::BufMut::put_slice(to, &item);
        Ok(())
    }
}

impl tonic::codec::Decoder for RawCodec {
    type Item = ();
    type Error = tonic::Status;

    fn decode(&mut self, _: &mut tonic::codec::DecodeBuf<'_>) -> Result<Option<()>, tonic::Status> {
        Ok(Some(()))
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_the_clients_fault() {
    let mut world = World::new().await;
    let server = world.start().await;
    let path = || "/feast.serving.ServingService/GetOnlineFeatures".parse().unwrap();
    let mut client = tonic::client::Grpc::new(channel(&server).await);
    for message in [&b"\xff\xff\xff\xff"[..], b"{\"features\": []}", b"\x0a\x02\xff\xfe"] {
        client.ready().await.unwrap();
        let refused =
            client.unary(tonic::Request::new(message.to_vec()), path(), RawCodec).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{message:?}: {refused}");
    }
    client.ready().await.unwrap();
    let nothing = tonic::Request::new(futures::stream::empty());
    let refused = client.client_streaming(nothing, path(), RawCodec).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
}
