//! Frozen byte encodings: entity keys and packed rows. Golden vectors in `fixtures/encoding/` hold them.

mod cell_places;
mod entity_key;
mod evolution;
mod packed_row;
pub mod value_bytes;

pub use cell_places::{CellPlace, decode_value};
pub use entity_key::{EntityKey, EntityKeyError};
pub use evolution::EvolutionError;
pub use packed_row::{Cell, PackedRow, PackedRowBuilder, PackedRowError, RowHeader, RowSchema};

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod strategies;
