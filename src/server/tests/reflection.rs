//! What tools ask a gRPC server that they do not know: its services, the files that describe them, and how each is.

use prost::Message as _;
use prost_types::FileDescriptorProto;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServiceResponse};
use tonic_reflection::pb::v1alpha;

use super::grpc::channel;
use super::world::World;

async fn ask(channel: &Channel, message: MessageRequest) -> Result<MessageResponse, tonic::Status> {
    let asked = ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let mut client = ServerReflectionClient::new(channel.clone());
    let mut answers = client.server_reflection_info(futures::stream::iter([asked])).await?.into_inner();
    Ok(answers.message().await?.unwrap().message_response.unwrap())
}

async fn files(channel: &Channel, message: MessageRequest) -> Vec<FileDescriptorProto> {
    match ask(channel, message).await.unwrap() {
        MessageResponse::FileDescriptorResponse(found) => found
            .file_descriptor_proto
            .iter()
            .map(|file| FileDescriptorProto::decode(file.as_slice()).unwrap())
            .collect(),
        other => panic!("{other:?}"),
    }
}

async fn services(channel: &Channel) -> Vec<String> {
    match ask(channel, MessageRequest::ListServices(String::new())).await.unwrap() {
        MessageResponse::ListServicesResponse(list) => {
            list.service.into_iter().map(|ServiceResponse { name }| name).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn services_are_listed_and_described() {
    let server = World::new().await.start().await;
    let channel = channel(&server).await;
    let mut services = services(&channel).await;
    services.sort();
    let expected =
        ["feast.serving.ServingService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"];
    assert_eq!(services, expected);
    for symbol in services.iter().map(String::as_str).chain([
        "feast.serving.ServingService.GetOnlineFeatures",
        "feast.serving.GetOnlineFeaturesRequest",
        "feast.types.Value",
    ]) {
        let found = files(&channel, MessageRequest::FileContainingSymbol(symbol.to_owned())).await;
        assert!(symbol.starts_with(found[0].package()), "{symbol}: {found:?}");
        // What a file stands on can be asked for as well.
        for dependency in &found[0].dependency {
            let file = files(&channel, MessageRequest::FileByFilename(dependency.clone())).await;
            assert_eq!(file[0].name(), dependency);
        }
    }
    let found = files(&channel, MessageRequest::FileContainingSymbol(expected[0].to_owned())).await;
    let methods: Vec<&str> = found[0].service[0].method.iter().map(|method| method.name()).collect();
    assert_eq!(methods, ["GetFeastServingInfo", "GetOnlineFeatures"]);
    let unknown =
        ask(&channel, MessageRequest::FileContainingSymbol("feast.serving.Nothing".to_owned())).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn tools_of_some_years_ago_find_the_services() {
    let server = World::new().await.start().await;
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel(&server).await);
    let list = v1alpha::server_reflection_request::MessageRequest::ListServices(String::new());
    let asked = v1alpha::ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let answers = client.server_reflection_info(futures::stream::iter([asked])).await.unwrap();
    let answer = format!("{:?}", answers.into_inner().message().await.unwrap().unwrap());
    assert!(answer.contains("feast.serving.ServingService"), "{answer}");
}

#[tokio::test]
async fn every_service_says_how_it_is() {
    let server = World::new().await.start().await;
    let channel = channel(&server).await;
    let mut health = HealthClient::new(channel.clone());
    let mut names = services(&channel).await;
    names.push(String::new());
    for service in &names {
        let asked = HealthCheckRequest { service: service.clone() };
        assert_eq!(health.check(asked).await.unwrap().into_inner().status, 1, "{service}");
    }
    let asked = HealthCheckRequest { service: "feast.serving.Nothing".to_owned() };
    assert_eq!(health.check(asked).await.unwrap_err().code(), Code::NotFound);
    let mut watched = Vec::new();
    for service in names {
        let mut watching = health.watch(HealthCheckRequest { service }).await.unwrap().into_inner();
        assert_eq!(watching.message().await.unwrap().unwrap().status, 1);
        watched.push(watching);
    }
    server.stop();
    for mut watching in watched {
        assert_eq!(watching.message().await.unwrap().unwrap().status, 2);
    }
}
