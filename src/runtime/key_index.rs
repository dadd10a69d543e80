//! Numbers for entity keys: which of the keys seen so far one is. Most keys are short; those lie in the table itself, so
//! that finding one touches memory once.

use std::cmp::Ordering;
use std::hash::BuildHasher as _;
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};
use provender_core::encoding::EntityKey;

use crate::blocking::sort_side_by_side;
use crate::columns::KeyColumns;
use crate::{Error, Result};

/// Bytes of a key that lies in the table itself.
const INLINE: usize = 15;
/// The last byte of the word of a longer key; that of a short key is its length.
const IS_LONG: u8 = u8::MAX;

/// A key, or the first bytes of a longer one, in big-endian order, and in the last byte its kind. Words of short keys are
/// ordered as the keys are.
type Word = [u64; 2];

#[derive(Debug)]
struct Slot {
    word: Word,
    number: u32,
    /// Where a longer key lies.
    long: u32,
}

/// The key of a row, ready to be looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashed {
    pub(crate) row: usize,
    word: Word,
    pub(crate) hash: u64,
}

/// How keys are hashed. It is seeded by the process: keys come from outside.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyHasher(DefaultHashBuilder);

impl KeyHasher {
    /// Calls `take` with the keys of some rows; a null key is left out.
    pub(crate) fn for_each(&self, columns: &KeyColumns, rows: Range<usize>, mut take: impl FnMut(Hashed)) {
        columns.for_each(rows, |row, bytes| {
            let word = word(bytes);
            take(Hashed { row, word, hash: self.hash(word, bytes) });
        });
    }

    fn hash(&self, word: Word, bytes: &[u8]) -> u64 {
        if is_long(word) { self.0.hash_one(bytes) } else { self.0.hash_one(number_of(word)) }
    }
}

/// Keys, numbered from 0 in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct KeyIndex {
    slots: HashTable<Slot>,
    long: Vec<Box<[u8]>>,
    hasher: KeyHasher,
}

impl KeyIndex {
    /// One whose keys are hashed so.
    pub(crate) fn new(hasher: KeyHasher) -> Self {
        Self { hasher, ..Self::default() }
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The keys of some rows; a null key is left out.
    pub(crate) fn hashed(&self, columns: &KeyColumns, rows: Range<usize>) -> Vec<Hashed> {
        let mut keys = Vec::with_capacity(rows.len());
        self.hasher.for_each(columns, rows, |hashed| keys.push(hashed));
        keys
    }

    /// Those of some rows whose keys have numbers, and the numbers.
    pub(crate) fn numbers(&self, columns: &KeyColumns, rows: Range<usize>) -> Vec<(usize, u32)> {
        // In two passes: while memory answers about one key, the processor is at the next ones.
        let hashed = self.hashed(columns, rows);
        let found = self.find(columns, &hashed);
        found.zip(&hashed).filter_map(|(number, hashed)| Some((hashed.row, number?))).collect()
    }

    fn find<'a>(
        &'a self,
        columns: &'a KeyColumns,
        keys: &'a [Hashed],
    ) -> impl Iterator<Item = Option<u32>> + 'a {
        let mut key = EntityKey::empty();
        keys.iter().map(move |hashed| {
            let found = if is_long(hashed.word) {
                columns.encode(hashed.row, &mut key);
                self.slots.find(hashed.hash, |slot| self.is(slot, hashed.word, key.as_bytes()))
            } else {
                self.slots.find(hashed.hash, |slot| slot.word == hashed.word)
            };
            found.map(|slot| slot.number)
        })
    }

    /// The numbers of keys, each of which gets one where it has none yet.
    ///
    /// # Errors
    /// More keys than can be numbered.
    pub(crate) fn number(&mut self, columns: &KeyColumns, keys: &[Hashed]) -> Result<Vec<u32>> {
        let mut key = EntityKey::empty();
        let found: Vec<Option<u32>> = self.find(columns, keys).collect();
        let number = |(hashed, found): (&Hashed, Option<u32>)| {
            if let Some(number) = found {
                return Ok(number);
            }
            columns.encode(hashed.row, &mut key);
            self.insert(hashed, key.as_bytes())
        };
        keys.iter().zip(found).map(number).collect()
    }

    /// The number of a key, which is new when it is equal to the number of keys before.
    fn insert(&mut self, Hashed { word, hash, .. }: &Hashed, bytes: &[u8]) -> Result<u32> {
        if let Some(found) = self.slots.find(*hash, |slot| self.is(slot, *word, bytes)) {
            return Ok(found.number);
        }
        let too_many =
            |_| Error::invalid("more than four billion keys at once").with_hint("ask for them in parts");
        let number = u32::try_from(self.slots.len()).map_err(too_many)?;
        let long = u32::try_from(self.long.len()).map_err(too_many)?;
        if is_long(*word) {
            self.long.push(bytes.into());
        }
        let Self { slots, long: longer, hasher } = self;
        let rehash = |slot: &Slot| hasher.hash(slot.word, bytes_of_long(longer, slot.word, slot.long));
        slots.insert_unique(*hash, Slot { word: *word, number, long }, rehash);
        Ok(number)
    }

    fn is(&self, slot: &Slot, word: Word, bytes: &[u8]) -> bool {
        slot.word == word && (!is_long(word) || *self.long[slot.long as usize] == *bytes)
    }
}

/// The keys of several indexes in the order of their bytes.
#[derive(Debug)]
pub(crate) struct SortedKeys {
    keys: Vec<SortedKey>,
    long: Vec<Box<[u8]>>,
}

#[derive(Clone, Copy, Debug)]
struct SortedKey {
    word: Word,
    /// Of its index: the numbers of indexes before are added.
    number: u32,
    long: u32,
}

impl SortedKeys {
    /// Sorts the keys of some indexes, no two of which have the same key. The numbers of each index go on where those of
    /// the index before end.
    ///
    /// # Errors
    /// More keys than can be numbered.
    pub(crate) fn new(indexes: impl IntoIterator<Item = KeyIndex>) -> Result<Self> {
        let too_many =
            |_| Error::invalid("more than four billion keys at once").with_hint("ask for them in parts");
        let indexes: Vec<KeyIndex> = indexes.into_iter().collect();
        let mut keys = Vec::with_capacity(indexes.iter().map(KeyIndex::len).sum());
        let mut long = Vec::new();
        for index in indexes {
            let first = u32::try_from(keys.len()).map_err(too_many)?;
            let first_long = u32::try_from(long.len()).map_err(too_many)?;
            u32::try_from(keys.len() + index.len()).map_err(too_many)?;
            long.extend(index.long);
            let slots = index.slots.into_iter();
            keys.extend(slots.map(|Slot { word, number, long }| SortedKey {
                word,
                number: first + number,
                long: first_long + long,
            }));
        }
        sort_side_by_side(&mut keys, |one, other| compare(&long, one, other));
        Ok(Self { keys, long })
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The numbers of all keys, in the order of the keys.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.keys.iter().map(|key| key.number)
    }

    /// Some of the keys, with their numbers.
    pub(crate) fn range(&self, range: Range<usize>) -> impl Iterator<Item = (EntityKey, usize)> {
        self.keys[range].iter().map(|key| {
            let word = number_of(key.word).to_be_bytes();
            let bytes = if is_long(key.word) {
                bytes_of_long(&self.long, key.word, key.long)
            } else {
                &word[..usize::from(word[INLINE])]
            };
            (EntityKey::from_bytes(bytes.to_vec()), key.number as usize)
        })
    }
}

/// The order of keys is that of their bytes. Words have it, up to keys that begin with the same bytes and are both longer.
fn compare(long: &[Box<[u8]>], one: &SortedKey, other: &SortedKey) -> Ordering {
    let whole = |key: &SortedKey| bytes_of_long(long, key.word, key.long);
    one.word.cmp(&other.word).then_with(|| whole(one).cmp(whole(other)))
}

/// The bytes of a longer key; none of a short one.
fn bytes_of_long(long: &[Box<[u8]>], word: Word, at: u32) -> &[u8] {
    if is_long(word) { &long[at as usize] } else { &[] }
}

#[inline]
fn word(bytes: &[u8]) -> Word {
    let mut word = [0; INLINE + 1];
    let inline = bytes.len().min(INLINE);
    word[..inline].copy_from_slice(&bytes[..inline]);
    word[INLINE] = if bytes.len() > INLINE { IS_LONG } else { u8::try_from(bytes.len()).unwrap_or(IS_LONG) };
    let word = u128::from_be_bytes(word);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    [(word >> 64) as u64, word as u64]
}

fn number_of([high, low]: Word) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

const fn is_long([_, low]: Word) -> bool {
    low.to_be_bytes()[7] == IS_LONG
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
        for (row, text) in texts.iter().enumerate().chain(texts.iter().enumerate()) {
            let expected = known.iter().position(|other| *other == text);
            let numbers = index.numbers(&columns, 0..texts.len());
            let known_as = numbers.iter().find(|(numbered, _)| *numbered == row);
            assert_eq!(known_as.map(|(_, number)| *number as usize), expected);
            let hashed = index.hashed(&columns, row..row + 1);
            let number = index.number(&columns, &hashed).unwrap()[0] as usize;
            assert_eq!(number, expected.unwrap_or(known.len()));
            if expected.is_none() {
                known.push(text);
            }
        }
        assert_eq!(index.len(), known.len());
        let sorted = SortedKeys::new([index]).unwrap();
        for (key, number) in sorted.range(0..sorted.len()) {
            assert_eq!(key.decode(&[ValueType::Bytes]), Some(vec![Value::Bytes(known[number].clone())]));
        }
    }

    #[test]
    fn keys_of_several_indexes_are_sorted_by_their_bytes() {
        let ends: [&[u8]; 6] = [b"", b"\0", b"\0\0", b"\x01", b"\xFE", b"\xFF\xFF"];
        let mut texts: Vec<Vec<u8>> =
            (0..30).flat_map(|length| ends.map(|end| [vec![b'k'; length], end.to_vec()].concat())).collect();
        texts.sort_unstable();
        texts.dedup();
        let column: ArrayRef = Arc::new(BinaryArray::from_iter_values(&texts));
        let columns = KeyColumns::new(&[column]).unwrap();
        let mut indexes = [KeyIndex::default(), KeyIndex::default(), KeyIndex::default()];
        let mut numbered: Vec<Vec<usize>> = vec![Vec::new(); indexes.len()];
        for row in (0..texts.len()).rev() {
            let (index, rows) = (&mut indexes[row % 3], &mut numbered[row % 3]);
            let hashed = index.hashed(&columns, row..row + 1);
            assert_eq!(index.number(&columns, &hashed).unwrap(), [u32::try_from(rows.len()).unwrap()]);
            rows.push(row);
        }
        let sorted = SortedKeys::new(indexes).unwrap();
        let keys: Vec<(EntityKey, usize)> = sorted.range(0..sorted.len()).collect();
        assert!(keys.is_sorted_by(|(one, _), (other, _)| one < other));
        let numbered = numbered.concat();
        for (key, number) in keys {
            let text = texts[numbered[number]].clone();
            assert_eq!(key.decode(&[ValueType::Bytes]), Some(vec![Value::Bytes(text)]));
        }
    }
}
