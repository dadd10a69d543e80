//! The `data_source` block: one list of attributes for each kind of source.

use std::collections::BTreeMap;

use super::each;
use super::object::{self, NameForm};
use crate::diagnostic::{Diagnostic, codes, suggestion};
use crate::hcl::{Accept, Block, BlockReader, Context, Name, Reference, Schema, Value};
use crate::model::{
    BucketPath, BucketPathError, DataSource, Field, FileFormat, Object, ObjectKind, SourceKind,
    TimestampUnit, ValueType, is_endpoint,
};
use crate::source::{Origin, Place, Span};

macro_rules! schema {
    ([$($attribute:literal),*], [$($block:literal),*]) => {
        Schema {
            labels: &["kind", "name"],
            attributes: &[$($attribute,)* "description", "owner", "tags", "enabled", "for_each", "name"],
            single: &["lifecycle"],
            blocks: &[$($block),*],
        }
    };
    (times [$($attribute:literal),*]) => {
        schema!([$($attribute,)* "timestamp_field", "created_timestamp_column", "timestamp_unit", "date_partition_column",
            "field_mapping"], [])
    };
}

pub(super) const FILE: Schema = schema!(times ["path", "format", "endpoint"]);
pub(super) const BIGQUERY: Schema = schema!(times ["table", "query"]);
pub(super) const REDSHIFT: Schema = schema!(times ["table", "query", "database", "schema"]);
pub(super) const ATHENA: Schema = schema!(times ["table", "query", "database"]);
pub(super) const PUSH: Schema = schema!(["batch_source"], []);
pub(super) const REQUEST: Schema = schema!([], ["field"]);
pub(super) const FIELD: Schema = Schema {
    labels: &["name"],
    attributes: &["type", "name", "enabled", "for_each", "description", "owner", "tags"],
    single: &[],
    blocks: &[],
};

/// The attributes of a block's kind; a finding when there is no such kind.
pub(super) fn schema(context: &Context<'_>, block: &Block) -> Option<&'static Schema> {
    let Some(kind) = block.labels.first() else { return Some(&FILE) };
    Some(match kind.text.as_str() {
        "file" => &FILE,
        "bigquery" => &BIGQUERY,
        "redshift" => &REDSHIFT,
        "athena" => &ATHENA,
        "push" => &PUSH,
        "request" => &REQUEST,
        other => {
            let help = match other {
                _ if block
                    .labels
                    .get(1)
                    .is_some_and(|label| SourceKind::LABELS.contains(&label.text.as_str())) =>
                {
                    context.scope.leave_unnamed(&block.kind.text);
                    let form = block.labels.get(1).map(|label| label.text.as_str()).unwrap_or_default();
                    Some(format!("the kind comes first: write `data_source \"{form}\" \"{other}\" {{ … }}`"))
                }
                "snowflake" | "spark" | "trino" | "postgres" | "mssql" | "clickhouse" | "couchbase"
                | "athena_iceberg" => Some("export it to files and use a `file` source".to_owned()),
                "kafka" | "kinesis" | "stream" => {
                    Some("use a `push` source over the files that hold the stream's history".to_owned())
                }
                _ => suggestion(other, SourceKind::LABELS),
            };
            let message = format!("there is no data source of kind `{other}`");
            let diagnostic = Diagnostic::error(codes::VALUE, kind.span, message).maybe_help(help);
            context.report(if block.labels.len() == 1 {
                without_kind(context, block, kind)
            } else {
                diagnostic
            });
            return None;
        }
    })
}

/// Of the two labels, the only one that is there may be the name.
fn without_kind(context: &Context<'_>, block: &Block, name: &Name) -> Diagnostic {
    context.scope.leave_unnamed(&block.kind.text);
    let has = |attribute: &str| block.body.attributes.iter().any(|written| written.key.text == attribute);
    let kind = match () {
        () if has("batch_source") => "push",
        () if has("table") || has("query") => "bigquery",
        () if block.body.blocks.iter().any(|inner| inner.kind.text == "field") => "request",
        () => "file",
    };
    let message = format!("the data source `{}` has no kind", name.text);
    let help = format!(
        "write `data_source \"{kind}\" \"{}\" {{ … }}`: kinds are `file`, `bigquery`, `redshift`, `athena`, `push` and `request`",
        name.text
    );
    Diagnostic::error(codes::LABELS, name.span, message).help(help)
}

pub(super) fn read(reader: &BlockReader<'_>, origin: &mut Origin) -> Option<Object> {
    let kind = match reader.label(0)?.text.as_str() {
        "file" => file(reader),
        "push" => push(reader, origin),
        "request" => request(reader, origin),
        other => warehouse(reader, other),
    };
    let stored = !matches!(reader.label(0)?.text.as_str(), "push" | "request");
    let timestamp_field =
        if stored { Some(reader.required::<String>("timestamp_field", "\"event_timestamp\"")) } else { None };
    let text = |name: &str| reader.optional::<String>(name).map(|located| located.value);
    let created_timestamp_column = text("created_timestamp_column");
    let date_partition_column = text("date_partition_column");
    let timestamp_unit = timestamp_unit(reader);
    let field_mapping = field_mapping(reader, origin);
    let metadata = object::metadata(reader);
    let lifecycle = object::lifecycle(reader, schema(reader.context, reader.block)?);
    Some(Object::DataSource(DataSource {
        kind: kind?,
        timestamp_field: match timestamp_field {
            Some(required) => Some(required?.value),
            None => None,
        },
        created_timestamp_column,
        timestamp_unit,
        date_partition_column,
        field_mapping,
        metadata,
        lifecycle,
    }))
}

fn file(reader: &BlockReader<'_>) -> Option<SourceKind> {
    let path = reader.required::<String>("path", "\"data/driver_stats.parquet\"");
    let written = reader.attribute("format").is_some();
    let format = reader.optional::<FileFormat>("format").map(|format| format.value);
    let endpoint = reader.optional::<String>("endpoint");
    if let Some(endpoint) = &endpoint
        && !is_endpoint(&endpoint.value)
    {
        let message = "`endpoint` is not the address of a store";
        let code = if endpoint.value.contains('@') { codes::CREDENTIAL } else { codes::VALUE };
        let help = "write `http://HOST:PORT` or `https://HOST`, without user and password";
        reader.context.report(Diagnostic::error(code, endpoint.span, message).help(help));
    }
    let path = path?;
    if path.value.trim().is_empty() {
        reader.context.report(Diagnostic::error(codes::VALUE, path.span, "`path` is empty"));
        return None;
    }
    if let Err(error) = BucketPath::parse(&path.value) {
        let may_be_shown = error != BucketPathError::Credential && !path.value.contains(['@', '?']);
        let code = if may_be_shown { codes::VALUE } else { codes::CREDENTIAL };
        reader.context.report(Diagnostic::error(code, path.span, error.to_string()).help(error.advice()));
        return None;
    }
    let format = format.or_else(|| guess_format(&path.value));
    if format.is_none() && !written {
        let message = format!("`{}` does not tell what the files hold", path.value);
        let diagnostic = Diagnostic::error(codes::MISSING, path.span, message);
        reader.context.report(diagnostic.help("add `format = parquet` or `format = csv`"));
    }
    Some(SourceKind::File {
        path: path.value,
        format: format?,
        endpoint: endpoint.map(|endpoint| endpoint.value),
    })
}

fn guess_format(path: &str) -> Option<FileFormat> {
    let path = path.to_ascii_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| path.ends_with(end));
    if ends(&[".parquet", ".pq", ".parq"]) {
        return Some(FileFormat::Parquet);
    }
    ends(&[".csv"]).then_some(FileFormat::Csv)
}

impl Accept for FileFormat {
    fn unknown_word(_: &str, word: &str, span: Span) -> Option<Diagnostic> {
        let diagnostic = Diagnostic::error(codes::VALUE, span, format!("`{word}` is not a format of files"));
        Some(diagnostic.maybe_help(suggestion(word, ["parquet", "csv"])))
    }

    fn accept(value: Value, span: Span) -> Result<Self, Box<Diagnostic>> {
        let error = |help: String| {
            let message = format!("expected `parquet` or `csv`, found {}", value.kind());
            Err(Box::new(Diagnostic::error(codes::VALUE, span, message).help(help)))
        };
        match &value {
            Value::Word("parquet") => Ok(Self::Parquet),
            Value::Word("csv") => Ok(Self::Csv),
            Value::String(text) if matches!(text.as_str(), "parquet" | "csv") => {
                error(format!("write `{text}`, without quotes"))
            }
            _ => error("files may hold `parquet` or `csv`".to_owned()),
        }
    }
}

fn warehouse(reader: &BlockReader<'_>, kind: &str) -> Option<SourceKind> {
    let text = |name: &str| reader.optional::<String>(name).map(|located| located.value);
    let (table, query, database, schema) = (text("table"), text("query"), text("database"), text("schema"));
    match (reader.attribute("table"), reader.attribute("query")) {
        (Some(table), Some(query)) => {
            let message = "`table` and `query` exclude each other";
            let diagnostic = Diagnostic::error(codes::CONFLICT, query.key.span, message);
            reader.context.report(diagnostic.also(table.key.span, "the table"));
        }
        (None, None) => {
            let message = "this source has neither `table` nor `query`";
            let diagnostic = Diagnostic::error(codes::MISSING, reader.block.header(), message);
            reader
                .context
                .report(diagnostic.help("add one of them, for example `table = \"dataset.table\"`"));
        }
        _ => {}
    }
    table.as_ref().or(query.as_ref())?;
    match kind {
        "bigquery" => Some(SourceKind::BigQuery { table, query }),
        "redshift" => Some(SourceKind::Redshift { table, query, database, schema }),
        "athena" => Some(SourceKind::Athena { table, query, database }),
        _ => None,
    }
}

fn push(reader: &BlockReader<'_>, origin: &mut Origin) -> Option<SourceKind> {
    let batch = reader.required::<Reference>("batch_source", "data_source.NAME")?;
    let batch = object::of_kind(reader.context, "batch_source", batch, ObjectKind::DataSource)?;
    origin.insert(Place::attribute("batch_source"), batch.span);
    Some(SourceKind::Push { batch_source: batch.name })
}

fn request(reader: &BlockReader<'_>, origin: &mut Origin) -> Option<SourceKind> {
    let mut fields = Vec::new();
    for block in reader.blocks("field") {
        let all_known = each::rounds(reader.context, block, |context| {
            let field = BlockReader::new(context, block, &FIELD);
            let named = object::named(&field, 0, NameForm::Feature);
            if let Some(named) = named.as_ref().filter(|named| !named.enabled) {
                return origin.leave_out(&named.name);
            }
            let value_type = field.required::<ValueType>("type", "int64");
            object::metadata(&field);
            let Some(named) = named else { return origin.leave_unread(None) };
            let Some(value_type) = value_type else { return origin.leave_unread(Some(&named.name)) };
            origin.insert(Place::block("field", fields.len()), named.span);
            fields.push(Field { name: named.name, value_type: value_type.value });
        });
        if !all_known {
            origin.leave_unread(None);
        }
    }
    if object::has_misspelt(reader, &REQUEST, "field") {
        origin.leave_unread(None);
    } else if reader.blocks("field").next().is_none() {
        let diagnostic =
            Diagnostic::error(codes::MISSING, reader.block.header(), "a request source has no `field`");
        reader.context.report(diagnostic.help("add `field \"NAME\" { type = int64 }`"));
    }
    Some(SourceKind::Request { fields })
}

fn timestamp_unit(reader: &BlockReader<'_>) -> Option<TimestampUnit> {
    let unit = reader.optional::<String>("timestamp_unit")?;
    let known = match unit.value.as_str() {
        "s" => Some(TimestampUnit::Second),
        "ms" => Some(TimestampUnit::Millisecond),
        "us" => Some(TimestampUnit::Microsecond),
        "ns" => Some(TimestampUnit::Nanosecond),
        _ => None,
    };
    if known.is_none() {
        let message = format!("`{}` is not a unit of time numbers", unit.value);
        let diagnostic = Diagnostic::error(codes::VALUE, unit.span, message);
        reader.context.report(diagnostic.help("known: `s`, `ms`, `us` and `ns`"));
    }
    known
}

fn field_mapping(reader: &BlockReader<'_>, origin: &mut Origin) -> BTreeMap<String, String> {
    let Some(mapping) = reader.optional::<BTreeMap<String, String>>("field_mapping") else {
        return BTreeMap::new();
    };
    origin.insert(Place::attribute("field_mapping"), mapping.span);
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for (column, name) in &mapping.value {
        if let Some(other) = names.insert(name, column) {
            let message = format!("`field_mapping` gives `{other}` and `{column}` the same name `{name}`");
            reader.context.report(Diagnostic::error(codes::CONFLICT, mapping.span, message));
        }
    }
    mapping.value
}
