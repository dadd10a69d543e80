//! Project templates of `provender init`. Text files are compiled in; data is generated with a fixed seed, up to the hour
//! that it is made in, so that a fresh project has values that are not too old to serve.

mod driver_data;

use std::fs;
use std::path::{Path, PathBuf};

use provender_core::time::Timestamp;

use crate::error::CommandError;

/// A file of a new project: where it goes below the project folder, and its bytes.
#[derive(Debug)]
pub(crate) struct TemplateFile {
    /// Path, relative to the project folder.
    pub(crate) path: &'static str,
    /// Contents.
    pub(crate) contents: Vec<u8>,
}

/// The files of the local template, for a project of this name at this time.
pub(crate) fn local(project: &str, now: Timestamp) -> Result<Vec<TemplateFile>, CommandError> {
    let text = |path, contents: &str| TemplateFile {
        path,
        contents: contents.replace("@PROJECT@", project).into_bytes(),
    };
    let data = driver_data::generate(now)
        .map_err(|error| CommandError::new("could not generate the template's data").because(error))?;
    Ok(vec![
        text("feature_store.yaml", include_str!("local/feature_store.yaml")),
        text("drivers.hcl", include_str!("local/drivers.hcl")),
        text(".gitignore", include_str!("local/gitignore")),
        TemplateFile { path: "data/driver_stats.parquet", contents: data.history },
        TemplateFile { path: "data/trips.csv", contents: data.entity_rows },
    ])
}

/// Workflows for GitHub: plans on pull requests, applies after the merge.
pub(crate) fn github_actions() -> Vec<TemplateFile> {
    let text = |path, contents: &str| TemplateFile { path, contents: contents.as_bytes().to_vec() };
    vec![
        text(".github/workflows/provender-plan.yaml", include_str!("github/provender-plan.yaml")),
        text(".github/workflows/provender-apply.yaml", include_str!("github/provender-apply.yaml")),
    ]
}

/// Writes the files, or none of them when one is there already; then the error says what to do otherwise.
pub(crate) fn write(folder: &Path, files: &[TemplateFile], otherwise: &str) -> Result<(), CommandError> {
    let paths: Vec<PathBuf> = files.iter().map(|file| folder.join(file.path)).collect();
    if let Some(taken) = paths.iter().find(|path| path.exists()) {
        return Err(CommandError::new(format!("`{}` exists already; nothing was written", taken.display()))
            .with_hint(otherwise));
    }
    for (path, file) in paths.iter().zip(files) {
        let failed =
            |error| CommandError::new(format!("could not write `{}`", path.display())).because(error);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        fs::write(path, &file.contents).map_err(failed)?;
    }
    Ok(())
}

/// The project name that a folder suggests: its own name, with what a name may not hold replaced.
pub(crate) fn project_name(folder: &Path) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut safe: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    while safe.contains("__") {
        safe = safe.replace("__", "_");
    }
    safe.truncate(63);
    if safe.starts_with(|c: char| c.is_ascii_alphabetic()) { safe } else { "feature_store".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names_become_project_names() {
        for (folder, name) in [
            ("/x/Demo", "demo"),
            ("/x/my--store", "my_store"),
            ("/x/7up", "feature_store"),
            ("/", "feature_store"),
        ] {
            assert_eq!(project_name(Path::new(folder)), name);
        }
    }

    #[test]
    fn the_same_hour_gives_the_same_files() {
        let now = "2026-11-25T08:30:00Z".parse().unwrap();
        let later = "2026-11-25T08:59:59Z".parse().unwrap();
        let contents =
            |now| local("demo", now).unwrap().into_iter().map(|file| file.contents).collect::<Vec<_>>();
        assert_eq!(contents(now), contents(later));
    }
}
