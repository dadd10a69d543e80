//! What must hold for any text at all, shared by the fuzzer (`examples/fuzz`) and the test that replays its corpus: no
//! panic, no long wait, and a layout that is stable and changes no meaning.

use std::collections::BTreeMap;

use crate::config::environment::{self, Environment};
use crate::config::{LoadInput, Loaded, load};
use crate::diagnostic::{RenderOptions, render};
use crate::expression::Compiled;
use crate::format::{format, format_file};
use crate::hcl::plain_pieces;
use crate::model::ValueType;
use crate::source::{SourceFile, Sources};

/// What is fuzzed.
pub const TARGETS: [&str; 5] = ["hcl", "json", "yaml", "expression", "fmt"];

/// Feeds a text to a target; an error says which rule it breaks. Panics go through.
///
/// # Errors
/// The layout is not stable, or it changes what the definitions mean; two readers of one text disagree; there is no such
/// target.
pub fn run(target: &str, text: &str) -> Result<(), String> {
    match target {
        "hcl" => {
            plain_pieces(text)?;
            show(&loaded("main.hcl", text));
        }
        "json" => show(&loaded("main.hcl.json", text)),
        "yaml" => {
            let source = SourceFile::new(environment::FILE_NAME, text);
            let (_, diagnostics) = environment::parse(&source);
            drop(render(&diagnostics, &Sources::of(source), &OPTIONS));
        }
        "expression" => {
            for value_type in [ValueType::Float64, ValueType::String, ValueType::Bool] {
                if let Ok(compiled) = Compiled::of_text(text, &value_type, &columns()) {
                    let rows = 3;
                    let inputs: Vec<_> = compiled.columns().iter().map(|_| numbers()).collect();
                    drop(compiled.evaluate(&inputs, rows));
                }
            }
        }
        "fmt" => return layout(text),
        other => return Err(format!("there is no target `{other}`")),
    }
    Ok(())
}

const OPTIONS: RenderOptions = RenderOptions { styled: false, width: 100 };

fn show(loaded: &Loaded) {
    drop(render(&loaded.diagnostics, &loaded.sources, &OPTIONS));
}

fn loaded(path: &str, text: &str) -> Loaded {
    let (environment, _) = environment::parse(&SourceFile::new(
        environment::FILE_NAME,
        "project: p\nprovider: local\nregistry: r\n",
    ));
    let environment: Environment = environment.unwrap_or_else(|| unreachable!("this text is an environment"));
    load(&LoadInput {
        files: &[SourceFile::new(path, text)],
        environment: &environment,
        variables: &BTreeMap::new(),
        read_file: &|_| Err("no files here".to_owned()),
        module_files: &|_| Err("no modules here".to_owned()),
    })
}

fn layout(text: &str) -> Result<(), String> {
    // What is no HCL is never laid out.
    let Ok(once) = format_file(&SourceFile::new("main.hcl", text)) else {
        drop(format(text));
        return Ok(());
    };
    if format(&once) != once {
        return Err("laying out twice is not laying out once".to_owned());
    }
    let (before, after) = (loaded("main.hcl", text), loaded("main.hcl", &once));
    if before.project != after.project {
        return Err("the layout changes what is defined".to_owned());
    }
    if before.diagnostics.iter().count() != after.diagnostics.iter().count() {
        return Err("the layout changes what is found wrong".to_owned());
    }
    Ok(())
}

fn columns() -> BTreeMap<String, BTreeMap<String, ValueType>> {
    let of = |value_type: ValueType| ["a", "b"].map(|name| (name.to_owned(), value_type.clone())).into();
    [("v".to_owned(), of(ValueType::Float64)), ("w".to_owned(), of(ValueType::Float32))].into()
}

fn numbers() -> crate::expression::Vector {
    crate::expression::Vector::of_floats([Some(0.0), None, Some(-1e300)].into_iter())
}
