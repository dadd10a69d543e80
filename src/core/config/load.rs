//! From files to a project: parse, evaluate variables and locals of each scope, read blocks, enter modules, check.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::environment::Environment;
use super::module::{self, ModuleUse, ScopeId, Scopes};
use super::object::{self, NameForm};
use super::parse::{ParsedFile, parse};
use super::refactoring::Refactorings;
use super::scope::{Constants, NamedDefinition, Names, ProjectScope, ReadFile, Shared};
use super::share::{on_all_processors, shares};
use super::top_level::TopLevel;
use super::variable::{self, Given};
use super::{data_source, each, entity, feature_service, feature_view, on_demand_feature_view};
use crate::check::{self, Definitions, Unread};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::hcl::{Block, BlockReader, Context};
use crate::model::{Address, Fingerprint, ObjectKind, Project};
use crate::plan::SourceRange;
use crate::source::{SourceFile, Sources};

/// All that a project is made of.
#[derive(Clone, Copy)]
pub struct LoadInput<'a> {
    /// Every definition file below the project folder, in any order.
    pub files: &'a [SourceFile],
    /// What `feature_store.yaml` says.
    pub environment: &'a Environment,
    /// Values of variables from `--var`, `--var-file` and the process environment, already merged. For a variable of
    /// type string the text is the value (or a quoted HCL string); for others it is an HCL expression.
    pub variables: &'a BTreeMap<String, String>,
    /// Text of a file for the function `file`, by path relative to the project folder; or why it cannot be read.
    pub read_file: &'a (dyn Fn(&str) -> Result<String, String> + Sync),
    /// Definition files of a module's folder, which is relative to the project folder, with paths that are too; or why
    /// they cannot be read.
    pub module_files: &'a dyn Fn(&str) -> Result<Vec<SourceFile>, String>,
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
}

impl Loaded {
    /// Fingerprint of all definitions; that of none where there was an error.
    pub fn definitions_digest(&self) -> Fingerprint {
        let objects = self.project.as_ref().map(|project| &project.objects);
        // Objects and their maps are ordered, so their JSON form is one and the same; making it canonical would take longer
        // than parsing.
        Fingerprint::of_ordered(&objects)
    }
}

/// Reads all definitions. The order of files and of blocks in them has no meaning.
pub fn load(input: &LoadInput<'_>) -> Loaded {
    let loader = Loader::new(input);
    let files = loader.parse(input.files);
    let files = without_modules(files);
    loader.scope(ScopeId::PROJECT, &files, &Given::Project(input));
    // Taking the trees of a large project apart takes as long as some rules do.
    std::thread::scope(|threads| {
        if files.len() > 1 {
            threads.spawn(|| drop(files));
        }
        loader.finish()
    })
}

struct Loader<'a> {
    input: &'a LoadInput<'a>,
    findings: RefCell<Diagnostics>,
    sources: RefCell<Sources>,
    /// Parsed files of modules, by folder.
    modules: RefCell<BTreeMap<String, Rc<Vec<ParsedFile>>>>,
    scopes: RefCell<Scopes>,
    named: RefCell<Vec<NamedDefinition>>,
    definitions: RefCell<Definitions>,
    refactorings: RefCell<Refactorings>,
    /// Steps of loops that were taken.
    steps: Cell<usize>,
    /// Texts of sensitive variables.
    secrets: RefCell<Vec<String>>,
}

impl<'a> Loader<'a> {
    fn new(input: &'a LoadInput<'a>) -> Self {
        // The first, as the places of its settings say.
        let sources = Sources::of(input.environment.file.clone());
        Self {
            input,
            findings: RefCell::default(),
            sources: RefCell::new(sources),
            modules: RefCell::default(),
            scopes: RefCell::default(),
            named: RefCell::default(),
            definitions: RefCell::default(),
            refactorings: RefCell::default(),
            steps: Cell::default(),
            secrets: RefCell::default(),
        }
    }

    fn parse(&self, files: &[SourceFile]) -> Vec<ParsedFile> {
        parse(files, &self.sources, &self.findings, &mut self.definitions.borrow_mut().unread)
    }

    /// Reads everything that stands in the files of one scope.
    fn scope(&self, id: ScopeId, files: &[ParsedFile], given: &Given<'_>) {
        let findings = &self.findings;
        let top = TopLevel::sort(files, findings);
        let constants = Constants { what: "this" };
        let variables = variable::read_all(&Context { scope: &constants, findings }, &top.variables, given);
        let sensitive = variables.values().filter(|variable| variable.sensitive);
        for value in sensitive.filter_map(|variable| variable.value.as_ref()) {
            value.texts(&mut self.secrets.borrow_mut());
        }
        if let Given::Project(input) = given {
            // What no block declares may be a misspelt secret.
            let may_be_shown =
                |name: &String| variables.get(name).is_some_and(|variable| !variable.sensitive);
            let settings = input.environment.variables.iter().filter(|(name, _)| !may_be_shown(name));
            settings.for_each(|(_, setting)| self.sources.borrow_mut().blot(setting.span));
        }
        let unread = self.definitions.borrow().unread.clone();
        let shared = self.shared(&unread);
        let folder = self.scopes.borrow().folder(id).to_owned();
        let mut names = Names::new((id, &folder), variables, &top, findings);
        names.evaluate_locals(shared);
        let scope = ProjectScope::new(&names, shared);
        let context = Context { scope: &scope, findings };
        variable::validate(&context, &names.variables);
        self.objects(&names, &top.objects, &unread);
        for block in &top.modules {
            each::rounds(&context, block, |context| self.module(context, id, block));
        }
        let mut refactorings = self.refactorings.borrow_mut();
        for block in &top.moved {
            refactorings.read_moved(&context, block);
        }
        for block in &top.removed {
            refactorings.read_removed(&context, block);
        }
        for block in &top.allowed {
            refactorings.read_allow(&context, block);
        }
    }

    fn shared<'s>(&'s self, unread: &'s Unread) -> Shared<'s> {
        Shared {
            read_file: self.input.read_file,
            findings: &self.findings,
            named: &self.named,
            steps: &self.steps,
            unread,
        }
    }

    /// Reads the objects of a scope, on all processors when there are many.
    fn objects(&self, names: &Names<'_>, blocks: &[(ObjectKind, &Block)], unread: &Unread) {
        let steps = self.steps.get();
        let read_file = self.input.read_file;
        let weight =
            |(_, block): &(ObjectKind, &Block)| 1 + block.body.attributes.len() + block.body.blocks.len();
        let shares = shares(blocks, ALONE, weight);
        let parts = on_all_processors(&shares, |share| Part::read(names, share, read_file, (unread, steps)));
        for part in parts {
            let mut findings = self.findings.borrow_mut();
            findings.extend(part.findings);
            self.named.borrow_mut().extend(part.named);
            self.steps.set(self.steps.get() + part.steps - steps);
            let mut scopes = self.scopes.borrow_mut();
            scopes.objects.extend(part.addresses.into_iter().map(|address| (address, names.id)));
            self.definitions.borrow_mut().absorb(part.definitions, &mut findings);
        }
    }

    fn module(&self, context: &Context<'_>, parent: ScopeId, block: &Block) {
        let Some(module) = module::read(context, block, parent, &mut self.scopes.borrow_mut()) else {
            return;
        };
        let Some(files) = self.module_files(context, &module) else { return };
        let entered = self.scopes.borrow_mut().enter(parent, &module);
        match entered {
            Ok(id) => self.scope(id, &files, &Given::Module(&module.call)),
            Err(diagnostic) => context.report(*diagnostic),
        }
    }

    fn module_files(&self, context: &Context<'_>, module: &ModuleUse) -> Option<Rc<Vec<ParsedFile>>> {
        if let Some(files) = self.modules.borrow().get(&module.folder) {
            return Some(Rc::clone(files));
        }
        let refuse = |message: String, help: &str| {
            context.report(Diagnostic::error(codes::VALUE, module.source, message).help(help));
        };
        let files = match (self.input.module_files)(&module.folder) {
            Ok(files) if files.is_empty() => {
                refuse(
                    format!("there is no definition in `{}`", module.folder),
                    "a module is a folder with `*.hcl` files",
                );
                return None;
            }
            Ok(files) => files,
            Err(reason) => {
                refuse(
                    format!("the module in `{}` cannot be read: {reason}", module.folder),
                    "the path is relative to the folder of the project, or of the module that uses it",
                );
                return None;
            }
        };
        let parsed = Rc::new(without_modules_of(&module.folder, self.parse(&files)));
        self.modules.borrow_mut().insert(module.folder.clone(), Rc::clone(&parsed));
        Some(parsed)
    }

    fn finish(self) -> Loaded {
        let mut findings = self.findings.into_inner();
        let mut definitions = self.definitions.into_inner();
        module::check_names(
            &self.scopes.into_inner(),
            &self.named.into_inner(),
            &mut definitions,
            &mut findings,
        );
        let (moved, removed, allowed) = self
            .refactorings
            .into_inner()
            .settle(&mut definitions, &mut |diagnostic| findings.push(diagnostic));
        check::check(&definitions, &mut findings);
        findings.sort();
        findings.hide(&self.secrets.into_inner());
        let mut sources = self.sources.into_inner();
        let credentials = findings.iter().filter(|finding| finding.code == codes::CREDENTIAL);
        credentials.filter_map(|finding| finding.primary.as_ref()).for_each(|place| sources.blot(place.span));
        let Definitions { objects, origins, .. } = definitions;
        let ranges =
            origins.into_iter().map(|(address, origin)| (address, sources.range(origin.header))).collect();
        let name = self.input.environment.project.clone();
        let project = (!findings.has_errors()).then_some(Project { name, objects, moved, removed, allowed });
        Loaded { project, ranges, diagnostics: findings, sources }
    }
}

/// What one thread reads of a scope's objects.
struct Part {
    definitions: Definitions,
    addresses: Vec<Address>,
    findings: Diagnostics,
    named: Vec<NamedDefinition>,
    steps: usize,
}

impl Part {
    fn read(
        names: &Names<'_>,
        blocks: &[(ObjectKind, &Block)],
        read_file: ReadFile<'_>,
        (unread, steps): (&Unread, usize),
    ) -> Self {
        let (findings, named, steps) = (RefCell::default(), RefCell::default(), Cell::new(steps));
        let mut definitions = Definitions::default();
        let mut addresses = Vec::with_capacity(blocks.len());
        let shared = Shared { read_file, findings: &findings, named: &named, steps: &steps, unread };
        let scope = ProjectScope::new(names, shared);
        for (kind, block) in blocks {
            each::rounds(&Context { scope: &scope, findings: &findings }, block, |context| {
                addresses.extend(read_object(context, *kind, block, &mut definitions));
            });
        }
        drop(scope);
        Self {
            definitions,
            addresses,
            steps: steps.get(),
            findings: findings.into_inner(),
            named: named.into_inner(),
        }
    }
}

/// Fewer attributes and blocks than this are read faster by one thread than by two.
const ALONE: usize = 1_500;

/// The files without those in folders that are modules of this very scope. Files higher up speak first: a module's own
/// modules are none of the project.
fn without_modules(files: Vec<ParsedFile>) -> Vec<ParsedFile> {
    without_modules_of("", files)
}

/// The same for the files of a module.
fn without_modules_of(base: &str, files: Vec<ParsedFile>) -> Vec<ParsedFile> {
    let depth = |file: &&ParsedFile| file.path.matches('/').count();
    let mut by_depth: Vec<&ParsedFile> = files.iter().collect();
    by_depth.sort_by_key(depth);
    let mut folders: Vec<String> = Vec::new();
    for file in by_depth {
        if folders.iter().any(|folder| file.path.starts_with(folder)) {
            continue;
        }
        let blocks = file.body.blocks.iter().filter(|block| block.kind.text == "module");
        folders.extend(
            blocks.filter_map(|block| module::literal_folder(block, base)).map(|folder| folder + "/"),
        );
    }
    let is_in_module = |file: &ParsedFile| folders.iter().any(|folder| file.path.starts_with(folder));
    files.into_iter().filter(|file| !is_in_module(file)).collect()
}

/// Reads one object; its address, when it has one of its own.
fn read_object(
    context: &Context<'_>,
    kind: ObjectKind,
    block: &Block,
    definitions: &mut Definitions,
) -> Option<Address> {
    let (schema, label) = match kind {
        ObjectKind::Entity => (Some(&entity::SCHEMA), 0),
        ObjectKind::DataSource => (data_source::schema(context, block), 1),
        ObjectKind::FeatureView => (Some(&feature_view::SCHEMA), 0),
        ObjectKind::OnDemandFeatureView => (Some(&on_demand_feature_view::SCHEMA), 0),
        ObjectKind::FeatureService => (Some(&feature_service::SCHEMA), 0),
    };
    let Some(schema) = schema else {
        // A data source of no known kind: its name is known all the same.
        let name = block.labels.get(label)?;
        let address = Address::new(kind, &name.text);
        definitions.declare(address.clone(), name.span);
        return Some(address);
    };
    let reader = BlockReader::new(context, block, schema);
    let named = object::named(&reader, label, NameForm::Object)?;
    let address = Address::new(kind, &named.name);
    let mut origin = object::origin(block, named.span);
    if let Some(first) = definitions.declare(address.clone(), named.span) {
        context.report(check::duplicate(&address, named.span, first));
        return None;
    }
    if !named.enabled {
        definitions.disabled.insert(address.clone());
        return Some(address);
    }
    let object = match kind {
        ObjectKind::Entity => entity::read(&reader, &named.name, &mut origin),
        ObjectKind::DataSource => data_source::read(&reader, &mut origin),
        ObjectKind::FeatureView => feature_view::read(&reader, &mut origin),
        ObjectKind::OnDemandFeatureView => {
            on_demand_feature_view::read(&reader, &mut origin).map(|(view, trees)| {
                definitions.expressions.insert(address.clone(), trees);
                view
            })
        }
        ObjectKind::FeatureService => feature_service::read(&reader, &mut origin),
    };
    if let Some(object) = object {
        definitions.objects.0.insert(address.clone(), object);
        definitions.origins.insert(address.clone(), origin);
    }
    Some(address)
}
