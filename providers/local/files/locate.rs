//! Which files a path means: one file, those of a folder, or those that a glob names; always in byte order of their paths.
//! What is the same on this machine (`on_disk`) and in a bucket (`in_bucket`) is here.

use std::sync::Arc;

use futures::TryStreamExt as _;
use globset::{GlobBuilder, GlobMatcher};
use object_store::path::Path as StorePath;
use object_store::{ObjectMeta, ObjectStore};
use provender_core::model::{BucketPath, FileFormat};
use provender_runtime::{Error, ErrorKind, Result};

use super::buckets::Buckets;
use super::source_file::SourceFile;
use super::{in_bucket, on_disk};

/// Where files may lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach<'a> {
    pub(super) disk: on_disk::Reach<'a>,
    pub(super) buckets: &'a Buckets,
}

/// The files that a source's path means, at least one. `endpoint` is what the source says of the store of its bucket.
pub(super) async fn locate(
    reach: Reach<'_>,
    path: &str,
    endpoint: Option<&str>,
    format: FileFormat,
) -> Result<Vec<SourceFile>> {
    let bucket_path = BucketPath::parse(path)
        .map_err(|error| Error::invalid(error.to_string()).with_hint(error.advice()))?;
    let mut files = match bucket_path {
        Some(bucket_path) => {
            let bucket = reach.buckets.bucket(&bucket_path, endpoint)?;
            in_bucket::locate(&bucket, path, bucket_path.key, format).await?
        }
        None => on_disk::locate(reach.disk, path, format).await?,
    };
    files.sort_by(|a, b| a.meta.location.as_ref().as_bytes().cmp(b.meta.location.as_ref().as_bytes()));
    Ok(files)
}

/// Where new files of a source go.
pub(super) struct Ground {
    /// The files that are there, at least one.
    pub(super) files: Vec<SourceFile>,
    pub(super) folder: StorePath,
    /// What names look like that a glob means; none: all that end like data.
    pub(super) matcher: Option<GlobMatcher>,
}

/// Where new files of a source go. One that is a single file has no room for another.
pub(super) async fn ground(
    reach: Reach<'_>,
    path: &str,
    endpoint: Option<&str>,
    format: FileFormat,
) -> Result<Ground> {
    let files = locate(reach, path, endpoint, format).await?;
    let bucket_path = BucketPath::parse(path)
        .map_err(|error| Error::invalid(error.to_string()).with_hint(error.advice()))?;
    let (folder, matcher) = match bucket_path {
        Some(bucket_path) => in_bucket::ground(path, bucket_path.key)?,
        None => on_disk::ground(reach.disk, path)?,
    };
    if matcher.is_none() && files.iter().any(|file| file.meta.location == folder) {
        return Err(Error::invalid(format!("`{path}` is a single file, which takes no more rows"))
            .with_hint("make it a folder with that file in it, and name the folder in `path`"));
    }
    Ok(Ground { files, folder, matcher })
}

impl Ground {
    /// Whether readers take a file of this name for data of the source.
    pub(super) fn is_read(&self, file: &StorePath, format: FileFormat) -> bool {
        match &self.matcher {
            // On this machine globs are of absolute paths.
            Some(matcher) => matcher.is_match(file.as_ref()) || matcher.is_match(format!("/{file}")),
            None => belongs(file, &self.folder, format),
        }
    }
}

pub(super) async fn list(
    store: &Arc<dyn ObjectStore>,
    folder: &StorePath,
) -> object_store::Result<Vec<ObjectMeta>> {
    store.list(Some(folder)).try_collect().await
}

pub(super) fn nothing_in_folder(path: &str, format: FileFormat) -> Error {
    let ending = endings(format)[0];
    let message = format!("the folder `{path}` holds no file that ends with `.{ending}`");
    Error::new(ErrorKind::NotFound, message)
        .with_hint("write the source's files there, or correct `path` or `format`")
}

pub(super) const fn endings(format: FileFormat) -> &'static [&'static str] {
    match format {
        FileFormat::Parquet => &["parquet", "pq"],
        FileFormat::Csv => &["csv"],
    }
}

/// Whether a file below a folder is data: it has the format's ending, and no part of its path is hidden or begins with an
/// underscore, as notes of other tools do.
pub(super) fn belongs(file: &StorePath, folder: &StorePath, format: FileFormat) -> bool {
    let below = file.prefix_match(folder).map(|parts| parts.collect::<Vec<_>>()).unwrap_or_default();
    let hidden = below.iter().any(|part| part.as_ref().starts_with(['.', '_']));
    let ending = file.extension().unwrap_or_default().to_lowercase();
    !hidden && endings(format).contains(&ending.as_str())
}

/// Whether text has the wildcards of a glob.
pub(super) fn is_wild(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// What names that a glob means look like.
pub(super) fn matcher(glob: &str) -> Result<GlobMatcher> {
    let built = GlobBuilder::new(glob).literal_separator(true).build();
    let built = built
        .map_err(|error| Error::invalid(format!("`{glob}` is not a path or glob")).with_source(error))?;
    Ok(built.compile_matcher())
}

pub(super) fn no_match(path: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("no file matches `{path}`"))
        .with_hint("`*` stays within one folder; `**` crosses folders")
}
