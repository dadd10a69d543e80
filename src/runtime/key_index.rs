//! Numbers for entity keys: which of the keys seen so far one is. Most keys are short; those lie in the table itself, so
//! that finding one touches memory once.

use std::hash::BuildHasher as _;
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};
use provender_core::encoding::EntityKey;

use crate::columns::KeyColumns;
use crate::{Error, Result};

/// Bytes of a key that lies in the table itself.
const INLINE: usize = 15;
/// The last byte of the word of a longer key; that of a short key is its length.
const IS_LONG: u8 = u8::MAX;

/// A key, or the first bytes of a longer one, and its kind.
type Word = [u64; 2];

#[derive(Debug)]
struct Slot {
    word: Word,
    number: u32,
    /// Where a longer key lies.
    long: u32,
}

/// Keys, numbered from 0 in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct KeyIndex {
    slots: HashTable<Slot>,
    long: Vec<Box<[u8]>>,
    hasher: DefaultHashBuilder,
}

impl KeyIndex {
    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The numbers of the keys of some rows. In two passes: while memory answers about one key, the processor is at the
    /// next ones.
    pub(crate) fn numbers(&self, columns: &KeyColumns, rows: Range<usize>) -> Vec<Option<u32>> {
        let mut key = EntityKey::empty();
        let mut hashed = Vec::with_capacity(rows.len());
        for row in rows.clone() {
            hashed.push(columns.encode(row, &mut key).then(|| {
                let word = word(key.as_bytes());
                (word, self.hash(word, key.as_bytes()))
            }));
        }
        let find = |(row, hashed): (usize, Option<(Word, u64)>)| {
            let (word, hash) = hashed?;
            let found = if is_long(word) {
                columns.encode(row, &mut key);
                self.slots.find(hash, |slot| self.is(slot, word, key.as_bytes()))
            } else {
                self.slots.find(hash, |slot| slot.word == word)
            };
            found.map(|slot| slot.number)
        };
        rows.zip(hashed).map(find).collect()
    }

    /// The numbers of the keys of some rows, which get one where they have none yet; `None` for a null key.
    ///
    /// # Errors
    /// More keys than can be numbered.
    pub(crate) fn numbered(&mut self, columns: &KeyColumns, rows: Range<usize>) -> Result<Vec<Option<u32>>> {
        let mut numbers = self.numbers(columns, rows.clone());
        let mut key = EntityKey::empty();
        for (row, number) in rows.zip(&mut numbers) {
            if number.is_none() && columns.encode(row, &mut key) {
                *number = Some(self.insert(&key)?);
            }
        }
        Ok(numbers)
    }

    /// The number of a key, which is new when it is equal to the number of keys before.
    fn insert(&mut self, key: &EntityKey) -> Result<u32> {
        let bytes = key.as_bytes();
        let word = word(bytes);
        let hash = self.hash(word, bytes);
        if let Some(found) = self.slots.find(hash, |slot| self.is(slot, word, bytes)) {
            return Ok(found.number);
        }
        let too_many =
            |_| Error::invalid("more than four billion keys at once").with_hint("ask for them in parts");
        let number = u32::try_from(self.slots.len()).map_err(too_many)?;
        let long = u32::try_from(self.long.len()).map_err(too_many)?;
        if bytes.len() > INLINE {
            self.long.push(bytes.into());
        }
        let Self { slots, long: longer, hasher } = self;
        slots.insert_unique(hash, Slot { word, number, long }, |slot| {
            hash_of(hasher, slot.word, longer.get(slot.long as usize).map_or(&[][..], |key| &**key))
        });
        Ok(number)
    }

    /// All keys with their numbers, in no order.
    pub(crate) fn into_keys(self) -> impl Iterator<Item = (EntityKey, usize)> {
        let long = self.long;
        self.slots.into_iter().map(move |slot| {
            let bytes = bytes_of(slot.word);
            let key = match bytes[INLINE] {
                IS_LONG => long[slot.long as usize].to_vec(),
                length => bytes[..usize::from(length)].to_vec(),
            };
            (EntityKey::from_bytes(key), slot.number as usize)
        })
    }

    fn hash(&self, word: Word, bytes: &[u8]) -> u64 {
        hash_of(&self.hasher, word, bytes)
    }

    fn is(&self, slot: &Slot, word: Word, bytes: &[u8]) -> bool {
        slot.word == word && (bytes.len() <= INLINE || *self.long[slot.long as usize] == *bytes)
    }
}

fn word(bytes: &[u8]) -> Word {
    let mut word = [0; INLINE + 1];
    let inline = bytes.len().min(INLINE);
    word[..inline].copy_from_slice(&bytes[..inline]);
    word[INLINE] = if bytes.len() > INLINE { IS_LONG } else { u8::try_from(bytes.len()).unwrap_or(IS_LONG) };
    let word = u128::from_le_bytes(word);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    [word as u64, (word >> 64) as u64]
}

fn bytes_of([low, high]: Word) -> [u8; INLINE + 1] {
    (u128::from(low) | u128::from(high) << 64).to_le_bytes()
}

fn is_long(word: Word) -> bool {
    bytes_of(word)[INLINE] == IS_LONG
}

fn hash_of(hasher: &DefaultHashBuilder, word: Word, bytes: &[u8]) -> u64 {
    if is_long(word) { hasher.hash_one(bytes) } else { hasher.hash_one(word) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BinaryArray};
    use provender_core::model::{Value, ValueType};

    use super::*;

    #[test]
    fn keys_of_every_length_have_numbers_of_their_own() {
        let texts: Vec<Vec<u8>> = (0..40)
            .flat_map(|length| [vec![0; length], vec![1; length], [vec![0; length], vec![7]].concat()])
            .collect();
        let column: ArrayRef = Arc::new(BinaryArray::from_iter_values(&texts));
        let columns = KeyColumns::new(&[column]).unwrap();
        let mut index = KeyIndex::default();
        let mut known: Vec<&Vec<u8>> = Vec::new();
        let mut key = EntityKey::empty();
        for (row, text) in texts.iter().enumerate().chain(texts.iter().enumerate()) {
            let expected = known.iter().position(|other| *other == text);
            assert_eq!(index.numbers(&columns, 0..texts.len())[row].map(|number| number as usize), expected);
            assert!(columns.encode(row, &mut key));
            assert_eq!(
                index.insert(&key).ok().map(|number| number as usize),
                Some(expected.unwrap_or(known.len()))
            );
            if expected.is_none() {
                known.push(text);
            }
        }
        assert_eq!(index.len(), known.len());
        for (key, number) in index.into_keys() {
            assert_eq!(key.decode(&[ValueType::Bytes]), Some(vec![Value::Bytes(known[number].clone())]));
        }
    }
}
