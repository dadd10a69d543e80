//! Files of a source on this machine, none of them outside of the repository.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use globset::GlobMatcher;
use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use provender_core::model::FileFormat;
use provender_runtime::{Error, ErrorKind, Result};

use super::locate::{belongs, endings, is_wild, list, matcher, no_match, nothing_in_folder};
use super::source_file::SourceFile;

/// Where files may lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach<'a> {
    /// Relative paths start here.
    pub(super) base: &'a Path,
    /// With links resolved, all files are below.
    pub(super) top: &'a Path,
}

/// The files that `path` means, at least one.
pub(super) async fn locate(reach: Reach<'_>, path: &str, format: FileFormat) -> Result<Vec<SourceFile>> {
    let (base, full) = resolve(reach, path)?;
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new());
    let top = real(reach.top)?;
    let stays = |place: &Path| inside(place, &top, path);
    // What lies outside is not even looked for.
    let metas = match Pattern::of(&full, &stays)? {
        Some(pattern) => {
            stays(&pattern.folder)?;
            pattern.find(&store, path).await?
        }
        None => {
            stays(&full)?;
            file_or_folder(&store, &full, path, format).await?
        }
    };
    for meta in &metas {
        stays(&PathBuf::from(format!("/{}", meta.location)))?;
    }
    let file = |meta: ObjectMeta| SourceFile {
        label: label(&base, &meta.location),
        store: Arc::clone(&store),
        meta,
        bucket: None,
    };
    Ok(metas.into_iter().map(file).collect())
}

/// The base and a path from there, absolute and without dots.
fn resolve(reach: Reach<'_>, path: &str) -> Result<(PathBuf, PathBuf)> {
    let base = std::path::absolute(reach.base).map_err(|error| {
        Error::unavailable(format!("could not resolve `{}`", reach.base.display())).with_source(error)
    })?;
    let full = without_dots(&base.join(path));
    Ok((base, full))
}

/// The folder that new files of a path go to, or the file that it names, and what names look like that a glob means.
pub(super) fn ground(reach: Reach<'_>, path: &str) -> Result<(StorePath, Option<GlobMatcher>)> {
    let (_, full) = resolve(reach, path)?;
    let top = real(reach.top)?;
    match Pattern::of(&full, &|place| inside(place, &top, path))? {
        Some(pattern) => Ok((store_path(&pattern.folder)?, Some(pattern.matcher))),
        None => Ok((store_path(&full)?, None)),
    }
}

/// Whether a path means a file, which need not be there.
pub(super) fn reads(reach: Reach<'_>, path: &str, format: FileFormat, file: &Path) -> Result<bool> {
    let (_, full) = resolve(reach, path)?;
    let top = real(reach.top)?;
    let file = std::path::absolute(file).map(|file| without_dots(&file)).unwrap_or_else(|_| file.to_owned());
    // Links lead to one file by two names; one that is not there has none.
    let without_links = |place: &Path| {
        let above = std::fs::canonicalize(place.parent()?).ok()?;
        Some(above.join(place.file_name()?))
    };
    let file = without_links(&file).unwrap_or(file);
    Ok(match Pattern::of(&full, &|place| inside(place, &top, path))? {
        Some(pattern) => {
            let folder = std::fs::canonicalize(&pattern.folder).unwrap_or_else(|_| pattern.folder.clone());
            let below = file.strip_prefix(&folder);
            below.is_ok_and(|below| pattern.matcher.is_match(pattern.folder.join(below)))
        }
        None if full.is_dir() => {
            let folder = std::fs::canonicalize(&full).unwrap_or(full);
            match (store_path(&folder), store_path(&file)) {
                (Ok(folder), Ok(file)) => file.prefix_matches(&folder) && belongs(&file, &folder, format),
                _ => false,
            }
        }
        None => {
            without_links(&full).is_some_and(|full| full == file)
                || std::fs::canonicalize(&full).is_ok_and(|full| full == file)
        }
    })
}

fn real(path: &Path) -> Result<PathBuf> {
    std::fs::canonicalize(path).map_err(|error| {
        Error::unavailable(format!("could not resolve `{}`", path.display())).with_source(error)
    })
}

/// Refuses a place that is outside of `top` once its links are resolved, as far as it is there.
fn inside(place: &Path, top: &Path, path: &str) -> Result<()> {
    let resolved = place.ancestors().find_map(|above| {
        let there = std::fs::canonicalize(above).ok()?;
        Some(there.join(place.strip_prefix(above).ok()?))
    });
    if resolved.is_some_and(|resolved| resolved.starts_with(top)) {
        return Ok(());
    }
    Err(Error::invalid(format!("`{path}` lies outside of the repository of this project"))
        .with_hint("files of sources are below the nearest folder with `.git`, else below the project folder")
        .with_hint("what lies elsewhere can be a copy there, or the repository one folder higher"))
}

fn label(base: &Path, location: &StorePath) -> String {
    let full = PathBuf::from(format!("/{location}"));
    full.strip_prefix(base).unwrap_or(&full).display().to_string()
}

/// Takes `.` and `..` out of an absolute path, by its text.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

fn store_path(path: &Path) -> Result<StorePath> {
    StorePath::from_absolute_path(path).map_err(|error| {
        Error::invalid(format!("`{}` is not a path that can be read", path.display())).with_source(error)
    })
}

fn unreadable(path: &str, error: object_store::Error) -> Error {
    let is_name = matches!(error, object_store::Error::InvalidPath { .. });
    let unreadable = Error::unavailable(format!("could not look at `{path}`")).with_source(error);
    if is_name {
        return unreadable
            .with_hint("a name below it holds a character that no path has, such as a line end: rename it");
    }
    unreadable
}

async fn file_or_folder(
    store: &Arc<dyn ObjectStore>,
    full: &Path,
    path: &str,
    format: FileFormat,
) -> Result<Vec<ObjectMeta>> {
    refuse_pipe(full, path)?;
    let location = store_path(full)?;
    match store.head(&location).await {
        Ok(meta) => return Ok(vec![meta]),
        Err(object_store::Error::NotFound { .. }) => {}
        Err(error) => return Err(unreadable(path, error)),
    }
    let all = list(store, &location).await.map_err(|error| unreadable(path, error))?;
    let is_data = |place: &Path| store_path(place).is_ok_and(|place| belongs(&place, &location, format));
    refuse_dangling(full, path, &is_data)?;
    let anything = !all.is_empty();
    let found: Vec<_> = all.into_iter().filter(|meta| belongs(&meta.location, &location, format)).collect();
    if !found.is_empty() {
        Ok(found)
    } else if anything || full.is_dir() {
        Err(nothing_in_folder(path, format))
    } else {
        let message = format!("there is no file or folder `{path}` ({})", full.display());
        Err(Error::new(ErrorKind::NotFound, message)
            .with_hint("paths of file sources start at the project folder"))
    }
}

/// A pipe would be waited for, perhaps for ever.
fn refuse_pipe(full: &Path, path: &str) -> Result<()> {
    match std::fs::metadata(full) {
        Ok(there) if !there.is_file() && !there.is_dir() => {
            Err(Error::invalid(format!("`{path}` is neither a file nor a folder"))
                .with_hint("write what a pipe or device gives to a file"))
        }
        _ => Ok(()),
    }
}

/// Refuses a link to nothing that is named like data: without it the source would silently lack a file.
fn refuse_dangling(folder: &Path, path: &str, is_data: &dyn Fn(&Path) -> bool) -> Result<()> {
    // What cannot be looked at was told when the folder was listed.
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (place, kind) = (entry.path(), entry.file_type());
        if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) {
            refuse_dangling(&place, path, is_data)?;
        } else if kind.is_ok_and(|kind| kind.is_symlink()) && !place.exists() && is_data(&place) {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("`{}`, a file of `{path}`, is a link to nothing", place.display()),
            )
            .with_hint("restore the file that it names, or remove the link"));
        }
    }
    Ok(())
}

/// Refuses a folder that a glob names and that is named like data: its files would silently not be read.
fn refuse_folders(
    folder: &Path,
    found: &[ObjectMeta],
    path: &str,
    is_named: &dyn Fn(&Path) -> bool,
) -> Result<()> {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let place = entry.path();
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let ending = place.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let is_data = [FileFormat::Parquet, FileFormat::Csv].map(endings).concat().contains(&ending.as_str());
        let location = store_path(&place)?;
        if is_data && is_named(&place) && !found.iter().any(|meta| meta.location.prefix_matches(&location)) {
            return Err(Error::invalid(format!("`{}`, which `{path}` names, is a folder", place.display()))
                .with_hint(format!("`{path}/*` names the files of such folders")));
        }
        refuse_folders(&place, found, path, is_named)?;
    }
    Ok(())
}

/// A glob: where its fixed part ends, and what full paths must look like.
struct Pattern {
    folder: PathBuf,
    matcher: GlobMatcher,
}

impl Pattern {
    /// The pattern of a path; `None` when it has no wildcard, or is the name of a file that exists.
    fn of(full: &Path, stays: &dyn Fn(&Path) -> Result<()>) -> Result<Option<Self>> {
        let text = full.to_string_lossy();
        if !is_wild(&text) || (full.exists() && stays(full).is_ok()) {
            return Ok(None);
        }
        let folder = full
            .components()
            .take_while(|component| !is_wild(&component.as_os_str().to_string_lossy()))
            .collect();
        Ok(Some(Self { folder, matcher: matcher(&text)? }))
    }

    async fn find(&self, store: &Arc<dyn ObjectStore>, path: &str) -> Result<Vec<ObjectMeta>> {
        let found = list(store, &store_path(&self.folder)?).await;
        let mut found = found.map_err(|error| unreadable(path, error))?;
        refuse_dangling(&self.folder, path, &|place| self.matcher.is_match(place))?;
        found.retain(|meta| self.matcher.is_match(format!("/{}", meta.location)));
        refuse_folders(&self.folder, &found, path, &|place| self.matcher.is_match(place))?;
        if found.is_empty() { Err(no_match(path)) } else { Ok(found) }
    }
}
