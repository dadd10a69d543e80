//! Where a registry lies: the one place that knows kinds of object stores.

use std::path::{Component, Path as FilePath, PathBuf};
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
    let prefix = Path::from_absolute_path(without_dots(&absolute)).map_err(|error| failed(&error))?;
    Ok((Arc::new(LocalFileSystem::new().with_fsync(true)), prefix))
}

/// An absolute path whose `..` mean what they mean to the system: the folder above where links lead, as far as it is there.
fn without_dots(absolute: &FilePath) -> PathBuf {
    if !absolute.components().any(|component| component == Component::ParentDir) {
        return absolute.to_owned();
    }
    let there = absolute.ancestors().find_map(|above| {
        let real = std::fs::canonicalize(above).ok()?;
        Some((real, absolute.strip_prefix(above).ok()?))
    });
    let (mut plain, rest) = there.unwrap_or_else(|| (PathBuf::from("/"), absolute));
    for component in rest.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_beside_the_project_is_named_with_dots() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        std::fs::create_dir_all(top.join("project/inner")).unwrap();
        std::fs::create_dir_all(top.join("elsewhere/deep")).unwrap();
        std::os::unix::fs::symlink(top.join("elsewhere/deep"), top.join("project/link")).unwrap();
        for (base, location, expected) in [
            ("project", "data/registry", "project/data/registry"),
            ("project", "../shared/registry", "shared/registry"),
            ("project/../elsewhere", "data/registry", "elsewhere/data/registry"),
            ("project/inner/..", "./a/../registry", "project/registry"),
            // Where a link leads, `..` is the folder above that.
            ("project", "link/../registry", "elsewhere/registry"),
            ("nowhere/../project", "registry", "project/registry"),
        ] {
            let (_, prefix) = open_location(location, &top.join(base)).unwrap();
            let expected = Path::from_absolute_path(top.join(expected)).unwrap();
            assert_eq!(prefix, expected, "`{location}` from `{base}`");
        }
    }
}
