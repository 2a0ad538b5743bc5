//! From path arguments to parts, read one after another by one thread.
//!
//! Leaves to others: finding files (`files`), what is inside of archives (`unpack`), cutting and decoding
//! ([`crate::Format`]).

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::FORMATS;
use crate::claim::Unread;
use crate::files::{Files, Place};
use crate::format::{Format, Head, Part, SourceInfo, Split, Trouble, TroubleKind};
use crate::stream::{LimitReached, Stream, kind_of};
use crate::unpack::{Members, Packing, packing, tar, unpacked, zip};

/// Bytes of a source that are looked at to recognise its format.
const HEAD: u64 = 64 << 10;
/// Bytes of a zip archive that are put aside in memory rather than in a temporary file.
const SPOOLED_IN_MEMORY: usize = 16 << 20;

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
    /// Bytes of a zip archive that does not come from a file (standard input, an archive in an archive) and
    /// so has to be put aside before it can be read.
    pub max_spooled: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            max_unpacked: 1 << 40,
            max_ratio: 250,
            ratio_free: 256 << 20,
            max_members: 1_000_000,
            max_nesting: 4,
            max_spooled: 4 << 30,
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

/// What [`Parts::draw`] comes upon.
pub enum Drawn {
    /// What [`Parts::next`] would.
    Item(Item),
    /// A part that is read where it is decoded.
    Unread(Unread),
}

/// Iterator over everything that path arguments hold.
pub struct Parts {
    files: Files,
    options: Options,
    open: Vec<Level>,
    ready: VecDeque<Item>,
    read: Arc<AtomicU64>,
}

/// What is being read at the moment, outermost first.
enum Level {
    Source { info: Arc<SourceInfo>, format: &'static Format, split: Box<dyn Split>, input: Stream },
    Archive { name: String, depth: u32, members: Box<dyn Members> },
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
        match self.draw(recycle)? {
            Drawn::Item(item) => Some(item),
            Drawn::Unread(unread) => {
                let (part, trouble) = unread.read();
                self.ready.extend(trouble.map(Item::Trouble));
                Some(Item::Part(part))
            }
        }
    }

    /// The same for who decodes on several threads: parts may be still to be read, which then nobody has to wait for.
    pub fn draw(&mut self, recycle: Option<Vec<u8>>) -> Option<Drawn> {
        let mut spare = recycle;
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(Drawn::Item(item));
            }
            match self.open.last_mut() {
                Some(Level::Source { .. }) => {
                    if let Some(unread) = self.cut(spare.take().unwrap_or_default()) {
                        return Some(Drawn::Unread(unread));
                    }
                }
                Some(Level::Archive { .. }) => self.member(),
                None => match self.files.next()? {
                    Ok(place) => self.open_place(&place),
                    Err((path, e)) => self.trouble(&display(&path), kind_of(&e), e.to_string()),
                },
            }
        }
    }

    /// Takes one part from the open source; answers one that is still to be read.
    fn cut(&mut self, data: Vec<u8>) -> Option<Unread> {
        let Some(Level::Source { info, format, split, input }) = self.open.last_mut() else { return None };
        let mut part = Part { source: info.clone(), format, data, offset: 0, first_record: 1, context: None };
        let claim = split.length().and_then(|most| input.claims()?.take(most));
        if let Some(bytes) = claim {
            split.pass(&mut part, bytes.len());
            return Some(Unread::new(part, bytes));
        }
        let ready = &mut self.ready;
        let result = split.next(input, &mut part, &mut |t| ready.push_back(Item::Trouble(t)));
        let info = info.clone();
        let failure = match result {
            Ok(true) => {
                self.ready.push_back(Item::Part(part));
                return None;
            }
            Ok(false) => input.failure(),
            Err(e) => Some(e),
        };
        if let Some(e) = failure {
            self.trouble(&info.name, kind_of(&e), e.to_string());
        }
        self.ready.push_back(Item::SourceEnd(info));
        self.open.pop();
        None
    }

    /// Opens the next member of the open archive.
    fn member(&mut self) {
        let Some(Level::Archive { name, depth, members }) = self.open.last_mut() else { return };
        let depth = *depth;
        match members.next() {
            None => drop(self.open.pop()),
            Some(Ok(member)) => {
                let name = format!("{name}!{}", member.name);
                self.open_stream(name, Stream::new(member.input), depth, None);
            }
            Some(Err(unreadable)) => {
                let name = unreadable.name.map_or_else(|| name.clone(), |m| format!("{name}!{m}"));
                self.trouble(&name, unreadable.kind, unreadable.message);
            }
        }
    }

    fn open_place(&mut self, place: &Place) {
        let count = self.read.clone();
        let (name, path, input) = match place {
            Place::Stdin => ("-".to_string(), None, Ok(Stream::counted(Box::new(io::stdin()), count))),
            Place::File(path) => {
                let file = File::open(path).map(|f| Stream::file(f, count));
                (display(path), Some(path.as_path()), file)
            }
        };
        match input {
            Ok(input) => self.open_stream(name, input, 0, path),
            Err(e) => self.trouble(&name, TroubleKind::Unreadable, e.to_string()),
        }
    }

    /// Recognises what `input` is and opens it. `depth` counts what it has been unpacked from already; `path`
    /// is the file it is, if it is one.
    fn open_stream(&mut self, name: String, mut input: Stream, mut depth: u32, path: Option<&Path>) {
        loop {
            let Some(packing) = packing(input.head(HEAD)) else { return self.open_plain(&name, input) };
            depth += 1;
            if depth > self.options.max_nesting {
                let message = format!("packed more than {} times over", self.options.max_nesting);
                return self.trouble(&name, TroubleKind::Limit, message);
            }
            let members: Box<dyn Members> = match packing {
                Packing::Gzip | Packing::Zstandard => {
                    input = Stream::new(unpacked(packing, input, &self.options));
                    continue;
                }
                Packing::Tar => Box::new(tar::Archive::new(input, self.options.max_members)),
                Packing::Zip => match self.seekable(input, path.filter(|_| depth == 1)) {
                    Ok(members) => Box::new(members),
                    Err(e) => return self.trouble(&name, kind_of(&e), e.to_string()),
                },
            };
            return self.open.push(Level::Archive { name, depth, members });
        }
    }

    /// A zip archive: the file itself where it is one, else a copy, in memory while it is small.
    fn seekable(&self, input: Stream, path: Option<&Path>) -> io::Result<zip::Archive> {
        let regular = path.filter(|p| p.is_file());
        if let Some(path) = regular {
            let file = CountedFile { file: File::open(path)?, count: self.read.clone() };
            return zip::Archive::open(Box::new(file), &self.options);
        }
        let mut copy = tempfile::SpooledTempFile::new(SPOOLED_IN_MEMORY);
        let limit = self.options.max_spooled;
        let size = io::copy(&mut input.take(limit + 1), &mut copy)?;
        if size > limit {
            let message = format!("a zip archive of more than {limit} bytes that is not a file");
            return Err(io::Error::other(LimitReached(message)));
        }
        zip::Archive::open(Box::new(copy), &self.options)
    }

    /// Recognises the format of bytes that are not packed.
    fn open_plain(&mut self, name: &str, mut input: Stream) {
        let head = Head { bytes: input.text_head(HEAD), name };
        let what = if head.bytes.is_empty() { "the file is empty" } else { "no known format" };
        let format = FORMATS.iter().find(|f| (f.detect)(&head));
        input.soften();
        let Some(format) = format else {
            let (kind, message) = match input.failure() {
                Some(error) => (kind_of(&error), error.to_string()),
                None => (TroubleKind::UnknownFormat, what.to_string()),
            };
            return self.trouble(name, kind, message);
        };
        let info = Arc::new(SourceInfo { name: name.into(), format: format.name });
        self.ready.push_back(Item::SourceStart(info.clone()));
        self.open.push(Level::Source { info, format, split: (format.split)(), input });
    }

    fn trouble(&mut self, source: &str, kind: TroubleKind, message: String) {
        let source = source.into();
        self.ready.push_back(Item::Trouble(Trouble { source, kind, offset: None, record: None, message }));
    }
}

/// A file whose bytes read are counted, wherever they stand.
struct CountedFile {
    file: File,
    count: Arc<AtomicU64>,
}

impl Read for CountedFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buf)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl Seek for CountedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
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
