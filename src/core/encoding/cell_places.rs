//! Where the cells of a packed row lie, so that a reader can take from its bytes what it needs and copy nothing before.

use super::packed_row::{ABSENT, HEADER, NULL, VALUE, state_bytes, take_value, unused_bits_are_zero};
use super::value_bytes::{take_count, take_counted, take_slice};
use super::{PackedRow, PackedRowError, RowSchema};
use crate::model::{Value, ValueType};

/// Where one cell lies in the bytes of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellPlace {
    /// The row has no such column yet.
    Absent,
    /// The value is null.
    Null,
    /// The value: its encoded bytes, those of a string, bytes or list with their length before them.
    Value {
        /// The first byte.
        start: u32,
        /// The byte after the last.
        end: u32,
    },
}

impl PackedRow {
    /// Puts the places of all cells into `places`, in schema order; what was there before goes. Everything that
    /// [`PackedRow::decode`] refuses is refused here too, so [`decode_value`] reads what a place says.
    ///
    /// # Errors
    /// As [`PackedRow::decode`].
    pub fn places(&self, schema: &RowSchema, places: &mut Vec<CellPlace>) -> Result<(), PackedRowError> {
        places.clear();
        if self.schema_id() != schema.id {
            return Err(PackedRowError::Schema { expected: schema.id, found: self.schema_id() });
        }
        let bytes = self.as_bytes();
        let states =
            bytes.get(HEADER..HEADER + state_bytes(schema.columns.len())).ok_or(PackedRowError::Damaged)?;
        let mut rest = &bytes[HEADER + states.len()..];
        let at = |rest: &[u8]| u32::try_from(bytes.len() - rest.len()).map_err(|_| PackedRowError::Damaged);
        for (column, (_, value_type)) in schema.columns.iter().enumerate() {
            places.push(match states[column / 4] >> (column % 4 * 2) & 3 {
                ABSENT => CellPlace::Absent,
                NULL => CellPlace::Null,
                VALUE => {
                    let start = at(rest)?;
                    skip_value(&mut rest, value_type).ok_or(PackedRowError::Damaged)?;
                    CellPlace::Value { start, end: at(rest)? }
                }
                _ => return Err(PackedRowError::Damaged),
            });
        }
        if rest.is_empty() && unused_bits_are_zero(states, schema.columns.len() * 2) {
            Ok(())
        } else {
            Err(PackedRowError::Damaged)
        }
    }
}

/// The value that these bytes are, which a [`CellPlace`] of a column of this type told; none for any other bytes.
pub fn decode_value(mut bytes: &[u8], value_type: &ValueType) -> Option<Value> {
    let value = take_value(&mut bytes, value_type)?;
    bytes.is_empty().then_some(value)
}

/// Goes past a value, and looks at it as closely as decoding would.
fn skip_value(rest: &mut &[u8], value_type: &ValueType) -> Option<()> {
    match value_type {
        ValueType::Bool => matches!(take_slice(rest, 1)?, [0 | 1]).then_some(()),
        ValueType::Int32 | ValueType::Float32 => take_slice(rest, 4).map(|_| ()),
        ValueType::Int64 | ValueType::Float64 | ValueType::Timestamp => take_slice(rest, 8).map(|_| ()),
        ValueType::Bytes => take_counted(rest).map(|_| ()),
        ValueType::String => std::str::from_utf8(take_counted(rest)?).ok().map(|_| ()),
        ValueType::List(element) => {
            let count = take_count(rest)?;
            let bits = take_slice(rest, count.div_ceil(8))?;
            if !unused_bits_are_zero(bits, count) {
                return None;
            }
            (0..count)
                .filter(|index| bits[index / 8] >> (index % 8) & 1 == 1)
                .try_for_each(|_| skip_value(rest, element))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::strategies::{any_header, schema_and_cells};
    use super::*;
    use crate::encoding::Cell;

    /// The cells that the places of a row say.
    fn cells(row: &PackedRow, schema: &RowSchema) -> Result<Vec<Cell>, PackedRowError> {
        let mut places = Vec::new();
        row.places(schema, &mut places)?;
        let cell = |(place, (_, value_type)): (&CellPlace, &(_, ValueType))| match *place {
            CellPlace::Absent => Cell::Absent,
            CellPlace::Null => Cell::Null,
            CellPlace::Value { start, end } => {
                let bytes = &row.as_bytes()[start as usize..end as usize];
                Cell::Value(decode_value(bytes, value_type).unwrap())
            }
        };
        Ok(places.iter().zip(&schema.columns).map(cell).collect())
    }

    proptest! {
        #[test]
        fn places_say_what_decoding_says(
            (schema, written) in schema_and_cells(),
            header in any_header(),
            flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in any::<prop::sample::Index>(),
            shorten in any::<bool>(),
        ) {
            let packed = PackedRow::encode(header, &schema, &written).unwrap();
            prop_assert_eq!(cells(&packed, &schema), Ok(written));
            let mut bytes = packed.into_bytes();
            for (at, mask) in flips {
                let at = at.index(bytes.len());
                bytes[at] ^= mask;
            }
            if shorten {
                bytes.truncate(cut.index(bytes.len()));
            }
            if let Ok(damaged) = PackedRow::from_bytes(bytes) {
                prop_assert_eq!(cells(&damaged, &schema), damaged.decode(&schema));
            }
        }
    }
}
