//! Deleting tables: in bounded transactions, and never a row of another table.

use provender_core::model::ValueType;
use provender_core::registry::OnlineTable;
use provender_runtime::provider::OnlineStore as _;
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
