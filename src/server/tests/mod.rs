//! The server over the memory provider, asked through real sockets. `world` is a small project and a client; the other
//! files are its cases.

mod answers;
mod bad_requests;
mod grpc;
mod limits;
mod registry;
mod world;
mod writes;
