//! The contract of [`crate::provider::OnlineStore`], case by case. [`online_store`] runs them all; each uses tables of its
//! own name, so they can share a backend.

use provender_core::encoding::{Cell, EntityKey};
use provender_core::model::{Value, ValueType};
use provender_core::registry::OnlineTable;

use super::fixture::{Backend, Bench, int, int_key, online_row, online_table, string_key, times};
use crate::ErrorKind;
use crate::provider::{OnlineRow, TableRead, WriteMode, WriteOutcome};

/// Runs the suite. Panics at the first rule that the store breaks.
pub async fn online_store(backend: &dyn Backend) {
    let bench = Bench::new(backend, "conformance");
    never_goes_back_in_time(&bench).await;
    a_missing_created_time_sorts_first(&bench).await;
    repeats_in_one_call_follow_the_rule(&bench).await;
    fills_only_what_is_absent(&bench).await;
    fills_rows_of_older_schemas(&bench).await;
    a_late_writer_of_an_old_schema_takes_nothing_away(&bench).await;
    null_is_not_absent(&bench).await;
    rows_of_old_schemas_stay_readable(&bench).await;
    unknown_tables_are_not_found(&bench).await;
    reads_keep_order_and_repeats(&bench).await;
    several_tables_in_one_read(&bench).await;
    a_view_without_entities_has_one_row(&bench).await;
    keys_of_any_size_and_content(&bench).await;
    large_batches_and_large_values(&bench).await;
    projects_do_not_meet(backend).await;
    deleting_a_table_touches_no_other(&bench).await;
}

const WRITTEN: WriteOutcome = WriteOutcome { written: 1, kept: 0 };
const KEPT: WriteOutcome = WriteOutcome { written: 0, kept: 1 };

fn one_column(view: &str) -> OnlineTable {
    online_table(view, 1, &[(1, ValueType::Int64)])
}

fn simple(table: &OnlineTable, key: i64, event: i64, created: Option<i64>, value: i64) -> OnlineRow {
    online_row(table, &int_key(key), times(event, created), &[int(value)])
}

async fn value_of(bench: &Bench<'_>, table: &OnlineTable, key: i64) -> Option<Cell> {
    bench.read_one(table, &int_key(key)).await.map(|(_, mut cells)| cells.remove(0))
}

async fn never_goes_back_in_time(bench: &Bench<'_>) {
    let table = one_column("never_back");
    bench.create(&table).await;
    let day = 1_790_000_000_000_000_000;
    assert_eq!(bench.write(&table, &[simple(&table, 7, day, Some(5), 1)]).await, WRITTEN);
    assert_eq!(
        bench.write(&table, &[simple(&table, 7, day - 1, Some(9), 2)]).await,
        KEPT,
        "a row one nanosecond older stays out, however late it was created"
    );
    assert_eq!(bench.write(&table, &[simple(&table, 7, day, Some(4), 3)]).await, KEPT);
    assert_eq!(value_of(bench, &table, 7).await, Some(int(1)));
    assert_eq!(
        bench.write(&table, &[simple(&table, 7, day, Some(5), 4)]).await,
        WRITTEN,
        "an equal pair overwrites"
    );
    assert_eq!(value_of(bench, &table, 7).await, Some(int(4)));
    assert_eq!(bench.write(&table, &[simple(&table, 7, day, Some(6), 5)]).await, WRITTEN);
    assert_eq!(
        bench.write(&table, &[simple(&table, 7, day + 1, Some(-9), 6)]).await,
        WRITTEN,
        "one nanosecond newer wins, however early it was created"
    );
    assert_eq!(value_of(bench, &table, 7).await, Some(int(6)));
    // Before the epoch, times are negative and still ordered.
    bench.write(&table, &[simple(&table, 8, -5, None, 1)]).await;
    assert_eq!(bench.write(&table, &[simple(&table, 8, -6, None, 2)]).await, KEPT);
    assert_eq!(bench.write(&table, &[simple(&table, 8, i64::MIN, None, 3)]).await, KEPT);
    assert_eq!(bench.write(&table, &[simple(&table, 8, i64::MAX, None, 4)]).await, WRITTEN);
}

async fn a_missing_created_time_sorts_first(bench: &Bench<'_>) {
    let table = one_column("no_created");
    bench.create(&table).await;
    bench.write(&table, &[simple(&table, 1, 10, None, 1)]).await;
    assert_eq!(bench.write(&table, &[simple(&table, 1, 10, Some(i64::MIN + 1), 2)]).await, WRITTEN);
    assert_eq!(bench.write(&table, &[simple(&table, 1, 10, None, 3)]).await, KEPT);
    assert_eq!(value_of(bench, &table, 1).await, Some(int(2)));
}

async fn repeats_in_one_call_follow_the_rule(bench: &Bench<'_>) {
    let table = one_column("repeats");
    bench.create(&table).await;
    let rows = [
        simple(&table, 1, 10, None, 1),
        simple(&table, 2, 10, None, 10),
        simple(&table, 1, 30, None, 2),
        simple(&table, 1, 20, None, 3),
        simple(&table, 2, 10, None, 11),
    ];
    let outcome = bench.write(&table, &rows).await;
    assert_eq!(outcome, WriteOutcome { written: 4, kept: 1 });
    assert_eq!(value_of(bench, &table, 1).await, Some(int(2)));
    assert_eq!(value_of(bench, &table, 2).await, Some(int(11)), "among equals, the later in the call wins");
}

async fn fills_only_what_is_absent(bench: &Bench<'_>) {
    let old = one_column("fill");
    bench.create(&old).await;
    bench.write(&old, &[simple(&old, 1, 50, Some(3), 1)]).await;
    let new = online_table("fill", 2, &[(1, ValueType::Int64), (2, ValueType::String)]);
    let text = |text: &str| Cell::Value(Value::String(text.to_owned()));
    // Newer and older fillers alike: times stay, values that are there stay.
    for (event, value) in [(99, "newer"), (1, "older")] {
        let filler = online_row(&new, &int_key(1), times(event, None), &[int(77), text(value)]);
        bench.fill(&new, &[filler]).await;
        let (header, cells) = bench.read_one(&new, &int_key(1)).await.unwrap();
        assert_eq!(header, times(50, Some(3)));
        assert_eq!(cells, [int(1), text("newer")], "what the first one filled is no longer absent");
    }
    let absent = online_row(&new, &int_key(1), times(7, None), &[Cell::Absent, Cell::Absent]);
    assert_eq!(bench.fill(&new, &[absent]).await, KEPT, "an absent cell fills nothing");
    let first = online_row(&new, &int_key(2), times(7, None), &[Cell::Absent, text("first")]);
    assert_eq!(bench.fill(&new, &[first]).await, WRITTEN, "a key without a row gets this one");
    let (header, cells) = bench.read_one(&new, &int_key(2)).await.unwrap();
    assert_eq!((header, cells), (times(7, None), vec![Cell::Absent, text("first")]));
}

async fn fills_rows_of_older_schemas(bench: &Bench<'_>) {
    let first = online_table("fill_old", 1, &[(1, ValueType::Int32), (2, ValueType::Float32)]);
    bench.create(&first).await;
    let key = int_key(1);
    let cells = [Cell::Value(Value::Int32(-4)), Cell::Value(Value::Float32(0.1))];
    bench.write(&first, &[online_row(&first, &key, times(5, None), &cells)]).await;
    // Column 1 widens, column 2 goes away, column 3 comes.
    let second = online_table("fill_old", 2, &[(3, ValueType::Int64), (1, ValueType::Int64)]);
    bench.fill(&second, &[online_row(&second, &key, times(9, None), &[int(3), int(100)])]).await;
    let (header, filled) = bench.read_one(&second, &key).await.unwrap();
    assert_eq!((header, filled), (times(5, None), vec![int(3), int(-4)]));
}

async fn a_late_writer_of_an_old_schema_takes_nothing_away(bench: &Bench<'_>) {
    let old = one_column("late");
    let new = online_table("late", 2, &[(1, ValueType::Int64), (2, ValueType::Int64)]);
    bench.create(&new).await;
    let key = int_key(1);
    bench.write(&new, &[online_row(&new, &key, times(5, None), &[Cell::Absent, int(2)])]).await;
    bench.fill(&old, &[online_row(&old, &key, times(6, None), &[int(1)])]).await;
    let (_, cells) = bench.read_one(&new, &key).await.unwrap();
    assert_eq!(cells, [int(1), int(2)]);
}

async fn null_is_not_absent(bench: &Bench<'_>) {
    let table = online_table("null", 1, &[(1, ValueType::Int64), (2, ValueType::Int64)]);
    bench.create(&table).await;
    let key = int_key(1);
    bench.write(&table, &[online_row(&table, &key, times(5, None), &[Cell::Null, Cell::Absent])]).await;
    let (_, cells) = bench.read_one(&table, &key).await.unwrap();
    assert_eq!(cells, [Cell::Null, Cell::Absent]);
    bench.fill(&table, &[online_row(&table, &key, times(5, None), &[int(1), int(2)])]).await;
    let (_, cells) = bench.read_one(&table, &key).await.unwrap();
    assert_eq!(cells, [Cell::Null, int(2)], "a null that is stored stays");
}

async fn rows_of_old_schemas_stay_readable(bench: &Bench<'_>) {
    let first = online_table("evolve", 1, &[(1, ValueType::Int32), (2, ValueType::String)]);
    bench.create(&first).await;
    let cells = [Cell::Value(Value::Int32(i32::MIN)), Cell::Value(Value::String("gone".to_owned()))];
    bench.write(&first, &[online_row(&first, &int_key(1), times(1, None), &cells)]).await;
    let widened = online_table("evolve", 2, &[(1, ValueType::Int64), (2, ValueType::String)]);
    let added = online_table("evolve", 3, &[(1, ValueType::Int64), (3, ValueType::Bool)]);
    bench.write(&added, &[online_row(&added, &int_key(2), times(1, None), &[int(5), Cell::Null])]).await;
    let (_, cells) = bench.read_one(&added, &int_key(1)).await.unwrap();
    assert_eq!(cells, [int(i64::from(i32::MIN)), Cell::Absent]);
    let stored = bench.read(&added, &[int_key(1), int_key(2)]).await;
    let ids: Vec<u32> = stored.iter().flatten().map(provender_core::encoding::PackedRow::schema_id).collect();
    assert_eq!(ids, [1, 3], "rows keep the schema they were written with");
    let unused = bench.online().schema(&added, widened.schema_id).await.unwrap();
    assert_eq!(unused, None, "a schema that no row ever had is not described");
}

async fn unknown_tables_are_not_found(bench: &Bench<'_>) {
    let table = one_column("never_created");
    let row = simple(&table, 1, 1, None, 1);
    for mode in [WriteMode::Newest, WriteMode::FillAbsent] {
        let error = bench.try_write(&table, mode, std::slice::from_ref(&row)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
    assert_eq!(bench.read(&table, &[int_key(1), int_key(2)]).await, [None, None]);
    assert_eq!(bench.online().schema(&table, 1).await.unwrap(), None);
}

async fn reads_keep_order_and_repeats(bench: &Bench<'_>) {
    let table = one_column("order");
    bench.create(&table).await;
    assert_eq!(bench.write(&table, &[]).await, WriteOutcome::default());
    let rows: Vec<_> = (0..300).map(|key| simple(&table, key, 1, None, key * 2)).collect();
    bench.write(&table, &rows).await;
    for wanted in [vec![], vec![5, 900, 5, -1, 0, 5], (0..400).rev().chain(0..400).collect::<Vec<i64>>()] {
        let keys: Vec<_> = wanted.iter().map(|key| int_key(*key)).collect();
        let found = bench.read(&table, &keys).await;
        let expected: Vec<_> = wanted
            .iter()
            .map(|key| (0..300).contains(key).then(|| rows[usize::try_from(*key).unwrap()].row.clone()))
            .collect();
        assert_eq!(found, expected);
    }
}

async fn several_tables_in_one_read(bench: &Bench<'_>) {
    let (a, b, gone) = (one_column("several_a"), one_column("several_b"), one_column("several_gone"));
    bench.create(&a).await;
    bench.create(&b).await;
    bench.write(&a, &[simple(&a, 1, 1, None, 10)]).await;
    bench.write(&b, &[simple(&b, 1, 1, None, 20), simple(&b, 2, 1, None, 21)]).await;
    let (one, both) = ([int_key(1)], [int_key(2), int_key(1)]);
    let reads = [
        TableRead { table: &b, keys: &both },
        TableRead { table: &gone, keys: &[] },
        TableRead { table: &a, keys: &one },
        TableRead { table: &a, keys: &[] },
        TableRead { table: &b, keys: &one },
    ];
    let answer = bench.online().read(&reads).await.unwrap();
    let value = |table: &OnlineTable, value| Some(simple(table, 1, 1, None, value).row);
    assert_eq!(
        answer,
        [vec![value(&b, 21), value(&b, 20)], vec![], vec![value(&a, 10)], vec![], vec![value(&b, 20)]]
    );
    let with_gone = [TableRead { table: &a, keys: &one }, TableRead { table: &gone, keys: &both }];
    let error = bench.online().read(&with_gone).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "what a table held that is gone is not known: {error}");
    assert_eq!(bench.online().read(&[]).await.unwrap(), Vec::<Vec<_>>::new());
}

async fn a_view_without_entities_has_one_row(bench: &Bench<'_>) {
    let table = OnlineTable { join_keys: vec![], ..one_column("no_entities") };
    bench.create(&table).await;
    let key = EntityKey::empty();
    assert_eq!(bench.read_one(&table, &key).await, None);
    bench.write(&table, &[online_row(&table, &key, times(1, None), &[int(3)])]).await;
    assert_eq!(bench.read_one(&table, &key).await, Some((times(1, None), vec![int(3)])));
    assert_eq!(bench.read_one(&table, &int_key(1)).await, None);
}

async fn keys_of_any_size_and_content(bench: &Bench<'_>) {
    let table = one_column("hostile");
    bench.create(&table).await;
    let long = |length: usize, end: char| format!("{}{end}", "k".repeat(length));
    let mut keys: Vec<EntityKey> = [
        "",
        "\0",
        "\0\0",
        "a",
        "a\0",
        "a\0\u{ff}",
        "é",
        "e\u{301}",
        "漢字",
        "🦀",
        "{x}",
        "a:b",
        "*",
        "../x",
        " ",
    ]
    .iter()
    .map(|text| string_key(text))
    .collect();
    // Around every length at which a store may start to treat keys differently, with a difference at the very end only.
    for length in (480..520).chain([1_000, 2_040, 2_100, 70_000]) {
        keys.extend([string_key(&long(length, 'x')), string_key(&long(length, 'y'))]);
    }
    keys.push(EntityKey::encode(&[Value::Bytes(vec![0, 255, 0])]).unwrap());
    keys.push(EntityKey::encode(&[Value::Int64(1), Value::Int64(23)]).unwrap());
    keys.push(EntityKey::encode(&[Value::Int64(12), Value::Int64(3)]).unwrap());
    let numbered = || keys.iter().zip(0_i64..);
    let rows: Vec<_> =
        numbered().map(|(key, value)| online_row(&table, key, times(1, None), &[int(value)])).collect();
    bench.write(&table, &rows).await;
    for (key, value) in numbered() {
        let found = bench.read_one(&table, key).await.unwrap_or_else(|| panic!("{key:?} is not found"));
        assert_eq!(found.1, [int(value)], "{key:?}");
    }
    let older: Vec<_> = keys.iter().map(|key| online_row(&table, key, times(0, None), &[int(-1)])).collect();
    let kept = WriteOutcome { written: 0, kept: keys.len() as u64 };
    assert_eq!(bench.write(&table, &older).await, kept, "the rule holds for keys of any size");
}

async fn large_batches_and_large_values(bench: &Bench<'_>) {
    let table = online_table("large", 1, &[(1, ValueType::Bytes)]);
    bench.create(&table).await;
    let cell = |length: usize| Cell::Value(Value::Bytes(vec![7; length]));
    let rows: Vec<_> = (0..5_000)
        .map(|key| online_row(&table, &int_key((key * 7_919) % 5_000), times(key, None), &[cell(3)]))
        .collect();
    let outcome = bench.write(&table, &rows).await;
    assert_eq!(outcome, WriteOutcome { written: 5_000, kept: 0 });
    let keys: Vec<_> = (0..5_000).map(int_key).collect();
    assert!(bench.read(&table, &keys).await.iter().all(Option::is_some));
    // Under the 400 KB that the smallest of the stores allows for an item.
    bench.write(&table, &[online_row(&table, &int_key(1), times(9_999, None), &[cell(300_000)])]).await;
    assert_eq!(bench.read_one(&table, &int_key(1)).await.unwrap().1, [cell(300_000)]);
}

async fn projects_do_not_meet(backend: &dyn Backend) {
    let (one, two) = (Bench::new(backend, "project_one"), Bench::new(backend, "project_two"));
    let table = one_column("shared_name");
    one.create(&table).await;
    assert_eq!(
        two.try_write(&table, WriteMode::Newest, &[simple(&table, 1, 1, None, 1)]).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    two.create(&table).await;
    one.write(&table, &[simple(&table, 1, 5, None, 1)]).await;
    assert_eq!(value_of(&two, &table, 1).await, None);
    two.write(&table, &[simple(&table, 1, 4, None, 2)]).await;
    assert_eq!(value_of(&one, &table, 1).await, Some(int(1)));
    one.delete(&table).await;
    assert_eq!(value_of(&one, &table, 1).await, None);
    assert_eq!(value_of(&two, &table, 1).await, Some(int(2)));
}

async fn deleting_a_table_touches_no_other(bench: &Bench<'_>) {
    // Names of which one is the beginning of the other, and two ids of one view.
    let doomed = one_column("doomed");
    let mut later = doomed.clone();
    later.id.revision = Some(11);
    let others = [one_column("doomed2"), one_column("doome"), later];
    for table in others.iter().chain([&doomed]) {
        bench.create(table).await;
        let rows: Vec<_> = (-50..50).map(|key| simple(table, key, 1, None, key)).collect();
        bench.write(table, &rows).await;
    }
    bench.delete(&doomed).await;
    let keys: Vec<_> = (-50..50).map(int_key).collect();
    assert!(bench.read(&doomed, &keys).await.iter().all(Option::is_none));
    for table in &others {
        assert!(bench.read(table, &keys).await.iter().all(Option::is_some), "{} lost rows", table.id);
    }
    assert_eq!(
        bench
            .try_write(&doomed, WriteMode::Newest, &[simple(&doomed, 1, 1, None, 1)])
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::NotFound,
        "a writer that comes late finds no table"
    );
}
