//! Values of expressions, and failures.

use super::*;
use crate::diagnostic::{Code, Diagnostic, codes};
use crate::source::{SourceId, Span};

struct Nothing;

impl Scope for Nothing {
    fn variable(&self, name: &str, _: Span) -> Result<Value, Failure> {
        match name {
            "n" => Ok(Value::Number(Number::Integer(5))),
            "list" => {
                Ok(Value::from_json(&serde_json::json!([{"a": 1, "b": [10, 11]}, {"a": 2, "b": [20]}])))
            }
            _ => Err(Failure::Reported),
        }
    }

    fn local(&self, _: &str, _: Span) -> Result<Value, Failure> {
        Err(Failure::Reported)
    }

    fn read_file(&self, path: &str) -> Result<String, String> {
        Ok(format!("text of {path}"))
    }
}

fn evaluate(text: &str) -> Result<Value, Box<Diagnostic>> {
    let expression = parse_expression(SourceId::default(), text)?;
    Evaluator::new(&Nothing).evaluate(&expression).map_err(|failure| {
        let first = failure.findings().into_iter().next();
        Box::new(first.unwrap_or_else(|| Diagnostic::unplaced(codes::SYNTAX, "reported")))
    })
}

/// The value as JSON.
fn json(text: &str) -> String {
    let value = evaluate(text).unwrap_or_else(|diagnostic| panic!("{text}: {diagnostic:?}"));
    value.to_json().unwrap().to_string()
}

fn code(text: &str) -> Code {
    evaluate(text).err().unwrap_or_else(|| panic!("{text} has a value")).code
}

#[track_caller]
fn all(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(json(text), *expected, "{text}");
    }
}

#[test]
fn operators() {
    all(&[
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("7 / 2", "3.5"),
        ("6 / 2", "3"),
        ("-7 % 3", "-1"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("1 < 2 && !(2 >= 3)", "true"),
        ("1 == 1.0", "true"),
        ("\"1\" == 1", "false"),
        ("\"2\" + 1", "3"),
        ("[1, { a = 2 }] == [1, { a = 2.0 }]", "true"),
        ("-9223372036854775807 - 1", "-9223372036854775808"),
    ]);
    assert_eq!(code("-9223372036854775807 - 2"), codes::ARITHMETIC);
    assert_eq!(code("(-9223372036854775807 - 1) / -1"), codes::ARITHMETIC);
    assert_eq!(code("(-9223372036854775807 - 1) % -1"), codes::ARITHMETIC);
}

#[test]
fn what_is_not_needed_is_not_looked_at() {
    all(&[
        ("true ? 1 : 1 / 0", "1"),
        ("false ? var.no : 2", "2"),
        ("false && 1 / 0 == 1", "false"),
        ("true || var.no", "true"),
        ("try(1 / 0, var.no, 3)", "3"),
        ("can(1 / 0)", "false"),
        ("can(1 / 1)", "true"),
    ]);
}

#[test]
fn templates() {
    all(&[
        ("\"a${1 + 1}b${true}\"", "\"a2btrue\""),
        ("\"${[1]}\"", "[1]"),
        ("\"$${x} %%{y}\"", "\"${x} %{y}\""),
        ("\"%{ if var.n > 3 }big%{ else }small%{ endif }\"", "\"big\""),
        ("\"%{ for i, x in [\"a\", \"b\"] }${i}${x} %{ endfor }\"", "\"0a 1b \""),
        ("\"a   ${~ 1 ~}   b\"", "\"a1b\""),
        ("\"a %{~ if true ~} x %{~ endif ~} b\"", "\"axb\""),
        ("[<<-T\n    a\n      ${1}\n  T\n]", "[\"a\\n  1\\n\"]"),
    ]);
    assert_eq!(code("\"a${[1]}\""), codes::WRONG_TYPE);
}

#[test]
fn access() {
    all(&[
        ("var.list[1].a", "2"),
        ("var.list[*].a", "[1,2]"),
        ("var.list[*].b[0]", "[10,20]"),
        ("var.list.*.b[0]", "[10,11]"),
        ("var.list.0.a", "1"),
        ("{ a = 1, \"b\" = 2, (\"c\") = 3 }", "{\"a\":1,\"b\":2,\"c\":3}"),
        ("{ var = 1 }.var", "1"),
        ("5[*]", "[5]"),
        ("null[*]", "[]"),
    ]);
    assert_eq!(code("[1][1]"), codes::INDEX);
    assert_eq!(code("[1][-1]"), codes::INDEX);
    assert_eq!(code("[1][0.5]"), codes::INDEX);
}

#[test]
fn loops() {
    all(&[
        ("[for x in [1, 2, 3] : x * 2 if x != 2]", "[2,6]"),
        ("[for k, v in { b = 1, a = 2 } : \"${k}${v}\"]", "[\"a2\",\"b1\"]"),
        ("{ for i, x in [\"a\", \"b\"] : x => i }", "{\"a\":0,\"b\":1}"),
        ("{ for x in [\"a\", \"bb\", \"c\"] : length(x) => x... }", "{\"1\":[\"a\",\"c\"],\"2\":[\"bb\"]}"),
        ("[for x in [[1, 2], [3]] : [for x in x : -x]]", "[[-1,-2],[-3]]"),
    ]);
}

#[test]
fn references_are_values() {
    let value = evaluate("feature_view.v[\"7D_AVG\"]").unwrap();
    let Value::Reference(reference) = value else { panic!("{value:?}") };
    assert_eq!((reference.name.as_str(), reference.feature.as_deref()), ("v", Some("7D_AVG")));
    assert_eq!(evaluate("entity.a == entity.a").unwrap(), Value::Bool(true));
    assert!(matches!(evaluate("[for e in [entity.a] : e][0]").unwrap(), Value::Reference(_)));
    assert_eq!(evaluate("list(string)").unwrap(), Value::Type("list(string)".parse().unwrap()));
    assert_eq!(code("entity.a.b"), codes::UNKNOWN_REFERENCE);
    assert_eq!(code("jsonencode(entity.a)"), codes::FUNCTION);
}

#[test]
fn functions_of_text() {
    all(&[
        ("upper(\"aß\")", "\"Aß\""),
        ("lower(\"AÄ\")", "\"aä\""),
        ("title(\"hello big world\")", "\"Hello Big World\""),
        ("trim(\"--a-b--\", \"-\")", "\"a-b\""),
        ("trimspace(\"  a \\n\")", "\"a\""),
        ("trimprefix(\"abc\", \"a\")", "\"bc\""),
        ("trimsuffix(\"abc\", \"x\")", "\"abc\""),
        ("replace(\"a.b.c\", \".\", \"_\")", "\"a_b_c\""),
        ("split(\",\", \"a,b,\")", "[\"a\",\"b\",\"\"]"),
        ("join(\"-\", [\"a\", 1, true])", "\"a-1-true\""),
        ("substr(\"äöü\", 1, 1)", "\"ö\""),
        ("substr(\"hello\", -3, -1)", "\"llo\""),
        ("startswith(\"abc\", \"ab\")", "true"),
        ("endswith(\"abc\", \"ab\")", "false"),
        (
            "format(\"%s-%03d-%.2f-%q-%5s|%-4s|%v%%\", \"a\", 7, 1.239, \"x\", \"r\", \"l\", [1])",
            "\"a-007-1.24-\\\"x\\\"-    r|l   |[1]%\"",
        ),
        ("format(\"%+d %04d\", 5, -7)", "\"+5 -007\""),
        ("file(\"a.sql\")", "\"text of a.sql\""),
    ]);
    assert_eq!(code("format(\"%d\", 1.5)"), codes::FUNCTION);
    assert_eq!(code("format(\"%z\", 1)"), codes::FUNCTION);
    assert_eq!(code("format(\"%s\")"), codes::FUNCTION);
    assert_eq!(code("format(\"x\", 1)"), codes::FUNCTION);
}

#[test]
fn functions_of_collections_and_numbers() {
    all(&[
        ("length(\"äö\")", "2"),
        ("length({ a = 1 })", "1"),
        ("concat([1], [], [2, 3])", "[1,2,3]"),
        ("merge({ a = 1, b = 1 }, { b = 2 }, null)", "{\"a\":1,\"b\":2}"),
        ("keys({ b = 1, a = 2 })", "[\"a\",\"b\"]"),
        ("values({ b = 1, a = 2 })", "[2,1]"),
        ("lookup({ a = 1 }, \"b\", 9)", "9"),
        ("contains([1, 2], 2)", "true"),
        ("distinct([1, 2, 1])", "[1,2]"),
        ("flatten([[1, [2]], 3])", "[1,2,3]"),
        ("sort([\"b\", \"a\"])", "[\"a\",\"b\"]"),
        ("reverse([1, 2])", "[2,1]"),
        ("slice([1, 2, 3], 1, 3)", "[2,3]"),
        ("element([1, 2, 3], 4)", "2"),
        ("element([1, 2, 3], -1)", "3"),
        ("range(3)", "[0,1,2]"),
        ("range(1, 7, 2)", "[1,3,5]"),
        ("range(3, 0)", "[3,2,1]"),
        ("range(9223372036854775806, 9223372036854775807, 5)", "[9223372036854775806]"),
        ("max(1, 3, 2.5)", "3"),
        ("min([4, 2]...)", "2"),
        ("abs(-3)", "3"),
        ("ceil(1.2)", "2"),
        ("floor(-1.2)", "-2"),
        ("coalesce(null, \"\", \"a\")", "\"a\""),
        ("tostring(1.50)", "\"1.5\""),
        ("tonumber(\"12\")", "12"),
        ("tobool(\"true\")", "true"),
        ("toset([\"b\", \"a\", \"b\"])", "[\"a\",\"b\"]"),
        ("jsonencode({ a = [1, null, \"x\"] })", "\"{\\\"a\\\":[1,null,\\\"x\\\"]}\""),
        ("jsondecode(\"{\\\"a\\\": [1.5]}\").a[0]", "1.5"),
    ]);
    assert_eq!(code("range(0, 1, 0)"), codes::FUNCTION);
    assert_eq!(code("slice([1], 1, 0)"), codes::FUNCTION);
    assert_eq!(code("lookup({}, \"a\")"), codes::FUNCTION);
    assert_eq!(code("abs(-9223372036854775807 - 1)"), codes::ARITHMETIC);
}

#[test]
fn every_function_is_documented_and_its_example_true() {
    let documented: Vec<&str> =
        DOCUMENTATION.iter().map(|(call, ..)| call.split('(').next().unwrap()).collect();
    assert_eq!(documented, functions::names().into_iter().collect::<Vec<_>>());
    for (_, _, example, result) in DOCUMENTATION {
        assert_eq!(json(example), json(result), "{example}");
    }
}

/// What Terraform 1.11 makes of the same expressions: `fixtures/functions/make.py`. The differences are in
/// `docs/reference/functions.md`.
#[test]
fn values_are_those_of_terraform() {
    /// What differs, as `docs/reference/functions.md` says.
    const DIFFERENT: [&str; 22] = [
        // Numbers that are not whole have 64 bits, and whole ones too.
        "0.1 + 0.2",
        "format(\"%.2f\", 9007199254740993)",
        "format(\"%d\", 1e20)",
        "format(\"%g\", 9007199254740993)",
        "format(\"%x\", 1e20)",
        "jsonencode(1e20)",
        "parseint(\"9223372036854775808\", 10)",
        "pow(2,64)",
        "sum([0.1, 0.2])",
        // There is one zero.
        "format(\"%.2f\", -0)",
        "format(\"%e\", -0)",
        "format(\"%g\", -0)",
        "jsonencode(-0)",
        "tostring(-0)",
        // Nothing is divided by zero.
        "1 % 0",
        "can(1 / 0)",
        // The branch that is not taken is not looked at.
        "true ? 1 : \"a\"",
        // Lists in lists need not have one type.
        "chunklist([[1], [2, [3]]], 2)",
        "distinct([[1], [2, [3]]])",
        "tolist([[1], [2, [3]]])",
        "setproduct([[1], [2, [3]]], [\"q\"])",
        "toset([[1], [2, [3]]])",
    ];
    #[derive(serde::Deserialize)]
    struct Pair {
        expression: String,
        value: Option<serde_json::Value>,
        #[serde(default)]
        error: bool,
    }
    let pairs: Vec<Pair> =
        serde_json::from_str(include_str!("../../../fixtures/functions/terraform.json")).unwrap();
    assert!(pairs.len() > 1_300);
    let mut wrong = Vec::new();
    for Pair { expression, value, error } in pairs {
        let found = evaluate(&expression).ok().and_then(|value| value.to_json().ok());
        let expected = if error { None } else { Some(value.unwrap_or_default()) };
        let same = match (&found, &expected) {
            (Some(found), Some(expected)) => {
                found == expected || found.as_f64().is_some() && found.as_f64() == expected.as_f64()
            }
            (found, expected) => found.is_none() && expected.is_none(),
        };
        if same == DIFFERENT.contains(&expression.as_str()) {
            wrong.push(format!("{expression}: {found:?}, Terraform {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What Terraform 1.11 makes of the same heredocs: `fixtures/heredoc/make.py`.
#[test]
fn heredocs_are_as_in_terraform() {
    #[derive(serde::Deserialize)]
    struct Pair {
        heredoc: String,
        value: String,
    }
    let pairs: Vec<Pair> =
        serde_json::from_str(include_str!("../../../fixtures/heredoc/terraform.json")).unwrap();
    let wrong: Vec<String> = pairs
        .iter()
        .filter_map(|Pair { heredoc, value }| {
            let found = evaluate(&format!("[{heredoc}]"));
            let expected = Value::List(vec![Value::String(value.clone())]);
            (found.as_ref().ok() != Some(&expected)).then(|| format!("{heredoc}\n{value:?}\n{found:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), pairs.len(), wrong.join("\n\n"));
}
