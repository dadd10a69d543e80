//! Online features over HTTP and gRPC, from the same functions.
//!
//! Read `server` (what runs), then `service` (what both interfaces call), `http` and `grpc` (the interfaces), `refusal`
//! (every way to say no, with its codes), `listen` (connections), `refresh` (the registry behind it all), `credentials`
//! (keys and certificate, which may change), `meters` (what is counted). Nothing here
//! builds a runtime, names a provider or writes to a terminal; events go to `tracing`, and no value of a feature does.

mod credentials;
mod grpc;
mod http;
mod keys;
mod listen;
mod meters;
mod one_piece;
mod readiness;
mod refresh;
mod refusal;
mod request_log;
mod server;
mod service;
mod settings;
#[cfg(test)]
mod tests;
mod tls;
mod writes;

pub use credentials::{CredentialSource, Credentials};
pub use keys::{ApiKeys, KeysError, Scope};
pub use server::{Parts, Server};
pub use settings::Settings;
pub use tls::{Tls, TlsError};

/// The OpenAPI document of the HTTP interface, as `/openapi.json` gives it.
pub const OPENAPI: &str = include_str!("http/openapi.json");
