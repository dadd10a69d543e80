//! Making a plan: desired × prior × observed. Reads only; takes no lock and leaves no file behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use provender_core::config::Loaded;
use provender_core::diagnostic::{Diagnostics, suggestion};
use provender_core::model::{Address, DataSource, Fingerprint, ObjectKind, Objects, Project, StoreIdentity};
use provender_core::plan::{
    Acceptance, CODES, Finding, Gate, Plan, PlanInput, PlanOutcome, destroy, plan, sweep,
};
use provender_core::provider::{InfraId, InfraObject};
use provender_core::registry::{Ledger, OnlineTable, Registry, TableId};
use provender_core::source::Sources;
use provender_core::time::Timestamp;
use provender_runtime::data_work;
use provender_runtime::provider::{OfflineStore, Provider, SourceDescription};
use provender_runtime::registry::{Export, RegistryLog};
use provender_runtime::source_check::check_view;

use crate::arguments::GlobalArguments;
use crate::backends::{self, Part};
use crate::clock;
use crate::error::{CommandError, CommandResult};
use crate::output::Ui;
use crate::project;
use crate::workspace::Workspace;

/// Options of every command that plans.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PlanningArgs {
    /// Plan only this object and what it needs; repeatable
    #[arg(long = "target", value_name = "ADDRESS")]
    pub(crate) targets: Vec<Address>,
    /// Leave this object as it is, and what cannot change without it; repeatable
    #[arg(long = "exclude", value_name = "ADDRESS")]
    pub(crate) excludes: Vec<Address>,
    /// Whether to look at the real infrastructure
    #[arg(long, default_value_t = true, default_missing_value = "true", num_args = 0..=1, action = clap::ArgAction::Set)]
    pub(crate) refresh: bool,
    /// What counts as now
    #[arg(long, value_name = "TIME")]
    pub(crate) now: Option<Timestamp>,
    /// Do not open the sources of views that change
    #[arg(long)]
    pub(crate) skip_source_validation: bool,
    #[command(flatten)]
    pub(crate) gates: GateArgs,
    /// Plan against a registry that `registry export` wrote; implies `--refresh=false`
    #[arg(long, value_name = "FILE")]
    pub(crate) prior: Option<PathBuf>,
    /// Plan the way back to what the registry had at this revision; reads no definitions
    #[arg(long, value_name = "N", conflicts_with = "prior")]
    pub(crate) to_revision: Option<u64>,
    /// Plan only what is needed to undo drift of infrastructure; reads no definitions
    #[arg(long, conflicts_with_all = ["prior", "to_revision"])]
    pub(crate) refresh_only: bool,
}

/// What is refused, and what is accepted all the same.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct GateArgs {
    /// Refuse these kinds of change, on top of `gates` in feature_store.yaml: breaking, destructive, rematerialize, drift.
    /// What is refused exits with 3
    #[arg(long, value_delimiter = ',', value_name = "GATE,…")]
    pub(crate) fail_on: Vec<Gate>,
    /// Accept one finding, as `PV104:feature_view.driver_stats`; repeatable
    #[arg(long = "allow", value_name = "CODE:ADDRESS")]
    pub(crate) accepted: Vec<Acceptance>,
}

impl GateArgs {
    /// Those of `feature_store.yaml`, and those given here.
    fn all(&self, workspace: &Workspace) -> BTreeSet<Gate> {
        workspace.environment.gates.iter().chain(&self.fail_on).copied().collect()
    }
}

impl PlanningArgs {
    /// Whether any of them was given; `apply PLAN` takes none.
    pub(crate) fn are_given(&self) -> bool {
        !self.targets.is_empty()
            || !self.excludes.is_empty()
            || !self.refresh
            || self.now.is_some()
            || self.skip_source_validation
            || !self.gates.fail_on.is_empty()
            || !self.gates.accepted.is_empty()
            || self.prior.is_some()
            || self.to_revision.is_some()
            || self.refresh_only
    }
}

/// Ledgers and sources that are read at the same time.
const AT_ONCE: usize = 16;

/// What the registry says, as far as a plan needs it.
struct Prior {
    state: Registry,
    ledgers: BTreeMap<TableId, Ledger>,
    /// Where more ledgers can be read; none for an exported registry, which has them all.
    log: Option<RegistryLog>,
}

/// Loads the definitions, compares, checks the sources of what changes, and prints what stands against it.
pub(crate) async fn make_plan(
    ui: &Ui,
    global: &GlobalArguments,
    workspace: &Workspace,
    args: &PlanningArgs,
) -> CommandResult<Plan> {
    // The registry is read on another thread while this one loads the definitions, whose errors come first.
    let prior = tokio::spawn(read_prior(prior_source(workspace, args)));
    let reads_definitions = args.to_revision.is_none() && !args.refresh_only;
    let defined = reads_definitions.then(|| project::definitions(ui, global, workspace)).transpose()?;
    // Summed up here, where the registry is still being read.
    let definitions_digest = defined.as_ref().map(Loaded::definitions_digest);
    let prior = prior
        .await
        .map_err(|error| CommandError::new("reading the registry ended in a bug").because(error))??;
    let loaded = match defined {
        // What was found in the texts is told; a large project's are given back before the comparison.
        Some(loaded) => Loaded { sources: Sources::default(), ..loaded },
        None => registered(&prior, args.to_revision).await?,
    };
    let provider = match backends::out_of_reach(workspace, Part::Online) {
        _ if args.prior.is_some() => None,
        None => Some(workspace.online_provider()?),
        Some(what) if args.refresh_only || args.gates.all(workspace).contains(&Gate::Drift) => {
            let message =
                format!("this version cannot reach {what}, so it cannot tell whether there is drift");
            return Err(CommandError::new(message)
                .with_hint("leave the gate `drift` and `--refresh-only` out for this environment"));
        }
        Some(what) => {
            ui.warning(&format!("this version cannot reach {what}: infrastructure was not looked at"));
            None
        }
    };
    let observed = match &provider {
        Some(provider) if args.refresh => Some(observe(provider, &prior.state).await?),
        _ => None,
    };
    let definitions_digest = definitions_digest.unwrap_or_else(|| loaded.definitions_digest());
    let outcome = compare(workspace, &loaded, &definitions_digest, &prior, observed.as_ref(), args).await?;
    let mut made = finish(ui, outcome)?;
    let checks = !args.skip_source_validation && args.prior.is_none();
    if let (true, Some(what)) = (checks, backends::out_of_reach(workspace, Part::Offline)) {
        ui.warning(&format!("this version cannot reach {what}: sources were not looked at"));
    } else if let (true, Some(project)) = (checks, &loaded.project)
        && let Some(offline) = workspace.offline_provider()?.offline()
    {
        let views = views_that_change(&made, &project.objects);
        reported(ui, &check_sources(&project.objects, &views, &offline).await)?;
        data_work::measure(&mut made, &project.objects, offline.as_ref()).await;
    }
    // Most commands end soon after: nobody is to wait until large states are taken apart.
    std::thread::spawn(move || drop((loaded, prior, observed)));
    Ok(made)
}

/// What the registry had at a revision, or has now, in the place of definitions.
async fn registered(prior: &Prior, revision: Option<u64>) -> CommandResult<Loaded> {
    let objects = match (&prior.log, revision) {
        (Some(log), Some(revision)) if revision < prior.state.revision => {
            log.state_at(revision).await?.objects
        }
        (_, Some(revision)) if revision > prior.state.revision => {
            let newest = prior.state.revision;
            return Err(CommandError::new(format!(
                "there is no revision {revision}: the newest is {newest}"
            ))
            .with_hint("`provender history` lists what was applied"));
        }
        _ => prior.state.objects.clone(),
    };
    let project = Project { name: prior.state.project.clone(), objects, ..Project::default() };
    Ok(Loaded {
        project: Some(project),
        ranges: BTreeMap::new(),
        diagnostics: Diagnostics::default(),
        sources: Sources::default(),
    })
}

/// Plans the deletion of everything that the registry holds; reads no definitions.
pub(crate) async fn make_destroy_plan(
    ui: &Ui,
    workspace: &Workspace,
    args: &GateArgs,
) -> CommandResult<Plan> {
    let log = workspace.registry()?;
    let state = log.state().await?;
    check_accepted(&args.accepted, &state.objects, &Objects::default())?;
    let ledgers = read_ledgers(&log, state.tables.keys().cloned().collect()).await?;
    let observed = observe(&workspace.online_provider()?, &state).await?;
    let store = workspace.online_spec()?;
    let project = Project { name: workspace.environment.project.clone(), ..Project::default() };
    let input = without_definitions(workspace, &project, &state, &ledgers);
    let outcome = destroy(&PlanInput {
        observed: Some(&observed),
        store: store.as_deref(),
        gates: &args.all(workspace),
        accepted: &args.accepted,
        ..input
    });
    finish(ui, outcome)
}

/// Plans the deletion of what applies left behind: it carries the project's mark, and the registry does not know it.
pub(crate) async fn make_sweep_plan(
    ui: &Ui,
    workspace: &Workspace,
    registry_is_lost: bool,
) -> CommandResult<Plan> {
    let log = workspace.registry()?;
    let state = log.state().await?;
    let provider = workspace.online_provider()?;
    let mut found = provider.list(None).await?;
    let here = workspace.applied_environment()?.online_store;
    let stores: BTreeSet<&StoreIdentity> = state.tables.values().map(|table| &table.store).collect();
    for store in stores.into_iter().filter(|store| here.as_ref() != Some(*store)) {
        found.extend(provider.list(Some(store)).await?);
    }
    if let (0, Some(first), false) = (state.revision, found.first(), registry_is_lost) {
        return Err(CommandError::new(format!(
            "the registry `{}` is empty, and the online store holds what this project made, such as `{}`",
            workspace.environment.registry.path, first.id.name
        ))
        .with_hint("if the registry lies elsewhere, correct `registry` in feature_store.yaml")
        .with_hint("if it is lost for good and all of it may go: `provender sweep --registry-is-lost`"));
    }
    let store = workspace.online_spec()?;
    let project = Project { name: workspace.environment.project.clone(), ..Project::default() };
    let ledgers = BTreeMap::new();
    let input = without_definitions(workspace, &project, &state, &ledgers);
    finish(ui, sweep(&PlanInput { store: store.as_deref(), ..input }, &found))
}

/// What a plan is made from that reads no definitions.
fn without_definitions<'a>(
    workspace: &'a Workspace,
    project: &'a Project,
    prior: &'a Registry,
    ledgers: &'a BTreeMap<TableId, Ledger>,
) -> PlanInput<'a> {
    PlanInput {
        registry_location: &workspace.environment.registry.path,
        keep_superseded: workspace.environment.keep_superseded,
        ledgers,
        ..PlanInput::of(project, prior, &prior.environment, clock::now())
    }
}

/// Prints errors and warnings; the plan, when nothing stands against it.
pub(crate) fn finish(ui: &Ui, outcome: PlanOutcome) -> CommandResult<Plan> {
    for finding in &outcome.errors {
        ui.error(&refusal(finding));
    }
    match outcome.plan {
        Some(plan) if outcome.errors.is_empty() => Ok(plan),
        _ => Err(CommandError::reported()),
    }
}

fn refusal(finding: &Finding) -> CommandError {
    let place = finding.address.as_ref().map(|address| format!("{address}: ")).unwrap_or_default();
    CommandError::new(format!("[{}] {place}{}", finding.code, finding.message))
}

/// Where the registry is read from.
enum PriorSource {
    Exported(PathBuf),
    Log(RegistryLog),
}

fn prior_source(workspace: &Workspace, args: &PlanningArgs) -> CommandResult<PriorSource> {
    match &args.prior {
        Some(file) => Ok(PriorSource::Exported(file.clone())),
        None => workspace.registry().map(PriorSource::Log),
    }
}

async fn read_prior(source: CommandResult<PriorSource>) -> CommandResult<Prior> {
    let log = match source? {
        PriorSource::Exported(file) => {
            let failed = || CommandError::new(format!("could not read the registry in `{}`", file.display()));
            let bytes = fs::read(&file).map_err(|error| failed().because(error))?;
            let export = Export::parse(&bytes)?;
            return Ok(Prior { state: export.state, ledgers: export.ledgers, log: None });
        }
        PriorSource::Log(log) => log,
    };
    let state = log.state().await?;
    let mut needed: BTreeSet<&TableId> =
        state.tables.values().filter_map(|table| table.replaces.as_ref()).collect();
    needed.retain(|replaced| state.tables.contains_key(replaced));
    let waits = |table: &&OnlineTable| table.replaces.is_some() || !table.backfills.is_empty();
    needed.extend(state.tables.values().filter(waits).map(|table| &table.id));
    let ledgers = read_ledgers(&log, needed.into_iter().cloned().collect()).await?;
    Ok(Prior { state, ledgers, log: Some(log) })
}

pub(crate) async fn read_ledgers(
    log: &RegistryLog,
    tables: Vec<TableId>,
) -> CommandResult<BTreeMap<TableId, Ledger>> {
    let store = log.ledger();
    let reads = stream::iter(tables).map(|table| async {
        let ledger = store.read(&table).await?;
        Ok((table, ledger))
    });
    reads.buffered(AT_ONCE).try_collect().await
}

async fn observe(
    provider: &Arc<dyn Provider>,
    state: &Registry,
) -> CommandResult<BTreeMap<InfraId, InfraObject>> {
    let known: Vec<&InfraObject> = state.infrastructure.values().collect();
    Ok(provider.observe(&known).await?)
}

/// Plans with the ledgers that are always needed and those of views that differ, and again with those of tables that turn
/// out to change for another reason: reading every ledger of a large registry would be most of the time of a plan that
/// changes nothing.
async fn compare(
    workspace: &Workspace,
    loaded: &Loaded,
    definitions_digest: &Fingerprint,
    prior: &Prior,
    observed: Option<&BTreeMap<InfraId, InfraObject>>,
    args: &PlanningArgs,
) -> CommandResult<PlanOutcome> {
    let Some(project) = &loaded.project else { return Err(CommandError::reported()) };
    for address in args.targets.iter().chain(&args.excludes) {
        check_address(address, &project.objects, &prior.state.objects)?;
    }
    check_accepted(&args.gates.accepted, &project.objects, &prior.state.objects)?;
    let environment = workspace.applied_environment()?;
    let store = workspace.online_spec()?;
    let now = args.now.unwrap_or_else(clock::now);
    let gates = args.gates.all(workspace);
    let plan_with = |ledgers: &BTreeMap<TableId, Ledger>| {
        plan(&PlanInput {
            project,
            ranges: &loaded.ranges,
            definitions_digest,
            registry_location: &workspace.environment.registry.path,
            environment: &environment,
            keep_superseded: workspace.environment.keep_superseded,
            prior: &prior.state,
            ledgers,
            observed,
            store: store.as_deref(),
            now,
            gates: &gates,
            accepted: &args.gates.accepted,
            targets: &args.targets,
            excludes: &args.excludes,
        })
    };
    let mut ledgers = prior.ledgers.clone();
    if let Some(log) = &prior.log {
        // A longer ttl changes no table as long as nothing is known to be stored in it.
        let differs = |table: &&OnlineTable| {
            prior.state.objects.get(&table.view) != project.objects.get(&table.view)
                && !ledgers.contains_key(&table.id)
        };
        let changing: Vec<TableId> =
            prior.state.tables.values().filter(differs).map(|table| table.id.clone()).collect();
        ledgers.extend(read_ledgers(log, changing).await?);
    }
    let first = plan_with(&ledgers);
    let (Some(plan), Some(log)) = (&first.plan, &prior.log) else { return Ok(first) };
    let changing = plan.preconditions.tables.keys();
    let unread: Vec<TableId> = changing
        .filter(|table| prior.state.tables.contains_key(table) && !ledgers.contains_key(table))
        .cloned()
        .collect();
    if unread.is_empty() {
        return Ok(first);
    }
    ledgers.extend(read_ledgers(log, unread).await?);
    Ok(plan_with(&ledgers))
}

/// What is accepted must be a rule that there is, on an object that there is.
fn check_accepted(accepted: &[Acceptance], desired: &Objects, prior: &Objects) -> CommandResult<()> {
    for Acceptance { code, on, .. } in accepted {
        if !CODES.contains(&code.as_str()) {
            let error = CommandError::new(format!("`--allow {code}:{on}`: there is no rule `{code}`"));
            return Err(suggestion(code, CODES).into_iter().fold(error, CommandError::with_hint));
        }
        check_address(on, desired, prior)?;
    }
    Ok(())
}

/// A misspelt target would plan nothing and say that all is well.
fn check_address(address: &Address, desired: &Objects, prior: &Objects) -> CommandResult<()> {
    if desired.get(address).is_some() || prior.get(address).is_some() {
        return Ok(());
    }
    let known: BTreeSet<String> = desired.0.keys().chain(prior.0.keys()).map(ToString::to_string).collect();
    let error = CommandError::new(format!("there is no object `{address}`, neither defined nor applied"));
    let help = suggestion(&address.to_string(), known.iter().map(String::as_str));
    Err(help.into_iter().fold(error, CommandError::with_hint))
}

/// Views that are created or updated, and views on a source or entity that is.
fn views_that_change(plan: &Plan, objects: &Objects) -> BTreeSet<String> {
    let changed: BTreeSet<&Address> =
        plan.changes.iter().filter(|change| change.after.is_some()).map(|change| &change.address).collect();
    objects
        .feature_views()
        .filter(|(name, view)| {
            changed.contains(&Address::new(ObjectKind::FeatureView, *name))
                || view.references().iter().any(|reference| changed.contains(reference))
                || objects.history_of(view).is_some_and(|(source, _)| {
                    changed.contains(&Address::new(ObjectKind::DataSource, source))
                })
        })
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Prints errors, and fails where there are any.
pub(crate) fn reported(ui: &Ui, errors: &[CommandError]) -> CommandResult<()> {
    errors.iter().for_each(|error| ui.error(error));
    if errors.is_empty() { Ok(()) } else { Err(CommandError::reported()) }
}

/// Opens each source of these views once, and gives what does not fit.
pub(crate) async fn check_sources(
    objects: &Objects,
    views: &BTreeSet<String>,
    offline: &Arc<dyn OfflineStore>,
) -> Vec<CommandError> {
    let of_view = |name: &String| objects.feature_view(name).and_then(|view| objects.history_of(view));
    let sources: BTreeMap<&str, &DataSource> = views.iter().filter_map(of_view).collect();
    let looks = stream::iter(sources).map(|(name, source)| async move {
        let description = offline.describe(source).await;
        (name, description.map_err(|error| error.context(format!("data_source.{name} cannot be read"))))
    });
    let mut described: BTreeMap<&str, SourceDescription> = BTreeMap::new();
    let mut errors = Vec::new();
    for (name, description) in looks.buffered(AT_ONCE).collect::<Vec<_>>().await {
        match description {
            Ok(description) => drop(described.insert(name, description)),
            Err(error) => errors.push(CommandError::from(error)),
        }
    }
    for name in views {
        let Some((source_name, _)) = of_view(name) else { continue };
        if let Some(description) = described.get(source_name) {
            for problem in check_view(objects, name, description) {
                let error =
                    CommandError::new(format!("feature_view.{name} does not fit data_source.{source_name}"));
                let error = error.because(problem.message);
                errors.push(problem.help.into_iter().fold(error, CommandError::with_hint));
            }
        }
    }
    errors
}
