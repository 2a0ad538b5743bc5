//! Sorting and joining of rows that do not fit in memory, on Apache DataFusion.
//!
//! What a row means stays in `rows`: here rows are bytes with a key of bytes. [`DataFusion`] is a
//! [`shikra_rows::Outside`]: rows wait in a temporary file, are sorted by DataFusion's external sort and joined by
//! its sort-merge join, both of which spill to disk beyond a limit of memory. Everything runs on the thread of the
//! caller; temporary files go when they are no longer needed.

mod job;
mod spool;

use std::io;
use std::sync::Arc;

use datafusion_execution::TaskContext;
use datafusion_execution::config::SessionConfig;
use datafusion_execution::memory_pool::FairSpillPool;
use datafusion_execution::runtime_env::RuntimeEnvBuilder;
use shikra_rows::outside::{Outside, Pairs, Partners, Wait};

use spool::{Cursor, Sealed, Spool};

/// Rows of one batch, at most.
const BATCH_ROWS: usize = 4096;
/// Bytes after which a batch is full, whatever its rows.
const BATCH_BYTES: usize = 1 << 20;
/// Least memory that sorting works in.
const LEAST_MEMORY: usize = 16 << 20;

/// DataFusion at work within a limit of memory.
#[derive(Clone)]
pub struct DataFusion {
    context: Arc<TaskContext>,
    runtime: Arc<tokio::runtime::Runtime>,
}

impl DataFusion {
    /// With `memory` bytes for sorting and joining (at least 16 MiB), beyond which temporary files are used.
    ///
    /// # Errors
    /// Where there is no place for temporary files.
    pub fn new(memory: usize) -> io::Result<DataFusion> {
        let pool = Arc::new(FairSpillPool::new(memory.max(LEAST_MEMORY)));
        let environment = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc().map_err(failed)?;
        let mut config = SessionConfig::new().with_batch_size(BATCH_ROWS).with_target_partitions(1);
        config.options_mut().execution.sort_spill_reservation_bytes = LEAST_MEMORY / 8;
        let context = TaskContext::default().with_session_config(config).with_runtime(environment);
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(DataFusion { context: Arc::new(context), runtime: Arc::new(runtime) })
    }

    fn spooled(&self, rows: Pairs<'_>) -> io::Result<Arc<Sealed>> {
        let mut spool = Spool::new()?;
        for pair in rows {
            let (key, row) = pair?;
            spool.push(&key, &row)?;
        }
        spool.sealed().map(Arc::new)
    }
}

/// An error of DataFusion's as one of reading and writing.
pub(crate) fn failed(e: datafusion_common::DataFusionError) -> io::Error {
    io::Error::other(e)
}

impl Outside for DataFusion {
    fn wait(&self) -> io::Result<Box<dyn Wait>> {
        Ok(Box::new(Waiting(Spool::new()?)))
    }

    fn sorted<'a>(&'a self, rows: Pairs<'_>) -> io::Result<Pairs<'a>> {
        let plan = job::sort(&self.spooled(rows)?).map_err(failed)?;
        let batches = job::run(&self.runtime, &self.context, &plan).map_err(failed)?;
        Ok(Box::new(batches.flat_map(job::pairs)))
    }

    fn joined<'a>(&'a self, left: Pairs<'_>, right: Pairs<'_>) -> io::Result<Partners<'a>> {
        let plan = job::join(&self.spooled(left)?, &self.spooled(right)?).map_err(failed)?;
        let batches = job::run(&self.runtime, &self.context, &plan).map_err(failed)?;
        Ok(Box::new(batches.flat_map(job::partners)))
    }
}

/// Rows in a temporary file until somebody asks for them.
struct Waiting(Spool);

impl Wait for Waiting {
    fn push(&mut self, row: &[u8]) -> io::Result<()> {
        self.0.push(&[], row)
    }

    fn rows(self: Box<Self>) -> io::Result<Pairs<'static>> {
        let spool = self.0.sealed()?;
        let mut at = Cursor::default();
        Ok(Box::new(std::iter::from_fn(move || spool.next(&mut at).transpose())))
    }
}
