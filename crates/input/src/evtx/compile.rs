//! From BinXML tokens (MS-EVEN6 2.2.12) to a [`Program`].

use std::mem;
use std::sync::Arc;

use shikra_event::{Kind, Slot};

use super::cursor::{Cursor, Damage, utf16_to_string};
use super::instance::read_instance;
use super::naming::{Place, is_data, is_xmlns, local};
use super::program::{FieldName, Hole, MAX_FIELDS, NameIndex, Op, Piece, Program};

/// Deepest nesting of elements; real events have six levels.
const MAX_DEPTH: usize = 128;
/// Type of a value that is BinXML itself.
pub(super) const BINXML: u8 = 0x21;
const NO_DEPENDENCY: u16 = 0xffff;

/// Compiles the template definition whose tokens are `chunk[at..end]`, for an instance at `place`.
pub(super) fn definition(chunk: &[u8], at: usize, end: usize, place: Place) -> Result<Program, Damage> {
    Compiler::new(Cursor::new(chunk, at, end), place, true).run()
}

/// Compiles plain BinXML, `chunk[at..end]`, which has no holes but may contain template instances.
pub(super) fn plain(chunk: &[u8], at: usize, end: usize, place: Place) -> Result<Program, Damage> {
    Compiler::new(Cursor::new(chunk, at, end), place, false).run()
}

/// Content of an attribute or element, as far as it has been read.
enum Content {
    Text(Vec<u8>),
    Hole { index: u16, optional: bool, kind: u8 },
}

/// An element whose end has not come yet.
struct Open {
    name: String,
    place: Place,
    inside: Place,
    /// The guard's position, and the substitution it looks at.
    guard: Option<(usize, u16)>,
    has_children: bool,
    content: Vec<Content>,
    /// `Name` of a `Data` element.
    data_name: Option<String>,
}

struct Compiler<'a> {
    cursor: Cursor<'a>,
    root: Place,
    is_definition: bool,
    program: Program,
    open: Vec<Open>,
    /// The element whose start tag is being read.
    starting: Option<Open>,
    attribute: Option<(String, Vec<Content>)>,
    /// Where the bytes begin that the print does not have yet.
    fixed: usize,
}

impl<'a> Compiler<'a> {
    fn new(cursor: Cursor<'a>, root: Place, is_definition: bool) -> Self {
        Compiler {
            fixed: cursor.at,
            cursor,
            root,
            is_definition,
            program: Program::default(),
            open: Vec::new(),
            starting: None,
            attribute: None,
        }
    }

    fn run(mut self) -> Result<Program, Damage> {
        while !self.cursor.is_empty() {
            let token = self.cursor.u8()?;
            if token == 0 {
                break;
            }
            self.token(token)?;
        }
        if self.starting.is_some() || !self.open.is_empty() {
            return Err(self.damage("has an element without an end"));
        }
        let fixed = self.fixed_bytes(self.cursor.at);
        self.program.print.end(fixed);
        Ok(self.program)
    }

    fn damage(&self, what: &'static str) -> Damage {
        Damage::corrupt(self.cursor.at, what)
    }

    fn fixed_bytes(&self, until: usize) -> &'a [u8] {
        self.cursor.chunk.get(self.fixed..until).unwrap_or(&[])
    }

    fn token(&mut self, token: u8) -> Result<(), Damage> {
        match token {
            0x01 | 0x41 => self.open_start(token == 0x41),
            0x02 => self.close_start(),
            0x03 => {
                self.close_start()?;
                self.close()
            }
            0x04 => self.close(),
            0x05 | 0x45 => self.literal(),
            0x06 | 0x46 => self.start_attribute(),
            0x07 | 0x47 => {
                let text = self.cursor.text()?.to_vec();
                self.push(Content::Text(text))
            }
            0x08 | 0x48 => {
                let unit = self.cursor.u16()?;
                self.push(Content::Text(unit.to_le_bytes().to_vec()))
            }
            0x09 | 0x49 => self.entity(),
            0x0a => self.name().map(drop),
            0x0b => self.cursor.text().map(drop),
            0x0c => self.instance(),
            0x0d | 0x0e => self.hole(token == 0x0e),
            0x0f => self.cursor.take(3).map(drop),
            _ => Err(self.damage("has an unknown token")),
        }
    }

    fn name(&mut self) -> Result<&'a [u8], Damage> {
        let fixed = self.fixed_bytes(self.cursor.at);
        let name = self.cursor.name()?;
        if self.is_definition {
            self.program.print.name(fixed, name);
        }
        self.fixed = self.cursor.at;
        Ok(name)
    }

    fn size(&mut self) -> Result<(), Damage> {
        let fixed = self.fixed_bytes(self.cursor.at);
        self.cursor.u32()?;
        if self.is_definition {
            self.program.print.size(fixed);
        }
        self.fixed = self.cursor.at;
        Ok(())
    }

    fn open_start(&mut self, has_attributes: bool) -> Result<(), Damage> {
        if self.starting.is_some() || self.open.len() >= MAX_DEPTH {
            return Err(self.damage("has elements in the wrong place or nested too deep"));
        }
        let dependency = if self.is_definition { self.cursor.u16()? } else { NO_DEPENDENCY };
        self.size()?;
        let name = utf16_to_string(self.name()?);
        if has_attributes {
            self.size()?;
        }
        self.child()?;
        let place = self.open.last().map_or(self.root, |parent| parent.inside);
        // The root of a definition is always there, whatever it depends on.
        let guard = (dependency != NO_DEPENDENCY && !self.open.is_empty())
            .then_some((self.program.ops.len(), dependency));
        if guard.is_some() {
            self.program.ops.push(Op::Guard { index: dependency, ops: 0, nested: 0 });
        }
        let name = local(&name).to_owned();
        let inside = place.inside(&name);
        let (content, data_name, has_children) = (Vec::new(), None, false);
        self.starting = Some(Open { name, place, inside, guard, has_children, content, data_name });
        Ok(())
    }

    /// A child of the innermost open element comes: what came before it is not the text of a leaf.
    fn child(&mut self) -> Result<(), Damage> {
        let Some(parent) = self.open.last_mut() else { return Ok(()) };
        parent.has_children = true;
        let (place, content) = (parent.inside, mem::take(&mut parent.content));
        self.nest(place, content);
        Ok(())
    }

    fn nest(&mut self, place: Place, content: Vec<Content>) {
        for item in content {
            if let Content::Hole { index, .. } = item {
                self.program.ops.push(Op::Nested { index, place, leaf: None });
            }
        }
    }

    fn start_attribute(&mut self) -> Result<(), Damage> {
        let name = utf16_to_string(self.name()?);
        self.finish_attribute()?;
        if self.starting.is_none() {
            return Err(self.damage("has an attribute outside a start tag"));
        }
        self.attribute = Some((name, Vec::new()));
        Ok(())
    }

    fn finish_attribute(&mut self) -> Result<(), Damage> {
        let (Some((name, content)), Some(element)) = (self.attribute.take(), self.starting.as_mut()) else {
            return Ok(());
        };
        if is_xmlns(&name) || content.is_empty() {
            return Ok(());
        }
        if is_data(element.place, &element.name) {
            if let (true, [Content::Text(text)]) = (local(&name) == "Name", content.as_slice()) {
                element.data_name = Some(utf16_to_string(text)).filter(|name| !name.is_empty());
            }
            return Ok(());
        }
        let (field, place) = (format!("{}_{}", element.name, local(&name)), element.place);
        let pieces = content.into_iter().map(|item| match item {
            Content::Text(text) => Piece::Text(text),
            Content::Hole { index, optional, .. } => {
                Piece::Hole(Hole { index, absent_if_null: optional, absent_if_empty: optional })
            }
        });
        let pieces = pieces.collect();
        self.field(&field, place, pieces, false)
    }

    fn close_start(&mut self) -> Result<(), Damage> {
        self.finish_attribute()?;
        let element = self.starting.take().ok_or_else(|| self.damage("closes a tag that is not open"))?;
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Damage> {
        let element = self.open.pop().filter(|_| self.starting.is_none());
        let mut element = element.ok_or_else(|| self.damage("closes an element that is not open"))?;
        let content = mem::take(&mut element.content);
        if element.has_children {
            self.nest(element.inside, content);
        } else {
            self.leaf(&element, content)?;
        }
        if let Some((at, index)) = element.guard {
            self.close_guard(at, index);
        }
        Ok(())
    }

    fn leaf(&mut self, element: &Open, content: Vec<Content>) -> Result<(), Damage> {
        let name = if is_data(element.place, &element.name) {
            element.data_name.as_deref().unwrap_or("Data")
        } else {
            &element.name
        };
        let drops_empty = element.place.drops_empty();
        if let [Content::Hole { index, kind: BINXML, .. }] = content[..] {
            let leaf = if drops_empty { None } else { Some(self.field_name(name, element.place)?) };
            self.program.ops.push(Op::Nested { index, place: element.inside, leaf });
            return Ok(());
        }
        let guard = element.guard.map(|(_, index)| index);
        let pieces = content.into_iter().map(|item| match item {
            Content::Text(text) => Piece::Text(text),
            Content::Hole { index, .. } => Piece::Hole(Hole {
                index,
                absent_if_null: drops_empty || guard == Some(index),
                absent_if_empty: drops_empty,
            }),
        });
        let pieces = pieces.collect();
        self.field(name, element.place, pieces, drops_empty)
    }

    fn field(
        &mut self,
        name: &str,
        place: Place,
        pieces: Vec<Piece>,
        drops_empty: bool,
    ) -> Result<(), Damage> {
        let op = match &pieces[..] {
            [Piece::Hole(hole)] => Op::Value { hole: *hole, name: self.field_name(name, place)? },
            texts if texts.iter().all(|p| matches!(p, Piece::Text(_))) => {
                let from = self.program.text.len() as u32;
                for piece in &pieces {
                    if let Piece::Text(text) = piece {
                        self.program.text.extend_from_slice(text);
                    }
                }
                let text = from..self.program.text.len() as u32;
                if drops_empty && text.is_empty() {
                    return Ok(());
                }
                Op::Constant { text, name: self.field_name(name, place)? }
            }
            _ => Op::Mixed { pieces: pieces.into(), name: self.field_name(name, place)? },
        };
        self.program.ops.push(op);
        Ok(())
    }

    fn field_name(&mut self, name: &str, place: Place) -> Result<NameIndex, Damage> {
        let index = self.program.names.len();
        if index >= MAX_FIELDS {
            return Err(Damage::limit(self.cursor.at, "has too many fields"));
        }
        self.program.names.push(FieldName { name: Arc::from(name), system: place.is_system() });
        Ok(index as NameIndex)
    }

    fn close_guard(&mut self, at: usize, guarded: u16) {
        if let Some([Op::Value { hole, .. }]) = self.program.ops.get_mut(at + 1..)
            && hole.index == guarded
        {
            hole.absent_if_null = true;
            self.program.ops.remove(at);
            return;
        }
        let inside = self.program.ops.get(at + 1..).unwrap_or(&[]);
        let nested = inside.iter().filter(|op| matches!(op, Op::Nested { .. } | Op::Instance { .. })).count();
        let guard = Op::Guard { index: guarded, ops: inside.len() as u16, nested: nested as u16 };
        if let Some(op) = self.program.ops.get_mut(at) {
            *op = guard;
        }
    }

    fn push(&mut self, content: Content) -> Result<(), Damage> {
        let into = match (&mut self.starting, &mut self.attribute, self.open.last_mut()) {
            (Some(_), Some((_, content)), _) => content,
            (None, _, Some(element)) => &mut element.content,
            _ => return Err(self.damage("has text outside an element")),
        };
        match (into.last_mut(), content) {
            (Some(Content::Text(before)), Content::Text(more)) => before.extend_from_slice(&more),
            (_, content) => into.push(content),
        }
        Ok(())
    }

    /// A value written out in the tokens.
    fn literal(&mut self) -> Result<(), Damage> {
        let kind = Kind(self.cursor.u8()?);
        let text = match kind {
            Kind::UTF16 => self.cursor.text()?.to_vec(),
            _ => {
                let width = match kind {
                    Kind::NULL => 0,
                    Kind::I8 | Kind::U8 => 1,
                    Kind::I16 | Kind::U16 => 2,
                    Kind::I32 | Kind::U32 | Kind::F32 | Kind::BOOL | Kind::HEX32 => 4,
                    Kind::I64 | Kind::U64 | Kind::F64 | Kind::FILETIME | Kind::HEX64 => 8,
                    Kind::GUID | Kind::SYSTEMTIME => 16,
                    _ => return Err(self.damage("has a literal value of a type that cannot be one")),
                };
                let slot = Slot { kind, data: self.cursor.take(width)? };
                slot.to_text().unwrap_or_default().encode_utf16().flat_map(u16::to_le_bytes).collect()
            }
        };
        self.push(Content::Text(text))
    }

    fn entity(&mut self) -> Result<(), Damage> {
        let text = match utf16_to_string(self.name()?).as_str() {
            "amp" => "&".to_owned(),
            "lt" => "<".to_owned(),
            "gt" => ">".to_owned(),
            "quot" => "\"".to_owned(),
            "apos" => "'".to_owned(),
            other => format!("&{other};"),
        };
        self.push(Content::Text(text.encode_utf16().flat_map(u16::to_le_bytes).collect()))
    }

    fn hole(&mut self, optional: bool) -> Result<(), Damage> {
        let (index, kind) = (self.cursor.u16()?, self.cursor.u8()?);
        if !self.is_definition {
            return Err(self.damage("has a substitution outside a template"));
        }
        self.push(Content::Hole { index, optional, kind })
    }

    fn instance(&mut self) -> Result<(), Damage> {
        if self.is_definition || self.starting.is_some() {
            return Err(self.damage("has a template instance in the wrong place"));
        }
        let at = self.cursor.at;
        read_instance(&mut self.cursor)?;
        self.child()?;
        let place = self.open.last().map_or(self.root, |parent| parent.inside);
        self.program.ops.push(Op::Instance { at, end: self.cursor.at, place });
        Ok(())
    }
}
