//! The functions of expressions: one table with what each takes, what it gives and what it is for, and its kernel. Where
//! Terraform's language has a function of that name, it means the same.

use super::datum::{Datum, Kind};

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Bool,
    Integer,
    /// Any number; a whole one becomes a float.
    Float,
    Text,
    Time,
    List,
    Any,
}

impl Takes {
    pub(super) fn fits(self, kind: &Kind) -> bool {
        matches!(
            (self, kind),
            (_, Kind::Null)
                | (Self::Any, _)
                | (Self::Bool, Kind::Bool)
                | (Self::Integer, Kind::Integer)
                | (Self::Float, Kind::Integer | Kind::Float)
                | (Self::Text, Kind::Text)
                | (Self::Time, Kind::Time)
                | (Self::List, Kind::List(_))
        )
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Integer => "integer",
            Self::Float => "number",
            Self::Text => "string",
            Self::Time => "timestamp",
            Self::List => "list",
            Self::Any => "any",
        }
    }
}

/// A kernel: its arguments are not null, and within the domains of the function; none where there is no value.
pub(super) type Kernel = fn(&[Datum]) -> Option<Datum>;

/// Which values some arguments may have. Outside of it, a row has no value; a literal there is a mistake.
#[derive(Clone, Copy, Debug)]
pub(super) struct Domain {
    /// The arguments that it is about.
    pub(super) arguments: &'static [usize],
    /// What they may be, for messages.
    pub(super) wanted: &'static str,
    /// Whether they are.
    pub(super) holds: fn(&[Datum]) -> bool,
}

const fn domain(arguments: &'static [usize], wanted: &'static str, holds: fn(&[Datum]) -> bool) -> Domain {
    Domain { arguments, wanted, holds }
}

/// One way to call a function.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) takes: &'static [Takes],
    /// Whether the last parameter may come more than once.
    pub(super) more: bool,
    pub(super) gives: Kind,
    pub(super) kernel: Kernel,
}

/// A function.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) forms: &'static [Form],
    pub(super) domains: &'static [Domain],
    /// Names of the parameters, as documentation has them.
    pub(super) parameters: &'static str,
    /// One sentence.
    about: &'static str,
    /// An expression, and what it comes to.
    example: (&'static str, &'static str),
}

/// A function, as the reference shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionDocumentation {
    /// `round(number, digits)`
    pub call: String,
    /// What it takes and gives: `(number, integer) → number`, one for each way to call it.
    pub forms: Vec<String>,
    /// One sentence.
    pub about: &'static str,
    /// An expression without columns.
    pub example: &'static str,
    /// What that comes to.
    pub result: &'static str,
}

/// Every function, by name.
pub fn functions() -> Vec<FunctionDocumentation> {
    let special = SPECIAL.iter().map(|(call, form, about, (example, result))| FunctionDocumentation {
        call: (*call).to_owned(),
        forms: vec![(*form).to_owned()],
        about,
        example,
        result,
    });
    let plain = FUNCTIONS.iter().map(|function| FunctionDocumentation {
        call: format!("{}({})", function.name, function.parameters),
        forms: function.forms.iter().map(Form::describe).collect(),
        about: function.about,
        example: function.example.0,
        result: function.example.1,
    });
    let mut all: Vec<FunctionDocumentation> = special.chain(plain).collect();
    all.sort_by(|a, b| a.call.cmp(&b.call));
    all
}

impl Form {
    fn describe(&self) -> String {
        let takes: Vec<&str> = self.takes.iter().map(|one| one.name()).collect();
        let more = if self.more { ", …" } else { "" };
        let gives = match self.gives {
            Kind::Bool => "bool",
            Kind::Integer => "integer",
            Kind::Float => "number",
            Kind::Time => "timestamp",
            _ => "string",
        };
        format!("({}{more}) → {gives}", takes.join(", "))
    }
}

/// The function of a name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// All names, those with typing rules of their own too.
pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
    FUNCTIONS.iter().map(|function| function.name).chain(["coalesce", "is_null"])
}

/// What to write for functions that other languages have, and for those of definitions.
pub(super) fn elsewhere(name: &str) -> Option<&'static str> {
    Some(match name {
        "len" | "size" | "count" => "write `length(…)`",
        "str" | "string" | "tostring" | "format" => "write `to_string(…)`, or a template: `\"${v.x} km\"`",
        "int" | "toint" => "write `to_int(…)`",
        "float" | "double" | "number" | "tonumber" => "write `to_float(…)`",
        "bool" | "boolean" | "tobool" => "write a comparison, as in `v.x != 0`",
        "not" => "write `!` before the condition",
        "if" | "iff" | "ifelse" | "iif" | "where" | "when" | "case" => "write `condition ? a : b`",
        "ifnull" | "fillna" | "nvl" => "write `coalesce(…, 0)`",
        "isnull" | "isna" | "isNull" => "write `is_null(…)`",
        "isnan" => "write `is_nan(…)`",
        "log10" => "write `log(…, 10)`",
        "log2" => "write `log(…, 2)`",
        "log1p" => "write `ln(1 + …)`",
        "power" => "write `pow(…, 2)`",
        "clip" => "write `clamp(…, least, most)`",
        "strip" => "write `trimspace(…)`",
        "substring" => "write `substr(text, offset, length)`",
        "hash" | "crc32" | "farm_fingerprint" => "write `bucket(…, count)`",
        "signum" => "write `sign(…)`",
        "now" | "today" | "timestamp" | "random" | "rand" | "uuid" => {
            "a value is the same in training and in serving: there is no clock and no chance; let the request send it"
        }
        "sum" | "mean" | "avg" | "std" | "groupby" | "rank" | "shift" | "cumsum" => {
            "an expression sees one row: aggregate in the data source, by its `query`"
        }
        _ => return None,
    })
}

type Special = (&'static str, &'static str, &'static str, (&'static str, &'static str));

/// Functions that see nulls; `typed` and `evaluate` know them.
const SPECIAL: [Special; 2] = [
    (
        "coalesce(value, …)",
        "(any, …) → the same",
        "The first of the values that is not null; NaN is a value.",
        ("coalesce(null, 2, 3)", "2"),
    ),
    ("is_null(value)", "(any) → bool", "Whether the value is null.", ("is_null(null)", "true")),
];

macro_rules! function {
    ($name:literal, $parameters:literal, $about:literal, $example:literal => $result:literal,
     $(($($takes:ident),*) $(+ $more:ident)? -> $gives:ident: $kernel:expr),+ $(; $($domain:expr),+)?) => {
        Function {
            name: $name,
            parameters: $parameters,
            about: $about,
            example: ($example, $result),
            forms: &[$(Form {
                takes: &[$(Takes::$takes),*],
                more: false $(|| stringify!($more).len() > 0)?,
                gives: Kind::$gives,
                kernel: $kernel,
            }),+],
            domains: &[$($($domain),+)?],
        }
    };
}

const FUNCTIONS: &[Function] = &[
    function!("abs", "number", "The number without its sign.", "abs(-3)" => "3",
        (Integer) -> Integer: |a| a[0].integer()?.checked_abs().map(Datum::Integer),
        (Float) -> Float: |a| Some(Datum::Float(a[0].float()?.abs()))),
    function!("atan2", "y, x", "The angle of the point (x, y), in radians.", "round(atan2(1, 1), 4)" => "0.7854",
        (Float, Float) -> Float: |a| Some(Datum::Float(a[0].float()?.atan2(a[1].float()?)))),
    function!("bucket", "value, count",
        "A stable number from 0 to count - 1 for each value: FNV-1a over its bytes, modulo count.",
        "bucket(\"driver\", 10)" => "5",
        (Any, Integer) -> Integer: bucket;
        domain(&[1], "a count of 1 or more", |a| a[1].integer() > Some(0))),
    function!("ceil", "number", "The next whole number upwards.", "ceil(1.2)" => "2",
        (Float) -> Integer: |a| whole(a[0].float()?.ceil())),
    function!("clamp", "number, least, most", "The number, held between two others.", "clamp(7, 0, 5)" => "5",
    (Integer, Integer, Integer) -> Integer: |a| clamp(a, |x, y| x.integer() < y.integer()),
    (Float, Float, Float) -> Float: |a| clamp(a, |x, y| x.float() < y.float());
    domain(&[1, 2], "`least` to be no more than `most`", |a| match (&a[1], &a[2]) {
        (Datum::Integer(least), Datum::Integer(most)) => least <= most,
        (Datum::Float(least), Datum::Float(most)) => least <= most || least.is_nan() || most.is_nan(),
        _ => true,
    })),
    function!("concat", "text, …", "The texts, joined.", "concat(\"a\", \"b\")" => "\"ab\"",
        (Text) + more -> Text: |a| a.iter().map(Datum::as_text).collect::<Option<String>>().map(Datum::text)),
    function!("contains", "list, value", "Whether the list has the value.", "contains([\"a\", \"b\"], \"b\")" => "true",
    (List, Any) -> Bool: |a| {
        let Datum::List(elements) = &a[0] else { return None };
        Some(Datum::Bool(elements.iter().flatten().any(|element| element.same(&a[1]))))
    }),
    function!("cos", "angle", "The cosine of an angle in radians.", "cos(0)" => "1",
        (Float) -> Float: |a| Some(Datum::Float(a[0].float()?.cos()))),
    function!("day", "time", "The day of the month, from 1, in UTC.", "day(to_timestamp(\"2026-11-25\"))" => "25",
        (Time) -> Integer: |a| civil(a, |time| i64::from(time.day()))),
    function!("day_of_week", "time", "The day of the week: 1 is Monday, 7 is Sunday.",
        "day_of_week(to_timestamp(\"2026-11-25\"))" => "3",
        (Time) -> Integer: |a| civil(a, |time| i64::from(time.weekday().to_monday_one_offset()))),
    function!("day_of_year", "time", "The day of the year, from 1.", "day_of_year(to_timestamp(\"2026-02-01\"))" => "32",
        (Time) -> Integer: |a| civil(a, |time| i64::from(time.day_of_year()))),
    function!("degrees", "radians", "An angle in degrees.", "round(degrees(3.141592653589793), 6)" => "180",
        (Float) -> Float: |a| Some(Datum::Float(a[0].float()?.to_degrees()))),
    function!("endswith", "text, end", "Whether the text ends so.", "endswith(\"ranking\", \"ing\")" => "true",
        (Text, Text) -> Bool: |a| Some(Datum::Bool(a[0].as_text()?.ends_with(a[1].as_text()?)))),
    function!("epoch_seconds", "time", "Seconds since 1970-01-01T00:00:00Z.",
        "epoch_seconds(to_timestamp(\"1970-01-02\"))" => "86400",
        (Time) -> Float: |a| Some(Datum::Float(seconds(a[0].time()?)))),
    function!("exp", "number", "e to the power of the number.", "exp(0)" => "1",
        (Float) -> Float: |a| finite(a[0].float()?.exp(), a)),
    function!("floor", "number", "The next whole number downwards.", "floor(1.8)" => "1",
        (Float) -> Integer: |a| whole(a[0].float()?.floor())),
    function!("geohash", "latitude, longitude, precision", "The geohash of a place, 1 to 12 characters long.",
        "geohash(57.64911, 10.40744, 8)" => "\"u4pruydq\"",
        (Float, Float, Integer) -> Text: geohash;
        domain(&[0], "a latitude from -90 to 90", |a| a[0].float().is_some_and(|one| (-90.0..=90.0).contains(&one))),
        domain(&[1], "a longitude from -180 to 180",
            |a| a[1].float().is_some_and(|one| (-180.0..=180.0).contains(&one))),
        domain(&[2], "a precision from 1 to 12", |a| a[2].integer().is_some_and(|one| (1..=12).contains(&one)))),
    function!("hour", "time", "The hour of the day, in UTC.", "hour(to_timestamp(\"2026-11-25T08:30:00Z\"))" => "8",
        (Time) -> Integer: |a| civil(a, |time| i64::from(time.hour()))),
    function!("is_nan", "number", "Whether the number is NaN.", "is_nan(1)" => "false",
        (Float) -> Bool: |a| Some(Datum::Bool(a[0].float()?.is_nan()))),
    function!("length", "text or list", "Characters of a text, or elements of a list.", "length(\"äb\")" => "2",
        (Text) -> Integer: |a| count(a[0].as_text()?.chars().count()),
        (List) -> Integer: |a| if let Datum::List(elements) = &a[0] { count(elements.len()) } else { None }),
    function!("ln", "number", "The natural logarithm.", "ln(1)" => "0",
        (Float) -> Float: |a| Some(Datum::Float(a[0].float()?.ln()));
        domain(&[0], "a number above 0", is_positive)),
    function!("log", "number, base", "The logarithm to a base, as in Terraform.", "log(8, 2)" => "3",
        (Float, Float) -> Float: |a| Some(Datum::Float(a[0].float()?.ln() / a[1].float()?.ln()));
        domain(&[0], "a number above 0", is_positive),
        domain(&[1], "a base above 0 and other than 1",
            |a| a[1].float().is_some_and(|base| base.is_nan() || (base > 0.0 && base != 1.0)))),
    function!("lower", "text", "The text in lower case.", "lower(\"Ab\")" => "\"ab\"",
        (Text) -> Text: |a| Some(Datum::text(a[0].as_text()?.to_lowercase()))),
    function!("max", "number, …", "The largest of the numbers; NaN where one of them is.", "max(1, 3, 2)" => "3",
        (Integer) + more -> Integer: |a| fold(a, |x, y| x.integer() < y.integer()),
        (Float) + more -> Float: |a| fold_floats(a, |x, y| x < y)),
    function!("min", "number, …", "The smallest of the numbers; NaN where one of them is.", "min(2, 1, 3)" => "1",
        (Integer) + more -> Integer: |a| fold(a, |x, y| x.integer() > y.integer()),
        (Float) + more -> Float: |a| fold_floats(a, |x, y| x > y)),
    function!("minute", "time", "The minute of the hour.", "minute(to_timestamp(\"2026-11-25T08:30:00Z\"))" => "30",
        (Time) -> Integer: |a| civil(a, |time| i64::from(time.minute()))),
    function!("month", "time", "The month, from 1, in UTC.", "month(to_timestamp(\"2026-11-25\"))" => "11",
        (Time) -> Integer: |a| civil(a, |time| i64::from(time.month()))),
    function!("pow", "number, exponent", "The number to a power.", "pow(2, 10)" => "1024",
        (Float, Float) -> Float: |a| finite(a[0].float()?.powf(a[1].float()?), a)),
    function!("radians", "degrees", "An angle in radians.", "round(radians(180), 4)" => "3.1416",
        (Float) -> Float: |a| Some(Datum::Float(a[0].float()?.to_radians()))),
    function!("replace", "text, from, to", "The text with every `from` replaced.",
    "replace(\"a-b-c\", \"-\", \"_\")" => "\"a_b_c\"",
    (Text, Text, Text) -> Text: |a| {
        Some(Datum::text(a[0].as_text()?.replace(a[1].as_text()?, a[2].as_text()?)))
    }),
    function!("round", "number, digits",
    "The nearest whole number, or the nearest with so many digits after the point; halves go away from zero.",
    "round(2.345, 1)" => "2.3",
    (Float) -> Integer: |a| whole(a[0].float()?.round()),
    (Float, Integer) -> Float: |a| round(a[0].float()?, a[1].integer()?);
    // What is not finite stays as it is.
    domain(&[1], "-308 digits or more", |a| {
        let is_finite = a[0].float().is_none_or(f64::is_finite);
        !is_finite || a.get(1).is_none_or(|digits| digits.integer() >= Some(-308))
    })),
    function!("second", "time", "The second of the minute.", "second(to_timestamp(\"2026-11-25T08:30:15Z\"))" => "15",
        (Time) -> Integer: |a| civil(a, |time| i64::from(time.second()))),
    function!("seconds_between", "from, to", "Seconds from one time to another; negative when the second is earlier.",
        "seconds_between(to_timestamp(\"2026-11-25\"), to_timestamp(\"2026-11-26\"))" => "86400",
        (Time, Time) -> Float: |a| Some(Datum::Float(seconds(a[1].time()?.checked_sub(a[0].time()?)?)))),
    function!("sign", "number", "-1, 0 or 1.", "sign(-5)" => "-1",
    (Integer) -> Integer: |a| Some(Datum::Integer(a[0].integer()?.signum())),
    (Float) -> Integer: |a| {
        let number = a[0].float()?;
        if number.is_nan() { None } else { Some(Datum::Integer(i64::from(number > 0.0) - i64::from(number < 0.0))) }
    }),
    function!("sin", "angle", "The sine of an angle in radians.", "sin(0)" => "0",
        (Float) -> Float: |a| Some(Datum::Float(a[0].float()?.sin()))),
    function!("sqrt", "number", "The square root.", "sqrt(9)" => "3",
        (Float) -> Float: |a| Some(Datum::Float(a[0].float()?.sqrt()));
        domain(&[0], "a number of 0 or more", |a| a[0].float().is_some_and(|one| one.is_nan() || one >= 0.0))),
    function!("startswith", "text, start", "Whether the text starts so.", "startswith(\"ranking\", \"rank\")" => "true",
        (Text, Text) -> Bool: |a| Some(Datum::Bool(a[0].as_text()?.starts_with(a[1].as_text()?)))),
    function!("strcontains", "text, part", "Whether the text has the part in it.", "strcontains(\"ranking\", \"kin\")" => "true",
        (Text, Text) -> Bool: |a| Some(Datum::Bool(a[0].as_text()?.contains(a[1].as_text()?)))),
    function!("substr", "text, offset, length",
        "A part of the text, in characters from 0; a negative offset counts from the end, length -1 is all the rest.",
        "substr(\"driver\", 1, 3)" => "\"riv\"",
        (Text, Integer, Integer) -> Text: |a| substr(a[0].as_text()?, a[1].integer()?, a[2].integer()?)),
    function!("tan", "angle", "The tangent of an angle in radians.", "tan(0)" => "0",
        (Float) -> Float: |a| Some(Datum::Float(a[0].float()?.tan()))),
    function!("to_float", "value", "The value as a float; text that is no number has no value.", "to_float(\"1.5\")" => "1.5",
        (Float) -> Float: |a| Some(a[0].clone()),
        (Text) -> Float: |a| a[0].as_text()?.trim().parse().ok().map(Datum::Float),
        (Bool) -> Float: |a| Some(Datum::Float(if a[0].truth()? { 1.0 } else { 0.0 }))),
    function!("to_int", "value", "The value as a whole number; what comes after the point is cut off.", "to_int(2.9)" => "2",
        (Integer) -> Integer: |a| Some(a[0].clone()),
        (Float) -> Integer: |a| whole(a[0].float()?.trunc()),
        (Text) -> Integer: |a| a[0].as_text()?.trim().parse().ok().map(Datum::Integer),
        (Bool) -> Integer: |a| Some(Datum::Integer(i64::from(a[0].truth()?)))),
    function!("to_string", "value", "The value as text; a float by the shortest text that tells it apart.",
        "to_string(12)" => "\"12\"",
        (Any) -> Text: |a| a[0].to_plain_text().map(Datum::text)),
    function!("to_timestamp", "value", "A time, from RFC 3339 text or from seconds since 1970.",
    "epoch_seconds(to_timestamp(60))" => "60",
    (Text) -> Time: |a| {
        let time: crate::time::Timestamp = a[0].as_text()?.parse().ok()?;
        Some(Datum::Time(time.as_nanos()))
    },
    (Integer) -> Time: |a| a[0].integer()?.checked_mul(1_000_000_000).map(Datum::Time),
    (Float) -> Time: |a| {
        let Datum::Integer(nanos) = whole((a[0].float()? * 1e9).round())? else { return None };
        Some(Datum::Time(nanos))
    }),
    function!("trim", "text, characters", "The text without these characters at both ends.", "trim(\"--a--\", \"-\")" => "\"a\"",
    (Text, Text) -> Text: |a| {
        let set = a[1].as_text()?;
        Some(Datum::text(a[0].as_text()?.trim_matches(|character| set.contains(character))))
    }),
    function!("trimspace", "text", "The text without white space at both ends.", "trimspace(\" a \")" => "\"a\"",
        (Text) -> Text: |a| Some(Datum::text(a[0].as_text()?.trim()))),
    function!("trunc", "number", "The number without what comes after the point.", "trunc(-1.8)" => "-1",
        (Float) -> Integer: |a| whole(a[0].float()?.trunc())),
    function!("upper", "text", "The text in upper case.", "upper(\"Ab\")" => "\"AB\"",
        (Text) -> Text: |a| Some(Datum::text(a[0].as_text()?.to_uppercase()))),
    function!("year", "time", "The year, in UTC.", "year(to_timestamp(\"2026-11-25\"))" => "2026",
        (Time) -> Integer: |a| civil(a, |time| i64::from(time.year()))),
];

impl Datum {
    pub(super) const fn integer(&self) -> Option<i64> {
        if let Self::Integer(value) = self { Some(*value) } else { None }
    }

    pub(super) const fn float(&self) -> Option<f64> {
        if let Self::Float(value) = self { Some(*value) } else { None }
    }

    pub(super) const fn truth(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    const fn time(&self) -> Option<i64> {
        if let Self::Time(value) = self { Some(*value) } else { None }
    }

    /// Equal as a reader sees it: a whole number equals the float of the same value.
    #[expect(clippy::cast_precision_loss, reason = "comparing with a float is what is asked for")]
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Integer(a), Self::Float(b)) | (Self::Float(b), Self::Integer(a)) => *a as f64 == *b,
            (a, b) => a == b,
        }
    }

    pub(super) fn to_plain_text(&self) -> Option<String> {
        Some(match self {
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Text(text) => text.as_ref().to_owned(),
            Self::Time(nanos) => crate::time::Timestamp::from_nanos(*nanos).to_string(),
            Self::Bytes(_) | Self::List(_) => return None,
        })
    }
}

fn count(count: usize) -> Option<Datum> {
    i64::try_from(count).ok().map(Datum::Integer)
}

/// A float as a whole number; none where it is none, or too large.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the range is checked first"
)]
pub(super) fn whole(number: f64) -> Option<Datum> {
    // 2^63 is a float, the largest int64 is not.
    let fits = number >= i64::MIN as f64 && number < 9_223_372_036_854_775_808.0;
    fits.then_some(Datum::Integer(number as i64))
}

/// A result that is infinite though no argument is has no value.
fn finite(result: f64, arguments: &[Datum]) -> Option<Datum> {
    let all_finite = arguments.iter().filter_map(Datum::float).all(f64::is_finite);
    let none = all_finite && !result.is_finite();
    (!none).then_some(Datum::Float(result))
}

/// Whether the first argument is above zero, or NaN.
fn is_positive(arguments: &[Datum]) -> bool {
    arguments.first().and_then(Datum::float).is_some_and(|number| number.is_nan() || number > 0.0)
}

fn fold(arguments: &[Datum], less: fn(&Datum, &Datum) -> bool) -> Option<Datum> {
    arguments.iter().cloned().reduce(|best, next| if less(&best, &next) { next } else { best })
}

fn fold_floats(arguments: &[Datum], less: fn(f64, f64) -> bool) -> Option<Datum> {
    let mut best = arguments.first()?.float()?;
    for next in arguments {
        let next = next.float()?;
        if next.is_nan() || less(best, next) {
            best = next;
        }
        if best.is_nan() {
            break;
        }
    }
    Some(Datum::Float(best))
}

fn clamp(arguments: &[Datum], less: fn(&Datum, &Datum) -> bool) -> Option<Datum> {
    let [number, least, most] = arguments else { return None };
    Some(if less(number, least) {
        least.clone()
    } else if less(most, number) {
        most.clone()
    } else {
        number.clone()
    })
}

fn civil(arguments: &[Datum], part: impl Fn(jiff::civil::DateTime) -> i64) -> Option<Datum> {
    let instant = jiff::Timestamp::from_nanosecond(i128::from(arguments.first()?.time()?)).ok()?;
    Some(Datum::Integer(part(instant.to_zoned(jiff::tz::TimeZone::UTC).datetime())))
}

#[expect(clippy::cast_precision_loss, reason = "seconds as a float are what is asked for")]
fn seconds(nanos: i64) -> f64 {
    // Whole seconds first, so that they stay exact.
    nanos.div_euclid(1_000_000_000) as f64 + nanos.rem_euclid(1_000_000_000) as f64 / 1e9
}

fn round(number: f64, digits: i64) -> Option<Datum> {
    // A float has no more digits than these.
    if !number.is_finite() || digits > 15 {
        return Some(Datum::Float(number));
    }
    let factor = 10_f64.powi(i32::try_from(digits).ok()?);
    let rounded = (number * factor).round() / factor;
    Some(Datum::Float(if rounded.is_finite() { rounded } else { number }))
}

fn substr(text: &str, offset: i64, length: i64) -> Option<Datum> {
    let characters: Vec<char> = text.chars().collect();
    let count = i64::try_from(characters.len()).ok()?;
    let start = if offset < 0 { count.checked_add(offset)?.max(0) } else { offset.min(count) };
    let end = if length < 0 { count } else { start.saturating_add(length).min(count) };
    let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
    Some(Datum::text(characters.get(start..end)?.iter().collect::<String>()))
}

/// FNV-1a, 64 bits, over UTF-8, or over the eight bytes of a number or time, least significant first.
fn bucket(arguments: &[Datum]) -> Option<Datum> {
    let count = u64::try_from(arguments.get(1)?.integer()?).ok()?;
    let hash = |bytes: &[u8]| {
        bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
    };
    let hash = match arguments.first()? {
        Datum::Bool(value) => hash(&[u8::from(*value)]),
        Datum::Integer(value) | Datum::Time(value) => hash(&value.to_le_bytes()),
        Datum::Float(value) => hash(&value.to_bits().to_le_bytes()),
        Datum::Text(text) => hash(text.as_bytes()),
        Datum::Bytes(bytes) => hash(bytes),
        Datum::List(_) => return None,
    };
    let bucket = hash.checked_rem(count)?;
    i64::try_from(bucket).ok().map(Datum::Integer)
}

/// The geohash of Niemeyer: bits of longitude and latitude by turns, five to a character.
fn geohash(arguments: &[Datum]) -> Option<Datum> {
    const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
    let (latitude, longitude) = (arguments.first()?.float()?, arguments.get(1)?.float()?);
    let precision = usize::try_from(arguments.get(2)?.integer()?).ok()?;
    let (mut latitudes, mut longitudes) = ((-90.0, 90.0), (-180.0, 180.0));
    let mut hash = String::with_capacity(precision);
    for position in 0..precision {
        let mut index = 0;
        for bit in 0..5 {
            let even = (position * 5 + bit).is_multiple_of(2);
            let (range, value) = if even { (&mut longitudes, longitude) } else { (&mut latitudes, latitude) };
            let middle = (range.0 + range.1) / 2.0;
            index <<= 1;
            if value >= middle {
                index |= 1;
                range.0 = middle;
            } else {
                range.1 = middle;
            }
        }
        hash.push(char::from(ALPHABET[index]));
    }
    Some(Datum::text(hash))
}
