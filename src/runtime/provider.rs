//! Contracts of providers and stores: everything that can fail or wait. What a store must do beyond its signature is
//! held by the conformance suites in `testing`, which every store runs.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Int64Array, PrimitiveArray, UInt64Array};
use arrow::datatypes::{ArrowPrimitiveType, Int64Type, SchemaRef, UInt64Type};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use provender_core::encoding::{EntityKey, PackedRow};
use provender_core::model::{DataSource, StoreIdentity};
use provender_core::plan::InfraStep;
use provender_core::provider::{InfraId, InfraObject};
use provender_core::registry::{Interval, OnlineTable};
use provender_core::time::Timestamp;

use crate::{Error, ErrorKind, Result};

/// A place where a project lives: infrastructure and the stores on it.
#[async_trait]
pub trait Provider: Debug + Send + Sync {
    /// What is really there of these objects, in the stores that they name; one that is not there is left out. Changes
    /// nothing and creates no file.
    async fn observe(&self, objects: &[&InfraObject]) -> Result<BTreeMap<InfraId, InfraObject>>;

    /// Everything in a store that carries this project's mark, known to a registry or not; none: in the store of the
    /// environment. Changes nothing and creates no file.
    async fn list(&self, store: Option<&StoreIdentity>) -> Result<Vec<InfraObject>>;

    /// Carries out one step and returns the object as it is afterwards (`None` after a delete). Idempotent: safe to run
    /// again after a crash. An object of the same name that does not carry our mark is an error, never adopted, never
    /// deleted.
    async fn execute(&self, step: &InfraStep) -> Result<Option<InfraObject>>;

    /// The online store; `None` where the project has none.
    fn online(&self) -> Option<Arc<dyn OnlineStore>>;

    /// The offline store; `None` where the project has none.
    fn offline(&self) -> Option<Arc<dyn OfflineStore>>;
}

/// One row to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnlineRow {
    /// Its key.
    pub key: EntityKey,
    /// Times and values, under a schema of the table.
    pub row: PackedRow,
}

/// How a write treats a row that is stored already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// Keeps per key the row with the newest (event time, created time); no created time sorts first; an equal pair
    /// overwrites.
    Newest,
    /// Adds to the stored row only those cells that are absent there (null is not absent) and keeps the row's times; a
    /// key that has no row gets this one.
    FillAbsent,
}

/// What a write did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteOutcome {
    /// Rows that are stored now.
    pub written: u64,
    /// Rows that a newer stored row kept out, or (`FillAbsent`) that had nothing to add.
    pub kept: u64,
}

/// Keys to read from one table.
#[derive(Clone, Copy, Debug)]
pub struct TableRead<'a> {
    /// The table.
    pub table: &'a OnlineTable,
    /// The keys; any order, repeats allowed.
    pub keys: &'a [EntityKey],
}

/// A store of the newest row per key. Tables are made and deleted through [`Provider::execute`].
#[async_trait]
pub trait OnlineStore: Debug + Send + Sync {
    /// Stores rows; each row's schema must be the table's current one. Writes the schema's description first where the
    /// store does not have it. Atomic per row. Keys may repeat within one call; the rule of the mode decides. A table
    /// that is gone is [`crate::ErrorKind::NotFound`], and nothing is written.
    async fn write(&self, table: &OnlineTable, mode: WriteMode, rows: Vec<OnlineRow>)
    -> Result<WriteOutcome>;

    /// Rows by key, in one round trip for all tables: the same lengths and order as asked; `None` where nothing is
    /// stored. A table that is gone is [`crate::ErrorKind::NotFound`]: nobody knows what it held, and that a key has no row
    /// would be a wrong answer. Tables of which no key is asked are not looked at.
    async fn read(&self, reads: &[TableRead<'_>]) -> Result<Vec<Vec<Option<PackedRow>>>>;

    /// Description of a row schema that is not the table's current one; `None` where the store does not know it.
    async fn schema(
        &self,
        table: &OnlineTable,
        schema_id: u32,
    ) -> Result<Option<provender_core::encoding::RowSchema>>;
}

/// Name of the event-time column in scanned batches: Int64, nanoseconds since the epoch, never null.
pub const EVENT_TIME: &str = "__event_time";
/// Name of the created-time column in scanned batches: Int64, nanoseconds since the epoch, null where not known.
pub const CREATED_TIME: &str = "__created_time";

/// What to read of a source.
#[derive(Clone, Debug)]
pub struct SourceScan {
    /// The source (never a push source: its batch source).
    pub source: DataSource,
    /// Names here (after `field_mapping`) and Arrow types that the batches shall have. Join keys and features. Values are
    /// cast by the rules of `data.md`; a value that does not fit is an error that names file, column and row.
    pub columns: SchemaRef,
    /// Only rows with such event times; none: all.
    pub range: Option<Interval>,
}

/// Name of the place column in batches of a source: UInt64, never null. No two rows of a source have the same, and the
/// order of places is the order of the source: path in byte order, then row.
pub const PLACE: &str = "__place";

/// Takes the batches of a source. It is called on the threads that decode them, by several at a time and in any order of
/// batches; places grow within each. An error of it ends the reading and is its outcome.
pub type TakeBatch = dyn Fn(RecordBatch) -> Result<()> + Send + Sync;

/// Event times, created times and places of a scanned batch.
///
/// # Errors
/// A batch that no scan gave.
pub fn scanned_times(batch: &RecordBatch) -> Result<(&Int64Array, &Int64Array, &UInt64Array)> {
    let times = |name| own_column::<Int64Type>(batch, name);
    Ok((times(EVENT_TIME)?, times(CREATED_TIME)?, places(batch)?))
}

/// The columns of a scanned batch that were asked for, in the order of the scan.
pub fn asked_columns(batch: &RecordBatch) -> &[ArrayRef] {
    let own = [EVENT_TIME, CREATED_TIME, PLACE].len();
    &batch.columns()[..batch.num_columns().saturating_sub(own)]
}

/// The places of a batch.
///
/// # Errors
/// A batch that no source gave.
pub fn places(batch: &RecordBatch) -> Result<&UInt64Array> {
    own_column::<UInt64Type>(batch, PLACE)
}

/// The error of texts, or other values of any length, that one array cannot hold.
pub fn too_many_bytes() -> Error {
    Error::invalid("the values of one column take more than 2 GiB, which is more than fits at once")
        .with_hint("ask for fewer entity rows, or load shorter intervals, one after the other")
}

fn own_column<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a PrimitiveArray<T>> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_primitive_opt::<T>())
        .ok_or_else(|| Error::new(ErrorKind::Bug, format!("a source gave no column `{name}`")))
}

/// What a source looks like: its columns (source names) with Arrow types, and cheap counts.
#[derive(Clone, Debug)]
pub struct SourceDescription {
    /// Columns as they are in the source.
    pub schema: SchemaRef,
    /// Parts of the source (files) whose columns are others, by name: one of each kind.
    pub other_schemas: Vec<(String, SchemaRef)>,
    /// Rows in all files, where the format tells without reading them.
    pub rows: Option<u64>,
    /// Bytes of all files.
    pub bytes: Option<u64>,
}

/// What a scan would read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanSize {
    /// Rows, where the store tells without reading them; more than the range holds where parts of files do.
    pub rows: Option<u64>,
    /// Bytes as they are stored, of the columns that are asked for where they lie apart.
    pub bytes: Option<u64>,
}

/// A store of history.
#[async_trait]
pub trait OfflineStore: Debug + Send + Sync {
    /// Columns and size of a source, without reading its rows. A source that is not there is
    /// [`crate::ErrorKind::NotFound`].
    async fn describe(&self, source: &DataSource) -> Result<SourceDescription>;

    /// What a scan would read, as far as it costs little to tell: nothing of a source is opened but the ends of its files.
    async fn measure(&self, scan: &SourceScan) -> Result<ScanSize>;

    /// Fixes which rows a source has: what is read of it later are these, or an error says that it changed. A source
    /// that is not there is [`crate::ErrorKind::NotFound`].
    async fn pin(&self, source: &DataSource) -> Result<Arc<dyn PinnedSource>>;

    /// Whether a file on this machine, which need not be there, is or would be read as a part of a source.
    ///
    /// # Errors
    /// A source whose path cannot be used.
    fn reads(&self, _source: &DataSource, _file: &Path) -> Result<bool> {
        Ok(false)
    }

    /// Reads a source; see [`PinnedSource::scan`].
    async fn scan(&self, scan: &SourceScan, take: Arc<TakeBatch>) -> Result<u64> {
        self.pin(&scan.source).await?.scan(&scan.columns, scan.range, CreatedTimes::Read, take).await
    }

    /// Adds rows to a source and returns the name of the part that holds them. They are a batch as [`PinnedSource::scan`]
    /// gives it, without places, and are read back with the same values. A reader sees all of them or none; they come after
    /// every row that is there, so that they win full ties. `arrival` orders those that are added at the same time. What
    /// was there is never changed.
    ///
    /// # Errors
    /// `Invalid` for a store or source that takes no rows, and for a value that the source cannot hold. Then, as with every
    /// other error, nothing was added, unless the answer of a store was lost; the same again does no harm.
    async fn append(&self, source: &DataSource, _rows: RecordBatch, _arrival: Timestamp) -> Result<String> {
        Err(Error::invalid(format!("the offline store takes no rows for a {} source", source.kind.as_str()))
            .with_hint("push them `online`, and write them to the source by other means"))
    }
}

/// Whether a scan reads the created times of a source that has some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreatedTimes {
    /// It does.
    Read,
    /// It does not: all of them are null.
    LeftOut,
}

/// A source that can be read more than once, and has the same rows each time.
#[async_trait]
pub trait PinnedSource: Debug + Send + Sync {
    /// Gives all rows with event times in the range (none: all rows): batches with these columns, which are as in
    /// [`SourceScan::columns`], then [`EVENT_TIME`], [`CREATED_TIME`] and [`PLACE`]. Rows without event time are left out;
    /// how many of them were read is the answer. A column that is missing is an error with the nearest name suggested.
    async fn scan(
        &self,
        columns: &SchemaRef,
        range: Option<Interval>,
        created: CreatedTimes,
        take: Arc<TakeBatch>,
    ) -> Result<u64>;

    /// Gives the rows at these places, which are sorted and distinct and come from a scan: batches with these columns,
    /// then [`PLACE`], each of which has all that are asked for between its first place and its last. The last of the columns may be [`CREATED_TIME`].
    async fn read(&self, columns: &SchemaRef, places: Arc<[u64]>, take: Arc<TakeBatch>) -> Result<()>;

    /// Whether columns lie apart, so that reading half of them is half of the work.
    fn has_columns_apart(&self) -> bool;
}
