//! A project: everything that one folder defines.

use super::Objects;

/// What a project folder and its `feature_store.yaml` define together, checked and free of positions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Project {
    /// The project's name.
    pub name: String,
    /// Its definitions.
    pub objects: Objects,
}
