//! Tables to begin with: every type, encoding and compression that the readers know, in small files.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{Int64Type, UInt32Type};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterVersion};
use provender_local::fuzzing::TIME_COLUMN;

/// Files of a target.
pub(crate) fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "csv" | "frame-csv" => texts(),
        "frame-arrow" => arrows(),
        _ => parquets(),
    }
}

/// Columns of every type, `rows` of them.
fn table(rows: i64) -> RecordBatch {
    let numbers = 0..rows;
    let words: Vec<String> = numbers.clone().map(|row| format!("name {}", row % 7)).collect();
    let dictionary: DictionaryArray<UInt32Type> = words.iter().map(String::as_str).collect();
    let lists = numbers.clone().map(|row| (row % 5 != 4).then(|| (0..row % 4).map(Some).collect::<Vec<_>>()));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(numbers.clone()))),
        ("name", Arc::new(StringArray::from(words.clone()))),
        (
            TIME_COLUMN,
            Arc::new(TimestampMicrosecondArray::from_iter_values(
                numbers.clone().map(|row| row * 1_000_000_000),
            )),
        ),
        (
            "created",
            Arc::new(TimestampMillisecondArray::from_iter(
                numbers.clone().map(|row| (row % 3 > 0).then_some(row)),
            )),
        ),
        (
            "rate",
            Arc::new(Float64Array::from_iter(
                numbers.clone().map(|row| (row % 6 > 0).then_some(row as f64 / 3.0)),
            )),
        ),
        ("small", Arc::new(Int32Array::from_iter_values(numbers.clone().map(|row| (row * 77) as i32)))),
        ("tiny", Arc::new(UInt8Array::from_iter_values(numbers.clone().map(|row| row as u8)))),
        ("float", Arc::new(Float32Array::from_iter_values(numbers.clone().map(|row| row as f32)))),
        (
            "ok",
            Arc::new(BooleanArray::from_iter(
                numbers.clone().map(|row| (row % 4 > 0).then_some(row % 2 == 0)),
            )),
        ),
        ("bytes", Arc::new(BinaryArray::from_iter_values(words.iter().map(String::as_bytes)))),
        ("day", Arc::new(Date32Array::from_iter_values(numbers.clone().map(|row| row as i32)))),
        (
            "price",
            Arc::new(
                Decimal128Array::from_iter_values(numbers.clone().map(i128::from))
                    .with_precision_and_scale(20, 2)
                    .unwrap(),
            ),
        ),
        ("kind", Arc::new(dictionary)),
        ("list", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .unwrap()
}

fn parquets() -> Vec<Vec<u8>> {
    let compressions = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4_RAW,
    ];
    let mut files = Vec::new();
    for compression in compressions {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            let properties =
                || WriterProperties::builder().set_compression(compression).set_writer_version(version);
            files.push(parquet(20, properties()));
            files.push(parquet(
                60,
                properties().set_dictionary_enabled(false).set_max_row_group_row_count(Some(25)),
            ));
        }
    }
    let plain = || WriterProperties::builder().set_dictionary_enabled(false);
    for (column, encoding) in [
        ("id", Encoding::DELTA_BINARY_PACKED),
        ("name", Encoding::DELTA_BYTE_ARRAY),
        ("name", Encoding::DELTA_LENGTH_BYTE_ARRAY),
        ("rate", Encoding::BYTE_STREAM_SPLIT),
        ("ok", Encoding::RLE),
    ] {
        files.push(parquet(30, plain().set_column_encoding(column.into(), encoding)));
    }
    files.push(parquet(0, plain()));
    files
}

fn parquet(rows: i64, properties: parquet::file::properties::WriterPropertiesBuilder) -> Vec<u8> {
    let batch = table(rows);
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn arrows() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for rows in [0, 1, 30] {
        let batch = table(rows);
        let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        (0..rows.min(2)).for_each(|_| writer.write(&batch).unwrap());
        files.push(writer.into_inner().unwrap());
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        files.push(writer.into_inner().unwrap());
    }
    files
}

fn texts() -> Vec<Vec<u8>> {
    let mut long = "ts,id\n".to_owned();
    (0..3_000).for_each(|row| long.push_str(&format!("2026-01-01 00:00:00,{row}\n")));
    [
        "ts,id,name,rate,ok,created\n2026-01-01,1,x,0.5,true,2026-01-02\n2026-01-02T10:00:00Z,2,\"a, \"\"b\"\"\nc\",,false,\n",
        "\u{feff}ts,id\r\n2026-01-01 10:00:00+01:00,1\r\n2026-01-01 10:00:00.123456789,2\r\n",
        "id,name,ts\n1,é,2026-01-01\n\n2,nan,1900-01-01\n,,\n",
        "ts\n",
        &long,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
