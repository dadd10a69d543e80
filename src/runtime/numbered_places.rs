//! Numbers for places of a source: the first of those that are chosen is 0, the next one 1.

use crate::blocking::sort_side_by_side;
use crate::{Error, Result};

/// Where a slot is that has chosen nothing: no row has this place.
pub(crate) const NOWHERE: u64 = u64::MAX;

/// No number: there are fewer places.
pub(crate) const NONE: u32 = u32::MAX;

/// Places whose numbers begin with the same bits are looked at together. A source numbers the rows of a file, or of whatever
/// part it has, one after the other.
const BITS_WITHIN: u32 = 40;

/// Bits for each slot, at most, to mark places in: with what is counted of them twice the memory that sorting takes.
const BITS_PER_SLOT: u64 = 256;

/// Places that slots have chosen, numbered.
#[derive(Debug)]
pub(crate) struct NumberedPlaces {
    by_slot: Vec<u64>,
    numbers: Numbers,
}

#[derive(Debug)]
enum Numbers {
    Marked(Marks),
    /// By slot; [`NONE`] for nowhere.
    Sorted(Vec<u32>),
}

impl NumberedPlaces {
    /// Numbers the places of slots, some of which are [`NOWHERE`]; the distinct ones, in order, come with it.
    ///
    /// # Errors
    /// More slots than can be numbered.
    pub(crate) fn new(by_slot: Vec<u64>) -> Result<(Self, Vec<u64>)> {
        let slots = u32::try_from(by_slot.len()).map_err(|_| {
            Error::invalid("more than four billion rows are asked for at once").with_hint("ask in parts")
        })?;
        let (places, numbers) = if let Some(mut marks) = Marks::room_for(&by_slot) {
            (marks.mark(&by_slot), Numbers::Marked(marks))
        } else {
            let (places, of_slot) = sorted(&by_slot, slots);
            (places, Numbers::Sorted(of_slot))
        };
        Ok((Self { by_slot, numbers }, places))
    }

    /// The number of the place of a slot; [`NONE`] where it is nowhere.
    pub(crate) fn of_slot(&self, slot: usize) -> u32 {
        match &self.numbers {
            Numbers::Marked(marks) => marks.number(self.by_slot[slot]),
            Numbers::Sorted(of_slot) => of_slot[slot],
        }
    }
}

/// By sorting, wherever the places lie: the distinct ones, and the number of each slot's.
fn sorted(by_slot: &[u64], slots: u32) -> (Vec<u64>, Vec<u32>) {
    let mut of_slot = vec![NONE; by_slot.len()];
    let mut pairs: Vec<(u64, u32)> =
        by_slot.iter().copied().zip(0..slots).filter(|(place, _)| *place != NOWHERE).collect();
    sort_side_by_side(&mut pairs, Ord::cmp);
    let mut places: Vec<u64> = Vec::with_capacity(pairs.len());
    let mut number = NONE;
    for (place, slot) in pairs {
        if places.last() != Some(&place) {
            places.push(place);
            number = number.wrapping_add(1);
        }
        of_slot[slot as usize] = number;
    }
    (places, of_slot)
}

/// A bit for each place that may be chosen: where places lie close together, what is looked at stays in the processor's
/// caches, and one in ten takes a tenth of the memory that sorting does.
#[derive(Debug)]
struct Marks {
    parts: Vec<Part>,
    words: Vec<u64>,
    /// For each word the number of the first place that is marked in it or after it.
    before: Vec<u32>,
}

/// A part of a source: the places that begin with the same bits.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// The least place that is chosen, less what is over 64.
    first: u64,
    /// The greatest one.
    last: u64,
    /// Where its words begin.
    word: usize,
}

impl Marks {
    /// None where places are too far apart.
    fn room_for(by_slot: &[u64]) -> Option<Self> {
        let mut parts: Vec<Part> = Vec::new();
        for place in by_slot.iter().filter(|place| **place != NOWHERE) {
            let at = part_of(*place);
            if at >= parts.len() {
                if at > by_slot.len() {
                    return None;
                }
                parts.resize(at + 1, Part { first: u64::MAX, last: 0, word: 0 });
            }
            let part = &mut parts[at];
            *part = Part { first: part.first.min(*place), last: part.last.max(*place), word: 0 };
        }
        let most = (by_slot.len() as u64).saturating_mul(BITS_PER_SLOT / 64);
        let mut words = 0_u64;
        for part in parts.iter_mut().filter(|part| part.first <= part.last) {
            part.first -= part.first % 64;
            part.word = usize::try_from(words).ok()?;
            words += (part.last - part.first) / 64 + 1;
        }
        (words <= most).then_some(())?;
        Some(Self { parts, words: vec![0; usize::try_from(words).ok()?], before: Vec::new() })
    }

    /// The word and the bit of a place.
    fn bit(&self, place: u64) -> (usize, u64) {
        let part = &self.parts[part_of(place)];
        let within = place - part.first;
        (part.word + usize::try_from(within / 64).unwrap_or(usize::MAX), 1 << (within % 64))
    }

    /// Marks places; gives the distinct ones, in order.
    fn mark(&mut self, by_slot: &[u64]) -> Vec<u64> {
        for place in by_slot.iter().filter(|place| **place != NOWHERE) {
            let (word, bit) = self.bit(*place);
            self.words[word] |= bit;
        }
        let mut many = 0_u32;
        let before = |word: &u64| {
            let before = many;
            many += word.count_ones();
            before
        };
        self.before = self.words.iter().map(before).collect();
        let mut places = Vec::with_capacity(many as usize);
        for part in self.parts.iter().filter(|part| part.first <= part.last) {
            let words = usize::try_from((part.last - part.first) / 64).unwrap_or(usize::MAX);
            for (number, word) in (0_u64..).zip(&self.words[part.word..=part.word + words]) {
                let mut rest = *word;
                while rest != 0 {
                    places.push(part.first + 64 * number + u64::from(rest.trailing_zeros()));
                    rest &= rest - 1;
                }
            }
        }
        places
    }

    /// The number of a marked place; [`NONE`] of [`NOWHERE`].
    fn number(&self, place: u64) -> u32 {
        if place == NOWHERE {
            return NONE;
        }
        let (word, bit) = self.bit(place);
        self.before[word] + (self.words[word] & (bit - 1)).count_ones()
    }
}

/// Where the items of each number begin once they are sorted by it, and at the end how many there are: one more than there are numbers.
/// Items without number ([`NONE`]) are left out.
pub(crate) fn starts(number_of_item: &[u32], numbers: usize) -> Vec<u32> {
    let mut starts = vec![0; numbers + 1];
    for number in number_of_item.iter().filter(|number| **number != NONE) {
        starts[*number as usize + 1] += 1;
    }
    for number in 0..numbers {
        starts[number + 1] += starts[number];
    }
    starts
}

/// How many parts of a source some sorted places are of.
pub(crate) fn parts_of(places: &[u64]) -> usize {
    places.chunk_by(|one, next| part_of(*one) == part_of(*next)).count()
}

fn part_of(place: u64) -> usize {
    usize::try_from(place >> BITS_WITHIN).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Places in a few parts, close together or far apart, or nowhere.
    fn place() -> impl Strategy<Value = u64> {
        prop_oneof![
            1 => Just(NOWHERE),
            3 => 0..200_u64,
            3 => (0..4_u64, 1_000..1_500_u64).prop_map(|(part, row)| (part << BITS_WITHIN) + row),
            1 => (0..1_u64 << 20).prop_map(|row| (1 << BITS_WITHIN) - 1 - row),
        ]
    }

    proptest! {
        #[test]
        fn marks_and_sorting_give_the_same_numbers(by_slot in proptest::collection::vec(place(), 0..300)) {
            let slots = u32::try_from(by_slot.len()).unwrap();
            let (places, of_slot) = sorted(&by_slot, slots);
            prop_assert!(places.is_sorted_by(|one, other| one < other));
            for (place, number) in by_slot.iter().zip(&of_slot) {
                match *number {
                    NONE => prop_assert_eq!(*place, NOWHERE),
                    number => prop_assert_eq!(*place, places[number as usize]),
                }
            }
            if let Some(mut marks) = Marks::room_for(&by_slot) {
                prop_assert_eq!(marks.mark(&by_slot), places);
                prop_assert_eq!(by_slot.iter().map(|place| marks.number(*place)).collect::<Vec<_>>(), of_slot);
            }
        }
    }

    #[test]
    fn places_far_apart_are_sorted() {
        let near: Vec<u64> = (0..100).map(|row| row * 200).collect();
        let of_many_files: Vec<u64> = (0..100).map(|file| file << BITS_WITHIN).collect();
        for by_slot in [&near, &of_many_files] {
            assert!(Marks::room_for(by_slot).is_some());
        }
        let far: Vec<u64> = (0..100).map(|row| row * 300).collect();
        for by_slot in [&far[..], &[NOWHERE - 1], &[0, 1 << 39]] {
            assert!(Marks::room_for(by_slot).is_none());
            let (numbered, places) = NumberedPlaces::new(by_slot.to_vec()).unwrap();
            assert_eq!(places, by_slot);
            assert!((0..by_slot.len()).all(|slot| numbered.of_slot(slot) as usize == slot));
        }
        for by_slot in [vec![], vec![NOWHERE], vec![NOWHERE, 7]] {
            let (numbered, places) = NumberedPlaces::new(by_slot.clone()).unwrap();
            assert_eq!(places, by_slot.iter().copied().filter(|place| *place != NOWHERE).collect::<Vec<_>>());
            let numbers: Vec<u32> = (0..by_slot.len()).map(|slot| numbered.of_slot(slot)).collect();
            assert_eq!(numbers, &[NONE, 0][..by_slot.len()]);
        }
    }
}
