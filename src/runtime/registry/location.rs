//! Where a registry lies: the one place that knows kinds of object stores.

use std::path::Path as FilePath;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;

use crate::{Error, Result};

/// Opens the place that `registry` in `feature_store.yaml` names: a folder, relative to `base`, or a URL. Nothing is read,
/// written or created.
///
/// # Errors
/// A kind of store that this version cannot open; a path that is a file.
pub fn open_location(location: &str, base: &FilePath) -> Result<(Arc<dyn ObjectStore>, Path)> {
    if let Some((scheme, _)) = location.split_once("://") {
        return Err(Error::invalid(format!(
            "a registry at `{scheme}://` cannot be opened by this version of provender"
        ))
        .with_hint("use a folder: `registry: data/registry`"));
    }
    if location.trim().is_empty() {
        return Err(Error::invalid("the path of the registry is empty"));
    }
    let folder = base.join(location);
    if folder.is_file() {
        return Err(Error::corrupt(format!(
            "`{location}` is a file, and a registry of provender is a folder"
        ))
        .with_hint("a registry of Feast cannot be read; name another path: `registry: data/registry`"));
    }
    let failed = |error: &dyn std::fmt::Display| {
        Error::invalid(format!("`{location}` is no path of a registry: {error}"))
    };
    let absolute = std::path::absolute(&folder).map_err(|error| failed(&error))?;
    let prefix = Path::from_absolute_path(&absolute).map_err(|error| failed(&error))?;
    Ok((Arc::new(LocalFileSystem::new().with_fsync(true)), prefix))
}
