//! The newest row per slot of a stream that is never sorted: the one rule that the historical join and materialization
//! share. A slot is a key, or a key at an entity time; memory grows with slots, never with the rows that went by.

use arrow::array::{ArrayRef, UInt32Array, new_null_array};
use arrow::compute::{interleave, interleave_record_batch, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use crate::{Error, ErrorKind, Result};

/// Rows that lost are thrown away when they are more than those that lead, and more than this.
const KEEP_LOSERS: usize = 64 * 1024;
/// The chunk of rows that belong to the batch being offered.
const OPEN: u32 = u32::MAX;

/// The row that leads a slot: ordered by event time, created time (none first), place in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leader {
    pub(crate) event_time: i64,
    pub(crate) created_time: Option<i64>,
    position: u64,
    chunk: u32,
    row: u32,
}

/// Leaders of all slots, with the value columns of their rows.
#[derive(Debug)]
pub(crate) struct NewestRows {
    schema: SchemaRef,
    leaders: Vec<Option<Leader>>,
    chunks: Vec<RecordBatch>,
    stored: usize,
    filled: usize,
    touched: Vec<u32>,
    position: u64,
}

impl NewestRows {
    /// No rows yet; `schema` is that of the value columns.
    pub(crate) fn new(schema: SchemaRef, slots: usize) -> Self {
        Self {
            schema,
            leaders: vec![None; slots],
            chunks: Vec::new(),
            stored: 0,
            filled: 0,
            touched: Vec::new(),
            position: 0,
        }
    }

    /// Adds a slot and returns its number.
    pub(crate) fn add_slot(&mut self) -> usize {
        self.leaders.push(None);
        self.leaders.len() - 1
    }

    /// Offers a row of the batch that [`NewestRows::end_batch`] will bring. Rows come in the order of the stream.
    pub(crate) fn offer(&mut self, slot: usize, row: u32, event_time: i64, created_time: Option<i64>) {
        let position = self.position + u64::from(row);
        let leader = &mut self.leaders[slot];
        let was_open = match leader {
            Some(known) if (event_time, created_time) < (known.event_time, known.created_time) => return,
            Some(known) => known.chunk == OPEN,
            None => {
                self.filled += 1;
                false
            }
        };
        *leader = Some(Leader { event_time, created_time, position, chunk: OPEN, row });
        if !was_open {
            // More slots than a u32 counts would need over 160 GiB for their leaders alone.
            self.touched.push(u32::try_from(slot).unwrap_or(u32::MAX));
        }
    }

    /// Keeps the value columns of the rows that lead after this batch.
    pub(crate) fn end_batch(&mut self, values: &RecordBatch) -> Result<()> {
        self.position += values.num_rows() as u64;
        if self.touched.is_empty() {
            return Ok(());
        }
        let chunk = u32::try_from(self.chunks.len()).unwrap_or(OPEN);
        let mut rows = Vec::with_capacity(self.touched.len());
        for (slot, at) in self.touched.drain(..).zip(0..) {
            if let Some(leader) = &mut self.leaders[slot as usize] {
                rows.push(leader.row);
                (leader.chunk, leader.row) = (chunk, at);
            }
        }
        if self.schema.fields().is_empty() {
            return Ok(());
        }
        self.stored += rows.len();
        self.chunks.push(take_record_batch(values, &UInt32Array::from(rows)).map_err(bug)?);
        if self.stored > 2 * self.filled + KEEP_LOSERS { self.compact() } else { Ok(()) }
    }

    /// Throws away rows that lead no slot any more.
    fn compact(&mut self) -> Result<()> {
        let mut rows = Vec::with_capacity(self.filled);
        for (leader, at) in self.leaders.iter_mut().flatten().zip(0..) {
            rows.push((leader.chunk as usize, leader.row as usize));
            (leader.chunk, leader.row) = (0, at);
        }
        let kept = interleave_record_batch(&self.chunks.iter().collect::<Vec<_>>(), &rows).map_err(bug)?;
        self.stored = kept.num_rows();
        self.chunks = vec![kept];
        Ok(())
    }

    /// Leaders by slot.
    pub(crate) fn leaders(&self) -> &[Option<Leader>] {
        &self.leaders
    }

    /// Lets each slot of a run start from the slot before it: afterwards a slot is led by the newest row of the run up to
    /// there.
    pub(crate) fn accumulate(&mut self, run: std::ops::Range<usize>) {
        let mut newest = None;
        for leader in &mut self.leaders[run] {
            newest = newest.max(*leader);
            *leader = newest;
        }
    }

    /// Value columns of these leaders' rows, in this order; null throughout where there is none.
    pub(crate) fn gather(&self, leaders: impl Iterator<Item = Option<Leader>>) -> Result<Vec<ArrayRef>> {
        let nothing = self.chunks.len();
        let rows: Vec<(usize, usize)> = leaders
            .map(|leader| leader.map_or((nothing, 0), |leader| (leader.chunk as usize, leader.row as usize)))
            .collect();
        (0..self.schema.fields().len())
            .map(|column| {
                let null = new_null_array(self.schema.field(column).data_type(), 1);
                let mut arrays: Vec<&dyn arrow::array::Array> =
                    self.chunks.iter().map(|chunk| chunk.column(column).as_ref()).collect();
                arrays.push(&null);
                interleave(&arrays, &rows).map_err(bug)
            })
            .collect()
    }
}

fn bug(error: arrow::error::ArrowError) -> Error {
    Error::new(ErrorKind::Bug, "could not put rows together").with_source(error)
}
