//! What is known of programs: where they lie, what they were compiled as, whether they use a console.

use std::sync::LazyLock;

/// A program that comes with Windows or that everybody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binary {
    /// File name.
    pub name: &'static str,
    /// Folder, as the table has it.
    folder: &'static str,
    /// `OriginalFileName` of its version resource.
    pub original: &'static str,
    /// `Description` of its version resource.
    pub description: &'static str,
    /// Whether Windows gives it a console.
    pub console: bool,
}

static BINARIES: LazyLock<Vec<Binary>> = LazyLock::new(|| {
    let table = include_str!("../../../data/simulate/binaries.txt");
    table.lines().filter(|l| !l.starts_with('#')).filter_map(read).collect()
});

fn read(line: &'static str) -> Option<Binary> {
    let mut cells = line.split('|');
    Some(Binary {
        name: cells.next()?,
        folder: cells.next()?,
        original: cells.next()?,
        description: cells.next()?,
        console: cells.next()?.contains('c'),
    })
}

impl Binary {
    /// Its path.
    pub fn path(&self) -> String {
        let folder = match self.folder {
            "sys" => r"C:\Windows\System32",
            "win" => r"C:\Windows",
            "ps" => r"C:\Windows\System32\WindowsPowerShell\v1.0",
            "wbem" => r"C:\Windows\System32\wbem",
            "net64" => r"C:\Windows\Microsoft.NET\Framework64\v4.0.30319",
            "office" => r"C:\Program Files\Microsoft Office\root\Office16",
            other => other,
        };
        format!("{folder}\\{}", self.name)
    }
}

/// The last part of a Windows path.
pub fn base_name(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or(path)
}

/// The program of that file name, with or without `.exe`, in any case.
pub fn named(name: &str) -> Option<&'static Binary> {
    let name = base_name(name);
    BINARIES.iter().find(|b| {
        b.name.eq_ignore_ascii_case(name)
            || b.name.len() == name.len() + 4
                && b.name.get(name.len()..).is_some_and(|end| end.eq_ignore_ascii_case(".exe"))
                && b.name.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
    })
}

/// The program at that path: only where it lies in its own folder is it what its name says.
pub fn at(path: &str) -> Option<&'static Binary> {
    named(path).filter(|b| {
        let syswow = path.to_ascii_lowercase().replace(r"\syswow64\", r"\system32\");
        b.path().eq_ignore_ascii_case(&syswow)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_by_name_and_place() {
        assert_eq!(named("CMSTP").map(Binary::path).as_deref(), Some(r"C:\Windows\System32\cmstp.exe"));
        assert_eq!(named(r"c:\tools\CmStp.exe").map(|b| b.original), Some("CMSTP.EXE"));
        assert!(at(r"C:\Windows\SysWOW64\cmstp.exe").is_some());
        assert!(at(r"C:\Temp\cmstp.exe").is_none());
        assert!(named("cm").is_none() && named("").is_none());
        assert!(BINARIES.len() > 100);
        assert!(BINARIES.iter().all(|b| !b.original.is_empty() && !b.description.is_empty()));
    }
}
