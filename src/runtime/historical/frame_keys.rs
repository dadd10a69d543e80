//! Numbers for the keys of an entity frame.

use std::ops::Range;

use arrow::array::{Array as _, Int64Array};

use super::slots::NONE;
use crate::columns::KeyColumns;
use crate::key_index::KeyIndex;
use crate::newest_rows::blocks;
use crate::{Error, ErrorKind, Result};

/// The keys of the rows that have a time, each with a number.
#[derive(Debug)]
pub(super) enum FrameKeys {
    /// Integers that lie close together. The number of one is how far it is from the first: nothing is looked up. Some of
    /// the numbers may be of no row.
    Close {
        /// The least of them.
        first: i64,
        /// How many numbers there are.
        many: u32,
    },
    /// All others.
    Index(KeyIndex),
}

/// Numbers for each row of a frame that integers may take to be close together: four bytes each, they take less memory
/// than an index of as many keys as rows does.
const NUMBERS_PER_ROW: u64 = 4;

impl FrameKeys {
    /// The keys of a frame, and by row the number of its key; [`NONE`] for a row with a null key or a null time.
    ///
    /// # Errors
    /// More keys than can be numbered.
    pub(super) fn new(columns: &KeyColumns, times: &Int64Array) -> Result<(Self, Vec<u32>)> {
        let mut key_of_row = vec![NONE; times.len()];
        if let Some((first, many)) = close_integers(columns, times) {
            columns.for_each_integer(0..times.len(), |row, key| {
                if times.is_valid(row) {
                    key_of_row[row] = distance(first, key);
                }
            });
            return Ok((Self::Close { first, many }, key_of_row));
        }
        let mut keys = KeyIndex::default();
        for block in blocks(times.len()) {
            let mut hashed = keys.hashed(columns, block);
            hashed.retain(|hashed| times.is_valid(hashed.row));
            for (hashed, number) in hashed.iter().zip(keys.number(columns, &hashed)?) {
                key_of_row[hashed.row] = number;
            }
        }
        Ok((Self::Index(keys), key_of_row))
    }

    /// How many numbers there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Close { many, .. } => *many as usize,
            Self::Index(keys) => keys.len(),
        }
    }

    /// Those of some rows whose keys have numbers, written to the beginning of a block that has room for all; how many.
    ///
    /// # Errors
    /// Columns of other types than those of the frame: a bug.
    pub(super) fn numbers(
        &self,
        columns: &KeyColumns,
        rows: Range<usize>,
        block: &mut [NumberedRow],
    ) -> Result<usize> {
        let mut found = 0;
        let mut add = |row: usize, number: u32, is_there: bool| {
            // Written in any case: the processor could not guess which rows have numbers.
            block[found] = NumberedRow { row: u32::try_from(row).unwrap_or(NONE), number };
            found += usize::from(is_there);
        };
        match self {
            Self::Index(keys) => {
                keys.numbers(columns, rows).into_iter().for_each(|(row, number)| add(row, number, true));
            }
            Self::Close { first, many } => {
                let are_integers = columns.for_each_integer(rows, |row, key| {
                    let number = distance(*first, key);
                    add(row, number, number < *many);
                });
                if !are_integers {
                    let message = "keys of a history are of another type than those of the frame";
                    return Err(Error::new(ErrorKind::Bug, message));
                }
            }
        }
        Ok(found)
    }
}

/// A row of a batch whose key has a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NumberedRow {
    pub(super) row: u32,
    pub(super) number: u32,
}

/// How far a key is from the first; [`NONE`], which is farther than the last possible key, where that is no number of a key.
fn distance(first: i64, key: i64) -> u32 {
    // Modulo 2^64, so a key below the first is far away.
    u32::try_from(key.wrapping_sub(first).cast_unsigned()).unwrap_or(NONE)
}

/// The least key and how many there are from it to the greatest, when keys are integers that lie close together.
fn close_integers(columns: &KeyColumns, times: &Int64Array) -> Option<(i64, u32)> {
    let mut ends: Option<(i64, i64)> = None;
    let are_integers = columns.for_each_integer(0..times.len(), |row, key| {
        if times.is_valid(row) {
            let (least, greatest) = ends.unwrap_or((key, key));
            ends = Some((least.min(key), greatest.max(key)));
        }
    });
    let (first, last) = ends.filter(|_| are_integers)?;
    let many = last.abs_diff(first).checked_add(1)?;
    let few_enough = many <= (times.len() as u64).saturating_mul(NUMBERS_PER_ROW);
    u32::try_from(many).ok().filter(|many| few_enough && *many < NONE).map(|many| (first, many))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array};

    use super::*;

    fn frame(keys: &[Option<i64>], times: &[Option<i64>]) -> (FrameKeys, Vec<u32>) {
        let keys: ArrayRef = Arc::new(Int64Array::from(keys.to_vec()));
        FrameKeys::new(&KeyColumns::new(&[keys]).unwrap(), &Int64Array::from(times.to_vec())).unwrap()
    }

    fn numbers(keys: &FrameKeys, history: &[Option<i64>]) -> Vec<(usize, u32)> {
        numbers_of(keys, Arc::new(Int64Array::from(history.to_vec())))
    }

    fn numbers_of(keys: &FrameKeys, column: ArrayRef) -> Vec<(usize, u32)> {
        let mut block = vec![NumberedRow::default(); column.len()];
        let columns = KeyColumns::new(&[Arc::clone(&column)]).unwrap();
        let found = keys.numbers(&columns, 0..column.len(), &mut block).unwrap();
        block[..found].iter().map(|row| (row.row as usize, row.number)).collect()
    }

    #[test]
    fn close_integers_are_numbered_by_their_distance() {
        let (keys, of_row) =
            frame(&[Some(7), None, Some(5), Some(90), Some(7)], &[Some(1), Some(1), Some(2), None, Some(3)]);
        assert!(matches!(keys, FrameKeys::Close { first: 5, many: 3 }), "{keys:?}");
        assert_eq!(of_row, [2, NONE, 0, NONE, 2]);
        let history = [Some(4), Some(5), None, Some(6), Some(7), Some(8), Some(i64::MIN), Some(i64::MAX)];
        assert_eq!(numbers(&keys, &history), [(1, 0), (3, 1), (4, 2)]);
    }

    #[test]
    fn the_ends_of_integers_are_not_taken_for_neighbours() {
        for ends in [[i64::MAX - 1, i64::MAX], [i64::MIN, i64::MIN + 1]] {
            let (keys, of_row) = frame(&ends.map(Some), &[Some(1), Some(1)]);
            assert!(matches!(keys, FrameKeys::Close { many: 2, .. }), "{keys:?}");
            assert_eq!(of_row, [0, 1]);
            let history =
                [i64::MIN, i64::MIN + 1, i64::MIN + 2, -1, 0, 1, i64::MAX - 2, i64::MAX - 1, i64::MAX];
            let found: Vec<i64> =
                numbers(&keys, &history.map(Some)).iter().map(|(row, _)| history[*row]).collect();
            assert_eq!(found, ends);
        }
    }

    #[test]
    fn integers_far_apart_and_other_keys_are_looked_up() {
        for far in [vec![Some(0), Some(8)], vec![Some(i64::MIN), Some(i64::MAX)]] {
            let (keys, of_row) = frame(&far, &[Some(1), Some(1)]);
            assert!(matches!(keys, FrameKeys::Index(_)), "{keys:?}");
            assert_eq!(of_row, [0, 1]);
            assert_eq!(numbers(&keys, &[Some(7), far[1], None, far[0]]), [(1, 1), (3, 0)]);
        }
        let (keys, of_row) = frame(&[Some(1), None], &[None, Some(1)]);
        assert_eq!((keys.len(), of_row), (0, vec![NONE, NONE]));
    }

    #[test]
    fn keys_of_32_bits_are_integers_too() {
        let column: ArrayRef = Arc::new(Int32Array::from(vec![Some(-3), None, Some(-1)]));
        let columns = KeyColumns::new(&[Arc::clone(&column)]).unwrap();
        let (keys, of_row) = FrameKeys::new(&columns, &Int64Array::from(vec![1, 1, 1])).unwrap();
        assert!(matches!(keys, FrameKeys::Close { first: -3, many: 3 }), "{keys:?}");
        assert_eq!(of_row, [0, NONE, 2]);
        assert_eq!(numbers_of(&keys, column), [(0, 0), (2, 2)]);
    }
}
