//! Conditions on fields. Sysmon compares without regard to case.

use shikra_syntax::Span;

/// How a condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Operator {
    Is,
    IsNot,
    IsAny,
    Contains,
    ContainsAny,
    ContainsAll,
    Excludes,
    ExcludesAny,
    ExcludesAll,
    BeginWith,
    NotBeginWith,
    EndWith,
    NotEndWith,
    LessThan,
    MoreThan,
    Image,
}

/// Every operator with its name.
pub const OPERATORS: &[(&str, Operator)] = &[
    ("is", Operator::Is),
    ("is not", Operator::IsNot),
    ("is any", Operator::IsAny),
    ("contains", Operator::Contains),
    ("contains any", Operator::ContainsAny),
    ("contains all", Operator::ContainsAll),
    ("excludes", Operator::Excludes),
    ("excludes any", Operator::ExcludesAny),
    ("excludes all", Operator::ExcludesAll),
    ("begin with", Operator::BeginWith),
    ("not begin with", Operator::NotBeginWith),
    ("end with", Operator::EndWith),
    ("not end with", Operator::NotEndWith),
    ("less than", Operator::LessThan),
    ("more than", Operator::MoreThan),
    ("image", Operator::Image),
];

impl Operator {
    /// As a configuration writes it.
    pub fn name(self) -> &'static str {
        OPERATORS.iter().find(|(_, o)| *o == self).map_or("is", |(n, _)| n)
    }
}

/// A condition on a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The field, as Sysmon's events name it.
    pub field: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what: as written, lists with `;`.
    pub value: String,
    /// Where it stands.
    pub span: Span,
}

impl Condition {
    /// The values of a list operator, the only value of another; in lower case.
    pub fn values(&self) -> Vec<String> {
        use Operator::*;
        let text = self.value.to_lowercase();
        match self.operator {
            IsAny | ContainsAny | ContainsAll | ExcludesAny | ExcludesAll => {
                text.split(';').map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned).collect()
            }
            _ => vec![text],
        }
    }

    /// Whether it holds of a value; an absent field is an empty text.
    pub fn holds(&self, value: &str) -> bool {
        use Operator::*;
        let text = value.to_lowercase();
        let values = self.values();
        let any = |f: &dyn Fn(&str) -> bool| values.iter().any(|v| f(v));
        let all = |f: &dyn Fn(&str) -> bool| values.iter().all(|v| f(v));
        match self.operator {
            Is | IsAny => any(&|v| text == v),
            IsNot => all(&|v| text != v),
            Contains | ContainsAny => any(&|v| text.contains(v)),
            ContainsAll => all(&|v| text.contains(v)),
            Excludes | ExcludesAll => all(&|v| !text.contains(v)),
            // "does not contain one or more of": one that is absent is enough.
            ExcludesAny => any(&|v| !text.contains(v)),
            BeginWith => any(&|v| text.starts_with(v)),
            NotBeginWith => all(&|v| !text.starts_with(v)),
            EndWith => any(&|v| text.ends_with(v)),
            NotEndWith => all(&|v| !text.ends_with(v)),
            LessThan => any(&|v| *text < *v),
            MoreThan => any(&|v| *text > *v),
            Image => any(&|v| is_image(&text, v)),
        }
    }

    /// `Field condition value`, for messages.
    pub fn describe(&self) -> String {
        let value: String = self.value.chars().take(80).collect();
        format!("{} {} {value}", self.field, self.operator.name())
    }
}

/// A whole path, or only its last part. Both in lower case.
fn is_image(path: &str, wanted: &str) -> bool {
    path == wanted || (!wanted.contains('\\') && path.rsplit('\\').next() == Some(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator() {
        for (name, value, yes, no) in [
            ("is", "C:\\A.exe", &["c:\\a.EXE"][..], &["a.exe", ""][..]),
            ("is not", "a", &["b", ""], &["A"]),
            ("is any", "a;b", &["A", "b"], &["a;b", "c"]),
            ("contains", "bc", &["aBCd"], &["b"]),
            ("contains any", "x;bc", &["abc", "x"], &["b"]),
            ("contains all", "a;c", &["abc"], &["a", "c"]),
            ("excludes", "a", &["b", ""], &["cab"]),
            ("excludes any", "a;b", &["a", "c"], &["ab"]),
            ("excludes all", "a;b", &["c"], &["a", "ab"]),
            ("begin with", "ab", &["ABc"], &["cab"]),
            ("not begin with", "ab", &["cab", ""], &["abc"]),
            ("end with", "ab", &["cAB"], &["abc"]),
            ("not end with", "ab", &["abc"], &["cab"]),
            ("less than", "5", &["4", "10"], &["5", "6"]),
            ("more than", "5", &["6"], &["5", "10"]),
            (
                "image",
                "lsass.exe",
                &["C:\\Windows\\System32\\LSASS.exe", "lsass.exe"],
                &["notlsass.exe", "c:\\lsass.exe.bak"],
            ),
            ("image", "c:\\a\\b.exe", &["C:\\A\\b.exe"], &["x\\c:\\a\\b.exe", "b.exe"]),
        ] {
            let operator = OPERATORS.iter().find(|(n, _)| *n == name).unwrap().1;
            let c = Condition { field: "F".into(), operator, value: value.into(), span: Span::default() };
            assert_eq!(operator.name(), name);
            yes.iter().for_each(|v| assert!(c.holds(v), "{name} {value} of {v}"));
            no.iter().for_each(|v| assert!(!c.holds(v), "{name} {value} of {v}"));
        }
    }
}
