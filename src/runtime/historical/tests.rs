//! The semantics page, case by case, and a brute-force oracle over random histories. Files: `files`.

mod damaged;
mod files;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray as _, Float64Array, Int32Array, Int64Array, StringArray, TimestampMillisecondArray,
    TimestampNanosecondArray,
};
use arrow::datatypes::{Float64Type, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;
use proptest::prelude::*;
use provender_core::model::{
    Address, DataSource, FeatureService, FeatureView, Object, ObjectKind, Objects, Selection, ServiceUse,
    ValueType,
};
use provender_core::time::{Duration, Timestamp};

use super::*;
use crate::feature_request::{FeatureRef, FeatureRequest};
use crate::testing::{MemoryHistory, entity, feature_view, file_source};

fn source(path: &str) -> DataSource {
    DataSource { created_timestamp_column: Some("created".to_owned()), ..file_source(path) }
}

fn view(source: &str, entities: &[&str], ttl: i64, features: &[(&str, ValueType)]) -> FeatureView {
    FeatureView { ttl: Duration::from_nanos(ttl).unwrap(), ..feature_view(source, entities, features) }
}

fn add(objects: &mut Objects, kind: ObjectKind, name: &str, object: Object) {
    objects.0.insert(Address::new(kind, name), object);
}

/// A project with the entities `driver` (int64), `a` and `b` (int64), `code` (string), and one view per source.
fn project(views: Vec<(&str, FeatureView)>) -> Objects {
    let mut objects = Objects::default();
    for (name, key, value_type) in [
        ("driver", "driver_id", ValueType::Int64),
        ("a", "a", ValueType::Int64),
        ("b", "b", ValueType::Int64),
        ("code", "code", ValueType::String),
    ] {
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

fn frame_of_drivers(rows: &[(Option<i64>, Option<i64>)]) -> EntityFrame {
    let batch = table(vec![
        ("driver_id", Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>())),
        ("event_timestamp", Arc::new(rows.iter().map(|row| row.1).collect::<TimestampNanosecondArray>())),
        ("label", Arc::new((0..rows.len() as i64).collect::<Int64Array>())),
    ]);
    EntityFrame::new(batch, None).unwrap()
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

struct Case {
    name: &'static str,
    ttl: i64,
    mode: (EventTimeMatch, bool),
    rows: &'static [SourceRow],
    entity: (Option<i64>, Option<i64>),
    expected: Option<f64>,
}

const AT: (EventTimeMatch, bool) = (EventTimeMatch::AtOrBefore, false);
const STRICT: (EventTimeMatch, bool) = (EventTimeMatch::StrictlyBefore, false);
const KNOWN: (EventTimeMatch, bool) = (EventTimeMatch::AtOrBefore, true);
const KEY: Option<i64> = Some(1);

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { name: "the row at the very time counts", ttl: 10, mode: AT, rows: &[(KEY, Some(50), None, Some(1.0))], entity: (KEY, Some(50)), expected: Some(1.0) },
    Case { name: "the row at the far end of ttl counts", ttl: 10, mode: AT, rows: &[(KEY, Some(40), None, Some(1.0))], entity: (KEY, Some(50)), expected: Some(1.0) },
    Case { name: "one nanosecond past ttl does not", ttl: 10, mode: AT, rows: &[(KEY, Some(39), None, Some(1.0))], entity: (KEY, Some(50)), expected: None },
    Case { name: "one nanosecond in the future does not", ttl: 10, mode: AT, rows: &[(KEY, Some(51), None, Some(1.0))], entity: (KEY, Some(50)), expected: None },
    Case { name: "no ttl has no lower end", ttl: 0, mode: AT, rows: &[(KEY, Some(i64::MIN), None, Some(1.0))], entity: (KEY, Some(i64::MAX)), expected: Some(1.0) },
    Case { name: "a ttl that reaches before the first instant", ttl: i64::MAX, mode: AT, rows: &[(KEY, Some(i64::MIN), None, Some(1.0))], entity: (KEY, Some(-5)), expected: Some(1.0) },
    Case { name: "the newest of several", ttl: 0, mode: AT, rows: &[(KEY, Some(3), None, Some(3.0)), (KEY, Some(7), None, Some(7.0)), (KEY, Some(5), None, Some(5.0))], entity: (KEY, Some(8)), expected: Some(7.0) },
    Case { name: "ties of event time go to the newest created", ttl: 0, mode: AT, rows: &[(KEY, Some(5), Some(9), Some(1.0)), (KEY, Some(5), Some(8), Some(2.0))], entity: (KEY, Some(5)), expected: Some(1.0) },
    Case { name: "no created time sorts first", ttl: 0, mode: AT, rows: &[(KEY, Some(5), Some(i64::MIN), Some(1.0)), (KEY, Some(5), None, Some(2.0))], entity: (KEY, Some(5)), expected: Some(1.0) },
    Case { name: "full ties go to the last row", ttl: 0, mode: AT, rows: &[(KEY, Some(5), Some(9), Some(1.0)), (KEY, Some(5), Some(9), Some(2.0))], entity: (KEY, Some(5)), expected: Some(2.0) },
    Case { name: "a null value of the newest row is the answer", ttl: 0, mode: AT, rows: &[(KEY, Some(4), None, Some(1.0)), (KEY, Some(5), None, None)], entity: (KEY, Some(5)), expected: None },
    Case { name: "NaN is a value", ttl: 0, mode: AT, rows: &[(KEY, Some(5), None, Some(f64::NAN))], entity: (KEY, Some(5)), expected: Some(f64::NAN) },
    Case { name: "a null key in the frame finds nothing", ttl: 0, mode: AT, rows: &[(None, Some(5), None, Some(1.0)), (KEY, Some(5), None, Some(2.0))], entity: (None, Some(5)), expected: None },
    Case { name: "a null time in the frame finds nothing", ttl: 0, mode: AT, rows: &[(KEY, Some(5), None, Some(2.0))], entity: (KEY, None), expected: None },
    Case { name: "a source row without event time is no candidate", ttl: 0, mode: AT, rows: &[(KEY, Some(5), None, Some(1.0)), (KEY, None, None, Some(2.0))], entity: (KEY, Some(9)), expected: Some(1.0) },
    Case { name: "an unknown key finds nothing", ttl: 0, mode: AT, rows: &[(KEY, Some(5), None, Some(1.0))], entity: (Some(2), Some(9)), expected: None },
    Case { name: "an empty source", ttl: 0, mode: AT, rows: &[], entity: (KEY, Some(9)), expected: None },
    Case { name: "strictly before leaves out the very time", ttl: 0, mode: STRICT, rows: &[(KEY, Some(4), None, Some(1.0)), (KEY, Some(5), None, Some(2.0))], entity: (KEY, Some(5)), expected: Some(1.0) },
    Case { name: "strictly before keeps the far end of ttl", ttl: 5, mode: STRICT, rows: &[(KEY, Some(0), None, Some(1.0))], entity: (KEY, Some(5)), expected: Some(1.0) },
    Case { name: "known-by leaves out what was written later", ttl: 0, mode: KNOWN, rows: &[(KEY, Some(4), Some(4), Some(1.0)), (KEY, Some(5), Some(7), Some(2.0))], entity: (KEY, Some(6)), expected: Some(1.0) },
    Case { name: "known-by includes what was written at the time", ttl: 0, mode: KNOWN, rows: &[(KEY, Some(4), Some(4), Some(1.0)), (KEY, Some(5), Some(6), Some(2.0))], entity: (KEY, Some(6)), expected: Some(2.0) },
    Case { name: "known-by without created time goes by event time", ttl: 0, mode: KNOWN, rows: &[(KEY, Some(5), None, Some(2.0))], entity: (KEY, Some(6)), expected: Some(2.0) },
    Case { name: "known-by: written late, but before the event", ttl: 0, mode: KNOWN, rows: &[(KEY, Some(5), Some(1), Some(2.0))], entity: (KEY, Some(4)), expected: None },
];

#[test]
fn the_table_of_edge_cases_holds() {
    for case in CASES {
        let objects =
            project(vec![("stats", view("s", &["driver"], case.ttl, &[("v", ValueType::Float64)]))]);
        // Rows of other keys and times around it must not matter.
        let frame = frame_of_drivers(&[(Some(99), Some(50)), case.entity, (Some(99), Some(1))]);
        let mut request = ask(&["stats:v"], EntityRows::Frame(frame));
        (request.event_time_match, request.created_before_event_time) = case.mode;
        for batch_rows in [1, 100] {
            let store = MemoryHistory::new(batch_rows).with("s", history_of_drivers(case.rows));
            let result = run(&request, &objects, store).unwrap();
            let bits = |values: &[Option<f64>]| {
                values.iter().map(|value| value.map(f64::to_bits)).collect::<Vec<_>>()
            };
            let found = floats(&result.batch, "v");
            assert_eq!(bits(&found), bits(&[None, case.expected, None]), "{}", case.name);
            let without_time = case.rows.iter().filter(|row| row.1.is_none()).count() as u64;
            assert_eq!(result.skipped_rows.values().sum::<u64>(), without_time, "{}", case.name);
        }
    }
}

#[test]
fn every_entity_row_comes_back_once_in_order_with_its_own_columns() {
    let objects = project(vec![("stats", view("s", &["driver"], 0, &[("v", ValueType::Float64)]))]);
    let store = MemoryHistory::new(2).with("s", history_of_drivers(&[(KEY, Some(5), None, Some(1.0))]));
    let rows =
        [(KEY, Some(9)), (KEY, Some(9)), (Some(2), Some(9)), (None, Some(9)), (KEY, Some(4)), (KEY, Some(9))];
    let result =
        run(&ask(&["stats:v"], EntityRows::Frame(frame_of_drivers(&rows))), &objects, store).unwrap();
    assert_eq!(floats(&result.batch, "v"), [Some(1.0), Some(1.0), None, None, None, Some(1.0)]);
    let labels = result.batch.column_by_name("label").unwrap();
    assert_eq!(labels.as_ref(), &(0..6).collect::<Int64Array>() as &dyn arrow::array::Array);
    let names: Vec<_> = result.batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["driver_id", "event_timestamp", "label", "v"]);
}

#[test]
fn composite_keys_compare_by_value_not_by_their_text_joined() {
    let objects = project(vec![("pairs", view("s", &["b", "a"], 0, &[("v", ValueType::Float64)]))]);
    let keys = |a: Vec<i64>, b: Vec<i64>, time: &'static str, times: Vec<i64>| {
        vec![
            ("a", Arc::new(Int64Array::from(a)) as ArrayRef),
            ("b", Arc::new(Int64Array::from(b)) as ArrayRef),
            (time, Arc::new(TimestampNanosecondArray::from(times)) as ArrayRef),
        ]
    };
    let mut source = keys(vec![1, 12], vec![23, 3], "ts", vec![5, 5]);
    source.push(("created", Arc::new(TimestampNanosecondArray::from(vec![None, None]))));
    source.push(("v", Arc::new(Float64Array::from(vec![1.0, 2.0]))));
    let frame = table(keys(vec![12, 1, 3, 23], vec![3, 23, 12, 1], "event_timestamp", vec![9; 4]));
    let frame = EntityFrame::new(frame, None).unwrap();
    let store = MemoryHistory::new(9).with("s", table(source));
    let result = run(&ask(&["pairs:v"], EntityRows::Frame(frame)), &objects, store).unwrap();
    assert_eq!(floats(&result.batch, "v"), [Some(2.0), Some(1.0), None, None]);
}

#[test]
fn a_string_key_matches_numbers_by_their_text_and_an_int_key_refuses_text() {
    let objects = project(vec![("codes", view("s", &["code"], 0, &[("v", ValueType::Float64)]))]);
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

    let objects = project(vec![("stats", view("s", &["driver"], 0, &[("v", ValueType::Float64)]))]);
    let text = table(vec![
        ("driver_id", Arc::new(StringArray::from(vec!["1"]))),
        ("event_timestamp", Arc::new(TimestampNanosecondArray::from(vec![9]))),
    ]);
    let frame = EntityRows::Frame(EntityFrame::new(text, None).unwrap());
    let error = run(&ask(&["stats:v"], frame), &objects, MemoryHistory::new(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `driver_id` of the entity frame holds Utf8, which does not become Int64"
    );
}

#[test]
fn views_without_entities_give_their_value_to_every_row_and_a_range_makes_the_rows() {
    let objects = project(vec![
        ("stats", view("s", &["driver"], 0, &[("v", ValueType::Float64)])),
        ("other", view("o", &["driver"], 0, &[("w", ValueType::Float64)])),
        ("global", view("g", &[], 0, &[("g", ValueType::Float64)])),
        ("coded", view("c", &["code"], 0, &[("c", ValueType::Float64)])),
    ]);
    let global = table(vec![
        ("ts", Arc::new(TimestampNanosecondArray::from(vec![3, 6]))),
        ("created", Arc::new(TimestampNanosecondArray::from(vec![None, None]))),
        ("g", Arc::new(Float64Array::from(vec![30.0, 60.0]))),
    ]);
    let other =
        history_of_drivers(&[(Some(2), Some(5), None, Some(7.0)), (Some(1), Some(8), None, Some(8.0))]);
    let other = RecordBatch::try_from_iter_with_nullable(
        [("driver_id", 0), ("ts", 1), ("created", 2), ("w", 3)]
            .map(|(name, at)| (name, other.column(at).clone(), true)),
    )
    .unwrap();
    let store = MemoryHistory::new(1)
        .with(
            "s",
            history_of_drivers(&[
                (KEY, Some(5), None, Some(1.0)),
                (KEY, Some(11), None, Some(2.0)),
                (KEY, Some(5), None, Some(3.0)),
                (None, Some(5), None, Some(4.0)),
            ]),
        )
        .with("o", other)
        .with("g", global)
        .with("c", history_of_drivers(&[]));
    let range = EntityRows::Range { start: Timestamp::from_nanos(5), end: Timestamp::from_nanos(10) };
    let result =
        run(&ask(&["stats:v", "other:w", "global:g"], range.clone()), &objects, store.clone()).unwrap();
    let times =
        result.batch.column_by_name("event_timestamp").unwrap().as_primitive::<TimestampNanosecondType>();
    assert_eq!(times.values().as_ref(), &[5, 8, 5]);
    assert_eq!(floats(&result.batch, "v"), [Some(3.0), Some(3.0), None]);
    assert_eq!(floats(&result.batch, "w"), [None, Some(8.0), Some(7.0)]);
    assert_eq!(floats(&result.batch, "g"), [Some(30.0), Some(60.0), Some(30.0)]);

    let error = run(&ask(&["stats:v", "coded:c"], range.clone()), &objects, store.clone()).unwrap_err();
    assert!(error.to_string().contains("all views need the same keys"), "{error}");
    let alone = run(&ask(&["global:g"], range), &objects, store).unwrap();
    assert_eq!(floats(&alone.batch, "g"), [Some(60.0)]);
}

#[test]
fn names_of_results_follow_the_request_and_collisions_name_both() {
    let mut objects = project(vec![
        ("stats", view("s", &["driver"], 0, &[("v", ValueType::Float64)])),
        ("twin", view("s", &["driver"], 0, &[("v", ValueType::Float64)])),
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
        history_of_drivers(&[(KEY, Some(5), None, Some(1.0)), (Some(2), Some(5), None, Some(2.0))]),
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
    assert_eq!(frame(&[("when", &times)], Some("wen")).unwrap_err().hints(), ["did you mean `when`?"]);
}

/// What the semantics page says, in the slowest way.
fn oracle(
    rows: &[SourceRow],
    entity: (Option<i64>, Option<i64>),
    ttl: i64,
    mode: (EventTimeMatch, bool),
) -> Option<f64> {
    let (key, time) = (entity.0?, entity.1?);
    rows.iter()
        .enumerate()
        .filter(|(_, row)| row.0 == Some(key))
        .filter_map(|(position, row)| Some(((row.1?, row.2, position), row.3)))
        .filter(|((event, created, _), _)| {
            let seen = match mode.0 {
                EventTimeMatch::AtOrBefore => *event <= time,
                EventTimeMatch::StrictlyBefore => *event < time,
            };
            let known = !mode.1 || created.is_none_or(|created| created <= time);
            seen && known && (ttl == 0 || *event >= time - ttl)
        })
        .max_by_key(|(order, _)| *order)
        .and_then(|(_, value)| value)
}

fn maybe(values: std::ops::Range<i64>) -> impl Strategy<Value = Option<i64>> {
    prop_oneof![1 => Just(None), 9 => values.prop_map(Some)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_join_equals_a_brute_force_oracle(
        rows in prop::collection::vec((maybe(0..4), maybe(0..20), maybe(0..20)), 0..40),
        more in prop::collection::vec((maybe(0..4), maybe(0..20), maybe(0..20)), 0..10),
        entities in prop::collection::vec((maybe(0..5), maybe(-2..22)), 0..20),
        ttl in 0_i64..12,
        strictly in any::<bool>(),
        known in any::<bool>(),
        batch_rows in 1_usize..12,
    ) {
        let with_values = |rows: &[(Option<i64>, Option<i64>, Option<i64>)]| -> Vec<SourceRow> {
            rows.iter().zip(0_u32..).map(|(row, at)| (row.0, row.1, row.2, (at % 7 != 3).then_some(f64::from(at)))).collect()
        };
        let (rows, more) = (with_values(&rows), with_values(&more));
        let objects = project(vec![
            ("stats", view("s", &["driver"], ttl, &[("v", ValueType::Float64)])),
            ("more", view("m", &["driver"], 0, &[("v", ValueType::Float64)])),
        ]);
        let store = MemoryHistory::new(batch_rows).with("s", history_of_drivers(&rows)).with("m", history_of_drivers(&more));
        let mut request = ask(&["stats:v", "more:v"], EntityRows::Frame(frame_of_drivers(&entities)));
        request.full_feature_names = true;
        let mode = (if strictly { EventTimeMatch::StrictlyBefore } else { EventTimeMatch::AtOrBefore }, known);
        (request.event_time_match, request.created_before_event_time) = mode;
        let result = run(&request, &objects, store).unwrap();
        let expected: Vec<_> = entities.iter().map(|entity| oracle(&rows, *entity, ttl, mode)).collect();
        prop_assert_eq!(floats(&result.batch, "stats__v"), expected);
        let expected: Vec<_> = entities.iter().map(|entity| oracle(&more, *entity, 0, mode)).collect();
        prop_assert_eq!(floats(&result.batch, "more__v"), expected);
    }
}
