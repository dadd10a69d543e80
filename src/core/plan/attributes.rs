//! What differs between two definitions, attribute by attribute, over their stored form. Lists of named things are
//! compared by name, maps by key; what a difference means is for `rules`.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use crate::model::Object;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) path: Vec<String>,
    pub(super) before: Option<Json>,
    pub(super) after: Option<Json>,
}

/// Lists of named things, and what one of them is called in paths.
const NAMED_LISTS: [(&str, &str); 4] =
    [("features", "feature"), ("fields", "field"), ("use", "use"), ("consumers", "consumer")];

/// The differences, by path; the order of a list's common elements comes with the list's own name.
pub(super) fn differences(before: &Object, after: &Object) -> Vec<Difference> {
    let mut found = Vec::new();
    if before != after {
        // Their JSON form always exists; see `Fingerprint::of`.
        let [before, after] = [before, after].map(|object| serde_json::to_value(object).unwrap_or_default());
        walk(&mut Vec::new(), Some(&before), Some(&after), &mut found);
    }
    found
}

fn walk(path: &mut Vec<String>, before: Option<&Json>, after: Option<&Json>, found: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    let list = path.last().and_then(|last| NAMED_LISTS.iter().find(|(list, _)| list == last));
    let empty = Json::Object(Map::new());
    match (before, after) {
        (Some(Json::Array(_)) | None, Some(Json::Array(_)) | None)
            if list.is_some() && [before, after].into_iter().flatten().all(is_named_list) =>
        {
            walk_list(path, list.map_or("", |(_, one)| one), [before, after], found);
        }
        (Some(Json::Object(_)), Some(Json::Object(_))) => walk_keys(path, before, after, found),
        // A block or map that appears or goes is compared with an empty one, unless it is a named thing itself.
        (None, Some(Json::Object(_))) if !is_element(path) => walk_keys(path, Some(&empty), after, found),
        (Some(Json::Object(_)), None) if !is_element(path) => walk_keys(path, before, Some(&empty), found),
        _ => found.push(Difference { path: path.clone(), before: before.cloned(), after: after.cloned() }),
    }
}

fn walk_keys(
    path: &mut Vec<String>,
    before: Option<&Json>,
    after: Option<&Json>,
    found: &mut Vec<Difference>,
) {
    let keys: BTreeSet<&String> =
        [before, after].into_iter().flatten().filter_map(Json::as_object).flat_map(Map::keys).collect();
    for key in keys {
        path.push(key.clone());
        walk(path, before.and_then(|json| json.get(key)), after.and_then(|json| json.get(key)), found);
        path.pop();
    }
}

fn walk_list(path: &mut Vec<String>, one: &str, sides: [Option<&Json>; 2], found: &mut Vec<Difference>) {
    let [before, after] = sides.map(|side| side.and_then(Json::as_array).map_or(&[][..], Vec::as_slice));
    let [old, new] = [before, after].map(|list| list.iter().filter_map(name_of).collect::<Vec<String>>());
    let Some(list) = path.pop() else { return };
    let names: BTreeSet<&String> = old.iter().chain(&new).collect();
    for name in names {
        let in_list = |list: &[Json]| list.iter().find(|json| name_of(json).as_ref() == Some(name)).cloned();
        path.extend([one.to_owned(), name.clone()]);
        walk(path, in_list(before).as_ref(), in_list(after).as_ref(), found);
        path.truncate(path.len() - 2);
    }
    path.push(list);
    let common = |names: &[String], other: &[String]| -> Vec<String> {
        names.iter().filter(|name| other.contains(name)).cloned().collect()
    };
    if common(&old, &new) != common(&new, &old) {
        let names = |names: &[String]| Some(Json::from(names.to_vec()));
        found.push(Difference { path: path.clone(), before: names(&old), after: names(&new) });
    }
}

/// Whether the path ends with a named thing: `feature.acc_rate`.
fn is_element(path: &[String]) -> bool {
    path.len() >= 2 && NAMED_LISTS.iter().any(|(_, one)| *one == path[path.len() - 2])
}

fn is_named_list(json: &Json) -> bool {
    json.as_array().is_some_and(|list| list.iter().all(|element| name_of(element).is_some()))
}

/// The name of a list's element; of a selection, `view` or `view:feature`.
fn name_of(json: &Json) -> Option<String> {
    if let Some(name) = json.get("name") {
        return name.as_str().map(str::to_owned);
    }
    let view = json.get("view")?.as_str()?;
    Some(match json.get("feature").and_then(Json::as_str) {
        Some(feature) => format!("{view}:{feature}"),
        None => view.to_owned(),
    })
}
