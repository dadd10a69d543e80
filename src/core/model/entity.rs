//! Entities: what features are about.

use serde::{Deserialize, Serialize};

use super::{Lifecycle, Metadata, ValueType, is_default};

/// The `entity` block: a join key with a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// The column that holds the key, in sources and entity frames.
    pub join_key: String,
    /// The key's type; see [`ValueType::is_key`].
    pub value_type: ValueType,
    /// Description, owner, tags.
    #[serde(flatten)]
    pub metadata: Metadata,
    /// `prevent_destroy`, `ignore_changes`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lifecycle: Lifecycle,
}
