//! Parameters of analytics, declared once: flags of the command line, keys of hunt files and the record of
//! what ran all come from the same tables.

use shikra_event::Value;

use crate::column::ColumnSpec;

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Key of a hunt file, and long flag.
    pub name: &'static str,
    /// Placeholder in help.
    pub value: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Where nobody says anything; empty: nothing, and then required where the analytic cannot do without.
    pub default: &'static str,
    /// One line.
    pub help: &'static str,
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Columns, see [`crate::column`].
    Columns,
    /// Features, see [`crate::feature`].
    Features,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// A part of a whole: `0.05` or `5%`.
    Share,
    /// A span of time: `90s`, `10m`, `1h`, `1d`.
    Span,
    /// True or false; on the command line, true where it is named.
    Switch,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Any texts.
    Texts,
}

/// Parameters of every analytic.
pub static COMMON: &[Parameter] = &[
    Parameter { name: "top", value: "N", kind: Kind::Whole, default: "25", help: "Rows to list; 0: all" },
    Parameter {
        name: "case-sensitive",
        value: "",
        kind: Kind::Switch,
        default: "false",
        help: "Values that differ in case alone are different",
    },
    Parameter {
        name: "memory",
        value: "MIB",
        kind: Kind::Whole,
        default: "128",
        help: "Memory for values; beyond it a sample is kept, and its error told",
    },
];

/// `--seed`, where chance is involved.
pub const SEED: Parameter = Parameter {
    name: "seed",
    value: "N",
    kind: Kind::Whole,
    default: "1",
    help: "Where chance is involved: the same seed gives the same answer",
};

/// Parameters with their values, checked.
#[derive(Clone, Debug, Default)]
pub struct Params {
    values: Vec<(Parameter, Vec<String>)>,
}

impl Params {
    /// `given`: what somebody has set; the rest have their defaults.
    ///
    /// # Errors
    /// Where a value cannot be understood or a name is unknown; in words.
    pub fn new(
        tables: &[&[Parameter]],
        given: impl IntoIterator<Item = (String, Vec<String>)>,
    ) -> Result<Params, String> {
        let default = |p: &Parameter| if p.default.is_empty() { vec![] } else { vec![p.default.to_owned()] };
        let all = tables.iter().copied().flatten();
        let mut params = Params { values: all.map(|p| (*p, default(p))).collect() };
        for (name, values) in given {
            let known: Vec<&str> = params.values.iter().map(|(p, _)| p.name).collect();
            let known = known.join(", ");
            let Some((p, to)) = params.values.iter_mut().find(|(p, _)| p.name == name) else {
                return Err(format!("there is no parameter {name:?} here: it is one of {known}"));
            };
            for v in &values {
                check(p, v).map_err(|why| format!("{}: {why}", p.name))?;
            }
            *to = values;
        }
        Ok(params)
    }

    fn get(&self, name: &str) -> &[String] {
        self.values.iter().find(|(p, _)| p.name == name).map_or(&[], |(_, v)| v)
    }

    /// Texts.
    pub fn texts(&self, name: &str) -> &[String] {
        self.get(name)
    }

    /// A word; empty where there is none.
    pub fn word(&self, name: &str) -> &str {
        self.get(name).first().map_or("", String::as_str)
    }

    /// A whole number; 0 where there is none.
    pub fn whole(&self, name: &str) -> u64 {
        self.word(name).parse().unwrap_or(0)
    }

    /// As [`Params::whole`], to count things in memory with; 0 becomes the greatest.
    pub fn most(&self, name: &str) -> usize {
        match self.whole(name) {
            0 => usize::MAX,
            n => usize::try_from(n).unwrap_or(usize::MAX),
        }
    }

    /// A number or share.
    pub fn number(&self, name: &str) -> Option<f64> {
        number(self.word(name))
    }

    /// Nanoseconds.
    pub fn span(&self, name: &str) -> Option<i64> {
        span(self.word(name))
    }

    /// A switch.
    pub fn switch(&self, name: &str) -> bool {
        self.word(name) == "true"
    }

    /// Columns.
    ///
    /// # Errors
    /// Where one is not written as a column is.
    pub fn columns(&self, name: &str) -> Result<Vec<ColumnSpec>, String> {
        ColumnSpec::parse_all(&self.list(name))
    }

    /// Words parted by commas.
    pub fn list(&self, name: &str) -> Vec<String> {
        let all = self.get(name).iter().flat_map(|t| split(t));
        all.map(str::to_owned).collect()
    }

    /// What ran, for the record.
    pub fn told(&self) -> Vec<(String, Value)> {
        let value = |(p, values): &(Parameter, Vec<String>)| match (p.kind, values.as_slice()) {
            (_, []) => None,
            (Kind::Whole, [one]) => one.parse().ok().map(Value::I64),
            (Kind::Number | Kind::Share, [one]) => number(one).map(Value::F64),
            (Kind::Switch, [one]) => Some(Value::Bool(one == "true")),
            (Kind::Span | Kind::OneOf(_), [one]) => Some(Value::str(one)),
            (_, many) => Some(Value::List(many.iter().flat_map(|m| split(m)).map(Value::str).collect())),
        };
        self.values.iter().filter_map(|v| Some((v.0.name.to_owned(), value(v)?))).collect()
    }
}

/// Splits at commas outside of brackets.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0i32;
    text.split(move |c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth <= 0
    })
    .map(str::trim)
    .filter(|t| !t.is_empty())
}

fn check(p: &Parameter, value: &str) -> Result<(), String> {
    let fits = match p.kind {
        Kind::Texts | Kind::Features => true,
        Kind::Columns => return ColumnSpec::parse_all(&split(value).collect::<Vec<_>>()).map(|_| ()),
        Kind::Whole => value.parse::<u64>().is_ok(),
        Kind::Number => number(value).is_some(),
        Kind::Share => number(value).is_some_and(|n| (0.0..=1.0).contains(&n)),
        Kind::Span => span(value).is_some(),
        Kind::Switch => matches!(value, "true" | "false"),
        Kind::OneOf(words) => words.contains(&value),
    };
    let what = match p.kind {
        Kind::Whole => "a whole number".to_owned(),
        Kind::Number => "a number".to_owned(),
        Kind::Share => "a share such as 0.05 or 5%".to_owned(),
        Kind::Span => "a span of time such as 90s, 10m, 1h or 1d".to_owned(),
        Kind::Switch => "true or false".to_owned(),
        Kind::OneOf(words) => format!("one of {}", words.join(", ")),
        _ => String::new(),
    };
    if fits { Ok(()) } else { Err(format!("{value:?} is not {what}")) }
}

fn number(text: &str) -> Option<f64> {
    let n = match text.strip_suffix('%') {
        Some(p) => p.trim().parse::<f64>().ok()? / 100.0,
        None => text.parse().ok()?,
    };
    n.is_finite().then_some(n)
}

/// Nanoseconds of `90s`, `10m`, `1h`, `1d`, `2w`.
pub fn span(text: &str) -> Option<i64> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    let n: i64 = text.get(..text.len() - 1)?.trim().parse().ok()?;
    n.checked_mul(unit)?.checked_mul(1_000_000_000).filter(|n| *n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_checked() {
        let new = |name: &str, v: &str| Params::new(&[COMMON, &[SEED]], [(name.into(), vec![v.into()])]);
        assert_eq!(new("top", "7").unwrap().whole("top"), 7);
        assert_eq!(new("seed", "2").unwrap().whole("top"), 25);
        for (name, bad) in [("top", "x"), ("seed", "-1"), ("case-sensitive", "yes"), ("nothing", "1")] {
            assert!(new(name, bad).is_err(), "{name} {bad}");
        }
        assert_eq!(span("10m"), Some(600_000_000_000));
        assert_eq!((span("m"), span("1y"), span("9999999999999w"), span("0s")), (None, None, None, None));
        assert_eq!(split("a, mask(b,c),d").collect::<Vec<_>>(), ["a", "mask(b,c)", "d"]);
        assert_eq!(number("5%"), Some(0.05));
    }
}
