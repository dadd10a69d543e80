//! The reference of the language, made from the schemas that read it: every block with its attributes and blocks. A test
//! writes `docs/reference/language.md` from it and fails where an attribute has no words.

use std::fmt::Write as _;

use super::{
    data_source, entity, feature_service, feature_view, module, object, on_demand_feature_view, refactoring,
    variable,
};
use crate::hcl::Schema;

/// A block of the language.
struct BlockReference {
    /// As it is written: `entity "NAME"`.
    form: &'static str,
    about: &'static str,
    schema: &'static Schema,
}

const BLOCKS: &[BlockReference] = &[
    BlockReference {
        form: "entity \"NAME\"",
        about: "What features are about: a join key with a type.",
        schema: &entity::SCHEMA,
    },
    BlockReference {
        form: "data_source \"file\" \"NAME\"",
        about: "Parquet or CSV files.",
        schema: &data_source::FILE,
    },
    BlockReference {
        form: "data_source \"bigquery\" \"NAME\"",
        about: "A BigQuery table or query.",
        schema: &data_source::BIGQUERY,
    },
    BlockReference {
        form: "data_source \"redshift\" \"NAME\"",
        about: "A Redshift table or query.",
        schema: &data_source::REDSHIFT,
    },
    BlockReference {
        form: "data_source \"athena\" \"NAME\"",
        about: "An Athena table or query.",
        schema: &data_source::ATHENA,
    },
    BlockReference {
        form: "data_source \"push\" \"NAME\"",
        about: "Rows that are pushed; their history comes from another source.",
        schema: &data_source::PUSH,
    },
    BlockReference {
        form: "data_source \"request\" \"NAME\"",
        about: "Fields that come with a request, for on-demand views.",
        schema: &data_source::REQUEST,
    },
    BlockReference {
        form: "field \"NAME\"",
        about: "In `data_source \"request\"`: one field.",
        schema: &data_source::FIELD,
    },
    BlockReference {
        form: "feature_view \"NAME\"",
        about: "Features of some entities, from one source.",
        schema: &feature_view::SCHEMA,
    },
    BlockReference {
        form: "feature \"NAME\"",
        about: "In `feature_view`: one feature. A join key needs none.",
        schema: &feature_view::FEATURE,
    },
    BlockReference {
        form: "materialization",
        about: "In `feature_view`: how incremental runs treat late data.",
        schema: &feature_view::MATERIALIZATION,
    },
    BlockReference {
        form: "on_demand_feature_view \"NAME\"",
        about: "Features that are computed from others and from request fields, in training and in serving alike.",
        schema: &on_demand_feature_view::SCHEMA,
    },
    BlockReference {
        form: "feature \"NAME\" (on demand)",
        about: "In `on_demand_feature_view`: one feature.",
        schema: &on_demand_feature_view::FEATURE,
    },
    BlockReference {
        form: "feature_service \"NAME\"",
        about: "The contract between features and a model.",
        schema: &feature_service::SCHEMA,
    },
    BlockReference {
        form: "use \"NAME\"",
        about: "In `feature_service`: a view under another name and other join keys; its features are named `NAME__feature`.",
        schema: &feature_service::USE,
    },
    BlockReference {
        form: "consumer \"NAME\"",
        about: "In `feature_service`: who breaks when it breaks.",
        schema: &feature_service::CONSUMER,
    },
    BlockReference { form: "lifecycle", about: "In every object: protection.", schema: &object::LIFECYCLE },
    BlockReference {
        form: "variable \"NAME\"",
        about: "A value from outside: `default`, then `variables` in feature_store.yaml, `PROVENDER_VAR_NAME`, `--var-file`, `--var`, the last one winning. In a module, attributes of the `module` block.",
        schema: &variable::SCHEMA,
    },
    BlockReference {
        form: "validation",
        about: "In `variable`: what its value must meet.",
        schema: &variable::VALIDATION,
    },
    BlockReference {
        form: "module \"NAME\"",
        about: "A folder of definitions, used under a name. Its other attributes are its variables; its definitions are `module.NAME.feature_view.VIEW` outside of it.",
        schema: &module::FORM,
    },
    BlockReference {
        form: "moved",
        about: "A definition or a feature has another name now and is the same: nothing stored moves.",
        schema: &refactoring::MOVED,
    },
    BlockReference {
        form: "removed",
        about: "What becomes of a definition that is gone from the folder.",
        schema: &refactoring::REMOVED,
    },
    BlockReference {
        form: "lifecycle (removed)",
        about: "In `removed`.",
        schema: &refactoring::REMOVED_LIFECYCLE,
    },
    BlockReference {
        form: "allow \"CODE\"",
        about: "Accepts one finding of a plan, here and for a while.",
        schema: &refactoring::ALLOW,
    },
];

/// What attributes are for, by block where one name means different things.
const ATTRIBUTES: &[(&str, &str, &str)] = &[
    ("", "description", "Words about it."),
    ("", "owner", "Whom to ask."),
    ("", "tags", "A map of free labels. They never touch infrastructure."),
    ("", "enabled", "`false` leaves it out, as if it were not written."),
    ("", "name", "Its name, where that is not the label; needed with `for_each`."),
    (
        "",
        "for_each",
        "One for each element of a list (in its order), set or map (by key), with `each.key` (in a list, the position from 0) and `each.value`; takes a `name`, even of one element.",
    ),
    ("entity", "join_key", "The column that holds the key; default: the entity's name."),
    ("entity", "value_type", "The key's type: `int32`, `int64`, `string`, `bytes`, `timestamp` or `bool`."),
    (
        "data_source",
        "path",
        "File, folder or glob, relative to the project folder; or an object, prefix or glob in a bucket, `s3://BUCKET/KEY` or `gs://BUCKET/KEY`.",
    ),
    ("data_source", "format", "`parquet` or `csv`, without quotes; guessed from the name."),
    (
        "data_source",
        "endpoint",
        "Address of the store that `s3://…` or `gs://…` is on, where it is not Amazon's or Google's.",
    ),
    ("data_source", "table", "The table; or `query`."),
    ("data_source", "query", "SQL; or `table`."),
    ("data_source", "database", "The database."),
    ("data_source", "schema", "The schema."),
    (
        "data_source",
        "batch_source",
        "The source that holds the history; what is pushed `offline` becomes a new file of it.",
    ),
    ("data_source", "timestamp_field", "Column of the event time."),
    (
        "data_source",
        "created_timestamp_column",
        "Column that tells when a row was written; breaks ties of event time.",
    ),
    ("data_source", "timestamp_unit", "Unit of time columns that hold numbers: `s`, `ms`, `us` or `ns`."),
    ("data_source", "date_partition_column", "Column that partitions the data by date."),
    ("data_source", "field_mapping", "Column in the source = name here."),
    ("field", "type", "Its type."),
    ("feature_view", "entities", "Entities, `[entity.NAME]`; `[]` for one row for the whole project."),
    ("feature_view", "source", "The data source."),
    (
        "feature_view",
        "ttl",
        "How long a value is valid after its event time, `\"7d\"`; left out or `\"0s\"`: for ever.",
    ),
    ("feature_view", "online", "Whether it is served online; default `true`."),
    ("feature_view", "online_ttl", "Overrides `ttl` for online reads and for what is loaded."),
    (
        "feature",
        "type",
        "Its type: `bool`, `int32`, `int64`, `float32`, `float64`, `string`, `bytes`, `timestamp`, or `list(…)` of one.",
    ),
    ("feature", "expression", "What it is computed by, over `SOURCE.COLUMN`; see functions.md."),
    ("materialization", "available_after", "Incremental runs stop this long before now."),
    ("materialization", "lateness", "Incremental runs read this much again."),
    (
        "on_demand_feature_view",
        "sources",
        "Feature views and request sources; expressions know them by their names.",
    ),
    ("feature_service", "features", "Features and whole views, in the order of the results."),
    ("use", "view", "The feature view."),
    ("use", "join_keys", "Join key of the view = name in the request."),
    ("use", "features", "Names of its features; default: all."),
    (
        "lifecycle",
        "prevent_destroy",
        "Refuse every plan that drops, deletes or replaces it. The registry remembers it.",
    ),
    ("lifecycle", "ignore_changes", "Attributes whose value is taken from the registry."),
    ("lifecycle", "destroy", "`false`: forget it and leave what is stored; default `true`."),
    (
        "variable",
        "type",
        "`string`, `number`, `bool`, `any`, `list(…)`, `set(…)`, `map(…)`, or a kind of definition.",
    ),
    ("variable", "default", "Its value where none is given; holds no references."),
    ("variable", "sensitive", "Never show its value: what is made of it can be part of no definition."),
    ("variable", "nullable", "For Terraform's sake; null is a value of every type."),
    ("validation", "condition", "What must be true."),
    ("validation", "error_message", "What is said when it is not."),
    ("module", "source", "The folder, `./NAME` or `../NAME`, inside of the repository."),
    ("moved", "from", "Its address before; need not be defined."),
    ("moved", "to", "Its address now."),
    ("moved", "alias_until", "The last day, UTC, on which the old name is answered."),
    ("removed", "from", "The address."),
    ("allow", "on", "The address of the definition that the finding is on."),
    ("allow", "reason", "Who looked at it, and why it is fine."),
    ("allow", "expires", "The last day, UTC, on which it counts."),
    (
        "allow",
        "values_unchanged",
        "Of PV109: the source holds the same values elsewhere; nothing is loaded again.",
    ),
];

/// The page, as Markdown.
///
/// # Errors
/// Blocks and attributes that have no words.
pub fn language() -> Result<String, Vec<String>> {
    let mut page = String::from(
        "# Blocks and attributes\n\nWritten from the code that reads them by `PROVENDER_UPDATE_DOCS=1 cargo test -p provender-core reference`; do not edit.\n\nWords that the language knows are written without quotes: types (`int64`), formats (`parquet`), references (`entity.driver`). Texts are quoted, and durations are texts: `\"7d\"`, `\"1h30m\"`.\n",
    );
    let mut missing = Vec::new();
    for BlockReference { form, about, schema } in BLOCKS {
        let kind = form.split([' ', '"']).next().unwrap_or_default();
        // Writing to a `String` cannot fail.
        let _ = write!(page, "\n## `{form}`\n\n{about}\n\n| attribute | |\n|---|---|\n");
        for attribute in schema.attributes {
            let of_kind = |wanted: &str| {
                ATTRIBUTES
                    .iter()
                    .find(|(block, name, _)| *block == wanted && name == attribute)
                    .map(|(.., about)| *about)
            };
            match of_kind(kind).or_else(|| of_kind("")) {
                Some(about) => drop(writeln!(page, "| `{attribute}` | {about} |")),
                None => missing.push(format!("{form}: {attribute}")),
            }
        }
        let inner: Vec<String> =
            schema.single.iter().chain(schema.blocks).map(|block| format!("`{block}`")).collect();
        if !inner.is_empty() {
            let _ = write!(page, "\nBlocks in it: {}.\n", inner.join(", "));
        }
    }
    if missing.is_empty() { Ok(page) } else { Err(missing) }
}

/// The page of functions, as Markdown.
pub fn functions() -> String {
    let mut page = String::from(
        "# Functions\n\nWritten from the code by `PROVENDER_UPDATE_DOCS=1 cargo test -p provender-core reference`; do not edit.\n\n\
         ## In definitions\n\nThey have Terraform's names and meaning: a test holds over 1,300 expressions to what `terraform console` 1.11 \
         makes of them. Differences:\n\n\
         - Numbers have 64 bits: whole ones up to 9223372036854775807, others as floats, so `0.1 + 0.2` is not `0.3`. There is one zero, \
         and nothing is divided by it (`1 % 0` is an error, as `1 / 0` is).\n\
         - The branch of a conditional that is not taken is not looked at, so the two need not have one type. Elements of \
         lists within lists need not either. Sets of lists or maps have an order of their own.\n\
         - `list(…)` is a type. Regular expressions are those of Rust's `regex`, which are Go's but for `\\C` and `\\Q…\\E`.\n\
         - Functions of Terraform that need a clock, chance, a network, a state or other files than `file` reads are not there, nor are those of \
         networks (`cidr…`), paths, YAML, gzip and encryption, and the variants of digests in base64.\n\n| function | | example |\n|---|---|---|\n",
    );
    for (call, about, example, result) in crate::hcl::DOCUMENTATION {
        let _ = writeln!(page, "| `{call}` | {about} | `{example}` → `{result}` |");
    }
    page.push_str(
        "\n## Over columns\n\nIn the expressions of on-demand feature views, beside arithmetic, comparison, logic, `condition ? a : b`, \
         templates and `list[index]`. Null in, null out, but where it says otherwise; what has no value (a division by zero, an overflow, \
         a bad cast) is null.\n\n| function | | takes → gives | example |\n|---|---|---|---|\n",
    );
    for function in crate::expression::functions() {
        let forms = function.forms.join("<br>");
        let (call, about, example, result) =
            (function.call, function.about, function.example, function.result);
        let _ = writeln!(page, "| `{call}` | {about} | {forms} | `{example}` → `{result}` |");
    }
    page
}

/// The page of codes, as Markdown. `examples` gives a wrong input with what is said about it, by code.
pub fn diagnostics(examples: &dyn Fn(&str) -> Option<String>) -> String {
    let mut page = String::from(
        "# Codes of findings\n\nWritten from the code and its tests by `PROVENDER_UPDATE_DOCS=1 cargo test -p provender-core reference`; \
         do not edit. The rules of plans (`PV…`) are in plan-rules.md.\n",
    );
    for (code, about) in crate::diagnostic::codes::ALL {
        let _ = write!(page, "\n## {}\n\n{}\n", code.0, about.trim());
        if let Some(example) = examples(code.0) {
            let _ = write!(page, "\n```text\n{}\n```\n", example.trim_end());
        }
    }
    page
}
