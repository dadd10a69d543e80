//! Files of the environment: who makes them, who may open them, what is said when they are wrong.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use provender_core::model::ValueType;
use provender_core::plan::InfraStep;
use provender_runtime::ErrorKind;
use provender_runtime::provider::{Provider, TableRead, WriteMode};
use provender_runtime::testing::{Backend, Bench, int, int_key, online_row, online_table, times};

use super::Folder;
use crate::{LocalOptions, LocalProvider};

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[tokio::test]
async fn looking_and_reading_create_no_file() {
    let folder = Folder::new();
    let bench = Bench::new(&folder, "p");
    let table = online_table("v", 1, &[(1, ValueType::Int64)]);
    let objects = bench.objects(&table);
    assert!(bench.provider.observe(&objects.iter().collect::<Vec<_>>()).await.unwrap().is_empty());
    let keys = [int_key(1)];
    let read = bench.online().read(&[TableRead { table: &table, keys: &keys }]).await;
    assert_eq!(read.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(bench.online().schema(&table, 1).await.unwrap(), None);
    let row = online_row(&table, &int_key(1), times(1, None), &[int(1)]);
    let error = bench.try_write(&table, WriteMode::Newest, &[row]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    bench.delete(&table).await;
    assert!(is_empty(folder.0.path()), "nothing was created");
    // An existing environment is looked at without growing or changing its data file.
    bench.create(&table).await;
    let data = folder.0.path().join("data/online/data.mdb");
    let before = fs::read(&data).unwrap();
    let other = Folder::new();
    fs::create_dir_all(other.0.path().join("data/online")).unwrap();
    fs::copy(&data, other.0.path().join("data/online/data.mdb")).unwrap();
    let observed = other.provider("p").observe(&objects.iter().collect::<Vec<_>>()).await.unwrap();
    assert_eq!(observed.len(), 1);
    assert_eq!(fs::read(other.0.path().join("data/online/data.mdb")).unwrap(), before);
}

#[tokio::test]
async fn a_file_that_was_taken_away_is_missed_and_made_again() {
    let folder = Folder::new();
    let table = online_table("v", 1, &[(1, ValueType::Int64)]);
    let bench = Bench::new(&folder, "p");
    bench.create(&table).await;
    bench.write(&table, &[online_row(&table, &int_key(1), times(1, None), &[int(1)])]).await;
    fs::remove_dir_all(folder.0.path().join("data")).unwrap();
    let objects = bench.objects(&table);
    assert!(bench.provider.observe(&objects.iter().collect::<Vec<_>>()).await.unwrap().is_empty());
    // A read says that the store is gone, not that there is no such row.
    let keys = [int_key(1)];
    let read = bench.online().read(&[TableRead { table: &table, keys: &keys }]).await;
    assert_eq!(read.unwrap_err().kind(), ErrorKind::NotFound);
    bench.create(&table).await;
    assert_eq!(bench.provider.observe(&objects.iter().collect::<Vec<_>>()).await.unwrap().len(), 1);
    assert_eq!(bench.read(&table, &[int_key(1)]).await, [None]);
}

#[tokio::test]
async fn a_full_store_says_so_and_keeps_what_it_has() {
    let folder = Folder::new();
    let options = LocalOptions { map_size: Some(1 << 20), ..LocalOptions::new("p", folder.0.path()) };
    let provider = Arc::new(LocalProvider::open(options));
    let bench = Bench { backend: &folder, project: "p", provider };
    let table = online_table("v", 1, &[(1, ValueType::Int64)]);
    bench.create(&table).await;
    let row = |key| online_row(&table, &int_key(key), times(1, None), &[int(key)]);
    bench.write(&table, &[row(-1)]).await;
    let rows: Vec<_> = (0..100_000).map(row).collect();
    let error = bench.try_write(&table, WriteMode::Newest, &rows).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.hints()[0].contains("`map_size`"), "{:?}", error.hints());
    assert_eq!(bench.read(&table, &[int_key(-1), int_key(5)]).await, [Some(row(-1).row), None]);
    bench.write(&table, &[row(5)]).await;
    assert_eq!(bench.read(&table, &[int_key(5)]).await, [Some(row(5).row)]);
}

#[tokio::test]
async fn places_where_no_store_can_be_are_explained() {
    let table = online_table("v", 1, &[(1, ValueType::Int64)]);
    let folder = Folder::new();
    let bench = Bench::new(&folder, "p");
    let create = InfraStep::Create { object: bench.objects(&table).remove(0) };
    // A file where the folder should be.
    fs::write(folder.0.path().join("data"), "a file").unwrap();
    let error = bench.provider.execute(&create).await.unwrap_err();
    assert!(error.hints()[0].contains("must be a folder"), "{error:?}");
    fs::remove_file(folder.0.path().join("data")).unwrap();
    // A data file of something else.
    let online = folder.0.path().join("data/online");
    fs::create_dir_all(&online).unwrap();
    fs::write(online.join("data.mdb"), vec![7; 20_000]).unwrap();
    let error = bench.provider.execute(&create).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
    assert!(error.hints()[0].contains("no embedded store"), "{error:?}");
    assert_eq!(fs::read(online.join("data.mdb")).unwrap(), vec![7; 20_000], "it was left alone");
}

#[tokio::test]
async fn an_environment_of_another_program_or_a_newer_version_is_refused() {
    let folder = Folder::new();
    let path = folder.0.path().join("data/online");
    fs::create_dir_all(&path).unwrap();
    let table = online_table("v", 1, &[(1, ValueType::Int64)]);
    let bench = Bench::new(&folder, "p");
    let create = InfraStep::Create { object: bench.objects(&table).remove(0) };
    let foreign = |name: &str, key: &[u8], value: &[u8]| {
        #[expect(unsafe_code, reason = "opening LMDB; closed again before the store opens it")]
        let env = unsafe { heed::EnvOpenOptions::new().max_dbs(4).open(&path).unwrap() };
        let mut txn = env.write_txn().unwrap();
        let database =
            env.create_database::<heed::types::Bytes, heed::types::Bytes>(&mut txn, Some(name)).unwrap();
        database.put(&mut txn, key, value).unwrap();
        txn.commit().unwrap();
        env.prepare_for_closing().wait();
    };
    foreign("songs", b"a", b"b");
    let error = bench.provider.execute(&create).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("another program"), "{error}");
    fs::remove_dir_all(&path).unwrap();
    let other = Folder::new();
    let bench = Bench::new(&other, "p");
    bench.create(&table).await;
    drop(bench);
    fs::create_dir_all(&path).unwrap();
    fs::copy(other.0.path().join("data/online/data.mdb"), path.join("data.mdb")).unwrap();
    foreign("meta", b"format", &9_u32.to_be_bytes());
    let error = Bench::new(&folder, "p").provider.execute(&create).await.unwrap_err();
    assert!(error.to_string().contains("format version 9"), "{error}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_explained() {
    // Nobody may make a folder there, not even the superuser, for whom permissions do not count.
    let provider = LocalProvider::open(LocalOptions::new("p", "/sys"));
    let table = online_table("v", 1, &[(1, ValueType::Int64)]);
    let object = Bench::new(&Folder::new(), "p").objects(&table).remove(0);
    let error = provider.execute(&InfraStep::Create { object }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.hints()[0].contains("needs to write"), "{error:?}");
}
