//! One file of a source, and its bytes. All of them are of the version that was found: a file that is written while it is
//! read is an error, never a mix of two versions.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::{
    GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt as _, coalesce_ranges,
};
use provender_runtime::{Error, Result};

use super::buckets::Bucket;
use super::failure;

/// Parts of an object that are this near to each other are asked for at once: a request takes longer than so many bytes.
const NEAR: u64 = 64 * 1024;

/// One file of a source.
#[derive(Clone, Debug)]
pub(super) struct SourceFile {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) meta: ObjectMeta,
    /// How messages name it: relative to the base where it lies below, or as `s3://bucket/key`.
    pub(super) label: String,
    /// Where it lies, if not on this machine.
    pub(super) bucket: Option<Arc<Bucket>>,
}

impl SourceFile {
    /// Where it lies on this machine, if it does.
    pub(super) fn path(&self) -> Option<PathBuf> {
        if self.bucket.is_some() {
            return None;
        }
        LocalFileSystem::new().path_to_filesystem(&self.meta.location).ok()
    }

    /// Why it could not be opened there.
    pub(super) fn cannot_open(&self, error: std::io::Error) -> Error {
        match error.kind() {
            std::io::ErrorKind::NotFound => self.changed(),
            _ => Error::unavailable(format!("could not read `{}`", self.label)).with_source(error),
        }
    }

    /// The file or a part of it.
    pub(super) async fn get(&self, range: Option<Range<u64>>) -> Result<GetResult> {
        let tag = self.meta.e_tag.clone();
        let options = GetOptions {
            if_unmodified_since: tag.is_none().then_some(self.meta.last_modified),
            if_match: tag,
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let got = self.store.get_opts(&self.meta.location, options).await;
        let got = got.map_err(|error| self.unreadable(&error))?;
        // Not every store looks at the conditions of a request.
        if self.is_version(&got.meta) { Ok(got) } else { Err(self.changed()) }
    }

    /// The bytes of a part.
    pub(super) async fn range(&self, range: Range<u64>) -> Result<Bytes> {
        self.get(Some(range)).await?.bytes().await.map_err(|error| self.unreadable(&error))
    }

    /// The bytes of several parts. Of a file on this machine, whether they are of one version is asked once it was
    /// read, by [`Self::unless_changed`].
    pub(super) async fn ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match &self.bucket {
            None => {
                let bytes = self.store.get_ranges(&self.meta.location, ranges).await;
                bytes.map_err(|error| self.unreadable(&error))
            }
            Some(_) => coalesce_ranges(ranges, |range| self.range(range), NEAR).await,
        }
    }

    /// What came of reading the file, unless it is another file by now.
    pub(super) async fn unless_changed<T, E: From<Error>>(&self, outcome: Result<T, E>) -> Result<T, E> {
        if self.bucket.is_some() {
            return outcome;
        }
        match self.store.head(&self.meta.location).await {
            Ok(now) if self.is_version(&now) => outcome,
            Ok(_) => Err(self.changed().into()),
            Err(error) => outcome.and_then(|_| Err(self.unreadable(&error).into())),
        }
    }

    /// Why the file could not be read.
    pub(super) fn unreadable(&self, error: &object_store::Error) -> Error {
        use object_store::Error as Failure;
        match (error, &self.bucket) {
            (Failure::Precondition { .. } | Failure::NotFound { .. }, _) => self.changed(),
            (_, Some(bucket)) => failure::explain(bucket, &self.label, error),
            (_, None) => Error::unavailable(format!("could not read `{}`", self.label))
                .with_source(failure::cause(error)),
        }
    }

    fn changed(&self) -> Error {
        Error::conflict(format!("`{}` was changed or removed while it was read", self.label))
            .with_hint("run it again when nothing writes there; a new file beside the others disturbs nobody")
    }

    fn is_version(&self, other: &ObjectMeta) -> bool {
        let plain = |tag: &str| tag.trim_start_matches("W/").trim_matches('"').to_owned();
        let is_same = match (&self.meta.e_tag, &other.e_tag) {
            (Some(ours), Some(theirs)) => plain(ours) == plain(theirs),
            // Answers about one object tell its time in whole seconds, lists in parts of them.
            _ => self.meta.last_modified.timestamp() == other.last_modified.timestamp(),
        };
        is_same && self.meta.size == other.size
    }
}
