//! Writes a small log to a file: to look at with other people's readers.
//!
//! `cargo run -p shikra-evtx-write --example write_evtx FILE`

use std::fs::File;

use shikra_evtx_write::{EvtxWriter, Record, Section, Value, WriteError};

fn main() -> Result<(), WriteError> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "example.evtx".to_owned());
    let mut writer = EvtxWriter::new(File::create(path)?)?;
    for n in 0..400u32 {
        let section = if n % 5 == 0 { Section::UserData("Cleared".into()) } else { Section::EventData };
        writer.record(&Record {
            provider: "Shikra-Example".into(),
            channel: "Application".into(),
            computer: "ws5.example.org".into(),
            event_id: (n % 3) as u16,
            level: 4,
            time: 132_478_052_651_234_567 + u64::from(n) * 10_000_000,
            user: "S-1-5-18".parse().ok(),
            section,
            data: vec![
                ("Image".into(), r"C:\Windows\System32\cmstp.exe".into()),
                ("Number".into(), Value::U32(n)),
                ("LogonId".into(), Value::Hex64(0x3e7)),
                ("Signed".into(), Value::Bool(n % 2 == 0)),
            ],
            ..Record::default()
        })?;
    }
    writer.finish()?;
    Ok(())
}
