//! Numbers for entity keys: which of the keys seen so far one is. Most keys are short; those lie in the table itself, so
//! that finding one touches memory once.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};
use provender_core::encoding::EntityKey;

/// Bytes of a key that lies in the table itself.
const INLINE: usize = 15;
/// The last byte of the word of a longer key; that of a short key is its length.
const IS_LONG: u8 = u8::MAX;

#[derive(Debug)]
struct Slot {
    /// The key, or the first bytes of a longer one, and its kind.
    word: u128,
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

    /// The number of a key.
    pub(crate) fn get(&self, key: &EntityKey) -> Option<usize> {
        let bytes = key.as_bytes();
        let word = word(bytes);
        let found = self.slots.find(self.hash(word, bytes), |slot| self.is(slot, word, bytes))?;
        Some(found.number as usize)
    }

    /// The number of a key, which is new when it is equal to the number of keys before; `None` when there are more keys
    /// than can be numbered.
    pub(crate) fn insert(&mut self, key: &EntityKey) -> Option<usize> {
        let bytes = key.as_bytes();
        let word = word(bytes);
        let hash = self.hash(word, bytes);
        if let Some(found) = self.slots.find(hash, |slot| self.is(slot, word, bytes)) {
            return Some(found.number as usize);
        }
        let number = u32::try_from(self.slots.len()).ok()?;
        let long = u32::try_from(self.long.len()).ok()?;
        if bytes.len() > INLINE {
            self.long.push(bytes.into());
        }
        let Self { slots, long: longer, hasher } = self;
        slots.insert_unique(hash, Slot { word, number, long }, |slot| {
            hash_of(hasher, slot.word, longer.get(slot.long as usize).map_or(&[][..], |key| &**key))
        });
        Some(number as usize)
    }

    /// All keys with their numbers, in no order.
    pub(crate) fn into_keys(self) -> impl Iterator<Item = (EntityKey, usize)> {
        let long = self.long;
        self.slots.into_iter().map(move |slot| {
            let bytes = slot.word.to_le_bytes();
            let key = match bytes[INLINE] {
                IS_LONG => long[slot.long as usize].to_vec(),
                length => bytes[..usize::from(length)].to_vec(),
            };
            (EntityKey::from_bytes(key), slot.number as usize)
        })
    }

    fn hash(&self, word: u128, bytes: &[u8]) -> u64 {
        hash_of(&self.hasher, word, bytes)
    }

    fn is(&self, slot: &Slot, word: u128, bytes: &[u8]) -> bool {
        slot.word == word && (bytes.len() <= INLINE || *self.long[slot.long as usize] == *bytes)
    }
}

fn word(bytes: &[u8]) -> u128 {
    let mut word = [0; INLINE + 1];
    let inline = bytes.len().min(INLINE);
    word[..inline].copy_from_slice(&bytes[..inline]);
    word[INLINE] = if bytes.len() > INLINE { IS_LONG } else { u8::try_from(bytes.len()).unwrap_or(IS_LONG) };
    u128::from_le_bytes(word)
}

fn hash_of(hasher: &DefaultHashBuilder, word: u128, bytes: &[u8]) -> u64 {
    if word.to_le_bytes()[INLINE] == IS_LONG { hasher.hash_one(bytes) } else { hasher.hash_one(word) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_every_length_have_numbers_of_their_own() {
        let keys: Vec<EntityKey> = (0..40)
            .flat_map(|length| [vec![0; length], vec![1; length], [vec![0; length], vec![7]].concat()])
            .map(EntityKey::from_bytes)
            .collect();
        let mut index = KeyIndex::default();
        let mut known: Vec<&EntityKey> = Vec::new();
        for key in keys.iter().chain(&keys) {
            let expected = known.iter().position(|other| *other == key);
            assert_eq!(index.get(key), expected);
            assert_eq!(index.insert(key), Some(expected.unwrap_or(known.len())));
            if expected.is_none() {
                known.push(key);
            }
        }
        assert_eq!(index.len(), known.len());
        for (key, number) in index.into_keys() {
            assert_eq!(known[number], &key);
        }
    }
}
