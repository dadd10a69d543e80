//! `grpc-timeout`: a call ends in the time that its client gives it. The client here keeps no time of its own, so what ends a
//! call is the server.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio::net::TcpStream;

use super::grpc::{key, request};
use super::limits::held_back;
use super::world::{Running, World};

const LONG: Duration = Duration::from_secs(300);

type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// A whole message.
fn whole() -> Body {
    let message = request(&["stats:rate"], &[("driver_id", vec![key(1)])]).encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    Full::from([&[0][..], &length, &message].concat()).boxed_unsync()
}

/// A message that begins and never ends.
fn half() -> Body {
    let begin = futures::stream::iter([Ok(Frame::data(Bytes::from_static(&[0, 0, 0])))]);
    StreamBody::new(begin.chain(futures::stream::pending())).boxed_unsync()
}

async fn call(server: &Running, timeout: Option<&str>, body: Body) -> Response<Incoming> {
    let stream = TcpStream::connect(server.grpc).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut client, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let path = format!("http://{}/feast.serving.ServingService/GetOnlineFeatures", server.grpc);
    let mut asked = Request::post(path).header("content-type", "application/grpc").header("te", "trailers");
    if let Some(timeout) = timeout {
        asked = asked.header("grpc-timeout", timeout);
    }
    client.send_request(asked.body(body).unwrap()).await.unwrap()
}

fn status(answer: &Response<Incoming>) -> &str {
    answer.headers().get("grpc-status").map_or("", |status| status.to_str().unwrap())
}

#[tokio::test]
async fn a_call_ends_in_the_time_that_its_client_gives_it() {
    let mut world = World::new().await;
    (world.settings.request_timeout, world.settings.store_timeout) = (LONG, LONG);
    let gate = held_back(&mut world);
    let server = world.start().await;
    for body in [whole(), half()] {
        let began = Instant::now();
        let answer = call(&server, Some("200m"), body).await;
        assert_eq!(status(&answer), "4", "{answer:?}");
        assert!(answer.headers()["grpc-message"].to_str().unwrap().contains("200ms"), "{answer:?}");
        assert!((Duration::from_millis(200)..LONG / 10).contains(&began.elapsed()));
    }
    let shown = server.ask("GET", "/metrics", &[], b"").await.text;
    let counted = "provender_requests_total{endpoint=\"GetOnlineFeatures\",status=\"deadline_exceeded\"} 2";
    assert!(shown.contains(counted), "{shown}");
    gate.add_permits(1);
    let answer = call(&server, Some("1H"), whole()).await;
    // What ends well says so after its message.
    let trailers = answer.into_body().collect().await.unwrap().trailers().unwrap().clone();
    assert_eq!(trailers["grpc-status"], "0");
}

#[tokio::test]
async fn no_client_gets_more_time_than_the_server_gives() {
    let mut world = World::new().await;
    (world.settings.request_timeout, world.settings.store_timeout) = (Duration::from_millis(200), LONG);
    held_back(&mut world);
    let server = world.start().await;
    for timeout in [None, Some("1H")] {
        for body in [whole(), half()] {
            assert_eq!(status(&call(&server, timeout, body).await), "4", "{timeout:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_time_is_refused() {
    let server = World::new().await.start().await;
    assert_eq!(status(&call(&server, Some("soon"), whole()).await), "3");
}
