//! Statistics of a small fleet: one row an hour and driver for fifteen days, and an entity frame to join them to.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Int64Array, TimestampMicrosecondArray};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use provender_core::time::{NANOS_PER_SECOND, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

const SEED: u64 = 20_261_125;
const DRIVERS: std::ops::RangeInclusive<i64> = 1001..=1005;
const HOURS: i64 = 15 * 24;
const HOUR_NANOS: i64 = 3_600 * NANOS_PER_SECOND;

/// Bytes of the generated files.
pub(super) struct DriverData {
    /// Parquet: `event_timestamp`, `driver_id`, `conv_rate`, `acc_rate`, `avg_daily_trips`, `created`.
    pub(super) history: Vec<u8>,
    /// CSV: `driver_id`, `event_timestamp`, `trip_completed`.
    pub(super) entity_rows: Vec<u8>,
}

/// Generates the data that ends with the last full hour before `now`.
pub(super) fn generate(now: Timestamp) -> Result<DriverData, ParquetError> {
    let mut random = StdRng::seed_from_u64(SEED);
    let end = now.as_nanos().div_euclid(HOUR_NANOS) * HOUR_NANOS;
    Ok(DriverData {
        history: history(&mut random, end)?,
        entity_rows: entity_rows(&mut random, end).into_bytes(),
    })
}

fn history(random: &mut StdRng, end: i64) -> Result<Vec<u8>, ParquetError> {
    let (mut times, mut created, mut drivers) = (Vec::new(), Vec::new(), Vec::new());
    let (mut conversion, mut acceptance, mut trips) = (Vec::new(), Vec::new(), Vec::new());
    for hour in (0..HOURS).rev() {
        for driver in DRIVERS {
            let time = (end - hour * HOUR_NANOS) / 1_000;
            times.push(time);
            created.push(time + random.random_range(60_000_000..600_000_000));
            drivers.push(driver);
            conversion.push(random.random::<f32>());
            acceptance.push(random.random::<f32>());
            trips.push(random.random_range(0..1_000_i64));
        }
    }
    let columns: [(&str, ArrayRef); 6] = [
        ("event_timestamp", Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"))),
        ("driver_id", Arc::new(Int64Array::from(drivers))),
        ("conv_rate", Arc::new(Float32Array::from(conversion))),
        ("acc_rate", Arc::new(Float32Array::from(acceptance))),
        ("avg_daily_trips", Arc::new(Int64Array::from(trips))),
        ("created", Arc::new(TimestampMicrosecondArray::from(created).with_timezone("UTC"))),
    ];
    let batch = RecordBatch::try_from_iter(columns).map_err(|error: ArrowError| ParquetError::from(error))?;
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None)?;
    writer.write(&batch)?;
    writer.into_inner()
}

fn entity_rows(random: &mut StdRng, end: i64) -> String {
    let mut text = String::from("driver_id,event_timestamp,trip_completed\n");
    for driver in DRIVERS {
        for _ in 0..2 {
            let time = Timestamp::from_nanos(
                end - random.random_range(1..5 * 24) * HOUR_NANOS - 90 * NANOS_PER_SECOND,
            );
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{driver},{time},{}", u8::from(random.random::<bool>()));
        }
    }
    text
}
