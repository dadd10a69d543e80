//! Data sources: where the history of features lies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Address, Fingerprint, Lifecycle, Metadata, ObjectKind, ValueType, is_default};

/// The `data_source` block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSource {
    /// Its kind with the settings of that kind.
    #[serde(flatten)]
    pub kind: SourceKind,
    /// Column of the event time. Required but for push and request sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_field: Option<String>,
    /// Column that tells when a row was written; breaks ties of event time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_timestamp_column: Option<String>,
    /// Unit of time columns that hold epoch numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_unit: Option<TimestampUnit>,
    /// Column that partitions the data by date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_partition_column: Option<String>,
    /// Column in the source → name here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub field_mapping: BTreeMap<String, String>,
    /// Description, owner, tags.
    #[serde(flatten)]
    pub metadata: Metadata,
    /// `prevent_destroy`, `ignore_changes`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lifecycle: Lifecycle,
}

/// The kind of a source: the first label of its block, with what that kind needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source_kind", rename_all = "snake_case")]
pub enum SourceKind {
    /// Parquet or CSV files.
    File {
        /// File, folder or glob; relative to the project folder, or `s3://…`, `gs://…`.
        path: String,
        /// What the files hold.
        format: FileFormat,
        /// Endpoint of an S3- or GCS-compatible store.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
    },
    /// A BigQuery table or query.
    #[serde(rename = "bigquery")]
    BigQuery {
        /// `project.dataset.table`; or `query`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<String>,
        /// SQL; or `table`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        query: Option<String>,
    },
    /// A Redshift table or query.
    Redshift {
        /// Table; or `query`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<String>,
        /// SQL; or `table`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        query: Option<String>,
        /// Database.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        database: Option<String>,
        /// Schema.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        schema: Option<String>,
    },
    /// An Athena table or query.
    Athena {
        /// Table; or `query`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<String>,
        /// SQL; or `table`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        query: Option<String>,
        /// Database.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        database: Option<String>,
    },
    /// Rows are pushed; the history comes from another source.
    Push {
        /// Name of the data source that holds the history.
        batch_source: String,
    },
    /// Fields that come with a request.
    Request {
        /// The fields, in declaration order.
        fields: Vec<Field>,
    },
}

impl SourceKind {
    /// Every kind, as its label in HCL.
    pub const LABELS: [&str; 6] = ["file", "bigquery", "redshift", "athena", "push", "request"];

    /// The label in HCL.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::BigQuery { .. } => "bigquery",
            Self::Redshift { .. } => "redshift",
            Self::Athena { .. } => "athena",
            Self::Push { .. } => "push",
            Self::Request { .. } => "request",
        }
    }
}

/// A field of a request source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub value_type: ValueType,
}

/// File formats of a `file` source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values with a header line.
    Csv,
}

/// Unit of epoch numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimestampUnit {
    /// Seconds.
    #[serde(rename = "s")]
    Second,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Millisecond,
    /// Microseconds.
    #[serde(rename = "us")]
    Microsecond,
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Nanosecond,
}

impl DataSource {
    /// The source behind a push source.
    pub fn batch_source(&self) -> Option<&str> {
        match &self.kind {
            SourceKind::Push { batch_source } => Some(batch_source),
            _ => None,
        }
    }

    /// Addresses it names directly.
    pub fn references(&self) -> Vec<Address> {
        self.batch_source().map(|name| Address::new(ObjectKind::DataSource, name)).into_iter().collect()
    }

    /// The column of the source that holds what is called `name` here.
    pub fn column_of<'a>(&'a self, name: &'a str) -> &'a str {
        self.field_mapping.iter().find(|(_, here)| here.as_str() == name).map_or(name, |(column, _)| column)
    }

    /// Fingerprint of what decides which values come out: everything but description, owner, tags and lifecycle.
    /// An online table remembers it; another fingerprint means that its values must be loaded again (PV109).
    pub fn content_fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&Self {
            metadata: Metadata::default(),
            lifecycle: Lifecycle::default(),
            ..self.clone()
        })
    }
}
