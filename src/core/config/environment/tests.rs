//! `feature_store.yaml`, good and bad.

use super::*;
use crate::diagnostic::{RenderOptions, render};

fn read(text: &str) -> Environment {
    let file = SourceFile::new(FILE_NAME, text);
    let (environment, diagnostics) = parse(&file);
    let text = render(&diagnostics, &Sources::of(file), &RenderOptions { styled: false, width: 100 });
    environment.unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn defaults_follow_from_the_provider() {
    let environment = read("project: a\nprovider: local\nregistry: data/registry\n");
    assert_eq!(environment.online_store.unwrap().kind, "embedded");
    assert_eq!(environment.offline_store.kind, "file");
    assert_eq!(environment.keep_superseded, Duration::from_seconds(120));
    let environment =
        read("project: a\nprovider: gcp\nregistry: { path: 'gs://b/r', cache_ttl_seconds: 10 }\n");
    assert_eq!(environment.online_store.unwrap().kind, "datastore");
    assert_eq!(environment.offline_store.kind, "bigquery");
    assert_eq!(environment.keep_superseded, Duration::from_seconds(20));
}
