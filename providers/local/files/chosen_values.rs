//! The values of some rows of a Parquet column. A page is decompressed as a whole, but of its values only those are looked at that
//! are wanted; to decode all of them, where one in ten is wanted, takes several times as long.
//!
//! Pages, levels and encodings are those of the format's own description
//! (<https://parquet.apache.org/docs/file-format/data-pages/encodings/>). What is read here is what writers make of flat columns
//! when they are not told otherwise: plain values, indices of a dictionary, and runs of truth values. Everything else is left to the
//! decoder of the Parquet library: most of it is known from the footer ([`Width::of`]), the rest when its page comes (`NYI`).

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayData, ArrayRef, BinaryArray, BooleanArray, NullBufferBuilder, StringArray, make_array,
};
use arrow::buffer::{BooleanBuffer, Buffer, MutableBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;

use super::hybrid_runs::{Ones, Run, Runs, bits_at, too_short};

type Result<T> = std::result::Result<T, ParquetError>;

/// A row without value.
const NULL: u32 = u32::MAX;

/// How wide the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// A bit each.
    Bit,
    /// Four or eight bytes each.
    Bytes(usize),
    /// Each with its length before it.
    Any,
}

impl Width {
    /// That of a column chunk which becomes an array of this type; none where it cannot be read here.
    pub(super) fn of(column: &ColumnChunkMetaData, data_type: &DataType) -> Option<Self> {
        let description = column.column_descr();
        let is_flat = description.max_rep_level() == 0 && description.max_def_level() <= 1;
        // Any other that is not known is found out when its page comes.
        let is_other = |encoding| {
            matches!(
                encoding,
                Encoding::DELTA_BINARY_PACKED
                    | Encoding::DELTA_LENGTH_BYTE_ARRAY
                    | Encoding::DELTA_BYTE_ARRAY
                    | Encoding::BYTE_STREAM_SPLIT
            )
        };
        if !is_flat || column.encodings().any(is_other) {
            return None;
        }
        match (column.column_type(), data_type) {
            (Type::BOOLEAN, DataType::Boolean) => Some(Self::Bit),
            (Type::INT32, DataType::Int32 | DataType::UInt32 | DataType::Date32)
            | (Type::FLOAT, DataType::Float32) => Some(Self::Bytes(4)),
            (Type::INT64, DataType::Int64 | DataType::UInt64 | DataType::Timestamp(..))
            | (Type::DOUBLE, DataType::Float64) => Some(Self::Bytes(8)),
            (
                Type::BYTE_ARRAY,
                DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView,
            ) => Some(Self::Any),
            _ => None,
        }
    }
}

/// What a column chunk of so many rows has in some of them, which are sorted and distinct: an array of this type, or of the plain one
/// where it says texts or bytes.
///
/// # Errors
/// Bytes that are not as the format says, and more or fewer rows than there should be. `NYI` for pages that are not read here,
/// `External` with an [`ArrowError::OffsetOverflowError`] where texts take more than fits.
pub(super) fn chosen_values(
    mut pages: impl PageReader,
    width: Width,
    is_optional: bool,
    data_type: &DataType,
    in_chunk: usize,
    rows: &[u32],
) -> Result<ArrayRef> {
    let mut values = Values::new(width, rows.len());
    let mut dictionary = None;
    let (mut rest, mut first) = (rows, 0_usize);
    let mut places = Vec::new();
    while first < in_chunk {
        let ahead = pages.peek_next_page()?.ok_or_else(|| wrong_rows(first, in_chunk))?;
        let Some(many) = ahead.num_levels.filter(|_| !ahead.is_dict) else {
            let page = pages.get_next_page()?.ok_or_else(|| wrong_rows(first, in_chunk))?;
            dictionary = Some(Dictionary::new(page, width, dictionary.is_some())?);
            continue;
        };
        // What a page says of itself is not vouched for, and what comes after it would be other rows.
        let end = first.checked_add(many).filter(|end| *end <= in_chunk);
        let end = end.ok_or_else(|| wrong_rows(first.saturating_add(many), in_chunk))?;
        let (of_page, later) = rest.split_at(rest.partition_point(|row| (*row as usize) < end));
        if of_page.is_empty() {
            pages.skip_next_page()?;
        } else {
            let page = pages.get_next_page()?.ok_or_else(|| wrong_rows(first, in_chunk))?;
            let page = DataPage::new(page, is_optional)?;
            places.clear();
            page.places(of_page, first, &mut places)?;
            page.values(&mut places, dictionary.as_ref(), &mut values)?;
        }
        (rest, first) = (later, end);
    }
    values.finish(data_type)
}

fn wrong_rows(found: usize, expected: usize) -> ParquetError {
    ParquetError::EOF(format!("the pages of a column have {found} rows where there should be {expected}"))
}

fn unknown(encoding: Encoding) -> ParquetError {
    ParquetError::NYI(format!("single values of a page of {encoding}"))
}

/// A page with values.
struct DataPage {
    bytes: Bytes,
    /// Where it says which rows have a value, if some may have none.
    levels: Option<Range<usize>>,
    first_value: usize,
    encoding: Encoding,
    rows: usize,
}

impl DataPage {
    fn new(page: Page, is_optional: bool) -> Result<Self> {
        let (bytes, levels, encoding, rows) = match page {
            Page::DataPage { buf, num_values, encoding, def_level_encoding, .. } => {
                let length = if is_optional {
                    if def_level_encoding != Encoding::RLE {
                        return Err(unknown(def_level_encoding));
                    }
                    Some(length_at(&buf, 0)?)
                } else {
                    None
                };
                (buf, length.map(|length| 4..length.saturating_add(4)), encoding, num_values)
            }
            Page::DataPageV2 {
                buf, num_values, encoding, def_levels_byte_len, rep_levels_byte_len, ..
            } => {
                let start = rep_levels_byte_len as usize;
                let end = start.saturating_add(def_levels_byte_len as usize);
                (buf, Some(start..end), encoding, num_values)
            }
            page @ Page::DictionaryPage { .. } => return Err(unknown(page.encoding())),
        };
        let first_value = levels.as_ref().map_or(0, |levels| levels.end);
        if first_value > bytes.len() {
            return Err(too_short("the levels"));
        }
        let levels = levels.filter(|_| is_optional);
        Ok(Self { bytes, levels, first_value, encoding, rows: rows as usize })
    }

    /// For each of some rows, of which the page's own first one is `first`, which of the page's values is its own, or [`NULL`].
    fn places(&self, rows: &[u32], first: usize, places: &mut Vec<u32>) -> Result<()> {
        let rows = rows.iter().map(|row| *row as usize - first);
        let Some(levels) = &self.levels else {
            places.extend(rows.map(short));
            return Ok(());
        };
        let mut runs = Runs::new(&self.bytes[levels.clone()], 1, self.rows);
        let mut rows = rows.peekable();
        let (mut begin, mut values) = (0, 0);
        while rows.peek().is_some() {
            let run = runs.next().ok_or_else(|| too_short("the levels"))??;
            let end = begin + run.many();
            let in_run = std::iter::from_fn(|| rows.next_if(|row| *row < end).map(|row| row - begin));
            values += match run {
                Run::Same { value: 0, .. } => {
                    places.extend(in_run.map(|_| NULL));
                    0
                }
                Run::Same { many, .. } => {
                    places.extend(in_run.map(|row| short(values + row)));
                    many
                }
                Run::Each { bits, many } => {
                    let mut ones = Ones::new(bits);
                    places.extend(in_run.map(|row| match ones.before(row) {
                        before if bits[row / 8] >> (row % 8) & 1 == 1 => short(values + before),
                        _ => NULL,
                    }));
                    ones.before(many)
                }
            };
            begin = end;
        }
        Ok(())
    }

    /// Adds the values at these places.
    fn values(&self, places: &mut [u32], dictionary: Option<&Dictionary>, values: &mut Values) -> Result<()> {
        let bytes = &self.bytes[self.first_value..];
        match self.encoding {
            Encoding::PLAIN => values.add_plain(bytes, places),
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                let none =
                    || ParquetError::General("a column has no dictionary where it needs one".to_owned());
                let (width, indices) = bytes.split_first().unwrap_or((&0, &[]));
                look_up(indices, *width, self.rows, places)?;
                values.add_of(dictionary.ok_or_else(none)?, places)
            }
            // Of truth values, whose length comes first.
            Encoding::RLE if values.width == Width::Bit => {
                let end = length_at(bytes, 0)?.saturating_add(4);
                look_up(bytes.get(4..end).ok_or_else(|| too_short("the runs"))?, 1, self.rows, places)?;
                values.add_bits(&[0b10], places)
            }
            encoding => Err(unknown(encoding)),
        }
    }
}

/// Puts for the places of values the indices that stand there.
fn look_up(bytes: &[u8], width: u8, many: usize, places: &mut [u32]) -> Result<()> {
    if width > 32 {
        return Err(ParquetError::General(format!("indices of {width} bits")));
    }
    let mut places = places.iter_mut().filter(|place| **place != NULL).peekable();
    let mut runs = Runs::new(bytes, usize::from(width), many);
    let mut begin = 0;
    while places.peek().is_some() {
        let run = runs.next().ok_or_else(|| too_short("the indices"))??;
        let end = begin + run.many();
        let in_run = std::iter::from_fn(|| places.next_if(|place| (**place as usize) < end));
        match run {
            Run::Same { value, .. } => in_run.for_each(|place| *place = value.min(NULL - 1)),
            Run::Each { bits, .. } => in_run.for_each(|place| {
                let at = (*place as usize - begin) * usize::from(width);
                *place = bits_at(bits, at, width).min(NULL - 1);
            }),
        }
        begin = end;
    }
    Ok(())
}

/// Places in a page are numbers of 32 bits, as the format counts a page's values.
fn short(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(NULL)
}

fn length_at(bytes: &[u8], at: usize) -> Result<usize> {
    let length = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or_else(|| too_short("the lengths"))?;
    Ok(u32::from_le_bytes(*length) as usize)
}

/// The values that indices mean.
struct Dictionary {
    bytes: Bytes,
    /// Of texts, where each is.
    texts: Vec<Range<usize>>,
}

impl Dictionary {
    fn new(page: Page, width: Width, is_another: bool) -> Result<Self> {
        let Page::DictionaryPage { buf: mut bytes, num_values, encoding, .. } = page else {
            return Err(unknown(page.encoding()));
        };
        if is_another || !matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY) {
            return Err(unknown(encoding));
        }
        let mut texts = Vec::new();
        match width {
            Width::Any => {
                texts = Texts { bytes: &bytes, at: 0 }.take(num_values as usize).collect::<Result<_>>()?
            }
            Width::Bit => {}
            Width::Bytes(width) => {
                let stored = width.saturating_mul(num_values as usize);
                if stored > bytes.len() {
                    return Err(too_short("the values"));
                }
                bytes.truncate(stored);
            }
        }
        Ok(Self { bytes, texts })
    }
}

/// Where texts are that stand one after the other.
struct Texts<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Texts<'_> {
    type Item = Result<Range<usize>>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = length_at(self.bytes, self.at).and_then(|length| {
            let start = self.at + 4;
            let end = start.checked_add(length).filter(|end| *end <= self.bytes.len());
            Ok(start..end.ok_or_else(|| too_short("the texts"))?)
        });
        if let Ok(text) = &text {
            self.at = text.end;
        }
        Some(text)
    }
}

/// The values that were chosen so far.
struct Values {
    width: Width,
    nulls: NullBufferBuilder,
    /// Of texts all that were added. Of others room for all values, zero where none is yet; for a bit there is a byte.
    bytes: MutableBuffer,
    /// How many bytes hold values.
    filled: usize,
    /// Of texts, where each ends, after a zero.
    ends: Vec<i32>,
}

impl Values {
    fn new(width: Width, rows: usize) -> Self {
        let (bytes, ends) = match width {
            Width::Bit => (rows, Vec::new()),
            Width::Bytes(width) => (rows * width, Vec::new()),
            Width::Any => (0, vec![0]),
        };
        let bytes = MutableBuffer::from_len_zeroed(bytes);
        Self { width, nulls: NullBufferBuilder::new(rows), bytes, filled: 0, ends }
    }

    /// Adds those of a page's values that stand at these places.
    fn add_plain(&mut self, bytes: &[u8], places: &[u32]) -> Result<()> {
        match self.width {
            Width::Bit => self.add_bits(bytes, places),
            Width::Bytes(_) => self.add_fixed(bytes, places),
            Width::Any => {
                let mut texts = Texts { bytes, at: 0 };
                let mut next = 0;
                self.add_texts(places, |place| {
                    let text = texts.nth((place - next) as usize)?;
                    next = place + 1;
                    Some(text.map(|text| &bytes[text]))
                })
            }
        }
    }

    /// Adds what indices mean.
    fn add_of(&mut self, dictionary: &Dictionary, indices: &[u32]) -> Result<()> {
        let Dictionary { bytes, texts } = dictionary;
        match self.width {
            Width::Any => {
                self.add_texts(indices, |index| Some(Ok(&bytes[texts.get(index as usize)?.clone()])))
            }
            Width::Bit => Err(unknown(Encoding::RLE_DICTIONARY)),
            Width::Bytes(_) => self.add_fixed(bytes, indices),
        }
    }

    fn add_bits(&mut self, bytes: &[u8], places: &[u32]) -> Result<()> {
        let room = &mut self.bytes[self.filled..][..places.len()];
        for (value, place) in room.iter_mut().zip(places) {
            if *place != NULL {
                let byte = bytes.get(*place as usize / 8).ok_or_else(|| too_short("the values"))?;
                *value = byte >> (place % 8) & 1;
            }
            self.nulls.append(*place != NULL);
        }
        self.filled += places.len();
        Ok(())
    }

    fn add_fixed(&mut self, bytes: &[u8], places: &[u32]) -> Result<()> {
        match self.width {
            Width::Bytes(8) => self.add_wide::<8>(bytes, places),
            _ => self.add_wide::<4>(bytes, places),
        }
    }

    fn add_wide<const WIDTH: usize>(&mut self, bytes: &[u8], places: &[u32]) -> Result<()> {
        let (stored, _) = bytes.as_chunks::<WIDTH>();
        let room = self.bytes[self.filled..].as_chunks_mut::<WIDTH>().0;
        for (value, place) in room.iter_mut().zip(places) {
            if *place != NULL {
                *value = *stored.get(*place as usize).ok_or_else(|| too_short("the values"))?;
            }
        }
        places.iter().for_each(|place| self.nulls.append(*place != NULL));
        self.filled += places.len() * WIDTH;
        Ok(())
    }

    fn add_texts<'a>(
        &mut self,
        places: &[u32],
        mut text_at: impl FnMut(u32) -> Option<Result<&'a [u8]>>,
    ) -> Result<()> {
        for place in places {
            if *place != NULL {
                self.bytes.extend_from_slice(text_at(*place).ok_or_else(|| too_short("the values"))??);
            }
            self.nulls.append(*place != NULL);
            let end = i32::try_from(self.bytes.len()).map_err(|_| {
                ParquetError::External(ArrowError::OffsetOverflowError(self.bytes.len()).into())
            })?;
            self.ends.push(end);
        }
        Ok(())
    }

    fn finish(mut self, data_type: &DataType) -> Result<ArrayRef> {
        let nulls = self.nulls.finish();
        let bytes = Buffer::from(self.bytes);
        let array: ArrayRef = match self.width {
            Width::Bit => {
                let values = BooleanBuffer::collect_bool(bytes.len(), |row| bytes[row] == 1);
                Arc::new(BooleanArray::new(values, nulls))
            }
            Width::Bytes(width) => {
                let array = ArrayData::builder(data_type.clone()).len(bytes.len() / width).nulls(nulls);
                make_array(array.add_buffer(bytes).build()?)
            }
            Width::Any => {
                let ends = OffsetBuffer::new(ScalarBuffer::from(self.ends));
                match data_type {
                    DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                        Arc::new(BinaryArray::try_new(ends, bytes, nulls)?)
                    }
                    _ => Arc::new(StringArray::try_new(ends, bytes, nulls)?),
                }
            }
        };
        Ok(array)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use arrow::array::{Array as _, Int32Array};
    use parquet::column::page::PageMetadata;

    use super::*;

    /// Pages, each with as many rows as its header says.
    struct Pages(VecDeque<(usize, Page)>);

    impl Iterator for Pages {
        type Item = Result<Page>;

        fn next(&mut self) -> Option<Self::Item> {
            self.get_next_page().transpose()
        }
    }

    impl PageReader for Pages {
        fn get_next_page(&mut self) -> Result<Option<Page>> {
            Ok(self.0.pop_front().map(|(_, page)| page))
        }

        fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
            Ok(self.0.front().map(|(rows, page)| PageMetadata {
                num_rows: None,
                num_levels: page.is_data_page().then_some(*rows),
                is_dict: page.is_dictionary_page(),
            }))
        }

        fn skip_next_page(&mut self) -> Result<()> {
            self.get_next_page().map(|_| ())
        }
    }

    fn data_page(rows: u32, encoding: Encoding, levels: &[u8], values: &[u8]) -> (usize, Page) {
        let length = u32::try_from(levels.len()).unwrap().to_le_bytes();
        let page = Page::DataPage {
            buf: [&length, levels, values].concat().into(),
            num_values: rows,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        (rows as usize, page)
    }

    fn dictionary(values: &[i32]) -> (usize, Page) {
        let page = Page::DictionaryPage {
            buf: values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>().into(),
            num_values: u32::try_from(values.len()).unwrap(),
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        (0, page)
    }

    fn read(pages: Vec<(usize, Page)>, in_chunk: usize, rows: &[u32]) -> Result<Vec<Option<i32>>> {
        let values =
            chosen_values(Pages(pages.into()), Width::Bytes(4), true, &DataType::Int32, in_chunk, rows)?;
        Ok(Int32Array::from(values.to_data()).iter().collect())
    }

    /// Of 100 rows the first three have values, whose indices are packed in 8 bits each: a writer may leave out what the run of
    /// eight has too many.
    #[test]
    fn the_last_run_may_be_cut_off_behind_its_values() {
        let levels = [3 << 1, 1, 0xC2, 0x01, 0];
        let indices = [8, 0b11, 2, 0, 1];
        let pages =
            || vec![dictionary(&[10, 11, 12]), data_page(100, Encoding::RLE_DICTIONARY, &levels, &indices)];
        assert_eq!(read(pages(), 100, &[0, 1, 2, 99]).unwrap(), [Some(12), Some(10), Some(11), None]);
        let short = data_page(100, Encoding::RLE_DICTIONARY, &levels, &indices[..4]);
        let error = read(vec![dictionary(&[10, 11, 12]), short], 100, &[2]).unwrap_err();
        assert!(error.to_string().contains("end too early"), "{error}");
    }

    #[test]
    fn damaged_pages_are_refused() {
        let all = |rows: u8| [rows << 1, 1];
        let plain =
            |rows: u8| data_page(rows.into(), Encoding::PLAIN, &all(rows), &vec![7; usize::from(rows) * 4]);
        let says = |rows: usize, (_, page): (usize, Page)| (rows, page);
        let index = |index: u8| data_page(2, Encoding::RLE_DICTIONARY, &all(2), &[8, 2 << 1, index]);
        let seven = Some(i32::from_le_bytes([7; 4]));
        assert_eq!(read(vec![plain(3), plain(4)], 7, &[2, 6]).unwrap(), [seven; 2]);
        assert_eq!(read(vec![dictionary(&[5]), index(0)], 2, &[1]).unwrap(), [Some(5)]);
        for (what, pages, in_chunk) in [
            ("no page", vec![], 2),
            ("a page too few", vec![plain(3)], 7),
            ("a page too many rows", vec![plain(3), plain(5)], 7),
            ("a page that says fewer rows than it has", vec![says(2, plain(3)), plain(4)], 7),
            ("a page that says less than none", vec![says(usize::MAX - 1, plain(3)), plain(4)], 7),
            ("fewer values than rows", vec![data_page(2, Encoding::PLAIN, &all(2), &[0; 7])], 2),
            ("levels behind the page", vec![data_page(2, Encoding::PLAIN, &[], &[])], 2),
            ("an index that is not there", vec![dictionary(&[5]), index(1)], 2),
            ("no dictionary", vec![index(0)], 2),
            ("two dictionaries", vec![dictionary(&[5]), dictionary(&[6]), index(0)], 2),
            (
                "indices of 33 bits",
                vec![
                    dictionary(&[5]),
                    data_page(2, Encoding::PLAIN_DICTIONARY, &all(2), &[33, 4, 0, 0, 0, 0, 0]),
                ],
                2,
            ),
        ] {
            assert!(read(pages, in_chunk, &[1]).is_err(), "{what}");
        }
        assert!(matches!(
            read(vec![data_page(2, Encoding::DELTA_BINARY_PACKED, &all(2), &[])], 2, &[0]),
            Err(ParquetError::NYI(_))
        ));
    }
}
