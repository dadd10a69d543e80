//! Opening the environment. LMDB allows one open handle of an environment in a process, so all stores of this process
//! that lie at one path share it.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use heed::types::Bytes;
use heed::{Database, Env, EnvFlags, EnvOpenOptions, RoTxn, RwTxn, WithoutTls};
use provender_core::encoding::{EntityKey, PackedRow};
use provender_core::registry::TableId;
use provender_runtime::{Error, Result};

use super::error::{self, Doing};
use super::known_tables::KnownTables;
use super::writer::Writer;
use super::{layout, rows};

/// Slots for read transactions, over all processes; 64 bytes each in the lock file.
const READER_SLOTS: u32 = 4096;
/// A file is not looked for again in so short a time.
const A_MOMENT: Duration = Duration::from_millis(10);
/// How long an environment that is being closed by another thread may take.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the environment lies and how large it may grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) path: PathBuf,
    pub(super) map_size: usize,
}

/// An open environment, with the thread that writes to it.
#[derive(Debug)]
pub(super) struct Environment {
    core: Arc<Core>,
    writer: OnceLock<Writer>,
    opened: Instant,
    /// The age at which the file was last found at its path.
    seen: AtomicU64,
    known_tables: KnownTables,
}

/// The part that the writer thread shares.
#[derive(Debug)]
pub(super) struct Core {
    env: Env<WithoutTls>,
    path: PathBuf,
    writable: bool,
    file: FileIdentity,
    /// Set once they are there.
    databases: OnceLock<Databases>,
    /// LMDB wants handles to be opened one at a time.
    opening: Mutex<()>,
}

/// The databases; see `layout`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Databases {
    pub(super) meta: Database<Bytes, Bytes>,
    pub(super) tables: Database<Bytes, Bytes>,
    pub(super) schemas: Database<Bytes, Bytes>,
    pub(super) rows: Database<Bytes, Bytes>,
}

/// Device and number of a file: tells a new file at an old path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileIdentity(u64, u64);

impl FileIdentity {
    fn of_data_file(folder: &Path) -> Option<Self> {
        fs::metadata(folder.join("data.mdb")).ok().map(|data| Self(data.dev(), data.ino()))
    }
}

static OPEN: Mutex<BTreeMap<PathBuf, Weak<Environment>>> = Mutex::new(BTreeMap::new());

/// Pages that every LMDB file has: its two meta pages.
const MINIMUM_PAGES: u64 = 2;
const PAGE_BYTES: u64 = 4096;

/// A file that is shorter than it says would end the process by a signal when a missing page is touched.
fn refuse_truncated(folder: &Path, pages: u64) -> Result<(), heed::Error> {
    match fs::metadata(folder.join("data.mdb")) {
        Ok(data) if data.len() > 0 && data.len() < pages * PAGE_BYTES => {
            Err(heed::Error::Mdb(heed::MdbError::Corrupted))
        }
        _ => Ok(()),
    }
}

impl Environment {
    /// The environment if its file is there. Creates nothing but the lock file beside an existing data file.
    pub(super) fn open_existing(settings: &Settings) -> Result<Option<Arc<Self>>> {
        match fs::metadata(settings.path.join("data.mdb")) {
            Ok(_) => {}
            Err(cause) if matches!(cause.kind(), std::io::ErrorKind::NotFound) => return Ok(None),
            Err(cause) => return Err(error::of_lmdb(heed::Error::Io(cause), Doing::Opening, &settings.path)),
        }
        Self::shared(settings).map(Some)
    }

    /// The environment, with its folder, file and databases created where they are not there.
    pub(super) fn open_or_create(settings: &Settings) -> Result<Arc<Self>> {
        fs::create_dir_all(&settings.path)
            .map_err(|cause| error::of_lmdb(heed::Error::Io(cause), Doing::Opening, &settings.path))?;
        Self::shared(settings)
    }

    fn shared(settings: &Settings) -> Result<Arc<Self>> {
        let failed = |cause| error::of_lmdb(cause, Doing::Opening, &settings.path);
        let folder = settings.path.canonicalize().map_err(|cause| failed(heed::Error::Io(cause)))?;
        let mut open: MutexGuard<'_, BTreeMap<PathBuf, Weak<Self>>> =
            OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(environment) = open.get(&folder).and_then(Weak::upgrade)
            && environment.is_still_at_its_path()
        {
            return Ok(environment);
        }
        let core = Core::open(&folder, settings.map_size).map_err(failed)?;
        core.env.clear_stale_readers().map_err(failed)?;
        let environment = Arc::new(Self {
            core: Arc::new(core),
            writer: OnceLock::new(),
            opened: Instant::now(),
            seen: AtomicU64::new(0),
            known_tables: KnownTables::default(),
        });
        environment.core.databases()?;
        open.retain(|_, environment| environment.strong_count() > 0);
        open.insert(folder, Arc::downgrade(&environment));
        Ok(environment)
    }

    /// Whether the file that is open is still the one at the path; false after somebody deleted or replaced it.
    pub(super) fn is_still_at_its_path(&self) -> bool {
        let is_there = FileIdentity::of_data_file(&self.core.path) == Some(self.core.file);
        if is_there {
            self.seen.store(self.age(), Ordering::Relaxed);
        }
        is_there
    }

    /// Whether that was so a moment ago: asking the file system at each takes a twentieth of a small read.
    pub(super) fn was_just_at_its_path(&self) -> bool {
        self.age().saturating_sub(self.seen.load(Ordering::Relaxed)) < A_MOMENT.as_millis() as u64
    }

    /// Milliseconds since it was opened.
    fn age(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn is_writable(&self) -> bool {
        self.core.writable
    }

    /// Reads in one snapshot; none where no database was created yet.
    pub(super) fn reading<T>(
        &self,
        read: impl FnOnce(&Databases, &RoTxn<'_>) -> Result<T, ReadError>,
    ) -> Result<Option<T>> {
        let Some(databases) = self.core.databases()? else { return Ok(None) };
        let failed = |cause| error::of_lmdb(cause, Doing::Reading, &self.core.path);
        let txn = self.core.env.read_txn().map_err(failed)?;
        read(&databases, &txn).map(Some).map_err(|cause| match cause {
            ReadError::Lmdb(cause) => failed(cause),
            ReadError::Other(error) => error,
        })
    }

    /// Rows of a project's tables in one snapshot; none where no database was created yet.
    pub(super) fn rows<T: Borrow<TableId>, K: AsRef<[EntityKey]>>(
        &self,
        project: &str,
        wanted: &[(T, K)],
    ) -> Result<Option<Vec<Vec<Option<PackedRow>>>>> {
        self.reading(|databases, txn| {
            rows::read(databases, txn, self.known_tables.numbers(databases, txn, project), wanted)
        })
    }

    /// Has the writer thread do `act` in a write transaction, which it may share with other acts: all are stored and
    /// flushed when this returns. `act` may run more than once, each time on a transaction without its earlier effects.
    /// `weight` is about its number of rows.
    pub(super) async fn submit<T: Send + 'static>(
        &self,
        weight: usize,
        act: impl FnMut(&Databases, &mut RwTxn<'_>) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T> {
        if !self.core.writable {
            let cause = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
            return Err(error::of_lmdb(heed::Error::Io(cause), Doing::Writing, &self.core.path));
        }
        let writer = self.writer.get_or_init(|| Writer::start(self.core.clone()));
        writer.submit(weight, act).await
    }
}

/// An error inside a transaction: LMDB's, or one that already speaks to the user.
#[derive(Debug)]
pub(super) enum ReadError {
    Lmdb(heed::Error),
    Other(Error),
}

impl From<heed::Error> for ReadError {
    fn from(error: heed::Error) -> Self {
        Self::Lmdb(error)
    }
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Core {
    fn open(folder: &Path, map_size: usize) -> Result<Self, heed::Error> {
        refuse_truncated(folder, MINIMUM_PAGES)?;
        let (env, writable) = match open_env(folder, map_size, EnvFlags::empty()) {
            Err(heed::Error::Io(cause))
                if matches!(
                    cause.kind(),
                    std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                (open_env(folder, map_size, EnvFlags::READ_ONLY)?, false)
            }
            opened => (opened?, true),
        };
        refuse_truncated(folder, env.info().last_page_number as u64 + 1)?;
        let file = FileIdentity::of_data_file(folder)
            .ok_or_else(|| heed::Error::Io(std::io::ErrorKind::NotFound.into()))?;
        Ok(Self {
            env,
            path: folder.to_owned(),
            writable,
            file,
            databases: OnceLock::new(),
            opening: Mutex::new(()),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn write_txn(&self) -> Result<RwTxn<'_>, heed::Error> {
        self.env.write_txn()
    }

    /// The databases, or `None` where nothing was ever written.
    fn databases(&self) -> Result<Option<Databases>> {
        if let Some(known) = self.databases.get() {
            return Ok(Some(*known));
        }
        let _turn = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if self.databases.get().is_none() {
            let failed = |cause| error::of_lmdb(cause, Doing::Reading, &self.path);
            let txn = self.env.read_txn().map_err(failed)?;
            let open = |name| self.env.open_database::<Bytes, Bytes>(&txn, Some(name)).map_err(failed);
            let found =
                (open(layout::META)?, open(layout::TABLES)?, open(layout::SCHEMAS)?, open(layout::ROWS)?);
            let mut opened = None;
            if let (Some(meta), Some(tables), Some(schemas), Some(rows)) = found {
                self.check_format(meta.get(&txn, layout::FORMAT_KEY).map_err(failed)?)?;
                opened = Some(Databases { meta, tables, schemas, rows });
            } else {
                let main = self.env.open_database::<Bytes, Bytes>(&txn, None).map_err(failed)?;
                if main.is_some_and(|main| !main.is_empty(&txn).unwrap_or(false)) {
                    return Err(self.foreign());
                }
            }
            // Handles that were opened in a transaction outlive it only when it is committed.
            txn.commit().map_err(failed)?;
            if let Some(opened) = opened {
                self.databases.get_or_init(|| opened);
            }
        }
        Ok(self.databases.get().copied())
    }

    /// The databases, created where they are not there yet.
    pub(super) fn databases_or_new(&self) -> Result<Databases> {
        if let Some(databases) = self.databases()? {
            return Ok(databases);
        }
        let failed = |cause| error::of_lmdb(cause, Doing::Writing, &self.path);
        let _turn = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let mut txn = self.env.write_txn().map_err(failed)?;
        let mut create =
            |name| self.env.create_database::<Bytes, Bytes>(&mut txn, Some(name)).map_err(failed);
        let databases = Databases {
            meta: create(layout::META)?,
            tables: create(layout::TABLES)?,
            schemas: create(layout::SCHEMAS)?,
            rows: create(layout::ROWS)?,
        };
        // Another process may have been faster between the look above and this transaction.
        if databases.meta.get(&txn, layout::FORMAT_KEY).map_err(failed)?.is_none() {
            databases
                .meta
                .put(&mut txn, layout::FORMAT_KEY, &layout::FORMAT.to_be_bytes())
                .map_err(failed)?;
        }
        txn.commit().map_err(failed)?;
        Ok(*self.databases.get_or_init(|| databases))
    }

    fn check_format(&self, stored: Option<&[u8]>) -> Result<()> {
        let version = stored.and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
        match version {
            Some(layout::FORMAT) => Ok(()),
            Some(version) => Err(Error::corrupt(format!(
                "the embedded store at `{}` has format version {version}; this version of provender reads up \
                 to {}",
                self.path.display(),
                layout::FORMAT
            ))
            .with_hint("use a newer version of provender")),
            None => Err(self.foreign()),
        }
    }

    fn foreign(&self) -> Error {
        Error::corrupt(format!("`{}` holds an LMDB environment of another program", self.path.display()))
            .with_hint("give `online_store` a `path` of its own")
    }
}

fn open_env(folder: &Path, map_size: usize, flags: EnvFlags) -> Result<Env<WithoutTls>, heed::Error> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(map_size).max_readers(READER_SLOTS).max_dbs(4);
    let mut open = || {
        #[expect(
            unsafe_code,
            reason = "LMDB maps its file: nothing but LMDB may write to it, and both flags used here keep its locks"
        )]
        unsafe {
            options.flags(flags).open(folder)
        }
    };
    match open() {
        // The last user in this process has just let go of it; its writer thread is closing it.
        Err(heed::Error::EnvAlreadyOpened) => {
            if let Some(closing) = heed::env_closing_event(folder) {
                closing.wait_timeout(CLOSING_TIMEOUT);
            }
            open()
        }
        opened => opened,
    }
}
