//! Rows of one table under different schemas: reading an old row as a new schema wants it, and filling what is absent in
//! a stored row. Columns are matched by id, never by name or position.

use super::{Cell, PackedRow, PackedRowError, RowSchema};
use crate::model::ValueType;
use crate::registry::ColumnId;

/// Why a row cannot be read under another schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvolutionError {
    /// The row itself.
    #[error(transparent)]
    Row(#[from] PackedRowError),
    /// A column keeps its id only through widenings, so this is a damaged schema.
    #[error("column {} is stored as {from}, which does not widen to {to}", column.0)]
    NotWider {
        /// The column.
        column: ColumnId,
        /// Its type in the row's schema.
        from: ValueType,
        /// Its type in the schema that was asked for.
        to: ValueType,
    },
}

impl PackedRow {
    /// The cells of this row as `wanted` orders and types them: columns that `stored` does not have are absent, those that
    /// `wanted` does not have are left out, narrower values are widened.
    ///
    /// # Errors
    /// The row does not fit `stored`, or a column has a type that does not widen.
    pub fn decode_as(&self, stored: &RowSchema, wanted: &RowSchema) -> Result<Vec<Cell>, EvolutionError> {
        let cells = self.decode(stored)?;
        if stored == wanted {
            return Ok(cells);
        }
        let mut by_column: Vec<Option<Cell>> = cells.into_iter().map(Some).collect();
        wanted
            .columns
            .iter()
            .map(|(column, to)| {
                let found = stored.columns.iter().position(|(id, _)| id == column);
                let Some((position, cell)) = found.and_then(|at| Some((at, by_column[at].take()?))) else {
                    return Ok(Cell::Absent);
                };
                let Cell::Value(value) = cell else { return Ok(cell) };
                value.widen_to(to).map(Cell::Value).ok_or_else(|| EvolutionError::NotWider {
                    column: *column,
                    from: stored.columns[position].1.clone(),
                    to: to.clone(),
                })
            })
            .collect()
    }

    /// This stored row with its absent cells taken from `filler`, or `None` when that adds nothing. Times stay. The result
    /// has the later of both schemas (the larger id), so a writer that knows only an older one takes nothing away.
    ///
    /// # Errors
    /// A row does not fit its schema, or a column has a type that does not widen.
    pub fn fill_absent(
        &self,
        stored: &RowSchema,
        filler: &Self,
        filler_schema: &RowSchema,
    ) -> Result<Option<Self>, EvolutionError> {
        let later = if stored.id > filler_schema.id { stored } else { filler_schema };
        let mut cells = self.decode_as(stored, later)?;
        let mut filled = false;
        for (cell, new) in cells.iter_mut().zip(filler.decode_as(filler_schema, later)?) {
            if *cell == Cell::Absent && new != Cell::Absent {
                *cell = new;
                filled = true;
            }
        }
        if !filled {
            return Ok(None);
        }
        Ok(Some(Self::encode(self.header(), later, &cells)?))
    }
}

#[cfg(test)]
#[path = "evolution_tests.rs"]
mod tests;
