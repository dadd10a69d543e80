//! Figures about what this program does: counted here, sent to a StatsD server, and shown to Prometheus.
//!
//! `table` says which metrics there are, `recorder` holds them, `series` is what is counted in. `lines` turns what was
//! recorded into lines of StatsD, `exporter` sends those in the background, `prometheus` writes all of it as text, and
//! `reference` is the page about it. Recording never waits: neither for a lock, once a series is at hand, nor for whoever
//! collects. Labels name what operators named (views, features) and fixed words: no value of a feature and no secret.

mod exporter;
mod lines;
mod prometheus;
mod recorder;
pub mod reference;
mod series;
pub mod table;
#[cfg(test)]
mod tests;

pub use exporter::{Collector, Exporter};
pub use lines::TagStyle;
pub use prometheus::TextFormat;
pub use recorder::Recorder;
pub use series::{Age, Counter, Distribution, Gauge};
pub use table::{Kind, Metric, TABLE, Unit};
