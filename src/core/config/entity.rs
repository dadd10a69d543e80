//! The `entity` block.

use super::object;
use crate::hcl::{BlockReader, Schema};
use crate::model::{Entity, Object, ValueType};
use crate::source::{Origin, Place};

pub(super) const SCHEMA: Schema = Schema {
    labels: &["name"],
    attributes: &["join_key", "value_type", "description", "owner", "tags", "enabled", "for_each", "name"],
    single: &["lifecycle"],
    blocks: &[],
};

pub(super) fn read(reader: &BlockReader<'_>, name: &str, origin: &mut Origin) -> Option<Object> {
    let join_key = reader.optional::<String>("join_key");
    let value_type = reader.required::<ValueType>("value_type", "int64");
    let metadata = object::metadata(reader);
    let lifecycle = object::lifecycle(reader, &SCHEMA);
    if let Some(join_key) = &join_key {
        origin.insert(Place::attribute("join_key"), join_key.span);
    }
    let value_type = value_type?;
    origin.insert(Place::attribute("value_type"), value_type.span);
    Some(Object::Entity(Entity {
        join_key: join_key.map_or_else(|| name.to_owned(), |key| key.value),
        value_type: value_type.value,
        metadata,
        lifecycle,
    }))
}
