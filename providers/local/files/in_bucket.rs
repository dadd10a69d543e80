//! Files of a source in a bucket: an object, those below a prefix, or those that a glob names.

use std::sync::Arc;

use globset::GlobMatcher;
use object_store::path::Path as StorePath;
use object_store::{ObjectMeta, ObjectStoreExt as _};
use provender_core::model::FileFormat;
use provender_runtime::{Error, ErrorKind, Result};

use super::buckets::Bucket;
use super::failure;
use super::locate::{belongs, is_wild, list, matcher, no_match, nothing_in_folder};
use super::source_file::SourceFile;

/// The files that `key` means in a bucket, at least one. `path` is the whole path, as the source says it.
pub(super) async fn locate(
    bucket: &Arc<Bucket>,
    path: &str,
    key: &str,
    format: FileFormat,
) -> Result<Vec<SourceFile>> {
    bucket.check_credentials().await?;
    let metas = find(bucket, path, key, format).await?;
    let file = |meta: ObjectMeta| SourceFile {
        label: format!("{}/{}", bucket.name, meta.location),
        store: Arc::clone(&bucket.read),
        meta,
        bucket: Some(Arc::clone(bucket)),
    };
    Ok(metas.into_iter().map(file).collect())
}

async fn find(bucket: &Bucket, path: &str, key: &str, format: FileFormat) -> Result<Vec<ObjectMeta>> {
    let location = store_path(path, key)?;
    let is_folder = key.is_empty() || key.ends_with('/');
    let named = if is_folder { None } else { object(bucket, path, &location).await? };
    // An empty object may stand for a folder.
    match &named {
        Some(meta) if meta.size > 0 || is_wild(key) => return Ok(vec![meta.clone()]),
        None if is_wild(key) => return glob(bucket, path, key).await,
        _ => {}
    }
    let all = below(bucket, path, &location).await?;
    let anything = !all.is_empty();
    let found: Vec<_> = all.into_iter().filter(|meta| belongs(&meta.location, &location, format)).collect();
    if !found.is_empty() {
        Ok(found)
    } else if let Some(empty) = named {
        Ok(vec![empty])
    } else if anything || key.is_empty() {
        Err(nothing_in_folder(path, format))
    } else {
        let message = format!("there is no object `{path}`, and none below it");
        Err(Error::new(ErrorKind::NotFound, message).with_hint(
            "names of objects are compared byte for byte; correct `path`, or write the files there",
        ))
    }
}

/// The prefix that new files of a key go to, or the object that it names, and what names look like that a glob means.
pub(super) fn ground(path: &str, key: &str) -> Result<(StorePath, Option<GlobMatcher>)> {
    if !is_wild(key) {
        return Ok((store_path(path, key)?, None));
    }
    Ok((store_path(path, &fixed_part(key).join("/"))?, Some(matcher(key)?)))
}

/// The parts of a glob that have no wildcard.
fn fixed_part(key: &str) -> Vec<&str> {
    key.split('/').take_while(|part| !is_wild(part)).collect()
}

fn store_path(path: &str, key: &str) -> Result<StorePath> {
    StorePath::parse(key).map_err(|error| {
        Error::invalid(format!("`{path}` is not the name of an object that can be read")).with_source(error)
    })
}

/// The object of that name, if there is one.
async fn object(bucket: &Bucket, path: &str, location: &StorePath) -> Result<Option<ObjectMeta>> {
    match bucket.look.head(location).await {
        Ok(meta) => Ok(Some(meta)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) if failure::is_mute(&error) => {
            // What is wrong with the bucket is told by an answer that has words.
            below(bucket, path, location).await?;
            Err(failure::explain(bucket, path, &error))
        }
        Err(error) => Err(failure::explain(bucket, path, &error)),
    }
}

/// All objects below a prefix. Empty ones that have others below them stand for folders and are left out.
async fn below(bucket: &Bucket, path: &str, prefix: &StorePath) -> Result<Vec<ObjectMeta>> {
    let found = list(&bucket.look, prefix).await;
    let mut found = found.map_err(|error| unlisted(bucket, path, &error))?;
    found.sort_by(|a, b| a.location.cmp(&b.location));
    let is_folder = |meta: &ObjectMeta| {
        let inside = format!("{}/", meta.location);
        let next = found.partition_point(|other| other.location.as_ref() < inside.as_str());
        let is_above = |other: &ObjectMeta| other.location.as_ref().starts_with(&inside);
        meta.size == 0 && found.get(next).is_some_and(is_above)
    };
    Ok(found.iter().filter(|meta| !is_folder(meta)).cloned().collect())
}

fn unlisted(bucket: &Bucket, path: &str, error: &object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => failure::no_bucket(bucket),
        error => failure::explain(bucket, path, error),
    }
}

async fn glob(bucket: &Bucket, path: &str, key: &str) -> Result<Vec<ObjectMeta>> {
    let matcher = matcher(key)?;
    let fixed = fixed_part(key);
    let folder = store_path(path, &fixed.join("/"))?;
    let is_flat = fixed.len() + 1 == key.split('/').count() && !key.contains("**");
    let mut found = if is_flat {
        // What lies deeper may be a whole lake.
        let listed = bucket.look.list_with_delimiter(Some(&folder)).await;
        listed.map_err(|error| unlisted(bucket, path, &error))?.objects
    } else {
        below(bucket, path, &folder).await?
    };
    found.retain(|meta| matcher.is_match(meta.location.as_ref()));
    if found.is_empty() { Err(no_match(path)) } else { Ok(found) }
}
