//! The definitions of a project: which files belong to it, what they may read, and what the core makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use ignore::WalkBuilder;
use provender_core::config::{LoadInput, Loaded, load};
use provender_core::source::SourceFile;

use crate::arguments::GlobalArguments;
use crate::error::{CommandError, CommandResult};
use crate::output::Ui;
use crate::workspace::{ENVIRONMENT_FILE, Workspace, read_text, report};

/// Names patterns of files that are no definitions, as `.gitignore` does.
const IGNORE_FILE: &str = ".provenderignore";

/// Largest file that `file()` reads and that definitions may have.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

/// Loads and checks the definitions; prints what was found and fails when any of it is an error.
pub(crate) fn definitions(ui: &Ui, global: &GlobalArguments, workspace: &Workspace) -> CommandResult<Loaded> {
    let loaded = load_definitions(global, workspace)?;
    report(ui, &loaded.diagnostics, &loaded.sources);
    if loaded.diagnostics.has_errors() { Err(CommandError::reported()) } else { Ok(loaded) }
}

/// Loads and checks the definitions; findings are in the result.
pub(crate) fn load_definitions(global: &GlobalArguments, workspace: &Workspace) -> CommandResult<Loaded> {
    let top = top_of(&workspace.folder)?;
    let files = source_files(&workspace.folder, "", &top)?;
    if files.is_empty() {
        return Err(CommandError::new(format!(
            "there is no definition in `{}`: no `*.hcl` file",
            workspace.folder.display()
        ))
        .with_hint("to delete everything that was applied: `provender destroy`"));
    }
    let variables = variables(global)?;
    Ok(load(&LoadInput {
        files: &files,
        environment: &workspace.environment,
        variables: &variables,
        read_file: &|path| read_inside(&workspace.folder, &top, path),
        module_files: &|folder| module_files(&workspace.folder, &top, folder),
    }))
}

/// Files of modules outside of the project folder, as they are read from the current folder.
pub(crate) fn files_of_outer_modules(folder: &Path, loaded: &Loaded) -> BTreeSet<PathBuf> {
    let paths = loaded.sources.files().map(|file| file.path.as_str());
    paths.filter(|path| path.starts_with("../")).map(|path| folder.join(path)).collect()
}

/// The folder that nothing may leave: the nearest one above with `.git`, else the project folder. Links are resolved.
pub(crate) fn top_of(folder: &Path) -> CommandResult<PathBuf> {
    let folder = fs::canonicalize(folder).map_err(|error| {
        CommandError::new(format!("could not open `{}`", folder.display())).because(error)
    })?;
    Ok(folder.ancestors().find(|above| above.join(".git").exists()).unwrap_or(&folder).to_path_buf())
}

const OUTSIDE: &str = "it lies outside the repository of this project";

/// The path with its links resolved, which must be below the top.
fn inside(path: &Path, top: &Path, refusal: &str) -> Result<PathBuf, String> {
    let real = fs::canonicalize(path).map_err(|error| error.to_string())?;
    if real.starts_with(top) { Ok(real) } else { Err(refusal.to_owned()) }
}

/// The definition files of a module, whose folder is relative to that of the project.
fn module_files(project: &Path, top: &Path, folder: &str) -> Result<Vec<SourceFile>, String> {
    let real = inside(&project.join(folder), top, OUTSIDE)?;
    if !real.is_dir() {
        return Err("it is no folder".to_owned());
    }
    if fs::canonicalize(project).is_ok_and(|project| project == real) {
        return Err("it is the folder of the project itself".to_owned());
    }
    source_files(&project.join(folder), folder, top).map_err(|error| error.chain.join(": "))
}

fn is_definition(name: &str) -> bool {
    name.ends_with(".hcl") || name.ends_with(".hcl.json")
}

/// Whether what cannot be looked at is no concern of a project: a link to a folder that it lies in, whose files are read
/// where they are, or a link to nothing that is not named like definitions.
fn holds_no_definitions(error: &ignore::Error) -> bool {
    match error {
        ignore::Error::Loop { .. } => true,
        ignore::Error::WithDepth { err, .. } => holds_no_definitions(err),
        ignore::Error::WithPath { path, err } => {
            let is_gone = err.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            (is_gone && !is_definition(&name)) || holds_no_definitions(err)
        }
        _ => false,
    }
}

/// All `*.hcl` files below a folder, in the order of their paths, which are shown with `prefix` before them.
fn source_files(folder: &Path, prefix: &str, top: &Path) -> CommandResult<Vec<SourceFile>> {
    let root = folder.to_path_buf();
    let ignored = folder.join(IGNORE_FILE);
    if ignored.exists() && !ignored.is_file() {
        return Err(CommandError::new(format!("`{IGNORE_FILE}` is no regular file")));
    }
    let mut walk = WalkBuilder::new(folder);
    walk.standard_filters(false)
        .hidden(true)
        .follow_links(true)
        .add_custom_ignore_filename(IGNORE_FILE)
        .filter_entry(move |entry| {
            let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            !is_folder || entry.path() == root || !is_another_scope(entry.path())
        });
    let mut files = Vec::new();
    for entry in walk.build() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if holds_no_definitions(&error) => continue,
            Err(error) => {
                return Err(CommandError::new("could not list the project folder").because(error).with_hint(
                    format!("make it readable, or name it in `{IGNORE_FILE}` if it holds no definitions"),
                ));
            }
        };
        if let Some(error) = entry.error() {
            return Err(
                CommandError::new(format!("a pattern of `{IGNORE_FILE}` cannot be used")).because(error)
            );
        }
        let path = entry.path();
        let name = entry.file_name().to_string_lossy();
        if !is_definition(&name) || entry.file_type().is_none_or(|kind| kind.is_dir()) {
            continue;
        }
        let inside = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let shown = if prefix.is_empty() { inside } else { format!("{prefix}/{inside}") };
        // A file that cannot be read is a finding, so that those of the others are told as well.
        files.push(match read_definitions(path, top) {
            Ok(bytes) => SourceFile::from_bytes(shown, bytes),
            Err(reason) => SourceFile::unreadable(shown, reason),
        });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Folders below the project that are no part of its scope.
fn is_another_scope(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name == "modules") || folder.join(ENVIRONMENT_FILE).is_file()
}

/// Reads a file for `file()`: relative to the project folder, inside the repository.
fn read_inside(folder: &Path, top: &Path, path: &str) -> Result<String, String> {
    read_limited(&inside(&folder.join(path), top, OUTSIDE)?)
}

fn read_definitions(path: &Path, top: &Path) -> Result<Vec<u8>, String> {
    let real = inside(path, top, "it is a link that leaves the repository")?;
    check_size(&real)?;
    fs::read(&real).map_err(|error| error.to_string())
}

fn read_limited(path: &Path) -> Result<String, String> {
    check_size(path)?;
    read_text(path)
}

fn check_size(path: &Path) -> Result<(), String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    // A pipe would be waited for, and a device has no end.
    if !metadata.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let size = metadata.len();
    if size > LARGEST_FILE {
        return Err(format!("it has {size} bytes; the most is {LARGEST_FILE}"));
    }
    Ok(())
}

/// Values of variables from outside the project, the strongest last: environment, `--var-file`, `--var`.
fn variables(global: &GlobalArguments) -> CommandResult<BTreeMap<String, String>> {
    let mut variables: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| {
            let name = name.to_str()?.strip_prefix("PROVENDER_VAR_")?.to_owned();
            Some((name, value.into_string().ok()?))
        })
        .collect();
    for file in &global.variable_files {
        let text = read_text(file).map_err(|error| {
            CommandError::new(format!("could not read `{}`", file.display())).because(error)
        })?;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') || line.starts_with("//") {
                continue;
            }
            let (name, value) = line.split_once('=').ok_or_else(|| {
                CommandError::new(format!("{}:{}: expected `name = value`", file.display(), number + 1))
            })?;
            variables.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
    for given in &global.variables {
        let (name, value) = given.split_once('=').ok_or_else(|| {
            CommandError::new(format!("`--var {given}` is not of the form `--var name=value`"))
        })?;
        variables.insert(name.trim().to_owned(), value.to_owned());
    }
    Ok(variables)
}
