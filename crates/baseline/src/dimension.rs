//! What is kept of programs: a table of dimensions.

/// A kind of fact about a program. The number is part of the file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)] // each is described in [`DIMENSIONS`]
pub enum Dimension {
    Program = 0,
    Host = 1,
    User = 2,
    Folder = 3,
    OriginalName = 4,
    Argument = 5,
    Command = 6,
    Parent = 7,
    Child = 8,
    Module = 9,
    Destination = 10,
    Access = 11,
    Registry = 12,
    File = 13,
    Pipe = 14,
    Hour = 15,
}

/// What is to be known of a dimension.
#[derive(Debug)]
pub struct About {
    /// The dimension.
    pub dimension: Dimension,
    /// Its name, one word.
    pub name: &'static str,
    /// What its values are.
    pub what: &'static str,
    /// Also kept over all programs together, so that what a new program does can be judged.
    pub everywhere: bool,
    /// Observations of a program in this dimension before something counts as new to it.
    pub least: u64,
}

const fn about(dimension: Dimension, name: &'static str, what: &'static str) -> About {
    About { dimension, name, what, everywhere: true, least: 0 }
}

/// All dimensions, by number.
pub static DIMENSIONS: &[About] = &[
    about(Dimension::Program, "program", "file name of the image"),
    about(Dimension::Host, "host", "computer that wrote the event"),
    about(Dimension::User, "user", "account the process runs as, without its domain"),
    about(Dimension::Folder, "folder", "folder of the image"),
    about(
        Dimension::OriginalName,
        "original name",
        "name in the version resource, where the file has another",
    ),
    about(Dimension::Argument, "argument", "one argument of the command line, masked"),
    About {
        everywhere: false,
        least: 20,
        ..about(Dimension::Command, "command", "all arguments of the command line together, masked")
    },
    about(Dimension::Parent, "parent", "file name of the parent's image"),
    about(Dimension::Child, "child", "file name of the child's image"),
    about(Dimension::Module, "module", "loaded file, masked, with its signer"),
    about(Dimension::Destination, "destination", "name or address and port connected to, name resolved"),
    about(Dimension::Access, "access", "process opened, with the access asked for"),
    about(Dimension::Registry, "registry", "registry key or value written, masked"),
    about(Dimension::File, "file", "file written, masked"),
    about(Dimension::Pipe, "pipe", "named pipe made or opened, masked"),
    About { everywhere: false, least: 100, ..about(Dimension::Hour, "hour", "hour of the day, UTC") },
];

impl Dimension {
    /// What is to be known of it.
    pub fn about(self) -> &'static About {
        &DIMENSIONS[self as usize]
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.about().name
    }

    /// By number.
    pub fn from_number(number: u8) -> Option<Dimension> {
        DIMENSIONS.get(usize::from(number)).map(|a| a.dimension)
    }

    /// By name.
    pub fn from_name(name: &str) -> Option<Dimension> {
        DIMENSIONS.iter().find(|a| a.name == name).map(|a| a.dimension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_by_number() {
        for (i, about) in DIMENSIONS.iter().enumerate() {
            assert_eq!(about.dimension as usize, i);
            assert_eq!(Dimension::from_name(about.name), Some(about.dimension));
        }
    }
}
