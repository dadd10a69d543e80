//! `provender fmt`: the canonical layout of definitions, as `terraform fmt` has it.

use std::fs;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use ignore::WalkBuilder;
use provender_core::format::format_file;
use provender_core::source::SourceFile;
use similar::TextDiff;

use crate::arguments::GlobalArguments;
use crate::error::{CommandError, CommandResult, Exit};
use crate::output::{Ui, printable};
use crate::project;
use crate::workspace::{Workspace, read_text, report};

/// Lay out definitions; prints the names of files that were changed
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files and folders; `-` reads stdin and writes stdout; default: the project folder with its modules
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Change nothing; exit with 3 when a file would change
    #[arg(long)]
    check: bool,
    /// Show what changes
    #[arg(long)]
    diff: bool,
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    if args.paths == [Path::new("-")] {
        return standard_input(ui, args);
    }
    let (mut changed, mut failed) = (false, false);
    let paths = if args.paths.is_empty() {
        files_of_project(global)?
    } else {
        args.paths.iter().map(|path| files(path)).collect::<CommandResult<Vec<_>>>()?.concat()
    };
    for path in paths {
        let name = without_detours(&path).display().to_string();
        let text = read_text(&path)
            .map_err(|error| CommandError::new(format!("could not read `{name}`")).because(error))?;
        let file = SourceFile::new(name, text);
        let Some(formatted) = formatted(ui, &file) else {
            failed = true;
            continue;
        };
        if formatted == file.text {
            continue;
        }
        changed = true;
        if args.diff {
            show_difference(ui, &file, &formatted);
        } else {
            ui.data(&printable(&file.path));
        }
        if !args.check {
            replace(&path, &formatted).map_err(|error| {
                CommandError::new(format!("could not write `{}`", file.path)).because(error)
            })?;
        }
    }
    Ok(exit(args, changed, failed))
}

fn standard_input(ui: &Ui, args: &Args) -> CommandResult {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| CommandError::new("could not read stdin").because(error))?;
    let file = SourceFile::new("<stdin>", text);
    let Some(formatted) = formatted(ui, &file) else { return Ok(Exit::Failed) };
    let changed = formatted != file.text;
    if args.diff {
        show_difference(ui, &file, &formatted);
    } else if !args.check {
        ui.bytes(formatted.as_bytes());
    }
    Ok(exit(args, changed, false))
}

const fn exit(args: &Args, changed: bool, failed: bool) -> Exit {
    if failed {
        Exit::Failed
    } else if args.check && changed {
        Exit::Refused
    } else {
        Exit::Done
    }
}

/// None where the file is no HCL, which is told.
fn formatted(ui: &Ui, file: &SourceFile) -> Option<String> {
    format_file(file)
        .map_err(|findings| {
            let (diagnostics, sources) = *findings;
            report(ui, &diagnostics, &sources);
        })
        .ok()
}

fn show_difference(ui: &Ui, file: &SourceFile, formatted: &str) {
    let difference = TextDiff::from_lines(file.text.as_str(), formatted);
    let text = difference.unified_diff().context_radius(2).header(&file.path, &file.path).to_string();
    for line in text.lines() {
        ui.data(&printable(line));
    }
}

/// The project folder, and modules that lie elsewhere. What is wrong with the definitions keeps none of them from being laid
/// out, as long as it can be told which modules there are.
fn files_of_project(global: &GlobalArguments) -> CommandResult<Vec<PathBuf>> {
    let Ok((workspace, _, _)) = Workspace::read(global) else { return files(&global.chdir) };
    let mut found = files(&workspace.folder)?;
    if let Ok(loaded) = project::load_definitions(global, &workspace) {
        let outer = project::files_of_outer_modules(&workspace.folder, &loaded);
        found.extend(outer.into_iter().filter(|path| is_laid_out(path)));
    }
    Ok(found)
}

fn is_laid_out(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "hcl")
}

/// The path for people: `production/../modules` is `modules`.
fn without_detours(path: &Path) -> PathBuf {
    let mut shown = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(shown.components().next_back(), Some(Component::Normal(_))) => {
                shown.pop();
            }
            _ => shown.push(part),
        }
    }
    shown
}

/// A file, or every `*.hcl` below a folder, by path.
fn files(path: &Path) -> CommandResult<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut walk = WalkBuilder::new(path);
    walk.standard_filters(false).hidden(true).add_custom_ignore_filename(".provenderignore");
    let mut found = Vec::new();
    for entry in walk.build() {
        let entry = entry.map_err(|error| {
            CommandError::new(format!("could not list `{}`", path.display())).because(error)
        })?;
        if entry.file_type().is_some_and(|kind| kind.is_file()) && is_laid_out(entry.path()) {
            found.push(entry.into_path());
        }
    }
    found.sort();
    Ok(found)
}

/// Writes beside the file and renames, so that nobody sees half of it.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = fs::canonicalize(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let beside = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = fs::write(&beside, text)
        .and_then(|()| fs::set_permissions(&beside, fs::metadata(&path)?.permissions()))
        .and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}
