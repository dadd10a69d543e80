//! Of a file in a bucket nothing is read but its footer and the columns and row groups that are asked for.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use ::parquet::file::metadata::ParquetMetaDataReader;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use provender_core::model::ValueType;

use super::places::Place;
use super::{ints, nanos, parquet, parquet_bytes, table};

/// A store that remembers which bytes were read, and how often it was asked.
#[derive(Debug, Default)]
struct Counting {
    store: InMemory,
    read: Mutex<Vec<Range<u64>>>,
}

impl std::fmt::Display for Counting {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("counting")
    }
}

#[async_trait]
impl ObjectStore for Counting {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.store.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let is_head = options.head;
        let got = self.store.get_opts(path, options).await?;
        if !is_head {
            self.read.lock().unwrap().push(got.range.clone());
        }
        Ok(got)
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

/// Five columns of 5 row groups; those that are not asked for lie between those that are.
fn wide() -> Vec<u8> {
    let rows = 0..50_000;
    let noise = |add: i64| {
        ints(rows.clone().map(|row| (row + add).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64)).collect())
    };
    let columns = vec![
        ("a", noise(0)),
        ("not_asked", noise(1)),
        ("ts", nanos(rows.clone().map(Some).collect())),
        ("nor_this", noise(2)),
        ("b", noise(3)),
    ];
    parquet_bytes(&table(columns), 10_000)
}

#[test]
fn only_the_footer_and_what_is_asked_for_is_read() {
    let bytes = wide();
    let size = bytes.len() as u64;
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&Bytes::from(bytes.clone())).unwrap();
    let counting = Arc::new(Counting::default());
    let place = Place::of_store(Arc::clone(&counting) as Arc<dyn ObjectStore>);
    place.put("wide.parquet", bytes);
    let columns = [("a", ValueType::Int64), ("b", ValueType::Int64)];
    let source = || parquet(&place.path("wide.parquet"));
    let read = place.read(source(), &columns, Some((10_000, 19_999))).unwrap();
    assert_eq!(read.batch.num_rows(), 10_000);

    let ranges = std::mem::take(&mut *counting.read.lock().unwrap());
    let footer = size - 64 * 1024;
    let parts: Vec<_> = ranges.iter().filter(|range| range.start < footer).collect();
    for (group, group_metadata) in metadata.row_groups().iter().enumerate() {
        for column in group_metadata.columns() {
            let (start, length) = column.byte_range();
            let is_asked = group == 1 && ["a", "b", "ts"].contains(&column.column_path().string().as_str());
            let touching = parts.iter().filter(|range| range.start < start + length && start < range.end);
            let (name, touching) = (column.column_path().string(), touching.count());
            assert_eq!(touching, usize::from(is_asked), "column {name} of group {group}: {parts:?}");
        }
    }
    let asked: u64 =
        metadata.row_group(1).columns().iter().step_by(2).map(|column| column.byte_range().1).sum();
    assert_eq!(parts.iter().map(|range| range.end - range.start).sum::<u64>(), asked);

    // What lies side by side is asked for at once.
    let all = ["a", "not_asked", "nor_this", "b"].map(|name| (name, ValueType::Int64));
    place.read(source(), &all, Some((10_000, 19_999))).unwrap();
    let ranges = std::mem::take(&mut *counting.read.lock().unwrap());
    assert_eq!(ranges.iter().filter(|range| range.start < footer).count(), 1, "{ranges:?}");
}
