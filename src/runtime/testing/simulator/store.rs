//! An object store that goes wrong as real ones do, and the ground truth: what was really written, checked as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use provender_core::registry::{Entry, EntryBody, LedgerEntry, LedgerEntryBody, Registry, TableId};
use tokio::time::Instant;

use super::fate::{Node, SimulatedClock};
use super::{Schedule, check, project};
use crate::testing::MemoryProvider;

/// What truly happened.
pub(super) struct Ground {
    pub(super) store: Arc<InMemory>,
    pub(super) clock: SimulatedClock,
    memory: MemoryProvider,
    truth: Mutex<Truth>,
}

/// The log as it was written, with the state after each entry.
pub(super) struct Truth {
    pub(super) entries: Vec<Entry>,
    /// One more than entries: the first is the empty state.
    pub(super) states: Vec<Registry>,
    /// Applies whose process runs.
    pub(super) running: BTreeSet<String>,
    /// Whether an apply was closed by another while its process still ran.
    pub(super) outlived: bool,
    pub(super) schedule: Schedule,
}

impl Ground {
    pub(super) fn new(memory: MemoryProvider) -> Self {
        Self {
            store: Arc::new(InMemory::new()),
            clock: SimulatedClock::new(Instant::now()),
            memory,
            truth: Mutex::new(Truth {
                entries: Vec::new(),
                states: vec![Registry::default()],
                running: BTreeSet::new(),
                outlived: false,
                schedule: Schedule::default(),
            }),
        }
    }

    pub(super) fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().expect("no actor panics while it holds the truth")
    }

    pub(super) fn violation(&self, what: String) {
        self.truth().schedule.violations.push(what);
    }

    pub(super) fn report(&self) -> Schedule {
        let truth = self.truth();
        Schedule { entries: truth.entries.len(), ..truth.schedule.clone() }
    }

    /// A document is in the store.
    fn written(&self, path: &Path, bytes: &[u8]) {
        let parts: Vec<String> = path.parts().map(|part| part.as_ref().to_owned()).collect();
        match parts.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [_, "log", name] if !name.starts_with('_') => self.entry_written(name, bytes),
            [_, "ledger", table, _] => self.ledger_written(table, bytes),
            _ => {}
        }
    }

    fn entry_written(&self, name: &str, bytes: &[u8]) {
        let entry: Entry = serde_json::from_slice(bytes).expect("entries are JSON");
        let mut truth = self.truth();
        let next = truth.entries.len() as u64 + 1;
        if name != format!("{next:020}.json") {
            truth.schedule.violations.push(format!("entry {name} was written where {next} was next"));
            return;
        }
        let before = truth.states.last().cloned().unwrap_or_default();
        let mut after = before.clone();
        if let Err(error) = after.fold(entry.clone()) {
            truth.schedule.violations.push(format!("entry {next} does not follow: {error}"));
        }
        if let Err(error) = after.check_references() {
            truth.schedule.violations.push(format!("entry {next} leaves a reference: {error}"));
        }
        truth.schedule.violations.extend(check::lost_update(&before, &entry));
        truth.schedule.violations.extend(check::table_without_infrastructure(&after));
        if let EntryBody::ApplyEnd(end) = &entry.body
            && end.closed_by.is_some()
            && truth.running.contains(&entry.apply_id)
        {
            truth.outlived = true;
        }
        truth.entries.push(entry);
        truth.states.push(after);
    }

    /// What a ledger claims must be stored, as long as the table is there.
    fn ledger_written(&self, table: &str, bytes: &[u8]) {
        let entry: LedgerEntry = serde_json::from_slice(bytes).expect("ledger entries are JSON");
        let table: TableId = table.parse().expect("ledger folders are named by tables");
        let is_there = self.memory.objects().values().any(|object| object.table.as_ref() == Some(&table));
        self.truth().schedule.ledger_entries += 1;
        if matches!(entry.body, LedgerEntryBody::Materialized(_))
            && is_there
            && self.memory.row_count(&table) != project::ROWS
        {
            self.violation(format!("the ledger of {table} claims values that are not stored"));
        }
    }

    /// Documents of a folder, as they are now, by name.
    pub(super) async fn documents(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let prefix = Path::from(format!("{}/{folder}", project::NAME));
        let listed: Vec<ObjectMeta> =
            self.store.list(Some(&prefix)).filter_map(async |meta| meta.ok()).collect().await;
        let mut documents = BTreeMap::new();
        for meta in listed {
            let bytes = self.store.get_opts(&meta.location, GetOptions::default()).await;
            let bytes = bytes.expect("it was listed").bytes().await.expect("it is in memory");
            documents.insert(meta.location.filename().unwrap_or_default().to_owned(), bytes.to_vec());
        }
        documents
    }
}

/// One node's way to the store.
pub(super) struct FaultyStore {
    ground: Arc<Ground>,
    node: Arc<Node>,
}

impl FaultyStore {
    pub(super) fn new(ground: Arc<Ground>, node: Arc<Node>) -> Self {
        Self { ground, node }
    }

    fn lost(&self) -> Result<()> {
        if !self.node.fate.is_quiet() && self.node.fate.one_in(40) {
            return Err(Error::Generic { store: "simulated", source: "the connection was lost".into() });
        }
        Ok(())
    }

    /// What a store answers to a create: a lost connection, or, because it retried by itself, that it was done before.
    fn answer(&self, path: &Path, create: bool) -> Result<()> {
        self.lost()?;
        if create && !self.node.fate.is_quiet() && self.node.fate.one_in(40) {
            let source = "the request was sent twice".into();
            return Err(Error::AlreadyExists { path: path.to_string(), source });
        }
        Ok(())
    }

    /// Two writers met, and the store lets none of them through.
    fn refused(&self, path: &Path, create: bool) -> Result<()> {
        if create && !self.node.fate.is_quiet() && self.node.fate.one_in(60) {
            let source = "409: a conflicting operation is in progress".into();
            return Err(Error::Precondition { path: path.to_string(), source });
        }
        Ok(())
    }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FaultyStore")
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("simulated")
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let create = options.mode == PutMode::Create;
        self.node.pause().await;
        self.lost()?;
        self.refused(path, create)?;
        let bytes: Vec<u8> = payload.iter().flat_map(|part| part.to_vec()).collect();
        let result = self.ground.store.put_opts(path, payload, options).await?;
        self.ground.written(path, &bytes);
        self.node.pause().await;
        self.answer(path, create)?;
        Ok(result)
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.ground.store.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.node.pause().await;
        self.lost()?;
        let result = self.ground.store.get_opts(path, options).await;
        self.node.pause().await;
        result
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.ground.store.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.ground.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.node.pause().await;
        self.lost()?;
        self.ground.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.ground.store.copy_opts(from, to, options).await
    }
}
