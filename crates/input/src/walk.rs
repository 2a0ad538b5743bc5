//! From path arguments to parts, read one after another by one thread.
//!
//! Leaves to others: finding files (`files`), what is inside of archives (`unpack`), cutting and decoding
//! ([`crate::Format`]).

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::FORMATS;
use crate::files::{Files, Place};
use crate::format::{Format, Head, Part, SourceInfo, Split, Trouble, TroubleKind};
use crate::stream::{Stream, kind_of};

/// Bytes of a source that are looked at to recognise its format.
const HEAD: u64 = 64 << 10;

/// Limits of reading, against hostile archives.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes that one source may unpack to.
    pub max_unpacked: u64,
    /// How many times its packed size a source may unpack to, once it is over [`Options::ratio_free`].
    pub max_ratio: u64,
    /// Bytes that may be unpacked before the ratio counts.
    pub ratio_free: u64,
    /// Members read of one archive.
    pub max_members: u64,
    /// Archives and compressed streams within one another.
    pub max_nesting: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            max_unpacked: 1 << 40,
            max_ratio: 250,
            ratio_free: 256 << 20,
            max_members: 1_000_000,
            max_nesting: 4,
        }
    }
}

/// What the walk comes upon, in order.
pub enum Item {
    /// A source begins; its parts and troubles follow.
    SourceStart(Arc<SourceInfo>),
    /// A piece of the source that began last.
    Part(Part),
    /// Something that could not be read.
    Trouble(Trouble),
    /// The source that began last is at its end.
    SourceEnd(Arc<SourceInfo>),
}

/// Iterator over everything that path arguments hold.
pub struct Parts {
    files: Files,
    #[allow(dead_code)] // archives come next
    options: Options,
    open: Vec<Level>,
    ready: VecDeque<Item>,
    read: Arc<AtomicU64>,
}

/// What is being read at the moment, outermost first.
enum Level {
    Source { info: Arc<SourceInfo>, format: &'static Format, split: Box<dyn Split>, input: Stream },
}

impl Parts {
    /// `paths` are files, folders, or `-` for standard input. Nothing is opened yet.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>, options: Options) -> Parts {
        Parts {
            files: Files::new(paths.into_iter().collect()),
            options,
            open: Vec::new(),
            ready: VecDeque::new(),
            read: Arc::default(),
        }
    }

    /// Bytes of the named files read so far, packed as they are: what a progress bar shows against
    /// [`estimate`].
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The counter behind [`Parts::bytes_read`], to be watched from another thread.
    pub fn progress(&self) -> Arc<AtomicU64> {
        self.read.clone()
    }

    /// The next item, or none at the end. `recycle` is the `data` of a part that is no longer needed.
    pub fn next(&mut self, recycle: Option<Vec<u8>>) -> Option<Item> {
        let mut spare = recycle;
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            match self.open.last_mut() {
                Some(Level::Source { .. }) => self.cut(spare.take().unwrap_or_default()),
                None => match self.files.next()? {
                    Ok(place) => self.open_place(&place),
                    Err((path, e)) => self.trouble(&display(&path), kind_of(&e), e.to_string()),
                },
            }
        }
    }

    /// Takes one part from the open source.
    fn cut(&mut self, mut data: Vec<u8>) {
        let Some(Level::Source { info, format, split, input }) = self.open.last_mut() else { return };
        data.clear();
        let mut part = Part { source: info.clone(), format, data, offset: 0, first_record: 1, context: None };
        let ready = &mut self.ready;
        let result = split.next(input, &mut part, &mut |t| ready.push_back(Item::Trouble(t)));
        let info = info.clone();
        match result {
            Ok(true) => return self.ready.push_back(Item::Part(part)),
            Ok(false) => {}
            Err(e) => self.trouble(&info.name, kind_of(&e), e.to_string()),
        }
        self.ready.push_back(Item::SourceEnd(info));
        self.open.pop();
    }

    fn open_place(&mut self, place: &Place) {
        let (name, input) = match place {
            Place::Stdin => ("-".to_string(), Ok(Box::new(io::stdin()) as Box<dyn Read + Send>)),
            Place::File(path) => {
                let file = File::open(path).map(|f| Box::new(f) as Box<dyn Read + Send>);
                (display(path), file)
            }
        };
        match input {
            Ok(input) => self.open_stream(name, Stream::counted(input, self.read.clone())),
            Err(e) => self.trouble(&name, TroubleKind::Unreadable, e.to_string()),
        }
    }

    /// Recognises what `input` is and opens it.
    fn open_stream(&mut self, name: String, mut input: Stream) {
        let head = match input.text_head(HEAD) {
            Ok(head) => head,
            Err(e) => return self.trouble(&name, kind_of(&e), e.to_string()),
        };
        let head = Head { bytes: head, name: &name };
        let format = FORMATS.iter().find(|f| (f.detect)(&head));
        let Some(format) = format else {
            let what = if head.bytes.is_empty() { "the file is empty" } else { "no known format" };
            return self.trouble(&name, TroubleKind::UnknownFormat, what.to_string());
        };
        let info = Arc::new(SourceInfo { name: name.as_str().into(), format: format.name });
        self.ready.push_back(Item::SourceStart(info.clone()));
        self.open.push(Level::Source { info, format, split: (format.split)(), input });
    }

    fn trouble(&mut self, source: &str, kind: TroubleKind, message: String) {
        let source = source.into();
        self.ready.push_back(Item::Trouble(Trouble { source, kind, offset: None, record: None, message }));
    }
}

/// Total size of the files that `paths` name, archives packed as they are; standard input counts nothing.
/// Looks at the files' metadata only.
pub fn estimate(paths: impl IntoIterator<Item = PathBuf>) -> u64 {
    let size = |place| match place {
        Ok(Place::File(path)) => std::fs::metadata(path).map_or(0, |m| m.len()),
        _ => 0,
    };
    Files::new(paths.into_iter().collect()).map(size).sum()
}

fn display(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
