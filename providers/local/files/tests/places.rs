//! Where the files of a test lie: on disk, in memory, on a server that speaks S3 or the protocol of Google Cloud Storage.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, mpsc};

use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use provender_core::model::{BucketKind, BucketPath, DataSource, ValueType};
use provender_core::registry::Interval;
use provender_core::time::Timestamp;
use provender_runtime::Error;
use provender_runtime::provider::{OfflineStore as _, SourceDescription, SourceScan, TakeBatch};
use tokio::runtime::Runtime;

use super::super::{BucketSettings, FileStore};
use super::{Read, ask, parquet_bytes};

enum Ground {
    Disk(tempfile::TempDir),
    Bucket(Arc<dyn ObjectStore>, String),
}

pub(super) struct Place {
    pub(super) store: FileStore,
    pub(super) runtime: Runtime,
    ground: Ground,
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

const IN_MEMORY: BucketPath<'_> = BucketPath { kind: BucketKind::S3, bucket: "memory", key: "" };

impl Place {
    pub(super) fn on_disk() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path(), folder.path());
        Self { store, runtime: runtime(), ground: Ground::Disk(folder) }
    }

    pub(super) fn in_memory() -> Self {
        Self::of_store(Arc::new(InMemory::new()))
    }

    /// A bucket `s3://memory` that is this store.
    pub(super) fn of_store(object_store: Arc<dyn ObjectStore>) -> Self {
        let store = FileStore::new("/nowhere", "/nowhere");
        store.buckets.put(&IN_MEMORY, Arc::clone(&object_store));
        Self { store, runtime: runtime(), ground: Ground::Bucket(object_store, "s3://memory".to_owned()) }
    }

    /// The bucket of a server.
    pub(super) fn on_server(kind: BucketKind, bucket: &str, settings: BucketSettings) -> Self {
        let store = FileStore::new("/nowhere", "/nowhere").with_buckets(settings);
        let runtime = runtime();
        let path = BucketPath { kind, bucket, key: "" };
        let open = runtime.block_on(async { store.buckets.bucket(&path, None) }).unwrap();
        let ground = Ground::Bucket(Arc::clone(&open.read), open.name.clone());
        Self { store, runtime, ground }
    }

    pub(super) fn is_disk(&self) -> bool {
        matches!(self.ground, Ground::Disk(_))
    }

    /// The path of a source that means this file, and what messages call it.
    pub(super) fn path(&self, name: &str) -> String {
        match &self.ground {
            Ground::Disk(_) => name.to_owned(),
            Ground::Bucket(_, root) => format!("{root}/{name}"),
        }
    }

    pub(super) fn put(&self, name: &str, bytes: impl Into<Vec<u8>>) {
        match &self.ground {
            Ground::Disk(folder) => {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes.into()).unwrap();
            }
            Ground::Bucket(store, _) => {
                let path = StorePath::parse(name).unwrap();
                self.runtime.block_on(store.put(&path, bytes.into().into())).unwrap();
            }
        }
    }

    pub(super) fn put_parquet(&self, name: &str, batch: &RecordBatch, rows_per_group: usize) {
        self.put(name, parquet_bytes(batch, rows_per_group));
    }

    pub(super) fn describe(&self, source: &DataSource) -> Result<SourceDescription, Error> {
        self.runtime.block_on(self.store.describe(source))
    }

    pub(super) fn read(
        &self,
        source: DataSource,
        columns: &[(&str, ValueType)],
        range: Option<(i64, i64)>,
    ) -> Result<Read, Error> {
        self.read_while(source, columns, range, || {})
    }

    /// Reads a source; `meanwhile` is done after its first batch.
    pub(super) fn read_while(
        &self,
        source: DataSource,
        columns: &[(&str, ValueType)],
        range: Option<(i64, i64)>,
        meanwhile: impl FnOnce(),
    ) -> Result<Read, Error> {
        let range = range
            .map(|(from, to)| Interval { from: Timestamp::from_nanos(from), to: Timestamp::from_nanos(to) });
        let scan = SourceScan { source, columns: ask(columns), range };
        let (batches, skipped) = read_while(&self.runtime, &self.store, &scan, meanwhile)?;
        let schema = batches.first().map_or_else(|| Arc::clone(&scan.columns), |batch| batch.schema());
        let batch = super::in_order(&concat_batches(&schema, &batches).unwrap());
        Ok(Read { batch, skipped })
    }
}

/// Scans a source; when its first batch has come, no more is read until `meanwhile` is done.
pub(super) fn read_while(
    runtime: &Runtime,
    store: &FileStore,
    scan: &SourceScan,
    meanwhile: impl FnOnce(),
) -> Result<(Vec<RecordBatch>, u64), Error> {
    let gathered: Arc<Mutex<Vec<RecordBatch>>> = Arc::default();
    let (first, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let doors = Mutex::new(Some((first, may_go_on)));
    let into = Arc::clone(&gathered);
    let take: Arc<TakeBatch> = Arc::new(move |batch| {
        into.lock().unwrap().push(batch);
        if let Some((first, may_go_on)) = doors.lock().unwrap().take() {
            first.send(()).unwrap();
            may_go_on.recv().unwrap();
        }
        Ok(())
    });
    let skipped = std::thread::scope(|threads| {
        let reading = threads.spawn(move || runtime.block_on(store.scan(scan, take)));
        if has_begun.recv().is_ok() {
            meanwhile();
            go_on.send(()).unwrap();
        }
        reading.join().unwrap()
    })?;
    let batches = std::mem::take(&mut *gathered.lock().unwrap());
    Ok((batches, skipped))
}

/// Settings with these variables and nothing else.
pub(super) fn settings(endpoint: Option<String>, variables: &[(&str, &str)]) -> BucketSettings {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    BucketSettings { region: None, endpoint, variables: variables.collect::<BTreeMap<_, _>>() }
}
