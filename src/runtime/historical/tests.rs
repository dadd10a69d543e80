//! Names, times and errors of requests. What is found is judged by `testing::point_in_time`, which every engine runs.
//! Files: `files`.

mod damaged;
mod files;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray as _, Float64Array, Int32Array, Int64Array, StringArray, TimestampMillisecondArray,
    TimestampNanosecondArray,
};
use arrow::datatypes::Float64Type;
use arrow::record_batch::RecordBatch;
use provender_core::model::{
    Address, DataSource, FeatureService, FeatureView, Object, ObjectKind, Objects, Selection, ServiceUse,
    ValueType,
};
use provender_core::time::Timestamp;

use super::*;
use crate::feature_request::{FeatureRef, FeatureRequest};
use crate::testing::{MemoryHistory, entity, feature_view, file_source};

fn source(path: &str) -> DataSource {
    DataSource { created_timestamp_column: Some("created".to_owned()), ..file_source(path) }
}

fn add(objects: &mut Objects, kind: ObjectKind, name: &str, object: Object) {
    objects.0.insert(Address::new(kind, name), object);
}

/// A project with the entities `driver` (int64) and `code` (string), and one view per source.
fn project(views: Vec<(&str, FeatureView)>) -> Objects {
    let mut objects = Objects::default();
    for (name, key, value_type) in
        [("driver", "driver_id", ValueType::Int64), ("code", "code", ValueType::String)]
    {
        let entity = entity(key, value_type);
        add(&mut objects, ObjectKind::Entity, name, Object::Entity(entity));
    }
    for (name, view) in views {
        add(&mut objects, ObjectKind::DataSource, &view.source, Object::DataSource(source(&view.source)));
        add(&mut objects, ObjectKind::FeatureView, name, Object::FeatureView(view));
    }
    objects
}

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .unwrap()
}

/// Source rows of drivers: key, event time, created time, value.
type SourceRow = (Option<i64>, Option<i64>, Option<i64>, Option<f64>);

fn history_of_drivers(rows: &[SourceRow]) -> RecordBatch {
    table(vec![
        ("driver_id", Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>())),
        ("ts", Arc::new(rows.iter().map(|row| row.1).collect::<TimestampNanosecondArray>())),
        ("created", Arc::new(rows.iter().map(|row| row.2).collect::<TimestampNanosecondArray>())),
        ("v", Arc::new(rows.iter().map(|row| row.3).collect::<Float64Array>())),
    ])
}

fn ask(features: &[&str], rows: EntityRows) -> HistoricalRequest {
    HistoricalRequest {
        features: FeatureRequest::Features(
            features.iter().map(|text| text.parse::<FeatureRef>().unwrap()).collect(),
        ),
        rows,
        event_time_match: EventTimeMatch::AtOrBefore,
        created_before_event_time: false,
        full_feature_names: false,
        now: Timestamp::EPOCH,
        output: None,
    }
}

fn run(request: &HistoricalRequest, objects: &Objects, store: MemoryHistory) -> Result<HistoricalResult> {
    let offline: Arc<dyn OfflineStore> = Arc::new(store);
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(historical(request, objects, &offline))
}

fn floats(batch: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    batch.column_by_name(name).unwrap().as_primitive::<Float64Type>().iter().collect()
}

#[test]
fn a_string_key_matches_numbers_by_their_text_and_an_int_key_refuses_text() {
    let objects = project(vec![("codes", feature_view("s", &["code"], &[("v", ValueType::Float64)]))]);
    let history = |code: ArrayRef| {
        table(vec![
            ("code", code),
            ("ts", Arc::new(TimestampMillisecondArray::from(vec![5, 5]).with_timezone("+02:00"))),
            ("created", Arc::new(TimestampNanosecondArray::from(vec![None, None]))),
            ("v", Arc::new(Float64Array::from(vec![1.0, 2.0]))),
        ])
    };
    let frame = table(vec![
        ("code", Arc::new(StringArray::from(vec!["7", "07"]))),
        ("at", Arc::new(arrow::array::TimestampSecondArray::from(vec![1, 1]))),
    ]);
    let frame = EntityRows::Frame(EntityFrame::new(frame, None).unwrap());
    let store = MemoryHistory::new(9).with("s", history(Arc::new(Int32Array::from(vec![7, 8]))));
    let result = run(&ask(&["codes:v"], frame), &objects, store).unwrap();
    assert_eq!(floats(&result.batch, "v"), [Some(1.0), None]);

    let objects = project(vec![("stats", feature_view("s", &["driver"], &[("v", ValueType::Float64)]))]);
    let text = table(vec![
        ("driver_id", Arc::new(StringArray::from(vec!["1"]))),
        ("event_timestamp", Arc::new(TimestampNanosecondArray::from(vec![9]))),
    ]);
    let frame = EntityRows::Frame(EntityFrame::new(text, None).unwrap());
    let error = run(&ask(&["stats:v"], frame), &objects, MemoryHistory::new(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `driver_id` of the entity frame holds string, which does not become int64"
    );
}

#[test]
fn views_of_other_keys_need_a_frame() {
    let objects = project(vec![
        ("stats", feature_view("s", &["driver"], &[("v", ValueType::Float64)])),
        ("coded", feature_view("c", &["code"], &[("c", ValueType::Float64)])),
    ]);
    let range = EntityRows::Range { start: Timestamp::from_nanos(5), end: Timestamp::from_nanos(10) };
    let error = run(&ask(&["stats:v", "coded:c"], range), &objects, MemoryHistory::new(1)).unwrap_err();
    assert!(error.to_string().contains("all views need the same keys"), "{error}");
}

#[test]
fn names_of_results_follow_the_request_and_collisions_name_both() {
    let mut objects = project(vec![
        ("stats", feature_view("s", &["driver"], &[("v", ValueType::Float64)])),
        ("twin", feature_view("s", &["driver"], &[("v", ValueType::Float64)])),
    ]);
    let service = FeatureService {
        features: vec![Selection::of("stats", None)],
        uses: vec![ServiceUse {
            name: "other".to_owned(),
            view: "stats".to_owned(),
            join_keys: BTreeMap::from([("driver_id".to_owned(), "other_id".to_owned())]),
            features: Some(vec!["v".to_owned()]),
        }],
        ..FeatureService::default()
    };
    add(&mut objects, ObjectKind::FeatureService, "both", Object::FeatureService(service));
    let store = MemoryHistory::new(1).with(
        "s",
        history_of_drivers(&[(Some(1), Some(5), None, Some(1.0)), (Some(2), Some(5), None, Some(2.0))]),
    );
    let frame = table(vec![
        ("driver_id", Arc::new(Int64Array::from(vec![1, 2]))),
        ("other_id", Arc::new(Int32Array::from(vec![2, 3]))),
        ("event_timestamp", Arc::new(TimestampNanosecondArray::from(vec![9, 9]))),
    ]);
    let frame = EntityRows::Frame(EntityFrame::new(frame, None).unwrap());
    let mut request = ask(&["stats:v", "twin:v"], frame);
    let error = run(&request, &objects, store.clone()).unwrap_err();
    assert_eq!(error.to_string(), "`stats:v` and `twin:v` would both be named `v`");
    request.full_feature_names = true;
    let result = run(&request, &objects, store.clone()).unwrap();
    assert_eq!(floats(&result.batch, "stats__v"), floats(&result.batch, "twin__v"));
    request.features = FeatureRequest::Service("both".to_owned());
    request.full_feature_names = false;
    let result = run(&request, &objects, store.clone()).unwrap();
    assert_eq!(floats(&result.batch, "v"), [Some(1.0), Some(2.0)]);
    assert_eq!(floats(&result.batch, "other__v"), [Some(2.0), None]);
    request.features = FeatureRequest::Service("bot".to_owned());
    let error = run(&request, &objects, store.clone()).unwrap_err();
    assert_eq!(error.hints(), ["did you mean `both`?"]);
    request.features = FeatureRequest::Features(vec!["stats:w".parse().unwrap()]);
    let error = run(&request, &objects, store).unwrap_err();
    assert_eq!(error.hints(), ["did you mean `v`?"]);
}

#[test]
fn the_time_column_is_named_or_found_or_an_error() {
    let times: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![9]));
    let id: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let frame = |columns: &[(&str, &ArrayRef)], named| {
        EntityFrame::new(
            table(columns.iter().map(|(name, column)| (*name, Arc::clone(column))).collect()),
            named,
        )
    };
    assert!(frame(&[("id", &id), ("when", &times)], None).is_ok());
    assert!(frame(&[("x", &times), ("y", &times), ("event_timestamp", &times)], None).is_ok());
    assert!(frame(&[("x", &times), ("y", &times)], Some("y")).is_ok());
    let error = frame(&[("x", &times), ("y", &times)], None).unwrap_err();
    assert_eq!(error.to_string(), "the entity frame has more than one timestamp column: `x` and `y`");
    assert_eq!(
        frame(&[("id", &id)], None).unwrap_err().to_string(),
        "the entity frame has no timestamp column"
    );
    assert!(frame(&[("id", &id)], None).unwrap_err().hints()[1].contains("`id`"));
    let error = frame(&[("when", &id)], Some("when")).unwrap_err();
    assert!(error.to_string().contains("nothing says what they count"), "{error}");
    assert_eq!(frame(&[("when", &times)], Some("wen")).unwrap_err().hints(), ["did you mean `when`?"]);
}
