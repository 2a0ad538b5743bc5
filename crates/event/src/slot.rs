//! Slots: the bytes of one field as they lie in the file, with how to read them.
//!
//! Equal kind and equal bytes mean an equal value, so `(kind, data)` is a sound memo key; the reverse does
//! not hold (`"1"` as UTF-8 and as UTF-16 are the same text).

/// How the bytes of a slot are to be read. The numbers below 0x40 are the value types of BinXML
/// (MS-EVEN6 2.2.12); 0x80 marks an array of the type beneath, as there; text formats use 0x40 and up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub u8);

#[allow(missing_docs)] // the names are those of the specification
impl Kind {
    /// No value: an optional element that was left out. Distinct from [`Kind::MISSING`] only on rendering
    /// back; both read as absent.
    pub const NULL: Kind = Kind(0x00);
    pub const UTF16: Kind = Kind(0x01);
    pub const ANSI: Kind = Kind(0x02);
    pub const I8: Kind = Kind(0x03);
    pub const U8: Kind = Kind(0x04);
    pub const I16: Kind = Kind(0x05);
    pub const U16: Kind = Kind(0x06);
    pub const I32: Kind = Kind(0x07);
    pub const U32: Kind = Kind(0x08);
    pub const I64: Kind = Kind(0x09);
    pub const U64: Kind = Kind(0x0a);
    pub const F32: Kind = Kind(0x0b);
    pub const F64: Kind = Kind(0x0c);
    /// 4 bytes, non-zero is true.
    pub const BOOL: Kind = Kind(0x0d);
    pub const BINARY: Kind = Kind(0x0e);
    pub const GUID: Kind = Kind(0x0f);
    /// Pointer-sized number, 4 or 8 bytes, rendered as hexadecimal.
    pub const SIZE: Kind = Kind(0x10);
    pub const FILETIME: Kind = Kind(0x11);
    pub const SYSTEMTIME: Kind = Kind(0x12);
    pub const SID: Kind = Kind(0x13);
    pub const HEX32: Kind = Kind(0x14);
    pub const HEX64: Kind = Kind(0x15);

    /// Field of the shape that this event does not have.
    pub const MISSING: Kind = Kind(0x40);
    /// UTF-8 text, taken as it is.
    pub const UTF8: Kind = Kind(0x41);
    /// Inside of a JSON string, escapes not yet resolved, quotes not included.
    pub const JSON_STRING: Kind = Kind(0x42);
    /// A JSON number as written.
    pub const JSON_NUMBER: Kind = Kind(0x43);
    /// `true` or `false` as written.
    pub const JSON_BOOL: Kind = Kind(0x44);
    /// An explicit JSON `null`: a null value, not an absent one.
    pub const JSON_NULL: Kind = Kind(0x45);
    /// A JSON array of scalars as written, brackets included: a list.
    pub const JSON_ARRAY: Kind = Kind(0x46);
    /// A JSON object as written, braces included: opaque text.
    pub const JSON_OBJECT: Kind = Kind(0x47);
    /// XML character data with entities not yet resolved.
    pub const XML_TEXT: Kind = Kind(0x48);

    const ARRAY: u8 = 0x80;

    /// The array kind of a BinXML type.
    pub const fn array_of(element: Kind) -> Kind {
        Kind(element.0 | Self::ARRAY)
    }
    /// Element kind of a BinXML array.
    pub const fn element(self) -> Option<Kind> {
        if self.0 & Self::ARRAY != 0 { Some(Kind(self.0 & !Self::ARRAY)) } else { None }
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kind({:#04x})", self.0)
    }
}

/// One field's value, borrowed and undecoded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Slot<'a> {
    /// How to read `data`.
    pub kind: Kind,
    /// The bytes as they lie in the file.
    pub data: &'a [u8],
}

impl<'a> Slot<'a> {
    /// A field the event does not have.
    pub const MISSING: Slot<'static> = Slot { kind: Kind::MISSING, data: &[] };

    /// A slot of UTF-8 text.
    pub fn utf8(text: &'a str) -> Slot<'a> {
        Slot { kind: Kind::UTF8, data: text.as_bytes() }
    }

    /// No value here: absent, or a BinXML null.
    pub fn is_missing(&self) -> bool {
        matches!(self.kind, Kind::MISSING | Kind::NULL)
    }

    /// An explicit null, or no value at all.
    pub fn is_null(&self) -> bool {
        self.is_missing() || self.kind == Kind::JSON_NULL
    }

    /// Holds several values.
    pub fn is_list(&self) -> bool {
        self.kind == Kind::JSON_ARRAY || self.kind.element().is_some()
    }

    /// The values in a list, the slot itself where it is no list, nothing where it is missing.
    pub fn elements(&self) -> Elements<'a> {
        Elements::new(*self)
    }
}

/// Iterator over the elements of a slot. Malformed remains of a list are dropped.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
    mode: Mode,
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    One(Kind),
    Json,
    Wide,
    Narrow,
    Fixed(Kind, usize),
    Done,
}

impl<'a> Elements<'a> {
    fn new(slot: Slot<'a>) -> Self {
        let mode = match slot.kind {
            k if slot.is_missing() && k.element().is_none() => Mode::Done,
            Kind::JSON_ARRAY => Mode::Json,
            k => match k.element() {
                None => Mode::One(k),
                Some(Kind::UTF16) => Mode::Wide,
                Some(Kind::ANSI) => Mode::Narrow,
                Some(e) => fixed_width(e).map_or(Mode::One(Kind::BINARY), |w| Mode::Fixed(e, w)),
            },
        };
        let rest = match mode {
            Mode::Json => {
                let inner = slot.data.strip_prefix(b"[").unwrap_or(slot.data);
                inner.strip_suffix(b"]").unwrap_or(inner)
            }
            _ => slot.data,
        };
        Elements { rest, mode }
    }

    fn next_json(&mut self) -> Option<Slot<'a>> {
        let start = self.rest.iter().position(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b','))?;
        let rest = &self.rest[start..];
        let (kind, inner, used) = json_scalar(rest);
        self.rest = &rest[used..];
        Some(Slot { kind, data: inner })
    }

    fn next_wide(&mut self) -> Option<Slot<'a>> {
        if self.rest.len() < 2 {
            return None;
        }
        let end = self.rest.chunks_exact(2).position(|u| u == [0, 0]).map_or(self.rest.len() & !1, |n| n * 2);
        let (item, rest) = self.rest.split_at(end);
        self.rest = rest.get(2..).unwrap_or(&[]);
        Some(Slot { kind: Kind::UTF16, data: item })
    }

    fn next_narrow(&mut self) -> Option<Slot<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(0, self.rest).unwrap_or(self.rest.len());
        let (item, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..).unwrap_or(&[]);
        Some(Slot { kind: Kind::ANSI, data: item })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Slot<'a>;

    fn next(&mut self) -> Option<Slot<'a>> {
        match self.mode {
            Mode::Done => None,
            Mode::One(kind) => {
                self.mode = Mode::Done;
                Some(Slot { kind, data: self.rest })
            }
            Mode::Json => self.next_json(),
            Mode::Wide => self.next_wide(),
            Mode::Narrow => self.next_narrow(),
            Mode::Fixed(kind, width) => {
                if self.rest.len() < width {
                    return None;
                }
                let (item, rest) = self.rest.split_at(width);
                self.rest = rest;
                Some(Slot { kind, data: item })
            }
        }
    }
}

fn fixed_width(kind: Kind) -> Option<usize> {
    Some(match kind {
        Kind::I8 | Kind::U8 => 1,
        Kind::I16 | Kind::U16 => 2,
        Kind::I32 | Kind::U32 | Kind::F32 | Kind::BOOL | Kind::HEX32 => 4,
        Kind::I64 | Kind::U64 | Kind::F64 | Kind::FILETIME | Kind::HEX64 | Kind::SIZE => 8,
        Kind::GUID | Kind::SYSTEMTIME => 16,
        _ => return None,
    })
}

/// Kind, inner bytes and length of the JSON value that `text` begins with. `text` must not be empty.
fn json_scalar(text: &[u8]) -> (Kind, &[u8], usize) {
    match text[0] {
        b'"' => {
            let end = json_string_end(&text[1..]);
            (Kind::JSON_STRING, &text[1..1 + end], (end + 2).min(text.len()))
        }
        b'[' | b'{' => {
            let end = json_nested_end(text);
            let kind = if text[0] == b'[' { Kind::JSON_ARRAY } else { Kind::JSON_OBJECT };
            (kind, &text[..end], end)
        }
        first => {
            let end = text
                .iter()
                .position(|b| matches!(b, b',' | b']' | b' ' | b'\t' | b'\r' | b'\n'))
                .unwrap_or(text.len())
                .max(1);
            let kind = match first {
                b't' | b'f' => Kind::JSON_BOOL,
                b'n' => Kind::JSON_NULL,
                _ => Kind::JSON_NUMBER,
            };
            (kind, &text[..end], end)
        }
    }
}

/// Offset of the closing quote in `text`, which begins after the opening one.
fn json_string_end(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(n) = memchr::memchr2(b'"', b'\\', &text[at..]) {
        if text[at + n] == b'"' {
            return at + n;
        }
        at = (at + n + 2).min(text.len());
    }
    text.len()
}

fn json_nested_end(text: &[u8]) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < text.len() {
        match text[at] {
            b'"' => at += 1 + json_string_end(&text[at + 1..]),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(kind: Kind, data: &[u8]) -> Vec<String> {
        Slot { kind, data }.elements().filter_map(|s| s.to_text()).collect()
    }

    #[test]
    fn json_arrays_split_into_scalars() {
        assert_eq!(
            texts(Kind::JSON_ARRAY, br#"["a\"]b", 1,true , null,"c\\d",[1,2]]"#),
            ["a\"]b", "1", "true", "c\\d", "[1,2]"]
        );
        assert!(texts(Kind::JSON_ARRAY, b"[]").is_empty());
        assert_eq!(texts(Kind::JSON_ARRAY, br#"["open"#), ["open"]);
    }

    #[test]
    fn string_arrays_split_at_nul() {
        let wide: Vec<u8> = "ab\0\0c\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(texts(Kind::array_of(Kind::UTF16), &wide), ["ab", "", "c"]);
        assert_eq!(texts(Kind::array_of(Kind::U16), &[1, 0, 2, 0, 9]), ["1", "2"]);
    }

    #[test]
    fn missing_has_no_elements() {
        assert_eq!(Slot::MISSING.elements().count(), 0);
        assert_eq!(Slot { kind: Kind::NULL, data: b"" }.elements().count(), 0);
        assert_eq!(Slot::utf8("").elements().count(), 1);
    }
}
