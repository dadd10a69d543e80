//! The server over the memory provider, asked through real sockets. `world` is a small project and a client; the other
//! files are its cases.

mod answers;
mod bad_requests;
mod deadlines;
mod grpc;
mod limits;
mod metrics;
mod outages;
mod reflection;
mod registry;
mod world;
mod writes;
