//! The values of rows: they follow from a row's place, so that a row that is found is known by its values.

use provender_core::encoding::Cell;
use provender_core::model::Value;

pub(super) fn number_at(place: usize) -> Option<i64> {
    (place % 7 != 3).then_some(place as i64)
}

pub(super) fn double_at(place: usize) -> Option<f64> {
    match place % 9 {
        4 => None,
        7 => Some(f64::NAN),
        _ => Some(place as f64 + 0.1),
    }
}

pub(super) fn text_at(place: usize) -> Option<String> {
    (place % 5 != 2).then(|| format!("row \"{place}\", of\nmany"))
}

pub(super) fn single_at(place: usize) -> Option<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "rounding is the rule")]
    double_at(place).map(|value| value as f32)
}

pub(super) fn cells_of(place: usize) -> Vec<Cell> {
    let cell = |value: Option<Value>| value.map_or(Cell::Null, Cell::Value);
    vec![
        cell(number_at(place).map(Value::Int64)),
        cell(single_at(place).map(Value::Float32)),
        cell(text_at(place).map(Value::String)),
    ]
}
