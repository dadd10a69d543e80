//! Values against a naive interpreter, row by row; canonical texts; every documented example.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::Value;

fn columns() -> BTreeMap<String, BTreeMap<String, ValueType>> {
    let of = |names: &[(&str, &str)]| -> BTreeMap<String, ValueType> {
        names.iter().map(|(name, of)| ((*name).to_owned(), of.parse().unwrap())).collect()
    };
    [
        (
            "v".to_owned(),
            of(&[("i", "int64"), ("f", "float64"), ("b", "bool"), ("s", "string"), ("7d", "int32")]),
        ),
        ("r".to_owned(), of(&[("x", "float32"), ("t", "timestamp"), ("l", "list(int64)")])),
    ]
    .into()
}

fn compile(text: &str, value_type: &str) -> Result<Compiled, String> {
    Compiled::of_text(text, &value_type.parse().unwrap(), &columns())
}

fn canonical(text: &str) -> String {
    Tree::of_text(text, &["v", "r"]).unwrap().to_text()
}

/// The value of an expression without columns.
fn constant(text: &str) -> Option<Value> {
    for value_type in ["int64", "float64", "string", "bool", "timestamp"] {
        if let Ok(compiled) = compile(text, value_type) {
            return compiled.evaluate(&[], 1).values.remove(0);
        }
    }
    panic!("{text} has no type")
}

#[test]
fn every_documented_example_is_true() {
    let all = functions();
    assert!(all.len() >= 45, "{}", all.len());
    for function in all {
        let (found, expected) = (constant(function.example), constant(function.result));
        let same = match (&found, &expected) {
            (Some(Value::Float64(found)), Some(Value::Int64(expected))) => {
                format!("{found}") == format!("{expected}")
            }
            _ => found == expected,
        };
        assert!(same, "{} gives {found:?}, documented as {}", function.example, function.result);
    }
}

#[test]
fn the_text_is_canonical() {
    for (written, text) in [
        ("(v.i+  2.0)", "v.i + 2"),
        ("v.i - (v.i - 1)", "v.i - (v.i - 1)"),
        ("(v.i - v.i) - 1", "v.i - v.i - 1"),
        ("(v.i + 1) * 2 + (3 * 4)", "(v.i + 1) * 2 + 3 * 4"),
        ("!(v.b && !v.b)", "!(v.b && !v.b)"),
        ("v.b ? (v.i) : (v.b ? 1 : 2)", "v.b ? v.i : v.b ? 1 : 2"),
        ("(v.b ? v.b : v.b) ? 1 : 2", "(v.b ? v.b : v.b) ? 1 : 2"),
        ("feature_view.v.i + data_source.r.x", "v.i + r.x"),
        ("v[\"7d\"] + v[\"i\"]", "v[\"7d\"] + v.i"),
        ("coalesce(v.i,null , -1)", "coalesce(v.i, null, -1)"),
        ("\"${v.s}-$${x}\\n\"", "\"${v.s}-$${x}\\n\""),
        ("r.l[0] + r.l[v.i]", "r.l[0] + r.l[v.i]"),
        ("-v.i - -2", "-v.i - -2"),
        ("1e30 + 0.1", "1e30 + 0.1"),
    ] {
        assert_eq!(canonical(written), text);
        assert_eq!(canonical(text), text, "its text is its own");
    }
}

#[test]
fn types_are_held_to() {
    for (text, value_type, message) in [
        ("v.i + v.s", "float64", "expected a number, found text"),
        ("v.i > v.s", "bool", "a whole number and text cannot be compared so"),
        ("v.f", "int64", "the expression gives a number, and the feature is of type int64"),
        ("v.b ? 1 : \"a\"", "int64", "expected a whole number as before, found text"),
        ("v.nope", "int64", "`v` has no column `nope`"),
        ("w.i", "int64", "`w` is no source of this view"),
        ("nope(v.i)", "int64", "there is no function `nope` over columns"),
        ("geohash(v.f, v.f)", "string", "`geohash` takes 3 arguments, found 2"),
        ("geohash(v.s, v.f, 3)", "string", "`geohash`: expected a number, found text"),
        ("v.i == null", "bool", "a comparison with `null` has no value"),
        ("[v.i]", "list(int64)", "a list over columns holds values only, no columns"),
        ("v", "int64", "`v` is a source; its columns are named `v.COLUMN`"),
        ("[for x in r.l : x]", "list(int64)", "`for` cannot be used over columns"),
        ("v.s[0]", "string", "text has no elements"),
    ] {
        assert_eq!(compile(text, value_type).unwrap_err(), message, "{text}");
    }
    let compiled = compile("v.i + v.i / r.x", "float64").unwrap();
    let names: Vec<String> =
        compiled.columns().iter().map(|column| format!("{}.{}", column.source, column.name)).collect();
    assert_eq!(names, ["v.i", "r.x"]);
}

#[test]
fn failures_are_null_and_counted() {
    let evaluate = |text: &str, value_type: &str, i: Vec<Option<i64>>| {
        let rows = i.len();
        let compiled = compile(text, value_type).unwrap();
        compiled.evaluate(&[Vector::of_integers(i.into_iter())], rows)
    };
    let found = evaluate("10 / v.i", "float64", vec![Some(4), Some(0), None]);
    assert_eq!((found.values, found.failures), (vec![Some(Value::Float64(2.5)), None, None], 1));
    let found = evaluate("v.i == 0 ? 0 : 10 / v.i", "float64", vec![Some(0), Some(5), None]);
    assert_eq!(
        (found.values, found.failures),
        (vec![Some(Value::Float64(0.0)), Some(Value::Float64(2.0)), None], 0),
        "the branch that is not taken does not count"
    );
    let found = evaluate("v.i * v.i", "int64", vec![Some(i64::MAX), Some(-3)]);
    assert_eq!((found.values, found.failures), (vec![None, Some(Value::Int64(9))], 1));
    let found = evaluate("v.i", "int32", vec![Some(1 << 40), Some(7)]);
    assert_eq!((found.values, found.failures), (vec![None, Some(Value::Int32(7))], 1));
    let found = evaluate("coalesce(v.i, 7)", "int64", vec![None, Some(1)]);
    assert_eq!((found.values, found.failures), (vec![Some(Value::Int64(7)), Some(Value::Int64(1))], 0));
    let found = evaluate("[1, 2, 3][v.i]", "int64", vec![Some(2), Some(3), None]);
    assert_eq!((found.values, found.failures), (vec![Some(Value::Int64(3)), None, None], 1));
}

#[test]
fn what_never_has_a_value_is_told_and_evaluated_all_the_same() {
    for (text, value_type) in [
        ("v.i / 0", "float64"),
        ("v.i % 0", "int64"),
        ("bucket(v.i, 0)", "int64"),
        ("geohash(v.i, v.i, 13)", "string"),
        ("geohash(v.i, 181, 5)", "string"),
        ("log(v.i, 1)", "float64"),
        ("clamp(v.i, 2, 1)", "int64"),
        ("clamp(v.i, 2.5, 1)", "float64"),
        ("round(v.i, -309)", "float64"),
        ("v.i > 0 ? 3000000000 : 3000000000", "int32"),
        ("v.i + sqrt(-1)", "float64"),
        ("v.i + to_int(\"x\")", "int64"),
        ("v.i + [1][1]", "int64"),
        ("v.i + (9223372036854775807 + 1)", "int64"),
    ] {
        let columns = columns();
        let tree = Tree::of_text(text, &["v", "r"]).unwrap();
        let value_type: ValueType = value_type.parse().unwrap();
        assert!(!Compiled::mistakes(&tree, &value_type, &Inputs::new(&columns)).is_empty(), "{text}");
        let compiled = Compiled::of_tree(&tree, &value_type, &Inputs::new(&columns)).unwrap();
        let found = compiled.evaluate(&[Vector::of_integers([Some(7)].into_iter())], 1);
        assert_eq!((found.values, found.failures), (vec![None], 1), "{text}");
    }
    for (text, value) in [
        ("1 > 2 ? v.i % 0 : v.i", 7),
        ("coalesce(null, 1 + 2)", 3),
        ("clamp(v.i, 1, 1)", 1),
        ("length(substr(\"driver\", 1, 9223372036854775807)) + 0 * v.i", 5),
    ] {
        let columns = columns();
        let tree = Tree::of_text(text, &["v", "r"]).unwrap();
        assert_eq!(Compiled::mistakes(&tree, &ValueType::Int64, &Inputs::new(&columns)), [], "{text}");
        let compiled = Compiled::of_tree(&tree, &ValueType::Int64, &Inputs::new(&columns)).unwrap();
        let found = compiled.evaluate(&[Vector::of_integers([Some(7)].into_iter())], 1);
        assert_eq!((found.values, found.failures), (vec![Some(Value::Int64(value))], 0), "{text}");
    }
}

/// An expression, for making and for reading row by row.
#[derive(Clone, Debug)]
enum Sample {
    I,
    F,
    Number(i32),
    Half(i32),
    Null,
    Arithmetic(char, Box<Sample>, Box<Sample>),
    Negate(Box<Sample>),
    If(Box<Condition>, Box<Sample>, Box<Sample>),
    Coalesce(Box<Sample>, Box<Sample>),
    Call(&'static str, Box<Sample>),
}

#[derive(Clone, Debug)]
enum Condition {
    B,
    Less(Sample, Sample),
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
}

/// A whole number or a float, as typing has it: the oracle carries the type with the value, and of null too.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cell {
    Integer(Option<i64>),
    Float(Option<f64>),
    Nothing,
}

impl Cell {
    fn as_float(self) -> Option<f64> {
        match self {
            Self::Integer(value) => value.map(|value| value as f64),
            Self::Float(value) => value,
            Self::Nothing => None,
        }
    }

    fn is_whole(self) -> bool {
        matches!(self, Self::Integer(_))
    }
}

#[derive(Debug)]
struct Row {
    i: Option<i64>,
    f: Option<f64>,
    b: Option<bool>,
}

impl Sample {
    fn text(&self) -> String {
        match self {
            Self::I => "v.i".to_owned(),
            Self::F => "v.f".to_owned(),
            Self::Number(value) => format!("{value}"),
            Self::Half(value) => format!("{value}.5"),
            Self::Null => "null".to_owned(),
            Self::Arithmetic(operator, one, other) => format!("({} {operator} {})", one.text(), other.text()),
            Self::Negate(one) => format!("(-{})", one.text()),
            Self::If(condition, one, other) => {
                format!("({} ? {} : {})", condition.text(), one.text(), other.text())
            }
            Self::Coalesce(one, other) => format!("coalesce({}, {})", one.text(), other.text()),
            Self::Call(name, one) => format!("{name}({})", one.text()),
        }
    }

    /// Whether typing makes it a whole number: none for the literal null.
    fn whole(&self) -> Option<bool> {
        let both = |one: &Self, other: &Self| match (one.whole(), other.whole()) {
            (None, known) | (known, None) => known,
            (Some(one), Some(other)) => Some(one && other),
        };
        match self {
            Self::I | Self::Number(_) => Some(true),
            Self::F | Self::Half(_) => Some(false),
            Self::Null => None,
            Self::Arithmetic('/', ..) => Some(false),
            Self::Arithmetic(_, one, other) => {
                Some(one.whole().unwrap_or(false) && other.whole().unwrap_or(false))
            }
            Self::Negate(one) => Some(one.whole().unwrap_or(false)),
            Self::If(_, one, other) | Self::Coalesce(one, other) => both(one, other),
            Self::Call("floor", _) => Some(true),
            Self::Call("abs", one) => Some(one.whole().unwrap_or(true)),
            Self::Call(..) => Some(false),
        }
    }

    fn at(&self, row: &Row) -> Cell {
        let found = match self {
            Self::I => Cell::Integer(row.i),
            Self::F => Cell::Float(row.f),
            Self::Number(value) => Cell::Integer(Some(i64::from(*value))),
            Self::Half(value) => Cell::Float(Some(format!("{value}.5").parse().unwrap())),
            Self::Null => Cell::Nothing,
            Self::Arithmetic(operator, one, other) => {
                let (one, other) = (one.at(row), other.at(row));
                match (one, other) {
                    (Cell::Integer(one), Cell::Integer(other)) if *operator != '/' => {
                        Cell::Integer(one.zip(other).and_then(|(one, other)| {
                            let wide = match operator {
                                '+' => i128::from(one) + i128::from(other),
                                '-' => i128::from(one) - i128::from(other),
                                '*' => i128::from(one) * i128::from(other),
                                _ if other == 0 => return None,
                                _ => i128::from(one) % i128::from(other),
                            };
                            i64::try_from(wide).ok()
                        }))
                    }
                    _ => Cell::Float(one.as_float().zip(other.as_float()).and_then(|(one, other)| {
                        let result = match operator {
                            '+' => one + other,
                            '-' => one - other,
                            '*' => one * other,
                            _ if other == 0.0 => return None,
                            '/' => one / other,
                            _ => one % other,
                        };
                        (result.is_finite() || !one.is_finite() || !other.is_finite()).then_some(result)
                    })),
                }
            }
            Self::Negate(one) => match one.at(row) {
                Cell::Integer(value) => Cell::Integer(value.and_then(i64::checked_neg)),
                other => Cell::Float(other.as_float().map(|value| -value)),
            },
            Self::If(condition, one, other) => match condition.at(row) {
                Some(true) => one.at(row),
                Some(false) => other.at(row),
                None => Cell::Nothing,
            },
            Self::Coalesce(one, other) => {
                let first = one.at(row);
                if matches!(first, Cell::Integer(None) | Cell::Float(None) | Cell::Nothing) {
                    other.at(row)
                } else {
                    first
                }
            }
            Self::Call("floor", one) => {
                Cell::Integer(one.at(row).as_float().map(f64::floor).and_then(|value| {
                    (-9.3e18..=9.3e18)
                        .contains(&value)
                        .then_some(value as i128)
                        .and_then(|value| i64::try_from(value).ok())
                }))
            }
            Self::Call("abs", one) => match one.at(row) {
                Cell::Integer(value) => Cell::Integer(value.and_then(i64::checked_abs)),
                other => Cell::Float(other.as_float().map(f64::abs)),
            },
            Self::Call(_, one) => Cell::Float(
                one.at(row).as_float().and_then(|value| if value < 0.0 { None } else { Some(value.sqrt()) }),
            ),
        };
        // A whole number where the other branch is a float is a float.
        if self.whole() == Some(false) && found.is_whole() { Cell::Float(found.as_float()) } else { found }
    }
}

impl Condition {
    fn text(&self) -> String {
        match self {
            Self::B => "v.b".to_owned(),
            Self::Less(one, other) => format!("({} < {})", one.text(), other.text()),
            Self::Not(inner) => format!("!({})", inner.text()),
            Self::And(one, other) => format!("({} && {})", one.text(), other.text()),
        }
    }

    fn at(&self, row: &Row) -> Option<bool> {
        match self {
            Self::B => row.b,
            Self::Less(one, other) => match (one.at(row), other.at(row)) {
                (Cell::Integer(one), Cell::Integer(other)) => one.zip(other).map(|(one, other)| one < other),
                (one, other) => one.as_float().zip(other.as_float()).map(|(one, other)| one < other),
            },
            Self::Not(inner) => inner.at(row).map(|value| !value),
            Self::And(one, other) => one.at(row).zip(other.at(row)).map(|(one, other)| one && other),
        }
    }
}

fn sample() -> impl Strategy<Value = Sample> {
    let leaf = prop_oneof![
        Just(Sample::I),
        Just(Sample::F),
        (-3..4_i32).prop_map(Sample::Number),
        (0..3_i32).prop_map(Sample::Half),
        Just(Sample::Null),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let boxed = inner.clone().prop_map(Box::new).boxed();
        let less = (inner.clone(), inner)
            .prop_filter("a comparison with null has no value", |(one, other)| {
                one.whole().is_some() && other.whole().is_some()
            })
            .prop_map(|(one, other)| Condition::Less(one, other));
        let condition = prop_oneof![Just(Condition::B), less].boxed();
        let condition = prop_oneof![
            condition.clone(),
            condition.clone().prop_map(|one| Condition::Not(Box::new(one))),
            (condition.clone(), condition)
                .prop_map(|(one, other)| Condition::And(Box::new(one), Box::new(other))),
        ];
        let operator = prop_oneof![Just('+'), Just('-'), Just('*'), Just('/'), Just('%')];
        prop_oneof![
            (operator, boxed.clone(), boxed.clone())
                .prop_map(|(operator, one, other)| Sample::Arithmetic(operator, one, other)),
            boxed.clone().prop_map(Sample::Negate),
            (condition.prop_map(Box::new), boxed.clone(), boxed.clone())
                .prop_map(|(condition, one, other)| Sample::If(condition, one, other)),
            (boxed.clone(), boxed.clone()).prop_map(|(one, other)| Sample::Coalesce(one, other)),
            (prop_oneof![Just("floor"), Just("abs"), Just("sqrt")], boxed)
                .prop_map(|(name, one)| Sample::Call(name, one)),
        ]
    })
}

fn row() -> impl Strategy<Value = Row> {
    let integer = prop_oneof![Just(0), Just(1), Just(-2), Just(i64::MAX), Just(i64::MIN), any::<i64>()];
    let float =
        prop_oneof![Just(0.0), Just(-0.5), Just(f64::MAX), Just(f64::NAN), Just(f64::INFINITY), -10.0..10.0];
    (
        prop::option::weighted(0.8, integer),
        prop::option::weighted(0.8, float),
        prop::option::weighted(0.8, any::<bool>()),
    )
        .prop_map(|(i, f, b)| Row { i, f, b })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn columns_have_the_values_that_rows_have(sample in sample(), rows in prop::collection::vec(row(), 0..8)) {
        let text = sample.text();
        let value_type = if sample.whole() == Some(true) { "int64" } else { "float64" };
        let compiled = compile(&text, value_type).unwrap();
        prop_assert_eq!(canonical(&canonical(&text)), canonical(&text));
        let again = compile(&canonical(&text), value_type).unwrap();
        let columns: Vec<Vector> = compiled
            .columns()
            .iter()
            .map(|column| match column.name.as_str() {
                "i" => Vector::of_integers(rows.iter().map(|row| row.i)),
                "f" => Vector::of_floats(rows.iter().map(|row| row.f)),
                _ => Vector::of_values(&ValueType::Bool, rows.iter().map(|row| row.b.map(Value::Bool))),
            })
            .collect();
        let found = compiled.evaluate(&columns, rows.len());
        prop_assert_eq!(&again.evaluate(&columns, rows.len()), &found, "{}", canonical(&text));
        for (row, found) in rows.iter().zip(found.values) {
            let expected = match sample.at(row) {
                Cell::Integer(value) if value_type == "int64" => value.map(Value::Int64),
                other => other.as_float().map(Value::Float64),
            };
            let same = match (&found, &expected) {
                (Some(Value::Float64(one)), Some(Value::Float64(other))) => {
                    one == other || one.is_nan() && other.is_nan()
                }
                _ => found == expected,
            };
            prop_assert!(same, "{text}: {found:?}, expected {expected:?}");
        }
    }

    #[test]
    fn any_text_is_an_expression_or_an_error(text in "[vrilsfxb.()+*/?:\"$ {}0-9<>=!&|,\\[\\]-]{0,40}") {
        let _ = compile(&text, "float64");
    }
}
