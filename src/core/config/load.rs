//! From files to a project: parse, evaluate variables and locals, read blocks, check.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::environment::Environment;
use super::object::{self, NameForm};
use super::scope::{Constants, ProjectScope};
use super::{data_source, entity, feature_service, feature_view, variable};
use crate::check::{self, Definitions};
use crate::diagnostic::{Diagnostic, Diagnostics, codes, suggestion};
use crate::hcl::{Block, BlockReader, Body, Context, Piece, parse_piece, pieces};
use crate::model::{Address, Fingerprint, ObjectKind, Objects, Project};
use crate::plan::SourceRange;
use crate::source::{SourceFile, Sources, Span};

/// All that a project is made of.
#[derive(Clone, Copy)]
pub struct LoadInput<'a> {
    /// Every definition file, in any order.
    pub files: &'a [SourceFile],
    /// What `feature_store.yaml` says.
    pub environment: &'a Environment,
    /// Values of variables from `--var`, `--var-file` and the process environment, already merged. For a variable of
    /// type string the text is the value (or a quoted HCL string); for others it is an HCL expression.
    pub variables: &'a BTreeMap<String, String>,
    /// Text of a file for the function `file`, by path relative to the project folder; or why it cannot be read.
    pub read_file: &'a dyn Fn(&str) -> Result<String, String>,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The project; none when there was an error.
    pub project: Option<Project>,
    /// Where the header of each object's block stands.
    pub ranges: BTreeMap<Address, SourceRange>,
    /// Every finding, ordered by file and offset.
    pub diagnostics: Diagnostics,
    /// The files, for rendering the findings.
    pub sources: Sources,
    /// Fingerprint of all definitions.
    pub definitions_digest: Fingerprint,
}

/// Types of blocks that stand in a file.
const BLOCKS: [&str; 6] = ["variable", "locals", "entity", "data_source", "feature_view", "feature_service"];
/// Types of blocks that a later version knows.
const LATER: [&str; 5] = ["on_demand_feature_view", "module", "moved", "removed", "allow"];

/// Reads all definitions. The order of files and of blocks in them has no meaning.
pub fn load(input: &LoadInput<'_>) -> Loaded {
    let findings = RefCell::new(Diagnostics::default());
    let (sources, bodies) = parse(input.files, &findings);
    let incomplete = !findings.borrow().is_empty();
    let top = TopLevel::sort(&bodies, &findings);

    let constants = Constants { what: "this" };
    let variables =
        variable::read_all(&Context { scope: &constants, findings: &findings }, &top.variables, input);
    let scope = ProjectScope::new(variables, &top.locals, input.read_file, &findings, incomplete);
    let context = Context { scope: &scope, findings: &findings };
    scope.evaluate_locals();
    variable::validate(&context, &scope.variables);

    let mut definitions = Definitions::default();
    definitions.incomplete = incomplete;
    for (kind, block) in &top.objects {
        read_object(&context, *kind, block, &mut definitions);
    }
    check::check(&definitions, &mut findings.borrow_mut());

    drop(scope);
    let mut diagnostics = findings.into_inner();
    diagnostics.sort();
    let Definitions { objects, origins, .. } = definitions;
    let definitions_digest = digest(&objects);
    let ranges =
        origins.into_iter().map(|(address, origin)| (address, sources.range(origin.header))).collect();
    let project =
        (!diagnostics.has_errors()).then(|| Project { name: input.environment.project.clone(), objects });
    Loaded { project, ranges, diagnostics, sources, definitions_digest }
}

/// Objects and their maps are ordered, so their JSON form is one and the same; making it canonical would take longer than
/// parsing.
fn digest(objects: &Objects) -> Fingerprint {
    // The JSON form of these types always exists; see `Fingerprint::of`.
    Fingerprint::of_bytes(&serde_json::to_vec(objects).unwrap_or_default())
}

/// Less text than this is parsed faster by one thread than by two.
const ALONE: usize = 64 << 10;

/// Parses the files in the order of their paths, so that the first of two definitions is always the same one. Most of
/// the time of a large project goes here, so its blocks are shared out over the processors.
fn parse(files: &[SourceFile], findings: &RefCell<Diagnostics>) -> (Sources, Vec<Body>) {
    let mut ordered: Vec<&SourceFile> = files.iter().collect();
    ordered.sort_by(|a, b| a.path.cmp(&b.path));
    let mut sources = Sources::default();
    let mut work: Vec<Piece<'_>> = Vec::new();
    for file in ordered {
        let id = sources.add(file.clone());
        if file.path.ends_with(".json") {
            let message = "the JSON form of definitions is not supported by this version yet";
            findings.borrow_mut().push(Diagnostic::error(codes::UNSUPPORTED, Span::new(id, 0..0), message));
        } else {
            work.extend(pieces(id, &file.text));
        }
    }
    let size: usize = files.iter().map(|file| file.text.len()).sum();
    let threads = if size < ALONE { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
    let share = work.len().div_ceil(threads).max(1);
    let parse_share = |share: &[Piece<'_>]| -> Vec<Result<Body, Box<Diagnostic>>> {
        share.iter().map(|piece| parse_piece(*piece)).collect()
    };
    let parsed: Vec<_> = if threads == 1 {
        parse_share(&work)
    } else {
        std::thread::scope(|scope| {
            let running: Vec<_> =
                work.chunks(share).map(|share| scope.spawn(move || parse_share(share))).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Vec<_>>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            running.into_iter().flat_map(join).collect()
        })
    };
    let mut bodies = Vec::with_capacity(parsed.len());
    for result in parsed {
        match result {
            Ok(body) => bodies.push(body),
            Err(diagnostic) => findings.borrow_mut().push(*diagnostic),
        }
    }
    (sources, bodies)
}

/// The blocks of all files, by what they are.
#[derive(Default)]
struct TopLevel<'a> {
    variables: Vec<&'a Block>,
    locals: Vec<&'a Block>,
    objects: Vec<(ObjectKind, &'a Block)>,
}

impl<'a> TopLevel<'a> {
    fn sort(bodies: &'a [Body], findings: &RefCell<Diagnostics>) -> Self {
        let mut top = Self::default();
        let report = |diagnostic| findings.borrow_mut().push(diagnostic);
        for body in bodies {
            for attribute in &body.attributes {
                let name = &attribute.key.text;
                let message = format!("`{name}` stands outside of any block");
                let help = format!("values are defined in `locals {{ {name} = … }}`");
                report(Diagnostic::error(codes::UNKNOWN_ATTRIBUTE, attribute.key.span, message).help(help));
            }
            for block in &body.blocks {
                match block.kind.text.as_str() {
                    "variable" => top.variables.push(block),
                    "locals" => {
                        if let Some(extra) = block
                            .labels
                            .first()
                            .map(|label| label.span)
                            .or_else(|| block.body.blocks.first().map(Block::header))
                        {
                            let message = "`locals` takes attributes only";
                            report(Diagnostic::error(codes::UNKNOWN_BLOCK, extra, message));
                        }
                        top.locals.push(block);
                    }
                    other => match ObjectKind::ALL.into_iter().find(|kind| kind.as_str() == other) {
                        Some(kind) => top.objects.push((kind, block)),
                        None => report(unknown_block(block)),
                    },
                }
            }
        }
        top
    }
}

fn unknown_block(block: &Block) -> Diagnostic {
    let name = block.kind.text.as_str();
    if LATER.contains(&name) {
        let message = format!("`{name}` is not supported by this version yet");
        return Diagnostic::error(codes::UNSUPPORTED, block.kind.span, message);
    }
    let help = match name {
        "resource" | "data" => {
            Some("a definition begins with its kind, as in `entity \"driver\" { … }`".to_owned())
        }
        "provider" | "terraform" | "registry" | "online_store" | "offline_store" => {
            Some("where things live is written in feature_store.yaml".to_owned())
        }
        "batch_feature_view" | "stream_feature_view" => Some("write `feature_view`".to_owned()),
        _ => suggestion(name, BLOCKS.into_iter().chain(LATER)),
    };
    let message = format!("there is no block `{name}`");
    Diagnostic::error(codes::UNKNOWN_BLOCK, block.kind.span, message).maybe_help(help)
}

fn read_object(context: &Context<'_>, kind: ObjectKind, block: &Block, definitions: &mut Definitions) {
    let (schema, label) = match kind {
        ObjectKind::Entity => (Some(&entity::SCHEMA), 0),
        ObjectKind::DataSource => (data_source::schema(context, block), 1),
        ObjectKind::FeatureView => (Some(&feature_view::SCHEMA), 0),
        ObjectKind::FeatureService => (Some(&feature_service::SCHEMA), 0),
    };
    let Some(schema) = schema else {
        // A data source of no known kind: its name is known all the same.
        if let Some(name) = block.labels.get(label) {
            definitions.declare(Address::new(kind, &name.text), object::origin(block, name.span));
        }
        return;
    };
    let reader = BlockReader::new(context, block, schema);
    let Some(named) = object::named(&reader, label, NameForm::Object) else { return };
    let address = Address::new(kind, &named.name);
    let mut origin = object::origin(block, named.span);
    if let Some(first) = definitions.declare(address.clone(), origin.clone()) {
        context.report(check::duplicate(&address, named.span, first));
        return;
    }
    if !named.enabled {
        definitions.disabled.insert(address);
        return;
    }
    let object = match kind {
        ObjectKind::Entity => entity::read(&reader, &named.name, &mut origin),
        ObjectKind::DataSource => data_source::read(&reader, &mut origin),
        ObjectKind::FeatureView => feature_view::read(&reader, &mut origin),
        ObjectKind::FeatureService => feature_service::read(&reader, &mut origin),
    };
    if let Some(object) = object {
        definitions.objects.0.insert(address.clone(), object);
        definitions.origins.insert(address, origin);
    }
}
