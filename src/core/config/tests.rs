//! Loading projects: a good one, the bad ones of `fixtures/diagnostics`, and properties.

mod bad_input;
mod fuzz_corpus;
mod good_input;
mod json_form;
mod properties;
mod reference;

use std::collections::BTreeMap;

use super::environment::{self, Environment};
use super::{LoadInput, Loaded, load};
use crate::diagnostic::{RenderOptions, render};
use crate::source::SourceFile;

const YAML: &str = "project: staging\nprovider: local\nregistry: data/registry\n";

fn environment() -> Environment {
    environment::parse(&SourceFile::new(environment::FILE_NAME, YAML)).0.unwrap()
}

fn load_with(
    files: &[SourceFile],
    environment: &Environment,
    variables: &BTreeMap<String, String>,
) -> Loaded {
    let read_file = |path: &str| match path {
        "query.sql" => Ok("SELECT 1".to_owned()),
        _ => Err(format!("there is no file `{path}`")),
    };
    // As in a real project, files below `modules` are those of modules.
    let (modules, files): (Vec<SourceFile>, Vec<SourceFile>) =
        files.iter().cloned().partition(|file| file.path.contains("modules/"));
    let module_files = |folder: &str| {
        let inside = |file: &&SourceFile| file.path.starts_with(&format!("{folder}/"));
        let found: Vec<SourceFile> = modules.iter().filter(inside).cloned().collect();
        if found.is_empty() { Err(format!("there is no folder `{folder}`")) } else { Ok(found) }
    };
    load(&LoadInput {
        files: &files,
        environment,
        variables,
        read_file: &read_file,
        module_files: &module_files,
    })
}

fn load_text(text: &str) -> Loaded {
    load_with(&[SourceFile::new("main.hcl", text)], &environment(), &BTreeMap::new())
}

fn rendered(loaded: &Loaded) -> String {
    render(&loaded.diagnostics, &loaded.sources, &RenderOptions { styled: false, width: 120 })
}
