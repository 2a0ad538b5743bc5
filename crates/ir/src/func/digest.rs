//! Digests of texts, as lower-case hexadecimal digits: what lists of indicators are compared with.

use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use shikra_event::Value;

use super::FuncDef;
use super::spl::plain_text;
use crate::Words;

pub(super) const TABLE: &[FuncDef] = &[
    FuncDef { name: "md5", arity: (1, 1), takes_null: false, eval: of::<Md5> },
    FuncDef { name: "sha1", arity: (1, 1), takes_null: false, eval: of::<Sha1> },
    FuncDef { name: "sha256", arity: (1, 1), takes_null: false, eval: of::<Sha256> },
    FuncDef { name: "sha384", arity: (1, 1), takes_null: false, eval: of::<Sha384> },
    FuncDef { name: "sha512", arity: (1, 1), takes_null: false, eval: of::<Sha512> },
    FuncDef { name: "digest", arity: (2, 2), takes_null: false, eval: named },
];

/// The digest of a text's UTF-8 bytes; of several values, of each.
fn of<D: Digest>(args: &[Value], _: &Words) -> Value {
    match &args[0] {
        Value::List(all) => Value::List(all.iter().map(digest::<D>).collect()),
        one => digest::<D>(one),
    }
}

fn digest<D: Digest>(value: &Value) -> Value {
    let Some(text) = plain_text(value) else { return Value::Null };
    let digits = D::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect::<String>();
    Value::str(digits)
}

/// The digest of a text by the name of an algorithm: `SHA-256` and `sha256` are the same.
fn named(args: &[Value], words: &Words) -> Value {
    let name = plain_text(&args[1]).unwrap_or_default().to_ascii_lowercase().replace('-', "");
    let known = TABLE.iter().find(|f| f.name == name && f.arity.0 == 1);
    known.map_or(Value::Null, |f| (f.eval)(args, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1321 A.5, FIPS 180-2 A.1 and B.1.
    #[test]
    fn the_digests_of_abc() {
        let abc: Value = "abc".into();
        let digest = |name: &str| named(&[abc.clone(), name.into()], &Words::default());
        assert_eq!(digest("MD5"), "900150983cd24fb0d6963f7d28e17f72".into());
        assert_eq!(digest("SHA-1"), "a9993e364706816aba3e25717850c26c9cd0d89d".into());
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest("sha256"), sha256.into());
        let Value::Str(long) = digest("SHA-512") else { panic!("no text") };
        assert!(long.starts_with("ddaf35a193617abacc417349ae204131") && long.len() == 128, "{long}");
        assert_eq!(digest("sha384").to_text().map(|t| t.len()), Some(96));
        assert_eq!(digest("digest"), Value::Null);
        let both = Value::List(vec![abc.clone(), Value::Null]);
        assert_eq!(of::<Sha256>(&[both], &Words::default()), Value::List(vec![sha256.into(), Value::Null]));
    }
}
