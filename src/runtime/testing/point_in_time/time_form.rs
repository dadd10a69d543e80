//! The forms in which a column may hold times.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Date64Array, Int32Array, Int64Array, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt32Array,
};
use provender_core::model::TimestampUnit;

/// A form of time columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeForm {
    Second,
    MillisecondElsewhere,
    MicrosecondUtc,
    Microsecond,
    Nanosecond,
    NanosecondBerlin,
    Date,
    DateOfMilliseconds,
    EpochSecond,
    EpochMillisecond,
    EpochMicrosecond,
    EpochNanosecond,
}

impl TimeForm {
    pub(super) const ALL: [Self; 12] = [
        Self::Nanosecond,
        Self::NanosecondBerlin,
        Self::Microsecond,
        Self::MicrosecondUtc,
        Self::MillisecondElsewhere,
        Self::Second,
        Self::Date,
        Self::DateOfMilliseconds,
        Self::EpochNanosecond,
        Self::EpochMicrosecond,
        Self::EpochMillisecond,
        Self::EpochSecond,
    ];

    /// Nanoseconds from one time that it can hold to the next.
    pub(super) const fn tick(self) -> i64 {
        match self {
            Self::Nanosecond | Self::NanosecondBerlin | Self::EpochNanosecond => 1,
            Self::Microsecond | Self::MicrosecondUtc | Self::EpochMicrosecond => 1_000,
            Self::MillisecondElsewhere | Self::EpochMillisecond => 1_000_000,
            Self::Second | Self::EpochSecond => 1_000_000_000,
            Self::Date | Self::DateOfMilliseconds => 86_400_000_000_000,
        }
    }

    /// The unit that a source must name.
    pub(super) const fn unit(self) -> Option<TimestampUnit> {
        match self {
            Self::EpochSecond => Some(TimestampUnit::Second),
            Self::EpochMillisecond => Some(TimestampUnit::Millisecond),
            Self::EpochMicrosecond => Some(TimestampUnit::Microsecond),
            Self::EpochNanosecond => Some(TimestampUnit::Nanosecond),
            _ => None,
        }
    }

    /// A column of this form that an entity frame may have: frames say no unit.
    pub(super) const fn of_frame(self) -> Self {
        match self.unit() {
            None => self,
            Some(_) => Self::Nanosecond,
        }
    }

    /// A column of times in nanoseconds; each must be one that the form can hold.
    pub(super) fn column(self, nanos: &[Option<i64>]) -> ArrayRef {
        let ticks: Vec<Option<i64>> = nanos
            .iter()
            .map(|time| {
                time.map(|time| {
                    assert_eq!(time % self.tick(), 0, "{self:?} cannot hold {time}");
                    time / self.tick()
                })
            })
            .collect();
        let narrow = || ticks.iter().map(|tick| tick.map(|tick| i32::try_from(tick).unwrap()));
        match self {
            Self::Second => Arc::new(TimestampSecondArray::from(ticks)),
            Self::MillisecondElsewhere => {
                Arc::new(TimestampMillisecondArray::from(ticks).with_timezone("+05:45"))
            }
            Self::MicrosecondUtc => Arc::new(TimestampMicrosecondArray::from(ticks).with_timezone("UTC")),
            Self::Microsecond => Arc::new(TimestampMicrosecondArray::from(ticks)),
            Self::Nanosecond => Arc::new(TimestampNanosecondArray::from(ticks)),
            Self::NanosecondBerlin => {
                Arc::new(TimestampNanosecondArray::from(ticks).with_timezone("Europe/Berlin"))
            }
            Self::Date => Arc::new(narrow().collect::<Date32Array>()),
            Self::DateOfMilliseconds => {
                let days = ticks.iter().map(|tick| tick.map(|tick| tick * 86_400_000));
                Arc::new(days.collect::<Date64Array>())
            }
            // Integers of other widths, as they happen to be in files.
            Self::EpochSecond if ticks.iter().flatten().all(|tick| *tick >= 0) => {
                let narrow = ticks.iter().map(|tick| tick.map(|tick| u32::try_from(tick).unwrap()));
                Arc::new(narrow.collect::<UInt32Array>())
            }
            Self::EpochSecond => Arc::new(narrow().collect::<Int32Array>()),
            Self::EpochMillisecond | Self::EpochMicrosecond | Self::EpochNanosecond => {
                Arc::new(Int64Array::from(ticks))
            }
        }
    }
}
