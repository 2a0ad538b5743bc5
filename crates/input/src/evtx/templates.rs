//! Compiled definitions, kept from chunk to chunk.
//!
//! Each chunk has its own copy of every definition it uses, at another offset and with other name references.
//! The first use in a chunk looks for a program of the same GUID whose print fits; compiling is for the first
//! chunk only.

use hashbrown::HashMap;

use super::compile;
use super::cursor::{Damage, read_u32};
use super::names::Names;
use super::naming::Place;
use super::program::Program;

/// Memory all programs together may take before all are forgotten.
const MAX_SIZE: usize = 16 << 20;
/// Programs under one GUID: a definition has one, hostile files have more.
const MAX_TWINS: usize = 8;
/// Bytes of definitions compiled per chunk. Definitions do not overlap, so an honest chunk stays below its size.
const MAX_COMPILED: usize = 4 * super::CHUNK;
/// Next definition (u32), GUID, size of what follows (u32).
pub(super) const DEFINITION_HEADER: usize = 24;

/// Number of a program.
pub(super) type ProgramId = u32;

#[derive(Default)]
pub(super) struct Templates {
    programs: Vec<Program>,
    by_guid: HashMap<([u8; 16], Place), Vec<ProgramId>>,
    here: HashMap<(u32, Place), Result<ProgramId, Damage>>,
    /// The same for the last ones asked for, by offset.
    front: Front,
    size: usize,
    compiled: usize,
}

impl Templates {
    /// Forgets what belongs to the chunk before.
    pub fn begin_chunk(&mut self) {
        self.here.clear();
        self.front = Front::default();
        self.compiled = 0;
    }

    /// There is too much of it: better begin anew.
    pub fn is_full(&self) -> bool {
        self.size > MAX_SIZE
    }

    /// The program for the definition at `offset`, where it has been resolved.
    pub fn get(&self, offset: u32, place: Place) -> Option<Result<(ProgramId, &Program), Damage>> {
        let id = match self.front.get(offset, place) {
            Some(id) => id,
            None => match self.here.get(&(offset, place))? {
                Ok(id) => *id,
                Err(damage) => return Some(Err(*damage)),
            },
        };
        self.programs.get(id as usize).map(|program| Ok((id, program)))
    }

    /// Finds or compiles the definition at `offset`.
    pub fn resolve(&mut self, chunk: &[u8], offset: u32, place: Place, names: &mut Names) {
        let found = self.find(chunk, offset as usize, place, names);
        if let Ok(id) = found {
            self.front.put(offset, place, id);
        }
        self.here.insert((offset, place), found);
    }

    fn find(
        &mut self,
        chunk: &[u8],
        offset: usize,
        place: Place,
        names: &mut Names,
    ) -> Result<ProgramId, Damage> {
        let outside = Damage::corrupt(offset, "refers to a template outside its chunk");
        let header = chunk.get(offset..).and_then(|rest| rest.get(..DEFINITION_HEADER)).ok_or(outside)?;
        let guid: [u8; 16] = header.get(4..20).and_then(|g| g.try_into().ok()).ok_or(outside)?;
        let size = read_u32(header, 20).ok_or(outside)? as usize;
        let start = offset + DEFINITION_HEADER;
        let end = start.checked_add(size).filter(|end| *end <= chunk.len()).ok_or(outside)?;
        let twins = self.by_guid.entry((guid, place)).or_default();
        let fits = |id: &ProgramId| {
            self.programs.get(*id as usize).is_some_and(|program| program.print.fits(chunk, start, end))
        };
        if let Some(id) = twins.iter().copied().find(fits) {
            return Ok(id);
        }
        self.compiled += size;
        if self.compiled > MAX_COMPILED {
            return Err(Damage::limit(offset, "is in a chunk with too many templates"));
        }
        let program = compile::definition(chunk, start, end, place, names)?;
        if twins.len() >= MAX_TWINS {
            twins.remove(0);
        }
        let id = self.programs.len() as ProgramId;
        self.size += program.size();
        twins.push(id);
        self.programs.push(program);
        Ok(id)
    }
}

/// A small table in front of the map.
struct Front([Option<(u32, Place, ProgramId)>; Front::SIZE]);

impl Default for Front {
    fn default() -> Front {
        Front([None; Front::SIZE])
    }
}

impl Front {
    const SIZE: usize = 32;

    fn slot(offset: u32) -> usize {
        (offset.wrapping_mul(0x9e37_79b1) >> 27) as usize % Front::SIZE
    }

    fn get(&self, offset: u32, place: Place) -> Option<ProgramId> {
        let (at, of, id) = (*self.0.get(Front::slot(offset))?)?;
        (at == offset && of == place).then_some(id)
    }

    fn put(&mut self, offset: u32, place: Place, id: ProgramId) {
        if let Some(slot) = self.0.get_mut(Front::slot(offset)) {
            *slot = Some((offset, place, id));
        }
    }
}
