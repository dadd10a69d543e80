//! What all kinds of objects share, and the set of objects that a project or a registry holds.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufWriter, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Address, DataSource, Entity, FeatureService, FeatureView, JoinKey, ObjectKind, OnDemandFeatureView,
    is_default,
};
use crate::time::Timestamp;

/// What people say about an object. Never touches infrastructure or data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whom to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Free labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// The `lifecycle` block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// Refuse every plan that drops, deletes or replaces the object.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prevent_destroy: bool,
    /// Attributes whose value is taken from the registry instead of the folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore_changes: Vec<String>,
}

/// A SHA-256 over canonical JSON (RFC 8785), as 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of a value's canonical JSON.
    ///
    /// # Panics
    /// Never for the types of this crate: their JSON form always exists (string keys, finite numbers).
    #[expect(
        clippy::expect_used,
        reason = "types of this crate always have a JSON form; a golden test holds each"
    )]
    pub fn of(value: &impl Serialize) -> Self {
        let canonical =
            serde_json_canonicalizer::to_vec(value).expect("a stored type has a canonical JSON form");
        Self::of_bytes(&canonical)
    }

    /// The fingerprint of a value's JSON as it is, for values whose fields and maps have one order. It is not that of its
    /// canonical JSON.
    pub(crate) fn of_ordered(value: &impl Serialize) -> Self {
        let mut hashing = BufWriter::new(Hashing(Sha256::new()));
        // Writing to a hash cannot fail, and the JSON form always exists; see `Fingerprint::of`.
        let _ = serde_json::to_writer(&mut hashing, value);
        hashing.into_inner().map_or_else(|_| Self::of_bytes(b""), |hashing| Self::of_hash(hashing.0))
    }

    /// Digits of its text.
    pub const DIGITS: usize = 64;

    /// The SHA-256 of the bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::of_parts(&[bytes])
    }

    /// The SHA-256 of all the bytes, one part after the other.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        parts.iter().for_each(|part| hasher.update(part));
        Self::of_hash(hasher)
    }

    fn of_hash(hasher: Sha256) -> Self {
        use fmt::Write as _;
        let mut text = String::with_capacity(Self::DIGITS);
        for byte in hasher.finalize().iter() {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Hashes what is written to it.
struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One definition of any kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Object {
    /// An entity.
    Entity(Entity),
    /// A data source.
    DataSource(DataSource),
    /// A feature view.
    FeatureView(FeatureView),
    /// An on-demand feature view.
    OnDemandFeatureView(OnDemandFeatureView),
    /// A feature service.
    FeatureService(FeatureService),
}

impl Object {
    /// Its kind.
    pub const fn kind(&self) -> ObjectKind {
        match self {
            Self::Entity(_) => ObjectKind::Entity,
            Self::DataSource(_) => ObjectKind::DataSource,
            Self::FeatureView(_) => ObjectKind::FeatureView,
            Self::OnDemandFeatureView(_) => ObjectKind::OnDemandFeatureView,
            Self::FeatureService(_) => ObjectKind::FeatureService,
        }
    }

    /// Its description, owner and tags.
    pub const fn metadata(&self) -> &Metadata {
        match self {
            Self::Entity(object) => &object.metadata,
            Self::DataSource(object) => &object.metadata,
            Self::FeatureView(object) => &object.metadata,
            Self::OnDemandFeatureView(object) => &object.metadata,
            Self::FeatureService(object) => &object.metadata,
        }
    }

    /// Its lifecycle settings.
    pub const fn lifecycle(&self) -> &Lifecycle {
        match self {
            Self::Entity(object) => &object.lifecycle,
            Self::DataSource(object) => &object.lifecycle,
            Self::FeatureView(object) => &object.lifecycle,
            Self::OnDemandFeatureView(object) => &object.lifecycle,
            Self::FeatureService(object) => &object.lifecycle,
        }
    }

    /// Names that clients may still ask for it by, with when that ends.
    pub const fn aliases(&self) -> Option<&BTreeMap<String, Timestamp>> {
        match self {
            Self::FeatureView(object) => Some(&object.aliases),
            Self::OnDemandFeatureView(object) => Some(&object.aliases),
            Self::FeatureService(object) => Some(&object.aliases),
            Self::Entity(_) | Self::DataSource(_) => None,
        }
    }

    /// The same for one of its features.
    pub fn feature_aliases(&self, name: &str) -> Option<&BTreeMap<String, Timestamp>> {
        match self {
            Self::FeatureView(object) => object.feature(name).map(|feature| &feature.aliases),
            Self::OnDemandFeatureView(object) => object.feature(name).map(|feature| &feature.aliases),
            _ => None,
        }
    }

    /// When its old names, and those of its features, stop being answered.
    pub fn alias_ends(&self) -> Vec<Timestamp> {
        let of_features = self.feature_names().into_iter().filter_map(|name| self.feature_aliases(name));
        self.aliases().into_iter().chain(of_features).flat_map(BTreeMap::values).copied().collect()
    }

    /// Names of its features, in declaration order; none where it is no view.
    pub fn feature_names(&self) -> Vec<&str> {
        match self {
            Self::FeatureView(view) => view.features.iter().map(|feature| feature.name.as_str()).collect(),
            Self::OnDemandFeatureView(view) => {
                view.features.iter().map(|feature| feature.name.as_str()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Addresses it names directly.
    pub fn references(&self) -> Vec<Address> {
        match self {
            Self::Entity(_) => Vec::new(),
            Self::DataSource(object) => object.references(),
            Self::FeatureView(object) => object.references(),
            Self::OnDemandFeatureView(object) => object.sources.clone(),
            Self::FeatureService(object) => object.references(),
        }
    }

    /// The fingerprint of the whole definition.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self)
    }
}

/// Objects by address: the definitions of a project, or those that a registry has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Objects(pub BTreeMap<Address, Object>);

impl Objects {
    /// The object at an address.
    pub fn get(&self, address: &Address) -> Option<&Object> {
        self.0.get(address)
    }

    /// The entity of this name.
    pub fn entity(&self, name: &str) -> Option<&Entity> {
        match self.0.get(&Address::new(ObjectKind::Entity, name)) {
            Some(Object::Entity(entity)) => Some(entity),
            _ => None,
        }
    }

    /// The data source of this name.
    pub fn data_source(&self, name: &str) -> Option<&DataSource> {
        match self.0.get(&Address::new(ObjectKind::DataSource, name)) {
            Some(Object::DataSource(source)) => Some(source),
            _ => None,
        }
    }

    /// The feature view of this name.
    pub fn feature_view(&self, name: &str) -> Option<&FeatureView> {
        match self.0.get(&Address::new(ObjectKind::FeatureView, name)) {
            Some(Object::FeatureView(view)) => Some(view),
            _ => None,
        }
    }

    /// The on-demand feature view of this name.
    pub fn on_demand_feature_view(&self, name: &str) -> Option<&OnDemandFeatureView> {
        match self.0.get(&Address::new(ObjectKind::OnDemandFeatureView, name)) {
            Some(Object::OnDemandFeatureView(view)) => Some(view),
            _ => None,
        }
    }

    /// The features of a view of either kind, in declaration order; none where there is no such view.
    pub fn features_of(&self, view: &str) -> Option<Vec<&str>> {
        let kinds = [ObjectKind::FeatureView, ObjectKind::OnDemandFeatureView];
        kinds.into_iter().find_map(|kind| self.get(&Address::new(kind, view))).map(Object::feature_names)
    }

    /// Whether a view of either kind has a feature.
    pub fn has_feature(&self, view: &str, feature: &str) -> bool {
        match (self.feature_view(view), self.on_demand_feature_view(view)) {
            (Some(view), _) => view.feature(feature).is_some(),
            (None, Some(view)) => view.feature(feature).is_some(),
            (None, None) => false,
        }
    }

    /// The feature service of this name.
    pub fn feature_service(&self, name: &str) -> Option<&FeatureService> {
        match self.0.get(&Address::new(ObjectKind::FeatureService, name)) {
            Some(Object::FeatureService(service)) => Some(service),
            _ => None,
        }
    }

    /// All feature views, by name.
    pub fn feature_views(&self) -> impl Iterator<Item = (&str, &FeatureView)> {
        self.0.iter().filter_map(|(address, object)| match object {
            Object::FeatureView(view) => Some((address.name.as_str(), view)),
            _ => None,
        })
    }

    /// What an object reads one by one and the state does not have: `(view, feature)`, or a field of a request source.
    pub fn missing_features(&self, object: &Object) -> Vec<(Address, String)> {
        match object {
            Object::FeatureService(service) => {
                let selections =
                    service.features.iter().filter_map(|one| Some((one.address(), one.feature.clone()?)));
                let used = service.uses.iter().flat_map(|used| {
                    let view = Address::new(ObjectKind::FeatureView, &used.view);
                    used.features.iter().flatten().map(move |feature| (view.clone(), feature.clone()))
                });
                let missing = |(view, feature): &(Address, String)| !self.has_feature(&view.name, feature);
                selections.chain(used).filter(missing).collect()
            }
            Object::OnDemandFeatureView(view) => {
                let known = view.source_columns(self);
                let read = view.features.iter().flat_map(|feature| view.columns_of(feature));
                let missing = read.filter(|column| {
                    known.get(&column.source).is_none_or(|columns| !columns.contains_key(&column.name))
                });
                missing
                    .filter_map(|column| {
                        let source = view.sources.iter().find(|source| source.name == column.source)?;
                        Some((source.clone(), column.name))
                    })
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// The join keys of a view, ordered by name: the order of fields in entity keys. `None` where the view or one of its
    /// entities is missing.
    pub fn join_keys(&self, view: &str) -> Option<Vec<JoinKey>> {
        let mut keys = self
            .feature_view(view)?
            .entities
            .iter()
            .map(|name| {
                let entity = self.entity(name)?;
                Some(JoinKey { name: entity.join_key.clone(), value_type: entity.value_type.clone() })
            })
            .collect::<Option<Vec<_>>>()?;
        keys.sort();
        Some(keys)
    }

    /// The source that holds a view's history: its own, or the batch source behind a push source.
    pub fn history_of<'a>(&'a self, view: &'a FeatureView) -> Option<(&'a str, &'a DataSource)> {
        let mut name = view.source.as_str();
        // A push source points at a batch source, never at another push source; two looks suffice.
        for _ in 0..2 {
            let source = self.data_source(name)?;
            match source.batch_source() {
                Some(batch) => name = batch,
                None => return Some((name, source)),
            }
        }
        None
    }
}
