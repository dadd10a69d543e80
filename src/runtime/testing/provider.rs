//! The contract of [`crate::provider::Provider`], case by case. [`provider`] runs them all.

use std::collections::BTreeMap;

use futures::future::join_all;
use litemap::LiteMap;
use provender_core::model::{StoreIdentity, ValueType};
use provender_core::plan::InfraStep;
use provender_core::provider::{InfraObject, UpdateKind};

use super::fixture::{Backend, Bench, int, int_key, online_row, online_table, times};

/// Runs the suite. Panics at the first rule that the provider breaks.
pub async fn provider(backend: &dyn Backend) {
    what_is_lowered_depends_on_no_column(backend);
    observe_sees_what_execute_did(backend).await;
    what_is_listed_is_the_project_s(backend).await;
    steps_can_be_repeated(backend).await;
    a_table_that_comes_again_is_empty(backend).await;
    many_tables_at_once(backend).await;
}

fn objects(bench: &Bench<'_>, view: &str) -> Vec<InfraObject> {
    bench.objects(&online_table(view, 1, &[(1, ValueType::Int64)]))
}

fn what_is_lowered_depends_on_no_column(backend: &dyn Backend) {
    let bench = Bench::new(backend, "lowering");
    let narrow = online_table("view", 1, &[(1, ValueType::Int64)]);
    let wide = online_table("view", 2, &[(1, ValueType::Int64), (2, ValueType::String)]);
    let (before, after) = (bench.objects(&narrow), bench.objects(&wide));
    assert!(!before.is_empty(), "a table has infrastructure");
    assert_eq!(before, after, "adding a column is no infrastructure change");
    for object in before {
        assert_eq!(object.table.as_ref(), Some(&narrow.id));
        assert!(object.id.name.contains("lowering") && object.id.name.contains("view.r1"), "{}", object.id);
        assert_eq!(backend.spec().update_kind(&object, &object), UpdateKind::InPlace);
        assert_eq!(object.id.to_string().parse(), Ok(object.id));
    }
}

async fn observe_sees_what_execute_did(backend: &dyn Backend) {
    let bench = Bench::new(backend, "observing");
    let table = online_table("seen", 1, &[(1, ValueType::Int64)]);
    let wanted = [objects(&bench, "seen"), objects(&bench, "unseen")].concat();
    assert_eq!(bench.provider.observe(&wanted.iter().collect::<Vec<_>>()).await.unwrap(), BTreeMap::new());
    for object in bench.objects(&table) {
        let created = bench.provider.execute(&InfraStep::Create { object: object.clone() }).await.unwrap();
        assert_eq!(created, Some(object));
    }
    let expected: BTreeMap<_, _> =
        bench.objects(&table).into_iter().map(|object| (object.id.clone(), object)).collect();
    let fresh = backend.provider("observing");
    assert_eq!(
        fresh.observe(&wanted.iter().collect::<Vec<_>>()).await.unwrap(),
        expected,
        "another handle sees it as it was made"
    );
    assert_eq!(fresh.observe(&[]).await.unwrap(), BTreeMap::new(), "only what was asked for");
    let elsewhere = Some(StoreIdentity { kind: "test".to_owned(), settings: LiteMap::new() });
    let named = InfraObject { store: elsewhere, ..wanted[0].clone() };
    let seen = fresh.observe(&[&named]).await.unwrap();
    assert_eq!(seen.get(&named.id).map(|seen| &seen.table), Some(&named.table));
    let mut foreign = wanted[0].clone();
    foreign.id.kind = "another_kind".to_owned();
    assert_eq!(fresh.observe(&[&foreign]).await.unwrap(), BTreeMap::new());
    bench.delete(&table).await;
    assert_eq!(fresh.observe(&wanted.iter().collect::<Vec<_>>()).await.unwrap(), BTreeMap::new());
}

async fn what_is_listed_is_the_project_s(backend: &dyn Backend) {
    let (bench, other) = (Bench::new(backend, "listing"), Bench::new(backend, "listing2"));
    assert_eq!(bench.provider.list(None).await.unwrap(), []);
    let tables = ["one", "two"].map(|view| online_table(view, 1, &[(1, ValueType::Int64)]));
    for table in &tables {
        bench.create(table).await;
    }
    other.create(&tables[0]).await;
    let mut expected: Vec<InfraObject> = tables.iter().flat_map(|table| bench.objects(table)).collect();
    expected.sort_by(|a, b| a.id.cmp(&b.id));
    let mut listed = bench.provider.list(None).await.unwrap();
    listed.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(listed, expected);
    bench.delete(&tables[0]).await;
    assert_eq!(bench.provider.list(None).await.unwrap(), bench.objects(&tables[1]));
    let store = StoreIdentity { kind: "test".to_owned(), settings: LiteMap::new() };
    let named = other.provider.list(Some(&store)).await.unwrap();
    assert!(!named.is_empty() && named.iter().all(|object| object.store.as_ref() == Some(&store)));
}

async fn steps_can_be_repeated(backend: &dyn Backend) {
    let bench = Bench::new(backend, "repeating");
    let table = online_table("again", 1, &[(1, ValueType::Int64)]);
    bench.delete(&table).await;
    bench.create(&table).await;
    let row = online_row(&table, &int_key(1), times(1, None), &[int(5)]);
    bench.write(&table, &[row]).await;
    bench.create(&table).await;
    for object in bench.objects(&table) {
        let step = InfraStep::Update { from: object.clone(), to: object.clone() };
        assert_eq!(bench.provider.execute(&step).await.unwrap(), Some(object));
    }
    let found = bench.read_one(&table, &int_key(1)).await;
    assert_eq!(found, Some((times(1, None), vec![int(5)])), "creating what is there loses nothing");
    bench.delete(&table).await;
    bench.delete(&table).await;
}

async fn a_table_that_comes_again_is_empty(backend: &dyn Backend) {
    let bench = Bench::new(backend, "returning");
    let table = online_table("back", 1, &[(1, ValueType::Int64)]);
    bench.create(&table).await;
    bench.write(&table, &[online_row(&table, &int_key(1), times(9, None), &[int(5)])]).await;
    bench.delete(&table).await;
    bench.create(&table).await;
    assert_eq!(bench.read_one(&table, &int_key(1)).await, None);
    assert_eq!(bench.online().schema(&table, 1).await.unwrap(), None);
    // Nor does the deleted table's schema 1 stand in the way of another.
    let other = online_table("back", 1, &[(1, ValueType::String)]);
    let row = online_row(&other, &int_key(1), times(1, None), &[provender_core::encoding::Cell::Null]);
    assert_eq!(bench.write(&other, &[row]).await.written, 1);
}

async fn many_tables_at_once(backend: &dyn Backend) {
    let bench = Bench::new(backend, "crowd");
    let tables: Vec<_> =
        (0..30).map(|number| online_table(&format!("view{number}"), 1, &[(1, ValueType::Int64)])).collect();
    join_all(tables.iter().map(|table| async {
        bench.create(table).await;
        bench.write(table, &[online_row(table, &int_key(1), times(1, None), &[int(1)])]).await;
    }))
    .await;
    let wanted: Vec<_> = tables.iter().flat_map(|table| bench.objects(table)).collect();
    assert_eq!(bench.provider.observe(&wanted.iter().collect::<Vec<_>>()).await.unwrap().len(), wanted.len());
    join_all(tables.iter().map(|table| bench.delete(table))).await;
    assert!(bench.provider.observe(&wanted.iter().collect::<Vec<_>>()).await.unwrap().is_empty());
}
