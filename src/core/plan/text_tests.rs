//! Plans over generated projects that are written as HCL: where blocks stand means nothing, and a service is affected exactly
//! when something that it reads is. The oracle knows the projects, and nothing of plans.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proptest::prelude::*;

use super::tests::{World, cases};
use crate::config::{LoadInput, environment, load};
use crate::model::Objects;
use crate::source::SourceFile;

/// A project, from numbers.
#[derive(Clone, Debug)]
struct Text {
    /// Which of two join keys each entity has.
    keys: [u8; 2],
    /// Which of two files each source reads.
    paths: [u8; 2],
    /// Types of the request fields `a` and `b`; `b` may be missing (2).
    fields: [u8; 2],
    views: [ViewText; 3],
    /// Expressions of the on-demand features `o0` and `o1`; 4: there is no such feature.
    expressions: [u8; 2],
    services: [ServiceText; 2],
}

#[derive(Clone, Debug)]
struct ViewText {
    there: bool,
    online: bool,
    entity: u8,
    source: u8,
    ttl: u8,
    /// Type of each feature; 0: it is not there.
    features: [u8; 3],
}

#[derive(Clone, Debug)]
struct ServiceText {
    there: bool,
    /// Views that are taken whole.
    whole: [bool; 3],
    /// Features that are taken one by one: of three views, then the on-demand ones.
    single: [[bool; 3]; 4],
}

type Reads = BTreeSet<(String, String)>;

impl Text {
    fn view(&self, view: usize) -> Option<&ViewText> {
        Some(&self.views[view]).filter(|shape| shape.there)
    }

    fn feature(&self, view: usize, feature: usize) -> Option<u8> {
        let kind = self.view(view)?.features[feature];
        (kind > 0).then_some(kind)
    }

    fn field(&self, field: usize) -> Option<u8> {
        (self.fields[field] < 2).then_some(self.fields[field])
    }

    /// The text, and the columns that it reads: (view 0's first feature, field `a`, field `b`).
    fn expression(&self, feature: usize) -> Option<(&'static str, [bool; 3])> {
        match self.expressions[feature] {
            0 => Some(("v0.f00 * r.a", [true, true, false])),
            1 => Some(("v0.f00 + r.a", [true, true, false])),
            2 => Some(("r.a * 2", [false, true, false])),
            3 if self.field(1).is_some() => Some(("v0.f00 * r.b", [true, false, true])),
            _ => None,
        }
    }

    fn has_on_demand(&self) -> bool {
        (0..2).any(|feature| self.expression(feature).is_some())
    }

    /// What a service gives: view and feature.
    fn outputs(&self, service: usize) -> Reads {
        let mut outputs = Reads::new();
        let shape = &self.services[service];
        for (view, feature) in (0..3).flat_map(|view| (0..3).map(move |feature| (view, feature))) {
            let taken = shape.whole[view] || shape.single[view][feature];
            if shape.there && taken && self.feature(view, feature).is_some() {
                outputs.insert((format!("v{view}"), format!("f{view}{feature}")));
            }
        }
        for feature in (0..2).filter(|feature| shape.there && shape.single[3][*feature]) {
            if self.expression(feature).is_some() {
                outputs.insert(("o".to_owned(), format!("o{feature}")));
            }
        }
        outputs
    }

    /// What a service reads: what it gives, and what that is computed from.
    fn reads(&self, service: usize) -> Reads {
        let mut reads = self.outputs(service);
        for feature in (0..2)
            .filter(|feature| reads.contains(&("o".to_owned(), format!("o{feature}"))))
            .collect::<Vec<_>>()
        {
            let columns = [("v0", "f00"), ("r", "a"), ("r", "b")];
            let read = self.expression(feature).map(|(_, read)| read).unwrap_or_default();
            let behind = columns.into_iter().zip(read).filter(|(_, read)| *read);
            reads.extend(behind.map(|((of, name), _)| (of.to_owned(), name.to_owned())));
        }
        reads
    }

    /// Names that a request for a service must send.
    fn requested(&self, service: usize) -> BTreeSet<String> {
        let reads = self.reads(service);
        let keys = (0..3).filter(|view| reads.iter().any(|(of, _)| *of == format!("v{view}")));
        let keys = keys.map(|view| self.join_key(view));
        let fields = reads.iter().filter(|(of, _)| of == "r").map(|(_, name)| name.clone());
        keys.chain(fields).collect()
    }

    fn join_key(&self, view: usize) -> String {
        let entity = self.views[view].entity;
        format!("k{entity}_{}", self.keys[usize::from(entity)])
    }

    fn path(&self, view: usize) -> String {
        let source = self.views[view].source;
        format!("data/{source}_{}.parquet", self.paths[usize::from(source)])
    }

    /// Blocks by address, with their references as `entity.e0` and so on between `<` and `>`.
    fn blocks(&self) -> BTreeMap<String, String> {
        let types = ["int32", "int64", "float32"];
        let field_types = ["float64", "float32"];
        let mut blocks = BTreeMap::new();
        for at in 0..2 {
            let key = self.keys[at];
            blocks.insert(
                format!("entity.e{at}"),
                format!("entity \"e{at}\" {{\n  join_key = \"k{at}_{key}\"\n  value_type = int64\n}}\n"),
            );
            let path = self.paths[at];
            blocks.insert(
                format!("data_source.s{at}"),
                format!("data_source \"file\" \"s{at}\" {{\n  path = \"data/{at}_{path}.parquet\"\n  timestamp_field = \"at\"\n}}\n"),
            );
        }
        let mut request = "data_source \"request\" \"r\" {\n".to_owned();
        for (at, name) in ["a", "b"].iter().enumerate() {
            if let Some(kind) = self.field(at) {
                let _ =
                    writeln!(request, "  field \"{name}\" {{ type = {} }}", field_types[usize::from(kind)]);
            }
        }
        blocks.insert("data_source.r".to_owned(), request + "}\n");
        for at in 0..3 {
            let Some(view) = self.view(at) else { continue };
            let mut text = format!(
                "feature_view \"v{at}\" {{\n  entities = [<entity.e{}>]\n  source = <data_source.s{}>\n  online = {}\n",
                view.entity, view.source, view.online
            );
            if view.ttl > 0 {
                let _ = writeln!(text, "  ttl = \"{}d\"", view.ttl);
            }
            for feature in 0..3 {
                if let Some(kind) = self.feature(at, feature) {
                    let _ = writeln!(
                        text,
                        "  feature \"f{at}{feature}\" {{ type = {} }}",
                        types[usize::from(kind) - 1]
                    );
                }
            }
            blocks.insert(format!("feature_view.v{at}"), text + "}\n");
        }
        if self.has_on_demand() {
            let mut text =
                "on_demand_feature_view \"o\" {\n  sources = [<feature_view.v0>, <data_source.r>]\n"
                    .to_owned();
            for feature in 0..2 {
                if let Some((expression, _)) = self.expression(feature) {
                    let _ = writeln!(
                        text,
                        "  feature \"o{feature}\" {{\n    type = float64\n    expression = {expression}\n  }}"
                    );
                }
            }
            blocks.insert("on_demand_feature_view.o".to_owned(), text + "}\n");
        }
        for at in 0..2 {
            let outputs = self.outputs(at);
            let whole = |view: &str| {
                (0..3).any(|number| view == format!("v{number}") && self.services[at].whole[number])
            };
            let selected: BTreeSet<String> = outputs
                .iter()
                .map(|(view, feature)| match view.as_str() {
                    "o" => format!("<on_demand_feature_view.o>.{feature}"),
                    view if whole(view) => format!("<feature_view.{view}>"),
                    view => format!("<feature_view.{view}>.{feature}"),
                })
                .collect();
            if !selected.is_empty() {
                let selected = Vec::from_iter(selected).join(", ");
                let text = format!("feature_service \"m{at}\" {{\n  features = [{selected}]\n}}\n");
                blocks.insert(format!("feature_service.m{at}"), text);
            }
        }
        blocks
    }

    /// The objects of the text when these blocks stand in a module, and the blocks are in this order.
    fn objects(&self, in_module: &dyn Fn(usize) -> bool, order: &dyn Fn(usize) -> usize) -> Objects {
        let blocks = self.blocks();
        let inside: BTreeSet<&str> = blocks
            .keys()
            .enumerate()
            .filter(|(at, _)| in_module(*at))
            .map(|(_, address)| address.as_str())
            .collect();
        let mut arguments: BTreeSet<&str> = BTreeSet::new();
        let mut texts: Vec<(bool, String)> = Vec::new();
        for (address, block) in &blocks {
            let is_inside = inside.contains(address.as_str());
            let mut text = String::new();
            for (at, part) in block.split(['<', '>']).enumerate() {
                match (at % 2 == 1, is_inside, inside.contains(part)) {
                    (true, false, true) => text.extend(["module.m.", part]),
                    (true, true, false) => {
                        arguments.insert(part);
                        text.extend(["var.", &part.replace('.', "_")]);
                    }
                    _ => text.push_str(part),
                }
            }
            texts.push((is_inside, text));
        }
        let mut places: Vec<usize> = (0..texts.len()).collect();
        places.sort_by_key(|at| order(*at));
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for (file, at) in places.into_iter().enumerate() {
            let (is_inside, text) = &texts[at];
            let folder = if *is_inside { "modules/m/" } else { "" };
            files.entry(format!("{folder}file{}.hcl", file % 3)).or_default().push_str(text);
        }
        if !inside.is_empty() {
            let mut call = "module \"m\" {\n  source = \"./modules/m\"\n".to_owned();
            let mut variables = String::new();
            for address in arguments {
                let name = address.replace('.', "_");
                let _ = writeln!(call, "  {name} = {address}");
                let _ = writeln!(variables, "variable \"{name}\" {{}}");
            }
            files.insert("main.hcl".to_owned(), call + "}\n");
            files.insert("modules/m/variables.hcl".to_owned(), variables);
        }
        loaded(files)
    }

    fn plain(&self) -> Objects {
        self.objects(&|_| false, &|at| at)
    }
}

fn loaded(files: BTreeMap<String, String>) -> Objects {
    let files: Vec<SourceFile> = files.into_iter().map(|(path, text)| SourceFile::new(path, text)).collect();
    let yaml = SourceFile::new(environment::FILE_NAME, "project: test\nprovider: local\nregistry: r\n");
    let environment = environment::parse(&yaml).0.unwrap();
    let of_folder = |folder: &str| -> Result<Vec<SourceFile>, String> {
        let inside = files.iter().filter(|file| file.path.starts_with(&format!("{folder}/")));
        Ok(inside.cloned().collect())
    };
    let loaded = load(&LoadInput {
        files: &files,
        environment: &environment,
        variables: &BTreeMap::new(),
        read_file: &|_| Err("no files here".to_owned()),
        module_files: &of_folder,
    });
    let options = crate::diagnostic::RenderOptions { styled: false, width: 100 };
    let Some(project) = loaded.project else {
        panic!("{}", crate::diagnostic::render(&loaded.diagnostics, &loaded.sources, &options))
    };
    project.objects
}

/// Features and request fields that a reader notices to be others: by what the projects say, and whether tables were filled.
fn touched(before: &Text, after: &Text, filled: bool) -> Reads {
    let mut touched = Reads::new();
    let forever = |ttl: u8| if ttl == 0 { u8::MAX } else { ttl };
    for view in 0..3 {
        let Some(old) = before.view(view) else { continue };
        let new = after.view(view);
        let whole = new.is_none_or(|new| {
            let moved =
                before.join_key(view) != after.join_key(view) || before.path(view) != after.path(view);
            let online = old.online && new.online;
            // Nothing but int32 to int64 fits into the old table.
            let retyped = old
                .features
                .iter()
                .zip(new.features)
                .any(|(old, new)| *old > 0 && new > 0 && *old != new && (*old, new) != (1, 2));
            let shorter = forever(new.ttl) < forever(old.ttl);
            let longer = forever(new.ttl) > forever(old.ttl) && online && filled;
            moved || shorter || longer || (old.online && !new.online) || (online && retyped)
        });
        for feature in 0..3 {
            let types = [old.features[feature], new.map_or(0, |new| new.features[feature])];
            let comes = types[0] == 0 && types[1] > 0;
            let added = comes && filled && old.online && new.is_some_and(|new| new.online);
            let gone_or_other = types[0] > 0 && types[0] != types[1];
            if gone_or_other || added || (whole && types != [0, 0]) {
                touched.insert((format!("v{view}"), format!("f{view}{feature}")));
            }
        }
    }
    for feature in 0..2 {
        let texts = [before, after].map(|text| text.expression(feature).map(|(text, _)| text));
        if texts[0].is_some() && texts[0] != texts[1] {
            touched.insert(("o".to_owned(), format!("o{feature}")));
        }
    }
    for (field, name) in ["a", "b"].iter().enumerate() {
        if before.field(field) != after.field(field) {
            touched.insert(("r".to_owned(), (*name).to_owned()));
        }
    }
    touched
}

/// Services that notice something, by the projects alone.
fn affected(before: &Text, after: &Text, filled: bool) -> BTreeSet<String> {
    let touched = touched(before, after, filled);
    let notices = |service: &usize| {
        let outputs = [before, after].map(|text| text.outputs(*service));
        let reads = before.reads(*service).into_iter().chain(after.reads(*service));
        let loses = !outputs[0].is_subset(&outputs[1]);
        let is_known = !outputs[0].is_empty();
        let asks_more = !after.requested(*service).is_subset(&before.requested(*service));
        let gains = !outputs[1].is_subset(&outputs[0]);
        reads.into_iter().any(|read| touched.contains(&read)) || loses || (is_known && gains && asks_more)
    };
    (0..2).filter(notices).map(|service| format!("feature_service.m{service}")).collect()
}

prop_compose! {
    fn view_text()(there in prop::bool::weighted(0.8), online in prop::bool::weighted(0.8), entity in 0_u8..2, source in 0_u8..2, ttl in 0_u8..3,
        features in [1_u8..4, 0_u8..4, 0_u8..4]) -> ViewText {
        ViewText { there, online, entity, source, ttl, features }
    }
}

prop_compose! {
    fn service_text()(there in prop::bool::weighted(0.9), whole: [bool; 3], single: [[bool; 3]; 4]) -> ServiceText {
        ServiceText { there, whole, single }
    }
}

prop_compose! {
    fn text()(keys in [0_u8..2, 0_u8..2], paths in [0_u8..2, 0_u8..2], fields in [0_u8..2, 0_u8..3], mut views in [view_text(), view_text(), view_text()],
        expressions in [0_u8..5, 0_u8..5], services in [service_text(), service_text()]) -> Text {
        views[0].there = true;
        Text { keys, paths, fields, views, expressions, services }
    }
}

/// A project and another one that differs from it in a few places.
fn edited() -> impl Strategy<Value = (Text, Text)> {
    (text(), text(), any::<[bool; 12]>()).prop_map(|(first, other, take)| {
        let mut second = first.clone();
        // Each part is taken over in one of four projects.
        let take: Vec<bool> = take.chunks(2).map(|pair| pair == [true, true]).collect();
        if take[0] {
            second.keys = other.keys;
        }
        if take[1] {
            second.paths = other.paths;
        }
        if take[2] {
            second.fields = other.fields;
        }
        if take[3] {
            second.views[0] = other.views[0].clone();
            second.views[2] = other.views[2].clone();
        }
        if take[4] {
            second.expressions = other.expressions;
        }
        if take[5] {
            second.services[0] = other.services[0].clone();
        }
        (first, second)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Blocks in another order, in other files and in or out of a module are the same project.
    #[test]
    fn where_blocks_stand_means_nothing(text in text(), inside: u32, other: u32, order: [u8; 16]) {
        let first = text.objects(&|at| inside >> at & 1 == 1, &|at| at);
        let mut world = World::default();
        world.apply_all(&first);
        world.materialize();
        let second = text.objects(&|at| other >> at & 1 == 1, &|at| usize::from(order[at % 16]) * 16 + at);
        let plan = world.plan(&second);
        prop_assert!(plan.changes.is_empty() && plan.steps.is_empty(), "{:?}", plan.changes);
    }

    /// A service is listed exactly if something that it reads, itself or through expressions, is touched.
    #[test]
    fn a_service_is_affected_exactly_when_what_it_reads_is((before, after) in edited(), fill: bool) {
        let mut world = World::default();
        world.apply_all(&before.plain());
        if fill {
            world.materialize();
        }
        let plan = world.plan(&after.plain());
        let listed: BTreeSet<String> = plan.affected.iter().map(|affected| affected.address.to_string()).collect();
        prop_assert_eq!(listed, affected(&before, &after, fill));
    }
}
