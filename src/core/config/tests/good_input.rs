//! A project that uses all of the language that this version has.

use super::*;
use crate::model::{FileFormat, Objects, SourceKind, ValueType};
use crate::time::Duration;

const PROJECT: &str = r#"
variable "dataset" {
  type    = string
  default = "acme.staging"
}
variable "with_trips" {
  type    = bool
  default = false
}
locals {
  week = "${local.days}d"
  days = 3 + 4
  team = { team = "driver_performance" }
}
entity "driver" {
  join_key    = "driver_id"
  value_type  = int64
  description = "A driver of the fleet."
  owner       = "fleet@acme.example"
  tags        = merge(local.team, { tier = 1 })
}
data_source "bigquery" "driver_stats" {
  table                    = "${var.dataset}.driver_hourly_stats"
  timestamp_field          = "datetime"
  created_timestamp_column = "created"
  field_mapping            = { conversion = "conv_rate" }
}
data_source "bigquery" "by_query" {
  query = <<-SQL
    SELECT *
      FROM ${var.dataset}
  SQL
  timestamp_field = "datetime"
}
data_source "file" "stats_file" {
  path            = "data/driver_stats.parquet"
  timestamp_field = "event_timestamp"
  timestamp_unit  = "ms"
}
data_source "file" "folder" {
  path            = "data/rows/"
  format          = csv
  timestamp_field = "event_timestamp"
}
data_source "push" "driver_events" {
  batch_source = data_source.stats_file
}
data_source "request" "ride" {
  field "val_to_add" { type = int64 }
}
feature_view "stats" {
  entities = [entity.driver]
  source   = var.with_trips ? data_source.nothing_like_it : data_source.driver_events
  ttl      = local.week
  feature "conv_rate" { type = float32 }
  feature "7D_AVG" { type = list(float64) }
  feature "avg_daily_trips" {
    type    = int64
    enabled = var.with_trips
  }
  materialization {
    available_after = "2h"
    lateness        = "1h"
  }
  lifecycle { prevent_destroy = true }
}
feature_view "whole_project" {
  entities = []
  source   = data_source.folder
  feature "total" { type = float64 }
}
feature_service "ranking_v1" {
  features = [feature_view.stats.conv_rate, feature_view.whole_project, feature_view.stats["7D_AVG"]]
  use "origin" {
    view      = feature_view.stats
    join_keys = { driver_id = "origin_id" }
    features  = ["conv_rate"]
  }
  consumer "eta-model" { owner = "ml-eta@acme.example" }
}
"#;

fn objects(variables: &[(&str, &str)]) -> Objects {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let loaded = load_with(&[SourceFile::new("main.hcl", PROJECT)], &environment(), &variables);
    let text = rendered(&loaded);
    loaded.project.unwrap_or_else(|| panic!("{text}")).objects
}

#[test]
fn every_block_becomes_an_object() {
    let objects = objects(&[]);
    let driver = objects.entity("driver").unwrap();
    assert_eq!(driver.join_key, "driver_id");
    assert_eq!(driver.metadata.tags["tier"], "1");
    assert_eq!(driver.metadata.tags["team"], "driver_performance");
    let stats = objects.feature_view("stats").unwrap();
    assert_eq!(
        (stats.entities.as_slice(), stats.source.as_str()),
        (&["driver".to_owned()][..], "driver_events")
    );
    assert_eq!(stats.ttl, Duration::from_seconds(7 * 86_400));
    assert_eq!(stats.materialization.lateness, Duration::from_seconds(3600));
    assert!(stats.lifecycle.prevent_destroy && stats.online);
    let types: Vec<_> =
        stats.features.iter().map(|feature| (feature.name.as_str(), &feature.value_type)).collect();
    assert_eq!(
        types,
        [("conv_rate", &ValueType::Float32), ("7D_AVG", &ValueType::List(Box::new(ValueType::Float64)))]
    );
    assert_eq!(objects.feature_view("whole_project").unwrap().entities, Vec::<String>::new());
}

#[test]
fn sources_of_every_kind_are_read() {
    let objects = objects(&[]);
    let kind = |name: &str| objects.data_source(name).unwrap().kind.clone();
    assert_eq!(
        kind("driver_stats"),
        SourceKind::BigQuery { table: Some("acme.staging.driver_hourly_stats".to_owned()), query: None }
    );
    let query = "SELECT *\n  FROM acme.staging\n".to_owned();
    assert_eq!(kind("by_query"), SourceKind::BigQuery { table: None, query: Some(query) });
    let file = SourceKind::File {
        path: "data/driver_stats.parquet".to_owned(),
        format: FileFormat::Parquet,
        endpoint: None,
    };
    assert_eq!(kind("stats_file"), file);
    assert!(matches!(kind("folder"), SourceKind::File { format: FileFormat::Csv, .. }));
    assert_eq!(kind("driver_events"), SourceKind::Push { batch_source: "stats_file".to_owned() });
    assert!(matches!(kind("ride"), SourceKind::Request { fields } if fields[0].name == "val_to_add"));
}

#[test]
fn a_service_keeps_the_order_of_its_features() {
    let objects = objects(&[]);
    let service = objects.feature_service("ranking_v1").unwrap();
    let selected: Vec<_> = service
        .features
        .iter()
        .map(|selection| (selection.view.as_str(), selection.feature.as_deref()))
        .collect();
    assert_eq!(selected, [("stats", Some("conv_rate")), ("whole_project", None), ("stats", Some("7D_AVG"))]);
    assert_eq!(service.uses[0].join_keys["driver_id"], "origin_id");
    assert_eq!(service.consumers[0].name, "eta-model");
}

#[test]
fn values_given_from_outside_win() {
    let changed = objects(&[("dataset", "prod"), ("with_trips", "false")]);
    let SourceKind::BigQuery { table, .. } = &changed.data_source("driver_stats").unwrap().kind else {
        panic!()
    };
    assert_eq!(table.as_deref(), Some("prod.driver_hourly_stats"));
    let yaml = format!("{YAML}variables: {{ dataset: yaml }}\n");
    let environment = environment::parse(&SourceFile::new("feature_store.yaml", yaml)).0.unwrap();
    let files = [SourceFile::new("main.hcl", PROJECT)];
    let table = |variables: &BTreeMap<String, String>| {
        let project = load_with(&files, &environment, variables).project.unwrap();
        match &project.objects.data_source("driver_stats").unwrap().kind {
            SourceKind::BigQuery { table, .. } => table.clone().unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(table(&BTreeMap::new()), "yaml.driver_hourly_stats");
    let quoted = BTreeMap::from([("dataset".to_owned(), "\"given\"".to_owned())]);
    assert_eq!(table(&quoted), "given.driver_hourly_stats");
}

#[test]
fn ranges_are_those_of_headers() {
    let loaded =
        load_text("entity \"driver\" { value_type = int64 }\n\n  entity \"city\" { value_type = string }");
    let range = &loaded.ranges[&"entity.city".parse().unwrap()];
    assert_eq!((range.start.line, range.start.column, range.end.column), (3, 3, 16));
    assert_eq!(range.filename, "main.hcl");
}

const MODULE: &str = r#"
variable "driver" { type = entity }
variable "rates" {
  type    = list(string)
  default = ["conv", "acc"]
}

data_source "file" "stats" {
  path            = "data/stats.parquet"
  timestamp_field = "event_timestamp"
}

feature_view "stats" {
  entities = [var.driver]
  source   = data_source.stats
  feature "rate" {
    for_each = var.rates
    name     = "${each.value}_rate"
    type     = float32
  }
}
"#;

/// What a folder defines and what a module of it defines are the same objects, at the same addresses.
#[test]
fn a_block_may_move_into_a_module() {
    let entity = r#"entity "driver" { value_type = int64 }"#;
    let service = "feature_service \"ranking\" { features = [SCOPE.conv_rate] }\n";
    let flat =
        MODULE.replace("variable \"driver\" { type = entity }", "").replace("var.driver", "entity.driver")
            + entity
            + "\n"
            + &service.replace("SCOPE", "feature_view.stats");
    let root = format!(
        "{entity}\n{}module \"drivers\" {{\n  source = \"./modules/drivers\"\n  driver = entity.driver\n}}\n",
        service.replace("SCOPE", "module.drivers.feature_view.stats")
    );
    let files = [SourceFile::new("main.hcl", root), SourceFile::new("modules/drivers/main.hcl", MODULE)];
    let loaded = load_with(&files, &environment(), &BTreeMap::new());
    assert_eq!(rendered(&loaded), "");
    assert_eq!(loaded.project, load_text(&flat).project);
    assert!(loaded.project.is_some());
}

/// A list goes in its order, a map by key; modules may be loops too, and take lists and maps of values.
#[test]
fn loops_make_objects_in_order() {
    let root = r#"
entity "driver" { value_type = int64 }
module "region" {
  for_each = { north = ["b", "a"], south = [] }
  name     = each.key
  source   = "./modules/drivers"
  region   = each.key
  driver   = entity.driver
  rates    = each.value
}
feature_service "ranking" { features = [module.north.feature_view.stats_north] }
"#;
    let module = MODULE
        .replace("\"stats\" {", "\"stats\" {\n  name = \"stats_${var.region}\"")
        .replace("data_source.stats", "data_source[\"stats_${var.region}\"]")
        + "variable \"region\" { type = string }\n";
    let files = [SourceFile::new("main.hcl", root), SourceFile::new("modules/drivers/main.hcl", module)];
    let loaded = load_with(&files, &environment(), &BTreeMap::new());
    assert_eq!(rendered(&loaded), "");
    let objects = loaded.project.unwrap().objects;
    let names: Vec<&str> = objects.feature_views().map(|(name, _)| name).collect();
    assert_eq!(names, ["stats_north", "stats_south"]);
    let features = &objects.feature_view("stats_north").unwrap().features;
    let names: Vec<&str> = features.iter().map(|feature| feature.name.as_str()).collect();
    assert_eq!(names, ["b_rate", "a_rate"]);
}

/// A source is known by its short name, and as it is written in `sources`: by its kind, its module, or what a variable holds.
#[test]
fn an_expression_names_a_source_as_sources_do() {
    let module = r#"
data_source "file" "stats" {
  path            = "s.parquet"
  timestamp_field = "ts"
}
data_source "request" "ride" {
  field "value" { type = int64 }
}
feature_view "stats" {
  entities = []
  source   = data_source.stats
  feature "rate" { type = float32 }
  feature "7d" { type = float32 }
}
"#;
    let other = r#"
variable "view" { type = feature_view }
variable "ride" { type = data_source }
locals { both = { view = var.view, ride = var.ride } }
on_demand_feature_view "computed" {
  sources = [var.view, var.ride]
  feature "a" {
    type       = float64
    expression = var.view.rate + var.view["7d"] + local.both.view.rate
  }
  feature "b" {
    type       = int64
    expression = var.ride.value + local.both.ride.value
  }
}
"#;
    let root = r#"
module "m" { source = "./modules/m" }
module "n" {
  source = "./modules/n"
  view   = module.m.feature_view.stats
  ride   = module.m.data_source.ride
}
on_demand_feature_view "plain" {
  sources = [module.m.feature_view.stats, module.m.data_source.ride]
  feature "a" {
    type       = float64
    expression = module.m.feature_view.stats.rate + module.m.feature_view.stats["7d"] + stats.rate
  }
  feature "b" {
    type       = int64
    expression = module.m.data_source.ride.value + data_source.ride.value
  }
}
"#;
    let files = [
        SourceFile::new("main.hcl", root),
        SourceFile::new("modules/m/main.hcl", module),
        SourceFile::new("modules/n/main.hcl", other),
    ];
    let loaded = load_with(&files, &environment(), &BTreeMap::new());
    assert_eq!(rendered(&loaded), "");
    let objects = loaded.project.unwrap().objects;
    for name in ["plain", "computed"] {
        let view = objects.on_demand_feature_view(name).unwrap();
        let texts: Vec<&str> = view.features.iter().map(|feature| feature.expression.as_str()).collect();
        assert_eq!(texts, ["stats.rate + stats[\"7d\"] + stats.rate", "ride.value + ride.value"]);
    }
}

#[test]
fn moved_removed_and_allow_are_read() {
    let loaded = load_text(
        r#"
entity "driver" { value_type = int64 }
data_source "file" "stats" {
  path            = "s.parquet"
  timestamp_field = "ts"
}
feature_view "stats" {
  entities = [entity.driver]
  source   = data_source.stats
  feature "rate" { type = float32 }
}
moved {
  from        = feature_view.older
  to          = feature_view.old
}
moved {
  from        = feature_view.old
  to          = feature_view.stats
  alias_until = "2027-03-31"
}
moved {
  from        = feature_view.stats.ratio
  to          = feature_view.stats.rate
  alias_until = "2027-03-31"
}
removed {
  from = feature_view.gone
  lifecycle { destroy = false }
}
allow "PV104" {
  on      = feature_view.stats
  reason  = "reviewed"
  expires = "2026-12-31"
}
"#,
    );
    assert_eq!(rendered(&loaded), "");
    let project = loaded.project.unwrap();
    let moves: Vec<String> =
        project.moved.iter().map(|moved| format!("{} {}", moved.from, moved.to)).collect();
    assert_eq!(
        moves,
        [
            "feature_view.older feature_view.old",
            "feature_view.old feature_view.stats",
            "feature_view.stats.ratio feature_view.stats.rate"
        ]
    );
    let view = project.objects.feature_view("stats").unwrap();
    let until = "2027-04-01T00:00:00Z".parse().unwrap();
    assert_eq!(view.aliases, [("old".to_owned(), until)].into());
    assert_eq!(view.features[0].aliases, [("ratio".to_owned(), until)].into());
    assert!(!project.removed[0].destroy);
    assert_eq!(project.allowed[0].expires, Some("2027-01-01T00:00:00Z".parse().unwrap()));
}

/// The JSON form says the same as the text that it stands for.
#[test]
fn the_json_form_is_the_same_project() {
    let hcl = r#"
variable "team" { default = "drivers" }
locals { week = "7d" }
entity "driver" {
  join_key   = "driver_id"
  value_type = int64
  tags       = { team = "${var.team}-team", size = 3 }
}
data_source "file" "stats" {
  path            = "data/${var.team}.parquet"
  timestamp_field = "ts"
}
data_source "request" "ride" {
  field "val" { type = int64 }
  field "other" { type = list(string) }
}
feature_view "stats" {
  entities = [entity.driver]
  source   = data_source.stats
  ttl      = local.week
  online   = false
  feature "rate" { type = float32 }
  feature "n" {
    for_each = range(1, 3)
    name     = "n_${each.value}"
    type     = int64
  }
  materialization { lateness = "1h" }
  lifecycle { prevent_destroy = true }
}
on_demand_feature_view "sum" {
  sources = [feature_view.stats, data_source.ride]
  feature "sum" {
    type       = float64
    expression = stats.rate + ride.val
  }
}
feature_service "ranking" {
  features = [feature_view.stats.rate, on_demand_feature_view.sum]
  use "again" {
    view      = feature_view.stats
    join_keys = { driver_id = "other_id" }
    features  = ["n_1"]
  }
  consumer "eta" { owner = "eta@acme.example" }
}
moved {
  from        = feature_view.old
  to          = feature_view.stats
  alias_until = "2027-01-01"
}
"#;
    let json = r#"{
  "//": "a comment",
  "variable": { "team": { "default": "drivers" } },
  "locals": { "week": "7d" },
  "entity": { "driver": { "join_key": "driver_id", "value_type": "int64", "tags": { "team": "${var.team}-team", "size": 3 } } },
  "data_source": {
    "file": { "stats": { "path": "data/${var.team}.parquet", "timestamp_field": "ts" } },
    "request": { "ride": { "field": [{ "val": { "type": "int64" } }, { "other": { "type": "list(string)" } }] } }
  },
  "feature_view": { "stats": {
    "entities": ["entity.driver"], "source": "data_source.stats", "ttl": "${local.week}", "online": false,
    "feature": { "rate": { "type": "float32" }, "n": { "for_each": "${range(1, 3)}", "name": "n_${each.value}", "type": "int64" } },
    "materialization": { "lateness": "1h" }, "lifecycle": { "prevent_destroy": true }
  } },
  "on_demand_feature_view": { "sum": {
    "sources": ["feature_view.stats", "data_source.ride"],
    "feature": { "sum": { "type": "float64", "expression": "stats.rate + ride.val" } }
  } },
  "feature_service": { "ranking": {
    "features": ["feature_view.stats.rate", "on_demand_feature_view.sum"],
    "use": { "again": { "view": "feature_view.stats", "join_keys": { "driver_id": "other_id" }, "features": ["n_1"] } },
    "consumer": { "eta": { "owner": "eta@acme.example" } }
  } },
  "moved": [{ "from": "feature_view.old", "to": "feature_view.stats", "alias_until": "2027-01-01" }]
}"#;
    let from_hcl = load_text(hcl);
    assert_eq!(rendered(&from_hcl), "");
    let files = [SourceFile::new("main.hcl.json", json)];
    let from_json = load_with(&files, &environment(), &BTreeMap::new());
    assert_eq!(rendered(&from_json), "");
    assert_eq!(from_json.project, from_hcl.project);
    assert!(from_hcl.project.is_some());
}

/// A folder that is a module is no part of the scope around it, and neither are its own modules.
#[test]
fn a_module_beside_other_files_is_a_scope_of_its_own() {
    let entity = |name: &str| format!("entity \"{name}\" {{ value_type = int64 }}\n");
    let files = [
        SourceFile::new("main.hcl", "module \"drivers\" { source = \"./drivers\" }\n"),
        SourceFile::new("drivers/main.hcl", entity("driver") + "module \"x\" { source = \"./x\" }\n"),
        SourceFile::new("drivers/x/main.hcl", entity("inner")),
        SourceFile::new("x/main.hcl", entity("outer")),
    ];
    let module_files = |folder: &str| {
        // As the command line gives them: with all that lies below.
        let inside = |file: &&SourceFile| file.path.starts_with(&format!("{folder}/"));
        Ok(files.iter().filter(inside).cloned().collect())
    };
    let loaded = load(&LoadInput {
        files: &files,
        environment: &environment(),
        variables: &BTreeMap::new(),
        read_file: &|_| Err("no files".to_owned()),
        module_files: &module_files,
    });
    assert_eq!(rendered(&loaded), "");
    let names: Vec<String> =
        loaded.project.unwrap().objects.0.keys().map(|address| address.name.clone()).collect();
    assert_eq!(names, ["driver", "inner", "outer"]);
}
