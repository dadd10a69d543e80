//! Semantic rules over a whole project, one file per family.

mod name;

pub use name::{is_feature_name, is_name};
