//! The four routes that write. They answer 403 unless the server was started to write.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Answer, Request, json_body, json_response};
use crate::keys::Scope;
use crate::meters::Endpoint;
use crate::refusal::{Code, Refusal};
use crate::service::{Service, of_json, on_blocking_thread};
use crate::writes::{MaterializeRequest, RowsRequest};

/// Rows for a push source, or for a view.
pub(super) async fn rows(service: &Service, request: Request, endpoint: Endpoint) -> Answer {
    enter(service, &request)?;
    let written = async {
        let request: RowsRequest = read(service, request).await?;
        let _permit = service.admit()?;
        answer(&request.run(service, endpoint).await?)
    };
    service.in_time(written).await
}

pub(super) async fn materialize(service: &Service, request: Request) -> Answer {
    // A run takes as long as it takes, so it holds no place among the requests; there is one at a time anyway.
    enter(service, &request)?;
    let request: MaterializeRequest = read(service, request).await?;
    let kind = request.range()?;
    answer(&service.writes()?.materialize(request, kind).await?)
}

pub(super) async fn materialize_incremental(service: &Service, request: Request) -> Answer {
    enter(service, &request)?;
    let request: MaterializeRequest = read(service, request).await?;
    let kind = request.incremental()?;
    answer(&service.writes()?.materialize(request, kind).await?)
}

/// Who is this, and may this server write at all.
fn enter(service: &Service, request: &Request) -> Result<(), Refusal> {
    service.authorize(request.headers(), Scope::Write)?;
    service.writes()?;
    Ok(())
}

/// Reads the body; a frame may be large, so it is taken apart on a blocking thread.
async fn read<T: DeserializeOwned + Send + 'static>(
    service: &Service,
    request: Request,
) -> Result<T, Refusal> {
    let body: Bytes = json_body(service, request).await?;
    on_blocking_thread(move || of_json(&body)).await?
}

fn answer(report: &impl Serialize) -> Answer {
    let body =
        serde_json::to_vec(report).map_err(|_| Refusal::new(Code::Internal, "a report has no JSON"))?;
    Ok(json_response(body))
}
