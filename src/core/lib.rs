//! The pure heart of Provender: definitions become a [`model::Project`], the project is compared with the
//! [`registry::Registry`], and the result is a [`plan::Plan`] with [`diagnostic::Diagnostics`].
//!
//! Nothing here has a clock, a file system, a network, an environment or async: what the core needs from outside
//! comes in as an argument. Read in this order: `source`, `diagnostic`, `time`, `hcl`, `model`, `config`, `check`,
//! `graph`, `registry`, `encoding`, `provider`, `plan`, `view`.

pub mod check;
pub mod config;
pub mod diagnostic;
pub mod encoding;
pub mod expression;
pub mod format;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod graph;
pub mod hcl;
pub mod model;
pub mod plan;
pub mod provider;
pub mod registry;
pub mod source;
pub mod time;
pub mod view;
