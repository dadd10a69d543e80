//! Columns of a result, filled from rows of a source in whatever order those come: each value is written to the rows of the
//! result that want it, and what was read is let go. Only what is not a number stays until all is there: where a text begins depends
//! on how long those before it are.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayData, ArrayRef, AsArray as _, GenericByteArray, UInt32Array, make_array, new_null_array,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::{concat, take};
use arrow::datatypes::{ArrowNativeType, BinaryType, ByteArrayType, DataType, Utf8Type};
use arrow::error::ArrowError;

use crate::numbered_places::{NONE, starts};
use crate::provider::too_many_bytes;
use crate::{Error, ErrorKind, Result};

/// To which rows of a result the rows that are read go: each to one of them, to many, or to none.
#[derive(Debug)]
pub(crate) struct Destinations {
    /// Numbers of rows that are read, in order, and beside each a row of the result it goes to.
    numbers: Vec<u32>,
    rows: Vec<u32>,
    /// How many rows the result has.
    many: usize,
}

impl Destinations {
    /// For each row of the result the number of the row it wants, or [`NONE`]; so many rows are read.
    pub(crate) fn new(wanted: &[u32], read: usize) -> Self {
        let mut next = starts(wanted, read);
        let mut numbers = Vec::with_capacity(wanted.len());
        for (number, run) in (0..).zip(next.windows(2)) {
            numbers.extend(std::iter::repeat_n(number, (run[1] - run[0]) as usize));
        }
        let mut rows = vec![0; numbers.len()];
        for (number, row) in wanted.iter().zip(0..).filter(|(number, _)| **number != NONE) {
            let at = &mut next[*number as usize];
            rows[*at as usize] = row;
            *at += 1;
        }
        Self { numbers, rows, many: wanted.len() }
    }

    /// How many rows the result has.
    pub(crate) const fn many(&self) -> usize {
        self.many
    }

    /// Of so many rows that are read, from this number on: which of them goes where.
    fn of_read(&self, start: u32, many: usize) -> impl Iterator<Item = (usize, usize)> + Clone {
        let first = self.numbers.partition_point(|number| *number < start);
        let end = self.numbers[first..].partition_point(|number| ((*number - start) as usize) < many);
        let (numbers, rows) = (&self.numbers[first..][..end], &self.rows[first..][..end]);
        numbers.iter().zip(rows).map(move |(number, row)| ((number - start) as usize, *row as usize))
    }
}

/// Rows that were read, one after the other: the number of the first, and the values of one column.
type Part = (u32, ArrayRef);

/// A column that is being filled.
#[derive(Debug)]
pub(crate) struct Column {
    data_type: DataType,
    /// Which rows have a value.
    valid: Vec<u8>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Bytes4(Vec<u32>),
    Bytes8(Vec<u64>),
    Texts(Texts),
    /// Of any other type.
    Parts(Vec<Part>),
}

impl Column {
    /// Nothing but nulls, as many as the result has rows.
    pub(crate) fn new(data_type: &DataType, destinations: &Destinations) -> Self {
        let values = match data_type {
            DataType::Utf8 | DataType::Binary => {
                Values::Texts(Texts { ends: vec![0; destinations.many + 1], parts: Vec::new() })
            }
            other => match other.primitive_width() {
                Some(4) => Values::Bytes4(vec![0; destinations.many]),
                Some(8) => Values::Bytes8(vec![0; destinations.many]),
                _ => Values::Parts(Vec::new()),
            },
        };
        Self { data_type: data_type.clone(), valid: vec![0; destinations.many.div_ceil(8)], values }
    }

    /// Takes the values of rows that are read, from this number on.
    ///
    /// # Errors
    /// Values of another type: a bug.
    pub(crate) fn put(&mut self, first: u32, values: &ArrayRef, destinations: &Destinations) -> Result<()> {
        if *values.data_type() != self.data_type {
            let (asked, given) = (&self.data_type, values.data_type());
            return Err(Error::new(
                ErrorKind::Bug,
                format!("a source gave {given} where {asked} was asked for"),
            ));
        }
        let wanted = destinations.of_read(first, values.len());
        match &mut self.values {
            Values::Bytes4(all) => scatter(wanted.clone(), values, all),
            Values::Bytes8(all) => scatter(wanted.clone(), values, all),
            Values::Texts(texts) => {
                match values.as_string_opt::<i32>() {
                    Some(values) => texts.measure(wanted.clone(), values),
                    None => texts.measure(wanted.clone(), values.as_binary::<i32>()),
                }
                texts.parts.push((first, values.clone()));
            }
            Values::Parts(parts) => {
                parts.push((first, values.clone()));
                return Ok(());
            }
        }
        let nulls = values.nulls();
        for (at, row) in wanted {
            let is_valid = nulls.is_none_or(|nulls| nulls.is_valid(at));
            self.valid[row / 8] |= u8::from(is_valid) << (row % 8);
        }
        Ok(())
    }

    /// The whole column.
    ///
    /// # Errors
    /// Texts that take more than fits into one array.
    pub(crate) fn finish(self, destinations: &Destinations) -> Result<ArrayRef> {
        let Self { data_type, valid, values } = self;
        let nulls = {
            let valid = BooleanBuffer::new(Buffer::from_vec(valid), 0, destinations.many);
            Some(NullBuffer::new(valid)).filter(|nulls| nulls.null_count() > 0)
        };
        let fixed = |values| {
            let data = ArrayData::builder(data_type.clone()).len(destinations.many).add_buffer(values);
            Ok(make_array(data.nulls(nulls.clone()).build()?))
        };
        match values {
            Values::Bytes4(values) => fixed(Buffer::from_vec(values)),
            Values::Bytes8(values) => fixed(Buffer::from_vec(values)),
            Values::Texts(texts) if data_type == DataType::Utf8 => {
                texts.finish::<Utf8Type>(nulls, destinations)
            }
            Values::Texts(texts) => texts.finish::<BinaryType>(nulls, destinations),
            Values::Parts(parts) => put_together(parts, &data_type, destinations),
        }
        .map_err(explain)
    }
}

/// Writes what is wanted of some values to the rows that want it.
fn scatter<T: ArrowNativeType>(
    wanted: impl Iterator<Item = (usize, usize)>,
    values: &ArrayRef,
    all: &mut [T],
) {
    let data = values.to_data();
    let values = ScalarBuffer::<T>::new(data.buffers()[0].clone(), data.offset(), data.len());
    for (at, row) in wanted {
        all[row] = values[at];
    }
}

/// Texts, or bytes: how long each is, and then where it ends.
#[derive(Debug)]
struct Texts {
    ends: Vec<i32>,
    parts: Vec<Part>,
}

impl Texts {
    fn measure<T: ByteArrayType<Offset = i32>>(
        &mut self,
        wanted: impl Iterator<Item = (usize, usize)>,
        texts: &GenericByteArray<T>,
    ) {
        let (ends, nulls) = (texts.value_offsets(), texts.nulls());
        for (at, row) in wanted {
            let is_valid = nulls.is_none_or(|nulls| nulls.is_valid(at));
            self.ends[row + 1] = if is_valid { ends[at + 1] - ends[at] } else { 0 };
        }
    }

    fn finish<T: ByteArrayType<Offset = i32>>(
        self,
        nulls: Option<NullBuffer>,
        destinations: &Destinations,
    ) -> Result<ArrayRef, ArrowError> {
        let Self { mut ends, parts } = self;
        let mut end = 0_i32;
        for length in &mut ends {
            end = end.checked_add(*length).ok_or(ArrowError::OffsetOverflowError(usize::MAX))?;
            *length = end;
        }
        let mut bytes = vec![0; end as usize];
        for (first, texts) in parts {
            let texts = texts.as_bytes::<T>();
            let (starts, of_part) = (texts.value_offsets(), texts.value_data());
            for (at, row) in destinations.of_read(first, texts.len()) {
                let (begin, end) = (ends[row] as usize, ends[row + 1] as usize);
                let start = starts[at] as usize;
                bytes[begin..end].copy_from_slice(&of_part[start..start + end - begin]);
            }
        }
        let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
        Ok(Arc::new(GenericByteArray::<T>::try_new(ends, Buffer::from_vec(bytes), nulls)?))
    }
}

/// All parts one after the other, and of them what each row wants.
fn put_together(
    mut parts: Vec<Part>,
    data_type: &DataType,
    destinations: &Destinations,
) -> Result<ArrayRef, ArrowError> {
    parts.sort_unstable_by_key(|(first, _)| *first);
    if parts.is_empty() {
        return Ok(new_null_array(data_type, destinations.many));
    }
    let mut wanted = vec![None; destinations.many];
    for (number, row) in destinations.numbers.iter().zip(&destinations.rows) {
        wanted[*row as usize] = Some(*number);
    }
    let parts: Vec<&dyn Array> = parts.iter().map(|(_, values)| values.as_ref()).collect();
    take(&concat(&parts)?, &UInt32Array::from(wanted), None)
}

fn explain(error: ArrowError) -> Error {
    match error {
        ArrowError::OffsetOverflowError(_) => too_many_bytes(),
        error => Error::new(ErrorKind::Bug, "could not put rows in order").with_source(error),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use arrow::array::{
        BinaryArray, BooleanArray, Float32Array, Int64Array, ListArray, StringArray, TimestampNanosecondArray,
    };
    use arrow::datatypes::Int32Type;
    use rand::rngs::StdRng;
    use rand::seq::SliceRandom as _;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;
    use crate::testing::cases;

    /// A column of some type, with nulls.
    fn random_column(random: &mut StdRng, kind: usize, rows: usize) -> ArrayRef {
        let mut numbers: Vec<Option<i64>> = (0..rows).map(|_| Some(random.random_range(-50..50))).collect();
        let nulls = random.random_range(0..=4);
        numbers.iter_mut().filter(|_| random.random_range(0..4) < nulls).for_each(|number| *number = None);
        let texts =
            numbers.iter().map(|number| number.map(|number| "ä€".repeat(number.unsigned_abs() as usize % 9)));
        match kind {
            0 => Arc::new(Int64Array::from(numbers)),
            1 => Arc::new(
                numbers.iter().map(|number| number.map(|number| number as f32)).collect::<Float32Array>(),
            ),
            2 => Arc::new(texts.collect::<StringArray>()),
            3 => Arc::new(texts.map(|text| text.map(String::into_bytes)).collect::<BinaryArray>()),
            4 => Arc::new(
                numbers.iter().map(|number| number.map(|number| number > 0)).collect::<BooleanArray>(),
            ),
            5 => Arc::new(TimestampNanosecondArray::from(numbers).with_timezone("UTC")),
            _ => Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(numbers.iter().map(|number| {
                number.map(|number| {
                    (0..number.unsigned_abs() % 4).map(|at| Some(at as i32)).collect::<Vec<_>>()
                })
            }))),
        }
    }

    /// Runs of so many numbers, one after the other, in any order.
    fn random_parts(random: &mut StdRng, many: usize) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let mut begin = 0;
        while begin < many {
            let end = random.random_range(begin + 1..=many);
            parts.push(begin..end);
            begin = end;
        }
        parts.shuffle(random);
        parts
    }

    #[test]
    fn columns_filled_in_any_order_are_what_taking_from_the_whole_gives() {
        for seed in 0..cases(500) {
            let mut random = StdRng::seed_from_u64(seed);
            let (read, rows) = (random.random_range(1..60_usize), random.random_range(0..80));
            let wanted: Vec<Option<u32>> = (0..rows)
                .map(|_| random.random_bool(0.8).then(|| random.random_range(0..read as u32)))
                .collect();
            let destinations = Destinations::new(
                &wanted.iter().map(|number| number.unwrap_or(NONE)).collect::<Vec<_>>(),
                read,
            );
            for kind in 0..7 {
                let whole = random_column(&mut random, kind, read + 3).slice(random.random_range(0..4), read);
                let mut column = Column::new(whole.data_type(), &destinations);
                column.put(read as u32 / 2, &whole.slice(0, 0), &destinations).unwrap();
                for part in random_parts(&mut random, read) {
                    let values = whole.slice(part.start, part.len());
                    column.put(part.start as u32, &values, &destinations).unwrap();
                }
                let filled = column.finish(&destinations).unwrap();
                filled.to_data().validate_full().unwrap();
                let expected = take(&whole, &UInt32Array::from(wanted.clone()), None).unwrap();
                assert_eq!(&filled, &expected, "seed {seed}, kind {kind}");
            }
        }
    }

    #[test]
    fn more_text_than_fits_is_an_error() {
        let destinations = Destinations::new(&[0; 2048], 1);
        let text: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1 << 20)]));
        let mut column = Column::new(text.data_type(), &destinations);
        column.put(0, &text, &destinations).unwrap();
        let error = column.finish(&destinations).unwrap_err();
        assert!(error.to_string().contains("more than 2 GiB"), "{error}");
    }

    #[test]
    fn values_of_another_type_are_refused() {
        let destinations = Destinations::new(&[0], 1);
        let mut column = Column::new(&DataType::Int64, &destinations);
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["7"]));
        assert_eq!(column.put(0, &texts, &destinations).unwrap_err().kind(), ErrorKind::Bug);
    }
}
