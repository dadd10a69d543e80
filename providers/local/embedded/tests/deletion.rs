//! Deleting tables: in bounded transactions, and never a row of another table.

use provender_core::model::ValueType;
use provender_core::registry::OnlineTable;
use provender_runtime::ErrorKind;
use provender_runtime::provider::{OnlineStore as _, TableRead};
use provender_runtime::testing::{Bench, int, int_key, online_row, online_table, times};

use super::Folder;
use crate::embedded::tables::Record;
use crate::embedded::{DEFAULT_MAP_SIZE, EmbeddedStore};

fn one_column(view: &str) -> OnlineTable {
    online_table(view, 1, &[(1, ValueType::Int64)])
}

/// Entries in `rows`, in `schemas` and in `meta` (format, next number, garbage).
async fn entries(store: &EmbeddedStore) -> (u64, u64, u64) {
    let environment = store.existing().await.unwrap().unwrap();
    environment
        .reading(|databases, txn| {
            Ok((databases.rows.len(txn)?, databases.schemas.len(txn)?, databases.meta.len(txn)?))
        })
        .unwrap()
        .unwrap_or_default()
}

#[tokio::test]
async fn what_an_interrupted_deletion_left_goes_with_the_next_and_numbers_do_not_return() {
    let folder = Folder::new();
    let bench = Bench::new(&folder, "p");
    let store = EmbeddedStore::new("p".to_owned(), folder.0.path().join("data/online"), DEFAULT_MAP_SIZE);
    let (left, deleted, kept) = (one_column("left"), one_column("deleted"), one_column("kept"));
    // More rows than one transaction deletes.
    for (table, count) in [(&left, 60_000), (&deleted, 10), (&kept, 7)] {
        bench.create(table).await;
        let rows: Vec<_> =
            (0..count).map(|key| online_row(table, &int_key(key), times(1, None), &[int(1)])).collect();
        bench.write(table, &rows).await;
    }
    let record = Record::of(&bench.objects(&left)[0], "p").unwrap();
    let environment = store.existing().await.unwrap().unwrap();
    environment.submit(1, move |databases, txn| databases.delete_table(txn, &record)).await.unwrap();
    assert_eq!(entries(&store).await, (60_017, 3, 3), "out of sight, and not swept");
    assert_eq!(bench.read(&left, &[int_key(1)]).await, [None]);
    // Created again before anything was swept, it is empty and stays itself.
    bench.create(&left).await;
    assert_eq!(bench.read(&left, &[int_key(1)]).await, [None]);
    bench.write(&left, &[online_row(&left, &int_key(1), times(0, None), &[int(5)])]).await;
    bench.delete(&deleted).await;
    assert_eq!(entries(&store).await, (8, 2, 2));
    assert_eq!(bench.read_one(&left, &int_key(1)).await, Some((times(0, None), vec![int(5)])));
    assert_eq!(store.schema(&deleted, 1).await.unwrap(), None);
}

#[tokio::test]
async fn reads_never_take_a_table_for_another_that_had_its_name() {
    let folder = Folder::new();
    let (ours, theirs) = (Bench::new(&folder, "p"), Bench::new(&folder, "q"));
    let path = folder.0.path().join("data/online");
    let store = |project: &str| EmbeddedStore::new(project.to_owned(), path.clone(), DEFAULT_MAP_SIZE);
    let (table, other, keys) = (one_column("of_both"), one_column("other"), [int_key(1)]);
    let reads = [TableRead { table: &table, keys: &keys }, TableRead { table: &other, keys: &keys }];
    for (bench, value) in [(&ours, 10), (&theirs, 20)] {
        bench.create(&table).await;
        bench.create(&other).await;
        bench.write(&table, &[online_row(&table, &int_key(1), times(1, None), &[int(value)])]).await;
    }
    // Each reads its own, one after the other in one snapshot.
    for _ in 0..2 {
        for (project, value) in [("p", 10), ("q", 20)] {
            let found = store(project).read(&reads).await.unwrap();
            let expected = online_row(&table, &int_key(1), times(1, None), &[int(value)]).row;
            assert_eq!(found, [[Some(expected)], [None]]);
        }
    }
    let (ours_read, theirs_read) = (store("p"), store("q"));
    ours_read.read(&reads).await.unwrap();
    ours.delete(&table).await;
    assert_eq!(ours_read.read(&reads).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(theirs_read.read(&reads).await.unwrap()[0][0].is_some());
    assert_eq!(ours_read.read(&reads[1..]).await.unwrap(), [[None]]);
    ours.create(&table).await;
    assert_eq!(ours_read.read(&reads).await.unwrap(), [[None], [None]]);
}
