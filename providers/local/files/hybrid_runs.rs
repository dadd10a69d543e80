//! Levels of a Parquet page, and indices of its dictionary: the hybrid of run lengths and packed bits
//! (<https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE>).

use parquet::errors::ParquetError;

type Result<T> = std::result::Result<T, ParquetError>;

/// Values one after the other that are stored alike: levels or indices.
pub(super) enum Run<'a> {
    Same {
        value: u32,
        many: usize,
    },
    /// Of so many the bits, one after the other, from the lowest bit of the first byte on.
    Each {
        bits: &'a [u8],
        many: usize,
    },
}

impl Run<'_> {
    pub(super) const fn many(&self) -> usize {
        match self {
            Run::Same { many, .. } | Run::Each { many, .. } => *many,
        }
    }
}

/// The hybrid of run lengths and packed bits: a header says which, and how many.
pub(super) struct Runs<'a> {
    bytes: &'a [u8],
    width: usize,
    /// Values that are still to come.
    left: usize,
}

impl<'a> Runs<'a> {
    /// Of so many values in all, so many bits wide each.
    pub(super) const fn new(bytes: &'a [u8], width: usize, many: usize) -> Self {
        Self { bytes, width, left: many }
    }

    fn take(&mut self, many: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(many)?;
        self.bytes = rest;
        Some(taken)
    }

    /// Seven bits of a number in each byte, the lowest first; the last one has no eighth bit.
    fn header(&mut self) -> Option<usize> {
        let mut header = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?[0];
            header |= usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(header);
            }
        }
        None
    }

    fn run(&mut self) -> Option<Run<'a>> {
        let header = self.header()?;
        let run = if header & 1 == 0 {
            let mut value = [0; 4];
            let stored = self.take(self.width.div_ceil(8))?;
            value[..stored.len()].copy_from_slice(stored);
            let value = u32::from_le_bytes(value);
            let fits = u64::from(value) >> self.width == 0;
            fits.then_some(Run::Same { value, many: (header >> 1).min(self.left) })?
        } else {
            // In eights; what the last one has too many is no value, and some writers leave it out.
            let (eights, many) = (header >> 1, (header >> 1).saturating_mul(8).min(self.left));
            let bits = self.take(eights.saturating_mul(self.width).min(self.bytes.len()))?;
            let stored = (bits.len() * 8).checked_div(self.width).unwrap_or(many);
            (stored > 0 || many == 0).then_some(Run::Each { bits, many: many.min(stored) })?
        };
        self.left -= run.many();
        Some(run)
    }
}

impl<'a> Iterator for Runs<'a> {
    type Item = Result<Run<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.left > 0).then(|| self.run().ok_or_else(|| too_short("the runs")))
    }
}

/// Counts the ones among bits, from the first one on.
pub(super) struct Ones<'a> {
    bits: &'a [u8],
    /// Words that are counted, and the ones in them.
    before: usize,
    counted: usize,
}

impl<'a> Ones<'a> {
    pub(super) const fn new(bits: &'a [u8]) -> Self {
        Self { bits, before: 0, counted: 0 }
    }

    /// How many are before a bit, which is none before those of earlier calls.
    pub(super) fn before(&mut self, bit: usize) -> usize {
        while self.before < bit / 64 {
            self.counted += word(self.bits, self.before * 8).count_ones() as usize;
            self.before += 1;
        }
        let rest = word(self.bits, self.before * 8) & ((1 << (bit % 64)) - 1);
        self.counted + rest.count_ones() as usize
    }
}

/// Eight bytes from one on, or as many as there are.
fn word(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// The number that some bits are, at most 32.
pub(super) fn bits_at(bits: &[u8], at: usize, width: u8) -> u32 {
    let number = word(bits, at / 8) >> (at % 8) & ((1_u64 << width) - 1);
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The error of a page that ends before it should.
pub(super) fn too_short(what: &str) -> ParquetError {
    ParquetError::EOF(format!("{what} of a page end too early"))
}
