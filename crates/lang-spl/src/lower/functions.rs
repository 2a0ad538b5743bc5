//! The functions of `eval` and `where`.

/// What a function is.
pub(super) enum Meaning {
    /// This function of the IR.
    Call(&'static str),
    /// A condition, lowered to a test where it can be.
    Truth,
    /// Not a function of its arguments' values alone.
    Special,
}

use Meaning::{Call, Special, Truth};

const MANY: usize = usize::MAX;

/// Name, least and greatest number of arguments, meaning.
pub(super) const TABLE: &[(&str, (usize, usize), Meaning)] = &[
    ("abs", (1, 1), Call("spl-abs")),
    ("acos", (1, 1), Call("spl-arc-cosine")),
    ("acosh", (1, 1), Call("spl-area-cosine")),
    ("asin", (1, 1), Call("spl-arc-sine")),
    ("asinh", (1, 1), Call("spl-area-sine")),
    ("atan", (1, 1), Call("spl-arc-tangent")),
    ("atan2", (2, 2), Call("spl-arc-tangent-of")),
    ("atanh", (1, 1), Call("spl-area-tangent")),
    ("case", (2, MANY), Special),
    ("ceil", (1, 1), Call("spl-ceil")),
    ("ceiling", (1, 1), Call("spl-ceil")),
    ("cidrmatch", (2, 2), Truth),
    ("coalesce", (1, MANY), Call("coalesce")),
    ("cos", (1, 1), Call("spl-cosine")),
    ("cosh", (1, 1), Call("spl-hyperbolic-cosine")),
    ("exact", (1, 1), Special),
    ("exp", (1, 1), Call("spl-exp")),
    ("false", (0, 0), Truth),
    ("floor", (1, 1), Call("spl-floor")),
    ("hypot", (2, 2), Call("spl-hypotenuse")),
    ("if", (3, 3), Special),
    ("in", (2, MANY), Truth),
    ("isbool", (1, 1), Call("spl-is-bool")),
    ("isint", (1, 1), Call("spl-is-int")),
    ("ismv", (1, 1), Call("mv-is")),
    ("isnotnull", (1, 1), Truth),
    ("isnull", (1, 1), Truth),
    ("isnum", (1, 1), Call("spl-is-num")),
    ("isstr", (1, 1), Call("spl-is-str")),
    ("json_array", (0, MANY), Call("json-array")),
    ("json_array_to_mv", (1, 1), Call("json-items")),
    ("json_extract", (1, 2), Call("json-path")),
    ("json_keys", (1, 1), Call("json-keys")),
    ("json_object", (0, MANY), Call("json-object")),
    ("json_valid", (1, 1), Call("json-valid")),
    ("len", (1, 1), Call("spl-len")),
    ("like", (2, 2), Truth),
    ("ln", (1, 1), Call("spl-ln")),
    ("log", (1, 2), Call("spl-log")),
    ("lower", (1, 1), Call("spl-lower")),
    ("ltrim", (1, 2), Call("spl-ltrim")),
    ("match", (2, 2), Truth),
    ("max", (1, MANY), Call("spl-max")),
    ("md5", (1, 1), Call("md5")),
    ("min", (1, MANY), Call("spl-min")),
    ("mv_to_json_array", (1, 2), Call("json-array-of")),
    ("mvappend", (1, MANY), Call("mv-append")),
    ("mvcount", (1, 1), Call("mv-count")),
    ("mvdedup", (1, 1), Call("mv-dedup")),
    ("mvfilter", (1, 1), Special),
    ("mvfind", (2, 2), Call("mv-find")),
    ("mvindex", (2, 3), Call("mv-index")),
    ("mvjoin", (2, 2), Call("mv-join")),
    ("mvmap", (2, 2), Special),
    ("mvrange", (2, 3), Call("mv-range")),
    ("mvreverse", (1, 1), Call("mv-reverse")),
    ("mvsort", (1, 1), Call("mv-sort")),
    ("mvzip", (2, 3), Call("mv-zip")),
    ("now", (0, 0), Special),
    ("null", (0, 0), Special),
    ("nullif", (2, 2), Special),
    ("pi", (0, 0), Special),
    ("pow", (2, 2), Call("spl-pow")),
    ("printf", (1, MANY), Call("spl-printf")),
    ("relative_time", (2, 2), Call("relative-time")),
    ("replace", (3, 3), Call("spl-replace")),
    ("round", (1, 2), Call("spl-round")),
    ("rtrim", (1, 2), Call("spl-rtrim")),
    ("searchmatch", (1, 1), Truth),
    ("sha1", (1, 1), Call("sha1")),
    ("sha256", (1, 1), Call("sha256")),
    ("sha512", (1, 1), Call("sha512")),
    ("sin", (1, 1), Call("spl-sine")),
    ("sinh", (1, 1), Call("spl-hyperbolic-sine")),
    ("spath", (2, 2), Call("json-path")),
    ("split", (2, 2), Call("mv-split")),
    ("sqrt", (1, 1), Call("spl-sqrt")),
    ("strftime", (2, 2), Call("strftime")),
    ("strptime", (2, 2), Call("strptime")),
    ("substr", (2, 3), Call("spl-substr")),
    ("tan", (1, 1), Call("spl-tangent")),
    ("tanh", (1, 1), Call("spl-hyperbolic-tangent")),
    ("time", (0, 0), Special),
    ("tonumber", (1, 2), Call("spl-number")),
    ("tostring", (1, 2), Call("spl-text")),
    ("trim", (1, 2), Call("spl-trim")),
    ("true", (0, 0), Truth),
    ("typeof", (1, 1), Call("spl-type")),
    ("upper", (1, 1), Call("spl-upper")),
    ("urldecode", (1, 1), Call("url-decode")),
    ("validate", (2, MANY), Special),
];

/// The names of all.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, ..)| *name)
}

/// What SPL calls a function of the IR.
pub(crate) fn named(function: &str) -> Option<&'static str> {
    let is = |m: &Meaning| matches!(m, Call(f) if *f == function);
    TABLE.iter().find(|(.., m)| is(m)).map(|(name, ..)| *name)
}
