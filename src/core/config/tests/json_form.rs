//! A project is the same whichever of its blocks are written in the JSON form, translated by rule: the `hcl` crate's own
//! reading of the text, with Terraform's mapping.

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::*;

const BLOCKS: [&str; 14] = [
    "variable \"team\" {\n  type    = string\n  default = \"drivers $${x}\"\n  validation {\n    condition     = length(var.team) > 2\n    error_message = \"short\"\n  }\n}",
    "locals {\n  week  = \"7d\"\n  sizes = { for n in range(3) : \"s${n}\" => n * 2 if n != 1 }\n}",
    "entity \"driver\" {\n  join_key   = \"driver_id\"\n  value_type = int64\n  tags       = { team = \"${var.team}-%%{x}\", size = local.sizes[\"s2\"], \"a b\" = upper(\"x\") }\n}",
    "entity \"city\" {\n  value_type  = string\n  description = <<EOT\n  Text of ${length(local.sizes)}\n    lines, \"quoted\".\nEOT\n}",
    "data_source \"file\" \"stats\" {\n  path            = \"data/${var.team == \"x\" ? \"a\" : \"b\"}.parquet\"\n  format          = parquet\n  timestamp_field = \"ts\"\n  field_mapping   = { a = \"b\" }\n}",
    "data_source \"push\" \"events\" {\n  batch_source = data_source.stats\n}",
    "data_source \"request\" \"ride\" {\n  field \"val\" { type = int64 }\n  field \"other\" { type = list(string) }\n}",
    "feature_view \"stats\" {\n  entities = [entity.driver]\n  source   = data_source.events\n  ttl      = local.week\n  online   = 1 < 2\n  feature \"rate\" { type = float32 }\n  feature \"n\" {\n    for_each = range(1, 3)\n    name     = \"n_${each.value}\"\n    type     = int64\n  }\n  feature \"late\" {\n    type    = string\n    enabled = false\n  }\n  materialization { lateness = \"1h\" }\n  lifecycle { prevent_destroy = true }\n}",
    "feature_view \"many\" {\n  for_each = { x = \"1d\", y = \"2d\" }\n  name     = \"many_${each.key}\"\n  entities = []\n  source   = data_source.stats\n  ttl      = each.value\n  feature \"a\" { type = list(bytes) }\n}",
    "on_demand_feature_view \"sum\" {\n  sources = [feature_view.stats, data_source.ride]\n  feature \"sum\" {\n    type       = float64\n    expression = stats.rate > 2 ? stats.rate + ride.val * 2 : -coalesce(stats.n_1, 0) / 3\n  }\n}",
    "feature_service \"ranking\" {\n  features = [feature_view.stats.rate, on_demand_feature_view.sum, feature_view.many_x]\n  use \"again\" {\n    view      = feature_view.stats\n    join_keys = { driver_id = \"other_id\" }\n    features  = [\"n_1\"]\n  }\n  consumer \"eta\" { owner = \"eta@acme.example\" }\n}",
    "moved {\n  from        = feature_view.old\n  to          = feature_view.stats\n  alias_until = \"2027-01-01\"\n}",
    "removed {\n  from = feature_view.legacy\n  lifecycle { destroy = false }\n}",
    "allow \"PV104\" {\n  on      = feature_view.stats\n  reason  = \"Looked at.\"\n  expires = \"2026-12-31\"\n}",
];

/// Attributes whose strings are expressions.
const EXPRESSIONS: [&str; 12] = [
    "type",
    "value_type",
    "format",
    "entities",
    "source",
    "sources",
    "batch_source",
    "features",
    "view",
    "expression",
    "from",
    "condition",
];

/// One block as a JSON document; `bare` leaves out `${…}` where strings are expressions anyway.
fn document(text: &str, bare: bool) -> String {
    let body = hcl::parse(text).unwrap();
    let mut top = Map::new();
    for block in body.into_blocks() {
        top.insert(block.identifier.to_string(), labelled(&block, bare));
    }
    Json::Object(top).to_string()
}

fn labelled(block: &hcl::Block, bare: bool) -> Json {
    let inner = body(block, bare);
    block.labels.iter().rev().fold(inner, |inner, label| json!({ label.as_str(): inner }))
}

fn body(block: &hcl::Block, bare: bool) -> Json {
    let mut entries = Map::new();
    for structure in block.body.iter() {
        match structure {
            hcl::Structure::Attribute(attribute) => {
                let literal = (block.identifier.as_str(), attribute.key.as_str()) == ("variable", "default");
                let bare =
                    bare && block.identifier.as_str() != "use" && EXPRESSIONS.contains(&attribute.key());
                entries.insert(attribute.key.to_string(), value(&attribute.expr, bare, literal));
            }
            // In a list, so that several keep their order.
            hcl::Structure::Block(block) => {
                let list = entries.entry(block.identifier.to_string()).or_insert_with(|| json!([]));
                list.as_array_mut().unwrap().push(labelled(block, bare));
            }
        }
    }
    Json::Object(entries)
}

fn value(expression: &hcl::Expression, bare: bool, literal: bool) -> Json {
    let template =
        |text: &str| if literal { text.to_owned() } else { text.replace("${", "$${").replace("%{", "%%{") };
    match expression {
        hcl::Expression::Null => Json::Null,
        hcl::Expression::Bool(value) => json!(value),
        hcl::Expression::Number(number) => serde_json::from_str(&number.to_string()).unwrap(),
        hcl::Expression::String(text) => Json::String(template(text)),
        hcl::Expression::Array(elements) => elements.iter().map(|one| value(one, bare, literal)).collect(),
        hcl::Expression::Object(entries) => {
            let entries = entries.iter().map(|(key, one)| {
                let key = match key {
                    hcl::ObjectKey::Identifier(word) => word.to_string(),
                    hcl::ObjectKey::Expression(hcl::Expression::String(text)) => text.clone(),
                    other => panic!("{other}"),
                };
                (key, value(one, false, literal))
            });
            Json::Object(entries.collect())
        }
        hcl::Expression::TemplateExpr(template) => match &**template {
            hcl::TemplateExpr::QuotedString(text) => Json::String(text.clone()),
            hcl::TemplateExpr::Heredoc(heredoc) => Json::String(heredoc.template.clone()),
        },
        other => {
            let text = hcl::format::to_string(other).unwrap();
            Json::String(if bare { text } else { format!("${{{text}}}") })
        }
    }
}

proptest! {
    #[test]
    fn blocks_in_the_json_form_say_the_same(
        order in Just((0..BLOCKS.len()).collect::<Vec<_>>()).prop_shuffle(),
        forms in proptest::collection::vec(0..3_u8, BLOCKS.len()),
    ) {
        let plain = load_text(&BLOCKS.join("\n"));
        let files: Vec<SourceFile> = order.iter().map(|block| match forms[*block] {
            0 => SourceFile::new(format!("{block:02}.hcl"), format!("{}\n", BLOCKS[*block])),
            form => SourceFile::new(format!("{block:02}.hcl.json"), document(BLOCKS[*block], form == 1)),
        }).collect();
        let mixed = load_with(&files, &environment(), &BTreeMap::new());
        prop_assert!(plain.project.is_some(), "{}", rendered(&plain));
        prop_assert_eq!(&plain.project, &mixed.project, "{}\n{:?}", rendered(&mixed), files);
    }
}
