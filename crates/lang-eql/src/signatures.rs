//! The functions of both dialects: names, parameters and results. How each lowers is in `lower::call`.

/// What an expression is known to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ty {
    Str,
    Num,
    Bool,
    List,
    Null,
    /// A field: whatever it holds.
    Any,
}

impl Ty {
    pub fn name(self) -> &'static str {
        match self {
            Ty::Str => "a string",
            Ty::Num => "a number",
            Ty::Bool => "a truth",
            Ty::List => "a list",
            Ty::Null => "null",
            Ty::Any => "any value",
        }
    }
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Param {
    /// A value of this type, or null.
    Of(Ty),
    /// A constant string.
    Text,
    /// A regular expression in a constant string.
    Regex,
    /// The name of a variable.
    Var,
    /// A condition that may read the variable before it.
    Condition,
}

/// Functions by what they do; a name maps to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Func {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    ArrayContains,
    ArrayCount,
    ArraySearch,
    Between,
    CidrMatch,
    Concat,
    EndsWith,
    IndexOf,
    Length,
    Match,
    Number,
    Safe,
    StartsWith,
    Text,
    StringContains,
    Substring,
    Wildcard,
}

/// A function's entry.
pub(crate) struct Signature {
    /// Name in lower case; case does not matter.
    pub name: &'static str,
    pub func: Func,
    /// Only endgame's reference has it.
    pub endgame: bool,
    /// Takes `~` in Elastic's dialect.
    pub tilde: bool,
    pub params: &'static [Param],
    pub required: usize,
    /// The last parameter may be repeated.
    pub repeats: bool,
    pub returns: Ty,
}

const STR: Param = Param::Of(Ty::Str);
const NUM: Param = Param::Of(Ty::Num);
const ANY: Param = Param::Of(Ty::Any);

macro_rules! signatures {
    ($($name:literal $func:ident [$($flag:ident)*] ($($p:expr),*) $required:literal -> $ret:ident;)*) => {
        &[$(Signature {
            name: $name,
            func: Func::$func,
            endgame: has(&[$(stringify!($flag)),*], "endgame"),
            tilde: has(&[$(stringify!($flag)),*], "tilde"),
            params: &[$($p),*],
            required: $required,
            repeats: has(&[$(stringify!($flag)),*], "repeats"),
            returns: Ty::$ret,
        }),*]
    };
}

const fn has(flags: &[&str], wanted: &str) -> bool {
    let mut i = 0;
    while i < flags.len() {
        // The flags differ in their first letter.
        if flags[i].as_bytes()[0] == wanted.as_bytes()[0] {
            return true;
        }
        i += 1;
    }
    false
}

const SIGNATURES: &[Signature] = signatures! {
    "add" Add [] (NUM, NUM) 2 -> Num;
    "subtract" Subtract [] (NUM, NUM) 2 -> Num;
    "multiply" Multiply [] (NUM, NUM) 2 -> Num;
    "divide" Divide [] (NUM, NUM) 2 -> Num;
    "modulo" Modulo [] (NUM, NUM) 2 -> Num;
    "arraycontains" ArrayContains [endgame repeats tilde] (Param::Of(Ty::List), ANY) 2 -> Bool;
    "arraycount" ArrayCount [endgame] (Param::Of(Ty::List), Param::Var, Param::Condition) 3 -> Num;
    "arraysearch" ArraySearch [endgame] (Param::Of(Ty::List), Param::Var, Param::Condition) 3 -> Bool;
    "between" Between [tilde] (STR, STR, STR, Param::Of(Ty::Bool)) 3 -> Str;
    "cidrmatch" CidrMatch [repeats] (STR, Param::Text) 2 -> Bool;
    "concat" Concat [repeats] (ANY) 1 -> Str;
    "endswith" EndsWith [tilde] (STR, STR) 2 -> Bool;
    "indexof" IndexOf [tilde] (STR, STR, NUM) 2 -> Num;
    "length" Length [] (ANY) 1 -> Num;
    "match" Match [endgame repeats tilde] (STR, Param::Regex) 2 -> Bool;
    "matchlite" Match [endgame repeats tilde] (STR, Param::Regex) 2 -> Bool;
    "number" Number [] (STR, NUM) 1 -> Num;
    "safe" Safe [endgame] (ANY) 1 -> Any;
    "startswith" StartsWith [tilde] (STR, STR) 2 -> Bool;
    "string" Text [] (ANY) 1 -> Str;
    "stringcontains" StringContains [tilde] (STR, STR) 2 -> Bool;
    "substring" Substring [] (STR, NUM, NUM) 2 -> Str;
    "wildcard" Wildcard [endgame repeats tilde] (STR, Param::Text) 2 -> Bool;
};

impl Signature {
    /// The entry of a name, in any case; endpoint rules put an underscore before some.
    pub fn find(name: &str) -> Option<&'static Signature> {
        let name = name.to_ascii_lowercase();
        let name = name.strip_prefix('_').unwrap_or(&name);
        SIGNATURES.iter().find(|s| s.name == name)
    }
    /// The parameter that argument number `i` is for.
    pub fn param(&self, i: usize) -> Option<Param> {
        self.params.get(i).or_else(|| self.params.last().filter(|_| self.repeats)).copied()
    }
    /// The nearest name to a misspelt one, where one is near.
    pub fn nearest(name: &str) -> Option<&'static str> {
        let name = name.to_ascii_lowercase();
        let near = |s: &&Signature| s.name.starts_with(&name) || name.starts_with(s.name);
        SIGNATURES.iter().find(near).map(|s| s.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_told_apart() {
        let concat = Signature::find("CONCAT").unwrap();
        assert!(concat.repeats && !concat.tilde && !concat.endgame);
        let search = Signature::find("_arraySearch").unwrap();
        assert!(search.endgame && !search.repeats && !search.tilde);
        assert_eq!(Signature::find("length").and_then(|s| s.param(1)), None);
        assert_eq!(Signature::nearest("lengthof"), Some("length"));
    }
}
