//! `provender get-online-features`: what a model would be served now.

use std::collections::BTreeMap;

use clap::ArgGroup;
use provender_runtime::feature_request::FeatureRequest;
use provender_runtime::feature_store::{Applied, Entities, FeatureStore, OnlineRequest, OnlineResponse};
use serde_json::Value as Json;

use crate::arguments::GlobalArguments;
use crate::clock;
use crate::error::{CommandError, CommandResult, Exit};
use crate::executor::block_on;
use crate::output::Ui;
use crate::workspace::{Workspace, read_text};

/// Read feature values from the online store
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One row: its join keys and request fields, as `driver_id=1001,city=ams,recent=[1,2]`; repeatable
    #[arg(short = 'e', long = "entity", value_name = "KEY=VALUE,…")]
    entities: Vec<String>,
    #[command(flatten)]
    features: FeatureArgs,
}

/// Which features; the same for online and historical reads.
#[derive(Clone, Debug, clap::Args)]
#[command(group(ArgGroup::new("asked").args(["features", "feature_service"]).required(true)))]
pub(crate) struct FeatureArgs {
    /// Features as `view:feature`; several with commas, or `@FILE` with a JSON list; repeatable
    #[arg(short = 'f', long = "features", value_name = "VIEW:FEATURE,…", conflicts_with = "feature_service")]
    features: Vec<String>,
    /// All features of a feature service
    #[arg(long, value_name = "NAME")]
    pub(crate) feature_service: Option<String>,
    /// Name results `view__feature`
    #[arg(long)]
    pub(crate) full_feature_names: bool,
}

impl FeatureArgs {
    /// What is asked for.
    pub(crate) fn request(&self) -> CommandResult<FeatureRequest> {
        Ok(match &self.feature_service {
            Some(service) => FeatureRequest::Service(service.clone()),
            None => {
                let references = self.references()?;
                FeatureRequest::Features(
                    references.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
                )
            }
        })
    }

    /// The references, in the order given.
    fn references(&self) -> CommandResult<Vec<String>> {
        let mut references = Vec::new();
        for given in &self.features {
            match given.strip_prefix('@') {
                Some(file) => {
                    let failed = || CommandError::new(format!("could not read the features in `{file}`"));
                    let text = read_text(file.as_ref()).map_err(|error| failed().because(error))?;
                    let list: Vec<String> = serde_json::from_str(&text).map_err(|error| {
                        failed()
                            .because(error)
                            .with_hint("the file must hold a JSON list of strings: [\"view:feature\"]")
                    })?;
                    references.extend(list);
                }
                None => references.extend(given.split(',').map(|reference| reference.trim().to_owned())),
            }
        }
        Ok(references)
    }
}

pub(crate) fn run(ui: &Ui, global: &GlobalArguments, args: &Args) -> CommandResult {
    let workspace = Workspace::open(ui, global)?;
    let request = OnlineRequest {
        features: args.features.request()?,
        entities: Entities::Rows(args.entities.iter().map(|row| entity_row(row)).collect::<Result<_, _>>()?),
        full_feature_names: args.features.full_feature_names,
    };
    block_on(async {
        let log = workspace.registry()?;
        let store = FeatureStore::new(
            Applied::of(&log, workspace.applied(&log).await?).await?,
            workspace.online_provider()?,
        );
        let response = store.get_online_features(&request, clock::now()).await?;
        ui.data(&one_column_a_line(&response)?);
        Ok(Exit::Done)
    })
}

/// The JSON of the serving API, laid out so that each result column is one line.
fn one_column_a_line(response: &OnlineResponse) -> CommandResult<String> {
    let failed = |error| CommandError::new("could not write the result as JSON").because(error);
    let names = serde_json::to_string(&response.names).map_err(failed)?;
    let results: Vec<String> =
        response.results.iter().map(serde_json::to_string).collect::<Result<_, _>>().map_err(failed)?;
    Ok(format!(
        "{{\"metadata\": {{\"feature_names\": {names}}},\n \"results\": [\n  {}]}}",
        results.join(",\n  ")
    ))
}

/// `driver_id=1001,city=ams`; a value may be quoted when it holds a comma, and a list stands as it is. Values are text: the store reads them by the
/// key's type.
fn entity_row(text: &str) -> CommandResult<BTreeMap<String, Json>> {
    let wrong = || {
        CommandError::new(format!("`-e {text}` is not of the form `-e key=value,key=value`"))
            .with_hint("quote a value that holds a comma: -e 'city=\"Den Haag, NL\"'")
    };
    let mut row = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or_else(wrong)?;
        let (value, after) = match (after.strip_prefix('"'), json_list(after)) {
            (Some(quoted), _) => {
                let (value, after) = quoted.split_once('"').ok_or_else(wrong)?;
                (value, after.strip_prefix(',').unwrap_or(after))
            }
            (None, Some((value, after))) => (value, after.strip_prefix(',').unwrap_or(after)),
            (None, None) => after.split_once(',').unwrap_or((after, "")),
        };
        let name = name.trim();
        let is_name = !name.is_empty() && !name.contains(',');
        if !is_name || row.insert(name.to_owned(), Json::String(value.to_owned())).is_some() {
            return Err(wrong());
        }
        rest = after;
    }
    if row.is_empty() && !text.is_empty() { Err(wrong()) } else { Ok(row) }
}

/// A JSON list at the beginning of the text, and what follows: a comma or nothing.
fn json_list(text: &str) -> Option<(&str, &str)> {
    let mut lists = serde_json::Deserializer::from_str(text).into_iter::<Vec<Json>>();
    lists.next()?.ok()?;
    let (list, rest) = text.split_at_checked(lists.byte_offset())?;
    (rest.is_empty() || rest.starts_with(',')).then_some((list, rest))
}

#[cfg(test)]
mod tests {
    use super::entity_row;

    #[test]
    fn rows_are_key_value_pairs() {
        let row = entity_row("driver_id=1001,city=\"Den Haag, NL\",note=a=b").unwrap();
        assert_eq!(row["driver_id"], "1001");
        assert_eq!(row["city"], "Den Haag, NL");
        assert_eq!(row["note"], "a=b");
        let row = entity_row("tags=[\"a,b\", null],recent=[1,2],mark=[x],driver_id=1").unwrap();
        assert_eq!(row["tags"], "[\"a,b\", null]");
        assert_eq!(
            (&row["recent"], &row["mark"], &row["driver_id"]),
            (&"[1,2]".into(), &"[x]".into(), &"1".into())
        );
        for bad in ["1001", "a=1,,b=2", "a=1,a=2", "=1", "a=\"x"] {
            assert!(entity_row(bad).is_err(), "{bad}");
        }
    }
}
