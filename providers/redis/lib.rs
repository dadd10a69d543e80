//! Redis as an online store, for projects of every provider. So far its pure half: nothing here talks to Redis.

mod spec;

pub use spec::{REDIS_PREFIX, RedisSpec};
