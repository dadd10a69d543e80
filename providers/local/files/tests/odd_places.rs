//! What lies at a path and is no plain file, and files that change while they are read.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use arrow::datatypes::{DataType, Field};

use super::places::read_while;
use super::*;

const ID: [(&str, ValueType); 1] = [("id", ValueType::Int64)];

fn told(result: Result<Read, Error>) -> String {
    let (message, hints) = said(result);
    format!("{message} | {hints}")
}

fn one_row(folder: &Path, name: &str, id: i64) {
    write_parquet(folder, name, &table(vec![("id", ints(vec![id])), ("ts", nanos(vec![Some(id)]))]), 10);
}

#[test]
fn pipes_and_links_to_nothing_are_refused_and_never_waited_for_or_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    one_row(folder, "d/1.parquet", 1);
    let pipe = folder.join("pipe.parquet");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let read = |path: &str| read_all(folder, parquet(path), &ID);
    assert_eq!(
        told(read("pipe.parquet")),
        "`pipe.parquet` is neither a file nor a folder | write what a pipe or device gives to a file"
    );
    symlink("nowhere", folder.join("d/2.parquet")).unwrap();
    symlink("nowhere", folder.join("d/_notes.parquet")).unwrap();
    symlink("nowhere", folder.join("d/notes")).unwrap();
    for path in ["d", "d/*.parquet", "**/[12].parquet"] {
        let said = told(read(path));
        assert!(said.contains("d/2.parquet`") && said.contains("is a link to nothing"), "{path}: {said}");
    }
    assert!(told(read("d/2.parquet")).contains("there is no file or folder"));
    assert_eq!(read("d/1.parquet").unwrap().batch.num_rows(), 1);
    fs::remove_file(folder.join("d/2.parquet")).unwrap();
    // A link to a file is that file; a link to the folder that holds it has no end.
    symlink("1.parquet", folder.join("d/2.parquet")).unwrap();
    assert_eq!(read("d").unwrap().batch.num_rows(), 2);
    symlink(".", folder.join("d/loop")).unwrap();
    assert!(told(read("d")).contains("could not look at `d`"));
}

#[test]
fn a_folder_may_be_named_like_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    one_row(folder, "d/1.parquet", 1);
    one_row(folder, "d/2.parquet/part-0.parquet", 2);
    let rows = |path: &str| read_all(folder, parquet(path), &ID).map(|read| read.batch.num_rows()).unwrap();
    assert_eq!(rows("d"), 2);
    assert_eq!(rows("d/2.parquet"), 1);
    assert_eq!(rows("d/**/*.parquet"), 2);
    let said = told(read_all(folder, parquet("d/*.parquet"), &ID));
    assert!(said.contains("d/2.parquet`, which `d/*.parquet` names, is a folder"), "{said}");
    assert!(said.contains("`d/*.parquet/*` names the files of such folders"), "{said}");
    fs::create_dir(folder.join("empty.parquet")).unwrap();
    assert!(told(read_all(folder, parquet("empty.parquet"), &ID)).contains("holds no file that ends with"));
}

#[test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn a_file_that_may_not_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    one_row(folder, "d/1.parquet", 1);
    fs::set_permissions(folder.join("d/1.parquet"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(folder.join("d/1.parquet")).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    for path in ["d", "d/1.parquet"] {
        assert!(told(read_all(folder, parquet(path), &ID)).contains("could not read `d/1.parquet`"));
    }
}

/// A file that is deleted, replaced or rewritten between its parts is an error, and never two halves of two files.
#[test]
fn a_file_that_changes_while_it_is_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rows = 400_000;
    let many = table(vec![("id", ints((0..rows).collect())), ("ts", nanos((0..rows).map(Some).collect()))]);
    let after_the_first_batch = |change: &dyn Fn()| {
        write_parquet(folder, "d/1.parquet", &many, 50_000);
        one_row(folder, "d/2.parquet", 1);
        let scan = SourceScan { source: parquet("d"), columns: ask(&ID), range: None };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        read_while(&runtime, &FileStore::new(folder, folder), &scan, change)
    };
    assert!(after_the_first_batch(&|| {}).is_ok());
    let gone = after_the_first_batch(&|| fs::remove_file(folder.join("d/2.parquet")).unwrap()).unwrap_err();
    assert_eq!(gone.to_string(), "`d/2.parquet` was changed or removed while it was read");
    let replaced = after_the_first_batch(&|| {
        one_row(folder, "new/1.parquet", 5);
        fs::rename(folder.join("new/1.parquet"), folder.join("d/1.parquet")).unwrap();
    });
    let replaced = replaced.unwrap_err();
    assert!(replaced.to_string().contains("`d/1.parquet`"), "{replaced}");
    let grown = after_the_first_batch(&|| one_row(folder, "d/2.parquet", 1)).unwrap_err();
    assert_eq!(grown.to_string(), "`d/2.parquet` was changed or removed while it was read");
    assert!(!grown.hints().is_empty());
}

#[test]
fn columns_that_cannot_be_asked_for_do_not_disturb_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let nested: ArrayRef = Arc::new(StructArray::from(vec![(
        Arc::new(Field::new("id", DataType::Int64, true)),
        ints(vec![7, 8]),
    )]));
    let columns = vec![
        Field::new("nested", nested.data_type().clone(), true),
        Field::new("id", DataType::Int64, true),
        Field::new("x", DataType::Int64, true),
        Field::new("x", DataType::Int64, true),
        Field::new("ts", DataType::Int64, true),
    ];
    let values = vec![nested, ints(vec![1, 2]), ints(vec![3, 4]), ints(vec![5, 6]), ints(vec![1, 2])];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(columns)), values).unwrap();
    write_parquet(folder, "f.parquet", &batch, 1);
    let source = DataSource { timestamp_unit: Some(TimestampUnit::Second), ..parquet("f.parquet") };
    let found = read_all(folder, source.clone(), &ID).unwrap();
    assert_eq!(found.batch.column(0).as_primitive::<Int64Type>().values().as_ref(), [1, 2]);
    let twice = told(read_all(folder, source.clone(), &[("x", ValueType::Int64)]));
    assert!(twice.contains("`f.parquet` has more than one column `x`"), "{twice}");
    let nested = told(read_all(folder, source, &[("nested", ValueType::Int64)]));
    assert!(nested.contains("column `nested` of `f.parquet` holds struct of"), "{nested}");
}

/// A codec that is not compiled in, or is none at all, is named.
#[test]
fn an_unknown_compression_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    one_row(folder.path(), "f.parquet", 1);
    let whole = fs::read(folder.path().join("f.parquet")).unwrap();
    let mut refusals = Vec::new();
    // The codec is one byte of each column's metadata; every byte of the footer is tried as it.
    for at in 4..whole.len() - 8 {
        for codec in [3_u8, 10] {
            let mut bytes = whole.clone();
            bytes[at] = codec * 2;
            fs::write(folder.path().join("f.parquet"), bytes).unwrap();
            if let Err(error) = read_all(folder.path(), parquet("f.parquet"), &ID) {
                refusals.push(error.chain().join(": "));
            }
        }
    }
    let of_codec = refusals.iter().filter(|said| said.to_lowercase().contains("codec"));
    assert!(of_codec.clone().count() > 0, "{refusals:#?}");
    assert!(of_codec.into_iter().all(|said| said.contains("`f.parquet`")));
}
