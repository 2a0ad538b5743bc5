//! Comma-separated tables whose first line names the columns.

use crate::error::Error;

/// Largest record of a table.
const LARGEST_RECORD: usize = 1 << 20;
/// Most columns of a table.
const MOST_COLUMNS: usize = 256;

/// Calls `each` with the cells of every record after the first, in the order of `columns`; of each column several
/// names may be given, the first that is there counts. Columns that are not there answer empty text.
///
/// # Errors
/// Where a record is too large. A `columns` entry whose name ends in `!` must be there.
pub(crate) fn read(text: &str, columns: &[&[&str]], mut each: impl FnMut(&[&str])) -> Result<(), Error> {
    let mut reader = csv_core::Reader::new();
    let mut input = text.strip_prefix('\u{feff}').unwrap_or(text).as_bytes();
    let (mut out, mut ends) = (vec![0; 4096], vec![0; MOST_COLUMNS]);
    let mut places: Option<Vec<Option<usize>>> = None;
    let mut line = 1;
    while let Some((record, rest)) = next(&mut reader, input, &mut out, &mut ends, line)? {
        input = rest;
        line = reader.line() as usize;
        match &places {
            None => places = Some(header(&record, columns)?),
            Some(places) => {
                let cell = |p: &Option<usize>| p.and_then(|p| record.get(p)).map_or("", String::as_str);
                each(&places.iter().map(cell).collect::<Vec<_>>());
            }
        }
    }
    Ok(())
}

fn header(record: &[String], columns: &[&[&str]]) -> Result<Vec<Option<usize>>, Error> {
    columns
        .iter()
        .map(|names| {
            let found =
                names.iter().find_map(|n| record.iter().position(|r| r.trim() == n.trim_end_matches('!')));
            if found.is_none() && names.iter().any(|n| n.ends_with('!')) {
                let names: Vec<&str> = names.iter().map(|n| n.trim_end_matches('!')).collect();
                let what = format!("there is no column {}", names.join(" or "));
                return Err(Error::Table { line: 1, what });
            }
            Ok(found)
        })
        .collect()
}

type Record<'i> = (Vec<String>, &'i [u8]);

fn next<'i>(
    reader: &mut csv_core::Reader,
    mut input: &'i [u8],
    out: &mut Vec<u8>,
    ends: &mut [usize],
    line: usize,
) -> Result<Option<Record<'i>>, Error> {
    let (mut filled, mut ended) = (0, 0);
    loop {
        let (result, read, wrote, fields) = reader.read_record(
            input,
            out.get_mut(filled..).unwrap_or_default(),
            ends.get_mut(ended..).unwrap_or_default(),
        );
        input = input.get(read..).unwrap_or_default();
        filled += wrote;
        ended += fields;
        match result {
            csv_core::ReadRecordResult::InputEmpty => continue,
            csv_core::ReadRecordResult::OutputFull if out.len() < LARGEST_RECORD => {
                out.resize(out.len() * 4, 0)
            }
            csv_core::ReadRecordResult::OutputFull => {
                return Err(Error::Table { line, what: "the record is too large".to_owned() });
            }
            csv_core::ReadRecordResult::OutputEndsFull => {
                return Err(Error::Table { line, what: format!("more than {MOST_COLUMNS} columns") });
            }
            csv_core::ReadRecordResult::Record => break,
            csv_core::ReadRecordResult::End => return Ok(None),
        }
    }
    let mut start = 0;
    let mut record = Vec::with_capacity(ended);
    for end in ends.iter().take(ended) {
        let cell = out.get(start..*end).unwrap_or_default();
        record.push(String::from_utf8_lossy(cell).into_owned());
        start = *end;
    }
    Ok(Some((record, input)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut got = Vec::new();
        read(text, &[&["a!", "x"], &["b"]], |c| got.push(c.join("/"))).unwrap();
        assert_eq!(got, expected);
    }

    #[test]
    fn tables() {
        check("b,a\n1,2\n\"3,\n\",4\n", &["2/1", "4/3,\n"]);
        check("\u{feff}x\n1\n2", &["1/", "2/"]);
        check("a,b\n1", &["1/"]);
        check("a,b", &[]);
        assert!(read("c\n1\n", &[&["a!"]], |_| ()).is_err());
        assert!(read("", &[&["a!"]], |_| ()).is_ok());
        let wide = ",".repeat(300);
        assert!(read(&wide, &[], |_| ()).is_err());
        let long = format!("a\n\"{}", "x".repeat(9 << 20));
        assert!(read(&long, &[&["a!"]], |_| ()).is_err());
    }
}
