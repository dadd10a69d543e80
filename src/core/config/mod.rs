//! What each block type accepts and what it becomes; `feature_store.yaml` too.
//!
//! `environment` reads `feature_store.yaml`; [`load`] turns every `*.hcl` file of a project into a
//! [`Project`](crate::model::Project). Nothing here reads files or the process environment. Each block type has one
//! file; rules over several objects are in `check`.

mod data_source;
mod day;
mod each;
mod entity;
pub mod environment;
mod feature_service;
mod feature_view;
mod load;
mod module;
mod object;
mod on_demand_feature_view;
mod parse;
mod refactoring;
pub mod reference;
mod scope;
mod share;
#[cfg(test)]
mod tests;
mod top_level;
mod type_constraint;
mod variable;
mod yaml;

pub use load::{LoadInput, Loaded, load};
