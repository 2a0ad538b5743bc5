//! Writes EVTX files (the layout that Windows Vista and later use, BinXML after MS-EVEN6 2.2.12).
//!
//! [`EvtxWriter`] takes [`Record`]s and makes a file of whole chunks with names and template definitions in their
//! hash tables and all checksums in place, so that other readers take it for one of Windows' own: records are
//! instances of templates with typed substitutions. Made for our own examples and fixtures, and for turning
//! other forms into EVTX.
//!
//! ```
//! use shikra_evtx_write::{EvtxWriter, Record, Value};
//!
//! let mut writer = EvtxWriter::new(std::io::Cursor::new(Vec::new()))?;
//! writer.record(&Record {
//!     provider: "Microsoft-Windows-Sysmon".into(),
//!     channel: "Microsoft-Windows-Sysmon/Operational".into(),
//!     event_id: 1,
//!     time: 132_478_052_651_234_567,
//!     data: vec![("Image".into(), Value::Text(r"C:\Windows\System32\cmstp.exe".into()))],
//!     ..Record::default()
//! })?;
//! let file = writer.finish()?.into_inner();
//! assert_eq!(file.len(), 4096 + 65536);
//! # Ok::<(), shikra_evtx_write::WriteError>(())
//! ```

mod binxml;
mod chunk;
mod crc;
mod record;
mod writer;

pub use record::{Guid, Record, Section, Sid, Value};
pub use writer::{EvtxWriter, WriteError};
