//! What a project is made of: plain data, one file per kind, compared with `==` and stored as JSON.
//!
//! These types hold no positions (see `source::Origin`), no state and no behaviour beyond their own meaning. Their JSON
//! form is a stored format: an attribute that has its default is left out, so that a later attribute changes no
//! fingerprint of an object that does not use it.

mod address;
mod bucket;
mod data_source;
mod entity;
mod feature_service;
mod feature_view;
mod object;
mod on_demand_feature_view;
mod project;
mod settings;
mod value;

pub use address::{Address, AddressError, ObjectKind, member};
pub use bucket::{BucketKind, BucketPath, BucketPathError, is_endpoint};
pub use data_source::{DataSource, Field, FileFormat, SourceKind, TimestampUnit};
pub use entity::Entity;
pub use feature_service::{Asker, Consumer, FeatureService, Selection, SentValue, ServiceUse};
pub use feature_view::{Feature, FeatureView, JoinKey, Materialization};
pub use object::{Fingerprint, Lifecycle, Metadata, Object, Objects};
pub use on_demand_feature_view::{OnDemandFeature, OnDemandFeatureView};
pub use project::{Allow, Moved, Project, Removed, Target};
pub use settings::{StoreIdentity, StoreSettings};
pub use value::{Value, ValueType, ValueTypeError};

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
