//! Online features over HTTP and gRPC.
