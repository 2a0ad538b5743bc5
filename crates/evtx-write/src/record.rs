//! What can be written.

use std::str::FromStr;

/// A GUID as it lies in the file: the first three parts little-endian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guid(pub [u8; 16]);

impl FromStr for Guid {
    type Err = &'static str;

    /// Reads `{5770385f-c22a-43e0-bf4c-06f5698ffbd9}`, braces optional, in any case.
    fn from_str(text: &str) -> Result<Guid, Self::Err> {
        const ERROR: &str = "not a GUID";
        let digits: Vec<u8> = text
            .bytes()
            .filter(|b| !b"{}-".contains(b))
            .map(|b| char::from(b).to_digit(16).map(|d| d as u8))
            .collect::<Option<_>>()
            .ok_or(ERROR)?;
        let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |n, d| n << 4 | d)).collect();
        let mut guid: [u8; 16] = bytes.try_into().map_err(|_| ERROR)?;
        guid[..4].reverse();
        guid[4..6].reverse();
        guid[6..8].reverse();
        Ok(Guid(guid))
    }
}

/// A security identifier as it lies in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sid(pub Vec<u8>);

impl FromStr for Sid {
    type Err = &'static str;

    /// Reads `S-1-5-21-…`.
    fn from_str(text: &str) -> Result<Sid, Self::Err> {
        const ERROR: &str = "not a SID";
        let mut parts = text.strip_prefix("S-").ok_or(ERROR)?.split('-');
        let mut number = || parts.next().map(|p| p.parse::<u64>().map_err(|_| ERROR)).transpose();
        let revision = u8::try_from(number()?.ok_or(ERROR)?).map_err(|_| ERROR)?;
        let authority = number()?.ok_or(ERROR)?.to_be_bytes();
        let mut sid = vec![revision, 0];
        sid.extend_from_slice(&authority[2..]);
        while let Some(part) = number()? {
            sid.extend_from_slice(&u32::try_from(part).map_err(|_| ERROR)?.to_le_bytes());
            sid[1] = sid[1].checked_add(1).ok_or(ERROR)?;
        }
        Ok(Sid(sid))
    }
}

/// A typed value.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // the names are those of the types in MS-EVEN6 2.2.12
pub enum Value {
    /// No value; under `EventData` it reads as an empty one.
    Null,
    /// Text, written as UTF-16.
    Text(String),
    I8(i8),
    U8(u8),
    I16(i16),
    U16(u16),
    I32(i32),
    U32(u32),
    I64(i64),
    U64(u64),
    F32(f32),
    F64(f64),
    Bool(bool),
    Binary(Vec<u8>),
    Guid(Guid),
    /// 100 ns since 1601-01-01.
    FileTime(u64),
    Sid(Sid),
    /// Shown as `0x…`.
    Hex32(u32),
    /// Shown as `0x…`.
    Hex64(u64),
    /// Several texts: readers repeat the element.
    Texts(Vec<String>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl Value {
    /// Type number and bytes.
    pub(crate) fn encode(&self) -> (u8, Vec<u8>) {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        match self {
            Value::Null => (0x00, Vec::new()),
            Value::Text(v) => (0x01, wide(v)),
            Value::I8(v) => (0x03, v.to_le_bytes().into()),
            Value::U8(v) => (0x04, v.to_le_bytes().into()),
            Value::I16(v) => (0x05, v.to_le_bytes().into()),
            Value::U16(v) => (0x06, v.to_le_bytes().into()),
            Value::I32(v) => (0x07, v.to_le_bytes().into()),
            Value::U32(v) => (0x08, v.to_le_bytes().into()),
            Value::I64(v) => (0x09, v.to_le_bytes().into()),
            Value::U64(v) => (0x0a, v.to_le_bytes().into()),
            Value::F32(v) => (0x0b, v.to_le_bytes().into()),
            Value::F64(v) => (0x0c, v.to_le_bytes().into()),
            Value::Bool(v) => (0x0d, u32::from(*v).to_le_bytes().into()),
            Value::Binary(v) => (0x0e, v.clone()),
            Value::Guid(v) => (0x0f, v.0.into()),
            Value::FileTime(v) => (0x11, v.to_le_bytes().into()),
            Value::Sid(v) => (0x13, v.0.clone()),
            Value::Hex32(v) => (0x14, v.to_le_bytes().into()),
            Value::Hex64(v) => (0x15, v.to_le_bytes().into()),
            Value::Texts(v) => (0x81, v.iter().flat_map(|t| [wide(t), vec![0, 0]].concat()).collect()),
        }
    }

    /// Texts in it, which must not hold NUL: readers stop there.
    pub(crate) fn texts(&self) -> &[String] {
        match self {
            Value::Text(text) => std::slice::from_ref(text),
            Value::Texts(texts) => texts,
            _ => &[],
        }
    }
}

/// Where the data of a record stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Section {
    /// `<EventData><Data Name="X">…`; a field without a name is `<Data>…`.
    #[default]
    EventData,
    /// `<UserData><Element><X>…` with this element.
    UserData(String),
}

/// An event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// `Provider/@Name`.
    pub provider: String,
    /// `Provider/@Guid`.
    pub provider_guid: Option<Guid>,
    /// `EventID`.
    pub event_id: u16,
    /// `EventID/@Qualifiers`.
    pub qualifiers: Option<u16>,
    /// `Version`.
    pub version: u8,
    /// `Level`: 1 critical to 5 verbose, 0 always.
    pub level: u8,
    /// `Task`.
    pub task: u16,
    /// `Opcode`.
    pub opcode: u8,
    /// `Keywords`, a bit mask.
    pub keywords: u64,
    /// `TimeCreated/@SystemTime`: 100 ns since 1601-01-01 (FILETIME).
    pub time: u64,
    /// `EventRecordID`; the next number where there is none. Numbers have to grow.
    pub record_id: Option<u64>,
    /// `Correlation/@ActivityID`.
    pub activity: Option<Guid>,
    /// `Execution/@ProcessID`.
    pub process_id: u32,
    /// `Execution/@ThreadID`.
    pub thread_id: u32,
    /// `Channel`.
    pub channel: String,
    /// `Computer`.
    pub computer: String,
    /// `Security/@UserID`.
    pub user: Option<Sid>,
    /// What `data` is part of.
    pub section: Section,
    /// Fields in order.
    pub data: Vec<(String, Value)>,
}
