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
        let mut found: Vec<Cell> = Vec::with_capacity(wanted.columns.len());
        for (column, to) in &wanted.columns {
            let position = stored.columns.iter().position(|(id, _)| id == column);
            let cell = match position.map(|at| (at, by_column[at].take())) {
                None => Cell::Absent,
                // A column that is wanted twice, as under an old and a new name.
                Some((_, None)) => {
                    let before = wanted.columns.iter().position(|(id, _)| id == column);
                    before.and_then(|at| found.get(at)).cloned().unwrap_or(Cell::Absent)
                }
                Some((at, Some(Cell::Value(value)))) => {
                    value.widen_to(to).map(Cell::Value).ok_or_else(|| EvolutionError::NotWider {
                        column: *column,
                        from: stored.columns[at].1.clone(),
                        to: to.clone(),
                    })?
                }
                Some((_, Some(cell))) => cell,
            };
            found.push(cell);
        }
        Ok(found)
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
