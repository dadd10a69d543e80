//! Arrow IPC files, in both forms. Before the reader of the library sees a file, what its footer claims is held against
//! the file's length: it would take that much memory for a block that is not there.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader, read_footer_length};
use arrow::ipc::root_as_footer;
use arrow::record_batch::RecordBatch;

/// Bytes at the end: the length of the footer, and the mark.
const TAIL_BYTES: usize = 10;

/// All batches of the form with a footer.
pub(super) fn with_footer(file: File) -> Result<(SchemaRef, Vec<RecordBatch>), ArrowError> {
    let file = refuse_long_blocks(file)?;
    let reader = FileReader::try_new_buffered(file, None)?;
    let schema = reader.schema();
    Ok((schema, reader.collect::<Result<_, _>>()?))
}

/// All batches of the form that is a stream; it has no footer.
pub(super) fn stream(file: File) -> Result<(SchemaRef, Vec<RecordBatch>), ArrowError> {
    let reader = StreamReader::try_new_buffered(file, None)?;
    let schema = reader.schema();
    Ok((schema, reader.collect::<Result<_, _>>()?))
}

fn refuse_long_blocks(mut file: File) -> Result<File, ArrowError> {
    let damaged = |what: &str| ArrowError::ParseError(what.to_owned());
    let length = file.metadata()?.len();
    let mut tail = [0; TAIL_BYTES];
    let from_end = |bytes: usize| length.checked_sub(bytes as u64).ok_or_else(|| damaged("it is too short"));
    file.seek(SeekFrom::Start(from_end(TAIL_BYTES)?))?;
    file.read_exact(&mut tail)?;
    let footer_length = read_footer_length(tail)?;
    file.seek(SeekFrom::Start(from_end(footer_length.saturating_add(TAIL_BYTES))?))?;
    let mut bytes = vec![0; footer_length];
    file.read_exact(&mut bytes)?;
    let footer = root_as_footer(&bytes).map_err(|_| damaged("its footer is damaged"))?;
    let batches = footer.recordBatches().into_iter().flatten();
    for block in batches.chain(footer.dictionaries().into_iter().flatten()) {
        let parts = [block.offset(), block.metaDataLength().into(), block.bodyLength()];
        let parts = parts.map(|part| u64::try_from(part).ok());
        let end = parts.into_iter().try_fold(0_u64, |sum, part| sum.checked_add(part?));
        if end.is_none_or(|end| end > length) {
            return Err(damaged("a block of rows ends after the file"));
        }
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}
