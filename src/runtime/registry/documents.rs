//! Reading and writing single documents: create-if-absent, and errors that name the file.

use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use provender_core::registry::FORMAT_VERSION;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// How often a write or read that failed in passing is tried.
const TRIES: u32 = 5;

/// Documents below one prefix of an object store.
#[derive(Clone, Debug)]
pub(super) struct Documents {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

/// What came of a create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Created {
    /// The document is there now and was not before, as far as this call knows.
    Yes,
    /// There is one already, or there will be: it may be this very one, from a try whose answer was lost, or none yet
    /// when two writers met and the store refused both.
    Exists,
}

impl Documents {
    pub(super) fn new(store: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Self { store, prefix }
    }

    fn path(&self, name: &str) -> Path {
        // The prefix is a path already; its parts must not be encoded again.
        name.split('/').fold(self.prefix.clone(), Path::join)
    }

    /// The bytes of a document; `None` when there is none.
    pub(super) async fn read(&self, name: &str) -> Result<Option<Bytes>> {
        let (store, path) = (&self.store, &self.path(name));
        match retried(move || async move { store.get(path).await?.bytes().await }).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("read", name, error)),
        }
    }

    /// Creates a document if there is none of that name. A try whose outcome is not known is followed by another one, so
    /// [`Created::Exists`] may mean that an earlier try of this call succeeded: the caller reads what is there.
    pub(super) async fn create(&self, name: &str, document: &impl Serialize) -> Result<Created> {
        let (store, path) = (&self.store, &self.path(name));
        let payload = &PutPayload::from(to_bytes(document)?);
        let create = move || store.put_opts(path, payload.clone(), PutOptions::from(PutMode::Create));
        match retried(create).await {
            Ok(_) => Ok(Created::Yes),
            // `Precondition` is a conflict of two writers at the same time (409): look who won.
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(Created::Exists),
            Err(error) => Err(failed("write", name, error)),
        }
    }

    /// Writes a document, over one that is there.
    pub(super) async fn overwrite(&self, name: &str, document: &impl Serialize) -> Result<()> {
        let (store, path) = (&self.store, &self.path(name));
        let payload = &PutPayload::from(to_bytes(document)?);
        match retried(move || store.put(path, payload.clone())).await {
            Ok(_) => Ok(()),
            Err(error) => Err(failed("write", name, error)),
        }
    }

    /// Deletes a document; one that is not there is fine.
    pub(super) async fn delete(&self, name: &str) -> Result<()> {
        let (store, path) = (&self.store, &self.path(name));
        match retried(move || store.delete(path)).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("delete", name, error)),
        }
    }

    /// Names of documents directly below a folder, in byte order, without the folder.
    pub(super) async fn list(&self, folder: &str) -> Result<Vec<String>> {
        let (store, path) = (&self.store, &self.path(folder));
        match retried(move || store.list_with_delimiter(Some(path))).await {
            Ok(listed) => {
                let mut names: Vec<String> = listed
                    .objects
                    .iter()
                    .filter_map(|object| object.location.filename().map(str::to_owned))
                    .collect();
                names.sort();
                Ok(names)
            }
            Err(StoreError::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(failed("list", folder, error)),
        }
    }
}

/// Tries an operation again while it fails in passing, a few times.
async fn retried<T, F>(operation: impl Fn() -> F) -> object_store::Result<T>
where
    F: Future<Output = object_store::Result<T>>,
{
    for tries in 1..TRIES {
        match operation().await {
            Err(error) if is_passing(&error) => pause(tries).await,
            other => return other,
        }
    }
    operation().await
}

/// Whether another try may succeed.
fn is_passing(error: &StoreError) -> bool {
    matches!(error, StoreError::Generic { store, .. } if *store != "LocalFileSystem")
}

async fn pause(tries: u32) {
    tokio::time::sleep(std::time::Duration::from_millis(20 << tries)).await;
}

fn failed(what: &str, name: &str, error: StoreError) -> Error {
    Error::unavailable(format!("could not {what} `{name}` of the registry"))
        .with_source(error)
        .with_hint_of_room()
}

fn to_bytes(document: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(document).map_err(|error| {
        Error::new(crate::ErrorKind::Bug, "could not write a document as JSON").with_source(error)
    })
}

/// A document that is stored, of some version of its format.
pub(super) trait Stored: DeserializeOwned {
    /// The kinds that its `kind` may name; empty where it has none.
    const KINDS: &'static [&'static str] = &[];

    /// The version of the format that it was written in.
    fn format_version(&self) -> u32;
}

/// Parses a document whose `format_version` this program may not know.
pub(super) fn parse<T: Stored>(name: &str, bytes: &[u8]) -> Result<T> {
    match serde_json::from_slice::<T>(bytes) {
        Ok(document) if document.format_version() <= FORMAT_VERSION => Ok(document),
        Ok(document) => Err(newer(name, document.format_version())),
        Err(error) => Err(why_not(name, bytes, T::KINDS, error)),
    }
}

/// A document that does not parse is one of a later version, or damaged.
fn why_not(name: &str, bytes: &[u8], kinds: &[&str], error: serde_json::Error) -> Error {
    #[derive(serde::Deserialize)]
    struct Head {
        format_version: u32,
        kind: Option<String>,
    }
    match serde_json::from_slice::<Head>(bytes) {
        Ok(head) if head.format_version > FORMAT_VERSION => newer(name, head.format_version),
        Ok(Head { kind: Some(kind), .. }) if !kinds.is_empty() && !kinds.contains(&kind.as_str()) => {
            Error::corrupt(format!("`{name}` of the registry is of a kind that is not known here, `{kind}`"))
                .with_hint("upgrade provender to a version that knows this kind")
        }
        _ => Error::corrupt(format!("`{name}` of the registry is damaged"))
            .with_source(error)
            .with_hint("restore this file from a backup of the registry; `provender registry verify` checks the whole log"),
    }
}

fn newer(name: &str, version: u32) -> Error {
    Error::corrupt(format!(
        "`{name}` of the registry has format version {version}, and this version of provender reads up to {FORMAT_VERSION}"
    ))
    .with_hint(format!("upgrade provender to a version that reads format {version}"))
}
