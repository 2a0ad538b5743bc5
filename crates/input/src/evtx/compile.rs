//! From BinXML tokens (MS-EVEN6 2.2.12) to a [`Program`].

use std::borrow::Cow;

use shikra_event::{Kind, Slot};

use super::cursor::{Cursor, Damage};
use super::instance::skip_instance;
use super::names::{FieldName, Names};
use super::naming::{Place, is, is_data, is_xmlns, local};
use super::program::{Hole, MAX_FIELDS, Op, Piece, Program};

/// Deepest nesting of elements; real events have six levels.
const MAX_DEPTH: usize = 128;
/// Type of a value that is BinXML itself.
pub(super) const BINXML: u8 = 0x21;
const NO_DEPENDENCY: u16 = 0xffff;

/// Compiles the template definition whose tokens are `chunk[at..end]`, for an instance at `place`.
pub(super) fn definition(
    chunk: &[u8],
    at: usize,
    end: usize,
    place: Place,
    names: &mut Names,
) -> Result<Program, Damage> {
    Compiler::new(Cursor::new(chunk, at, end), place, true, names).run()
}

/// Compiles plain BinXML, `chunk[at..end]`, which has no holes but may contain template instances.
pub(super) fn plain(
    chunk: &[u8],
    at: usize,
    end: usize,
    place: Place,
    names: &mut Names,
) -> Result<Program, Damage> {
    Compiler::new(Cursor::new(chunk, at, end), place, false, names).run()
}

/// Content of an attribute or element, as far as it has been read.
#[derive(Clone)]
enum Content<'a> {
    /// UTF-16.
    Text(Cow<'a, [u8]>),
    Hole {
        index: u16,
        optional: bool,
        kind: u8,
    },
}

/// A step that leaves an element out.
#[derive(Clone, Copy)]
struct Guard {
    /// Which step.
    at: usize,
    /// The substitution it looks at.
    index: u16,
    /// [`Compiler::barrier`] before it.
    barrier: usize,
}

/// An element whose end has not come yet.
struct Open<'a> {
    /// Local name, UTF-16.
    name: &'a [u8],
    place: Place,
    inside: Place,
    guard: Option<Guard>,
    has_children: bool,
    /// `Name` of a `Data` element.
    data_name: Option<Cow<'a, [u8]>>,
}

struct Compiler<'a, 'n> {
    cursor: Cursor<'a>,
    root: Place,
    is_definition: bool,
    names: &'n mut Names,
    program: Program,
    fields: usize,
    open: Vec<Open<'a>>,
    /// The element whose start tag is being read.
    starting: Option<Open<'a>>,
    attribute: Option<&'a [u8]>,
    /// Content of the attribute, or of the innermost open element since its last child.
    content: Vec<Content<'a>>,
    /// Where the bytes begin that the print does not have yet.
    fixed: usize,
    /// Steps before this one are closed: a guard begins or ends there.
    barrier: usize,
}

impl<'a, 'n> Compiler<'a, 'n> {
    fn new(cursor: Cursor<'a>, root: Place, is_definition: bool, names: &'n mut Names) -> Self {
        Compiler {
            fixed: cursor.at,
            cursor,
            root,
            is_definition,
            names,
            program: Program::default(),
            fields: 0,
            open: Vec::new(),
            starting: None,
            attribute: None,
            content: Vec::new(),
            barrier: 0,
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
                let text = self.cursor.text()?;
                self.push(Content::Text(text.into()))
            }
            0x08 | 0x48 => {
                let unit = self.cursor.u16()?;
                self.push(Content::Text(unit.to_le_bytes().to_vec().into()))
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
        let name = local(self.name()?);
        if has_attributes {
            self.size()?;
        }
        self.child()?;
        let place = self.open.last().map_or(self.root, |parent| parent.inside);
        // The root of a definition is always there, whatever it depends on.
        let (at, barrier) = (self.program.ops.len(), self.barrier);
        let guard = (dependency != NO_DEPENDENCY && !self.open.is_empty()).then_some(Guard {
            at,
            index: dependency,
            barrier,
        });
        if guard.is_some() {
            self.program.ops.push(Op::Guard { index: dependency, ops: 0, nested: 0 });
            self.barrier = self.program.ops.len();
        }
        let inside = place.inside(name);
        self.starting = Some(Open { name, place, inside, guard, has_children: false, data_name: None });
        Ok(())
    }

    /// A child of the innermost open element comes: what came before it is not the text of a leaf.
    fn child(&mut self) -> Result<(), Damage> {
        let Some(parent) = self.open.last_mut() else { return Ok(()) };
        parent.has_children = true;
        let place = parent.inside;
        self.nest(place);
        Ok(())
    }

    fn nest(&mut self, place: Place) {
        for item in self.content.drain(..) {
            if let Content::Hole { index, .. } = item {
                self.program.ops.push(Op::Nested { index, place, leaf: None });
            }
        }
    }

    fn start_attribute(&mut self) -> Result<(), Damage> {
        let name = self.name()?;
        self.finish_attribute()?;
        if self.starting.is_none() {
            return Err(self.damage("has an attribute outside a start tag"));
        }
        self.attribute = Some(name);
        Ok(())
    }

    fn finish_attribute(&mut self) -> Result<(), Damage> {
        let (Some(name), Some(element)) = (self.attribute.take(), self.starting.as_mut()) else {
            return Ok(());
        };
        if is_xmlns(name) || self.content.is_empty() {
            self.content.clear();
            return Ok(());
        }
        if is_data(element.place, element.name) {
            if let (true, [Content::Text(text)]) = (is(local(name), "Name"), self.content.as_slice()) {
                element.data_name = Some(text.clone()).filter(|name| !name.is_empty());
            }
            self.content.clear();
            return Ok(());
        }
        let field = self.names.attribute(element.name, local(name), element.place.is_system());
        self.field(field, false, |index, optional| Hole {
            index,
            absent_if_null: optional,
            absent_if_empty: optional,
        })
    }

    fn close_start(&mut self) -> Result<(), Damage> {
        self.finish_attribute()?;
        let element = self.starting.take().ok_or_else(|| self.damage("closes a tag that is not open"))?;
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Damage> {
        let element = self.open.pop().filter(|_| self.starting.is_none());
        let element = element.ok_or_else(|| self.damage("closes an element that is not open"))?;
        if element.has_children {
            self.nest(element.inside);
        } else {
            self.leaf(&element)?;
        }
        if let Some(guard) = element.guard {
            self.close_guard(guard);
        }
        Ok(())
    }

    fn leaf(&mut self, element: &Open<'a>) -> Result<(), Damage> {
        let drops_empty = element.place.drops_empty();
        if drops_empty && self.content.is_empty() {
            return Ok(());
        }
        let name = element.data_name.as_deref().unwrap_or(element.name);
        let name = self.names.element(name, element.place.is_system());
        if let [Content::Hole { index, kind: BINXML, .. }] = self.content[..] {
            self.content.clear();
            let leaf = (!drops_empty).then_some(name);
            self.program.ops.push(Op::Nested { index, place: element.inside, leaf });
            return self.count_field();
        }
        let guard = element.guard.map(|guard| guard.index);
        self.field(name, drops_empty, |index, _| Hole {
            index,
            absent_if_null: drops_empty || guard == Some(index),
            absent_if_empty: drops_empty,
        })
    }

    /// Makes a field of the content. `hole`: what to do with a substitution (its number, whether it is optional).
    fn field(
        &mut self,
        name: FieldName,
        drops_empty: bool,
        hole: impl Fn(u16, bool) -> Hole,
    ) -> Result<(), Damage> {
        let op = match &self.content[..] {
            [Content::Hole { index, optional, .. }] => {
                self.program.push_value(hole(*index, *optional), name, self.barrier);
                self.content.clear();
                return self.count_field();
            }
            [Content::Text(text)] if drops_empty && text.is_empty() => {
                self.content.clear();
                return Ok(());
            }
            [Content::Text(Cow::Borrowed(text))] if !self.is_definition => {
                let at = text.as_ptr().addr().wrapping_sub(self.cursor.chunk.as_ptr().addr());
                Op::Literal { at: at as u32, len: text.len() as u32, name }
            }
            [] | [Content::Text(_)] => {
                let from = self.program.text.len() as u32;
                if let [Content::Text(text)] = &self.content[..] {
                    self.program.text.extend_from_slice(text);
                }
                Op::Constant { text: from..self.program.text.len() as u32, name }
            }
            pieces => {
                let piece = |item: &Content<'a>| match item {
                    Content::Text(text) => Piece::Text(text.to_vec()),
                    Content::Hole { index, optional, .. } => Piece::Hole(hole(*index, *optional)),
                };
                Op::Mixed { pieces: pieces.iter().map(piece).collect(), name }
            }
        };
        self.content.clear();
        self.program.ops.push(op);
        self.count_field()
    }

    fn count_field(&mut self) -> Result<(), Damage> {
        self.fields += 1;
        if self.fields > MAX_FIELDS {
            return Err(Damage::limit(self.cursor.at, "has too many fields"));
        }
        Ok(())
    }

    fn close_guard(&mut self, Guard { at, index: guarded, barrier }: Guard) {
        let inside = self.program.ops.get(at + 1..).unwrap_or(&[]);
        if let [Op::Values { range }] = inside
            && let [(hole, name)] = *self.program.holes(range)
            && hole.index == guarded
        {
            // The usual case: the element holds just what it depends on.
            self.program.ops.truncate(at);
            self.program.values.pop();
            self.barrier = barrier;
            self.program.push_value(Hole { absent_if_null: true, ..hole }, name, self.barrier);
            return;
        }
        let nested = inside.iter().filter(|op| matches!(op, Op::Nested { .. } | Op::Instance { .. })).count();
        let guard = Op::Guard { index: guarded, ops: inside.len() as u16, nested: nested as u16 };
        if let Some(op) = self.program.ops.get_mut(at) {
            *op = guard;
        }
        self.barrier = self.program.ops.len();
    }

    fn push(&mut self, content: Content<'a>) -> Result<(), Damage> {
        let in_place = match self.starting {
            Some(_) => self.attribute.is_some(),
            None => !self.open.is_empty(),
        };
        if !in_place {
            return Err(self.damage("has text outside an element"));
        }
        match (self.content.last_mut(), content) {
            (Some(Content::Text(before)), Content::Text(more)) => before.to_mut().extend_from_slice(&more),
            (_, content) => self.content.push(content),
        }
        Ok(())
    }

    /// A value written out in the tokens.
    fn literal(&mut self) -> Result<(), Damage> {
        let kind = Kind(self.cursor.u8()?);
        let text = match kind {
            Kind::UTF16 => Cow::Borrowed(self.cursor.text()?),
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
                utf16(&slot.to_text().unwrap_or_default())
            }
        };
        self.push(Content::Text(text))
    }

    fn entity(&mut self) -> Result<(), Damage> {
        const ENTITIES: [(&str, &str); 5] =
            [("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\""), ("apos", "'")];
        let name = self.name()?;
        let known = ENTITIES.iter().find(|(entity, _)| is(name, entity));
        let text =
            known.map_or_else(|| [&[b'&', 0], name, &[b';', 0]].concat().into(), |(_, text)| utf16(text));
        self.push(Content::Text(text))
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
        skip_instance(&mut self.cursor)?;
        self.child()?;
        let place = self.open.last().map_or(self.root, |parent| parent.inside);
        self.program.ops.push(Op::Instance { at, end: self.cursor.at, place });
        Ok(())
    }
}

fn utf16(text: &str) -> Cow<'static, [u8]> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
