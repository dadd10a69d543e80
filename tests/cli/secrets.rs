//! Secrets stay where they are: no command prints one, and no file but those that were given holds one. A secret here is a word
//! that stands for one: in an environment variable, in a sensitive variable, in settings of a store.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::provender;

const SECRETS: [&str; 5] = ["canary-env", "canary-var", "canary-redis", "canary-user", "canary-unused"];

fn run(folder: &Path, arguments: &[&str]) -> Output {
    provender(folder)
        .args(arguments)
        .env("STORE", "canary-env")
        .env("PASSWORD", "canary-redis")
        .env("OTHER", "canary-unused")
        .env("PROVENDER_VAR_token", "canary-var")
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full")
        .output()
        .unwrap()
}

/// Runs a command and looks for secrets in what it prints.
fn silent(folder: &Path, arguments: &[&str]) -> (String, Option<i32>) {
    let output = run(folder, arguments);
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    for secret in SECRETS {
        assert!(!printed.contains(secret), "{arguments:?} prints {secret}:\n{printed}");
    }
    (printed, output.status.code())
}

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { files(&entry, found) } else { found.push(entry) }
    }
}

/// No file but the given ones holds a secret.
fn nothing_is_written(folder: &Path) {
    let mut found = Vec::new();
    files(folder, &mut found);
    assert!(found.len() > 4, "{found:?}");
    for path in found {
        let is_given =
            path.file_name().is_some_and(|name| name == "feature_store.yaml" || name == "given.tfvars");
        let bytes = fs::read(&path).unwrap();
        let holds = |secret: &&&str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        if let (Some(secret), false) = (SECRETS.iter().find(holds), is_given) {
            panic!("{} holds {secret}", path.display());
        }
    }
}

const DEFINITIONS: &str = r#"
variable "token" {
  type      = string
  sensitive = true

  validation {
    condition     = length(var.token) > 3
    error_message = "The token is too short."
  }
}

locals {
  header = "Bearer ${var.token}"
  is_set = var.token != ""
}

entity "driver" {
  join_key   = "driver_id"
  value_type = int64
}

data_source "file" "stats" {
  path            = "data/stats.csv"
  timestamp_field = "event_timestamp"
}

feature_view "driver_stats" {
  entities = [entity.driver]
  source   = data_source.stats
  ttl      = "7d"
  feature "conv_rate" { type = float32 }
}

feature_service "ranking" {
  features = [feature_view.driver_stats]
}
"#;

fn project(folder: &Path, environment: &str, more: &str) {
    fs::create_dir_all(folder.join("data")).unwrap();
    fs::write(folder.join("data/stats.csv"), "event_timestamp,driver_id,conv_rate\n2026-01-01,1,0.5\n")
        .unwrap();
    fs::write(folder.join("feature_store.yaml"), environment).unwrap();
    fs::write(folder.join("features.hcl"), format!("{DEFINITIONS}{more}")).unwrap();
}

#[test]
fn no_secret_is_printed_or_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let yaml = "project: shop\nregistry: data/registry\nprovider: local\nonline_store:\n  type: embedded\n  path: data/online\n  map_size: ${MAP_SIZE}\n";
    project(folder, &yaml.replace("  map_size: ${MAP_SIZE}\n", ""), "");
    let succeed = |arguments: &[&str]| {
        let (printed, code) = silent(folder, arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {printed}");
        printed
    };
    succeed(&["validate", "--sources"]);
    succeed(&["plan", "--out", "plan.json", "--verbose"]);
    for format in ["text", "json", "markdown", "html"] {
        succeed(&["show", "plan.json", "--format", format]);
    }
    succeed(&["apply", "plan.json"]);
    succeed(&["materialize", "2026-01-01", "2026-01-02"]);
    succeed(&["get-online-features", "-e", "driver_id=1", "--feature-service", "ranking"]);
    for command in [
        &["list", "feature_views"][..],
        &["describe", "feature_view.driver_stats"],
        &["graph"],
        &["history"],
        &["registry", "export"],
        &["registry", "verify"],
        &["plan"],
        &["diff", ".", "."],
    ] {
        let (printed, code) = silent(folder, command);
        assert!(code == Some(0), "{command:?}: {printed}");
    }
    nothing_is_written(folder);
}

#[test]
fn no_mistake_shows_a_secret() {
    let mistakes = [
        // What is made of a sensitive value.
        "feature_service \"a\" {\n  features    = [feature_view.driver_stats]\n  description = var.token\n}\n",
        "feature_service \"a\" {\n  features    = [feature_view.driver_stats]\n  description = \"to ${local.header}\"\n}\n",
        "feature_service \"a\" {\n  features = [feature_view.driver_stats]\n  tags     = { (var.token) = \"x\" }\n}\n",
        "feature_service \"a\" {\n  for_each = toset([var.token])\n  name     = each.key\n  features = [feature_view.driver_stats]\n}\n",
        // Errors of functions say what they were given.
        "locals { a = tonumber(var.token) }\n",
        "locals { a = jsondecode(var.token) }\n",
        "locals { a = regex(\"[\", var.token) }\n",
        "locals { a = { x = 1 }[var.token] }\n",
        "locals { a = file(var.token) }\n",
        "locals { a = tobool(var.token) }\n",
        "locals { a = timeadd(var.token, \"1h\") }\n",
        "module \"m\" { source = var.token }\n",
        // Paths and endpoints of buckets.
        "data_source \"file\" \"a\" {\n  path            = \"s3://id:canary-redis@b/x.csv\"\n  timestamp_field = \"ts\"\n}\n",
        "data_source \"file\" \"a\" {\n  path            = \"s3://b/x.csv\"\n  endpoint        = \"https://id:canary-redis@h\"\n  timestamp_field = \"ts\"\n}\n",
    ];
    for mistake in mistakes {
        let folder = tempfile::tempdir().unwrap();
        project(folder.path(), "project: shop\nregistry: data/registry\nprovider: local\n", mistake);
        let (printed, code) = silent(folder.path(), &["validate"]);
        let (json, _) = silent(folder.path(), &["validate", "--format", "json"]);
        assert!(code == Some(1) || json.contains("\"valid\""), "{mistake}: {printed}");
        silent(folder.path(), &["plan"]);
    }
}

#[test]
fn no_setting_of_a_store_shows_a_secret() {
    let environments = [
        "project: shop\nprovider: gcp\nregistry: data/registry\nonline_store:\n  type: redis\n  connection_string: \"host:6379,password=canary-redis,ssl=true\"\n",
        "project: shop\nprovider: gcp\nregistry: data/registry\nonline_store:\n  type: redis\n  connection_string: \"redis://canary-user:canary-redis@host:6379/1\"\n",
        "project: shop\nprovider: aws\nregistry: data/registry\nonline_store:\n  type: redis\n  connection_string: \"${HOST}:6379\"\n  username: canary-user\n  password: canary-redis\n",
        "project: shop\nprovider: aws\nregistry: data/registry\nonline_store:\n  type: dynamodb\n  region: eu-west-1\n  password: canary-redis\n",
        "project: shop\nprovider: aws\nregistry: \"s3://canary-user:canary-redis@bucket/registry\"\nonline_store:\n  type: dynamodb\n  region: eu-west-1\n",
        "project: shop\nprovider: local\nregistry: \"data/${STORE}/registry\"\nonline_store:\n  type: embedded\n  path: \"data/${STORE}/online\"\n",
        "project: shop\nprovider: local\nregistry: data/registry\nonline_store:\n  type: embedded\n  path: data/online\n  map_size: \"${PASSWORD}\"\n",
        "project: shop\nprovider: local\nregistry: data/registry\noffline_store:\n  type: file\n  endpoint: \"http://canary-user:canary-redis@host:9000\"\n",
    ];
    for environment in environments {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        project(folder, environment, "");
        for command in [
            &["validate"][..],
            &["validate", "--format", "json"],
            &["plan", "--out", "plan.json"],
            &["show", "plan.json", "--format", "json"],
            &["show", "plan.json", "--format", "html"],
            &["apply", "--auto-approve"],
            &["plan"],
            &["registry", "export"],
            &["get-online-features", "-e", "driver_id=1", "--feature-service", "ranking"],
            &["destroy", "--auto-approve"],
        ] {
            silent(folder, command);
        }
        let mut found = Vec::new();
        files(folder, &mut found);
        for path in found.into_iter().filter(|path| !path.ends_with("feature_store.yaml")) {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            let secret = SECRETS.iter().find(|secret| text.contains(**secret));
            assert_eq!(secret, None, "{}", path.display());
        }
    }
}
