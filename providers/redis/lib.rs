//! Redis as an online store, for projects of every provider.
//!
//! `spec` is the pure half, for plans. The real half is built with the feature `sdk`: `provider` is what others open,
//! `settings` understands what `feature_store.yaml` says, `layout` says which keys lie in Redis, `server` sends commands to
//! one server or the nodes of a cluster, `tables` and `rows` say which. Nothing is connected before it is needed.

#[cfg(feature = "sdk")]
mod cluster;
#[cfg(feature = "sdk")]
mod failure;
#[cfg(feature = "sdk")]
mod layout;
#[cfg(feature = "sdk")]
mod provider;
#[cfg(feature = "sdk")]
mod rows;
#[cfg(feature = "sdk")]
mod server;
#[cfg(feature = "sdk")]
mod settings;
mod spec;
#[cfg(feature = "sdk")]
mod tables;
#[cfg(test)]
mod tests;

#[cfg(feature = "sdk")]
pub use provider::{RedisOptions, RedisProvider, Variables};
pub use spec::{REDIS_PREFIX, RedisSpec};
