//! Definitions that are short to write: everything optional is left at its default, and a test changes what it is about.

use std::collections::BTreeMap;

use provender_core::model::{
    DataSource, Entity, Feature, FeatureView, FileFormat, Lifecycle, Materialization, Metadata, SourceKind,
    ValueType,
};
use provender_core::time::Duration;

/// An entity of one join key.
pub fn entity(join_key: &str, value_type: ValueType) -> Entity {
    Entity {
        join_key: join_key.to_owned(),
        value_type,
        metadata: Metadata::default(),
        lifecycle: Lifecycle::default(),
    }
}

/// A Parquet source with the event time in `ts` and no created time.
pub fn file_source(path: &str) -> DataSource {
    DataSource {
        kind: SourceKind::File { path: path.to_owned(), format: FileFormat::Parquet, endpoint: None },
        timestamp_field: Some("ts".to_owned()),
        created_timestamp_column: None,
        timestamp_unit: None,
        date_partition_column: None,
        field_mapping: Default::default(),
        metadata: Metadata::default(),
        lifecycle: Lifecycle::default(),
    }
}

/// A feature.
pub fn feature(name: &str, value_type: ValueType) -> Feature {
    Feature { name: name.to_owned(), value_type, aliases: BTreeMap::new(), metadata: Metadata::default() }
}

/// A view whose values are served online and never too old.
pub fn feature_view(source: &str, entities: &[&str], features: &[(&str, ValueType)]) -> FeatureView {
    FeatureView {
        entities: entities.iter().map(|name| (*name).to_owned()).collect(),
        source: source.to_owned(),
        ttl: Duration::ZERO,
        online: true,
        online_ttl: None,
        features: features.iter().map(|(name, value_type)| feature(name, value_type.clone())).collect(),
        materialization: Materialization::default(),
        aliases: BTreeMap::new(),
        metadata: Metadata::default(),
        lifecycle: Lifecycle::default(),
    }
}
