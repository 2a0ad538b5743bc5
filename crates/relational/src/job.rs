//! DataFusion plans over spools, and their results.

use std::io;
use std::sync::Arc;

use arrow::array::{Array, AsArray, LargeBinaryBuilder, RecordBatch, UInt64Builder};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion_common::{DataFusionError, JoinType, NullEquality, Result, internal_datafusion_err};
use datafusion_execution::{SendableRecordBatchStream, TaskContext};
use datafusion_physical_expr::expressions::col;
use datafusion_physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion_physical_plan::ExecutionPlan;
use datafusion_physical_plan::joins::SortMergeJoinExec;
use datafusion_physical_plan::sorts::sort::SortExec;
use datafusion_physical_plan::stream::RecordBatchStreamAdapter;
use datafusion_physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::StreamExt;
use shikra_rows::outside::{Pair, Partner};
use tokio::runtime::Runtime;

use crate::spool::{Cursor, Sealed};
use crate::{BATCH_BYTES, BATCH_ROWS, failed};

/// A plan that can be run.
pub(crate) type Plan = Arc<dyn ExecutionPlan>;

/// Columns of a spool: the key, the number of the row, the row.
fn schema() -> SchemaRef {
    let binary = |name| Field::new(name, DataType::LargeBinary, false);
    Arc::new(Schema::new(vec![binary("key"), Field::new("place", DataType::UInt64, false), binary("row")]))
}

/// A spool as a table of one partition.
#[derive(Debug)]
struct Table {
    spool: Arc<Sealed>,
    schema: SchemaRef,
}

impl PartitionStream for Table {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut reader = Batches {
            spool: self.spool.clone(),
            schema: self.schema.clone(),
            at: Cursor::default(),
            place: 0,
        };
        let batches = std::iter::from_fn(move || reader.next().transpose());
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), futures::stream::iter(batches)))
    }
}

/// Reads a spool batch by batch.
struct Batches {
    spool: Arc<Sealed>,
    schema: SchemaRef,
    at: Cursor,
    place: u64,
}

impl Batches {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let (mut keys, mut rows) = (LargeBinaryBuilder::new(), LargeBinaryBuilder::new());
        let mut places = UInt64Builder::new();
        let (mut count, mut bytes) = (0, 0);
        while count < BATCH_ROWS && bytes < BATCH_BYTES {
            let Some((key, row)) = self.spool.next(&mut self.at)? else { break };
            bytes += key.len() + row.len();
            count += 1;
            keys.append_value(key);
            rows.append_value(row);
            places.append_value(self.place);
            self.place += 1;
        }
        if count == 0 {
            return Ok(None);
        }
        let columns: Vec<Arc<dyn Array>> =
            vec![Arc::new(keys.finish()), Arc::new(places.finish()), Arc::new(rows.finish())];
        Ok(Some(RecordBatch::try_new(self.schema.clone(), columns)?))
    }
}

fn table(spool: &Arc<Sealed>) -> Result<Plan> {
    let schema = schema();
    let partition = Table { spool: spool.clone(), schema: schema.clone() };
    let table = StreamingTableExec::try_new(schema, vec![Arc::new(partition)], None, [], false, None)?;
    Ok(Arc::new(table))
}

/// The rows of a spool by key, then by place.
pub(crate) fn sort(spool: &Arc<Sealed>) -> Result<Plan> {
    let by = |name| -> Result<PhysicalSortExpr> {
        Ok(PhysicalSortExpr::new(col(name, &schema())?, SortOptions::default()))
    };
    let order = LexOrdering::new([by("key")?, by("place")?]);
    let order = order.ok_or_else(|| internal_datafusion_err!("no order"))?;
    Ok(Arc::new(SortExec::new(order, table(spool)?)))
}

/// The pairs of rows of two spools whose keys are equal.
pub(crate) fn join(left: &Arc<Sealed>, right: &Arc<Sealed>) -> Result<Plan> {
    let key = || col("key", &schema());
    let join = SortMergeJoinExec::try_new(
        sort(left)?,
        sort(right)?,
        vec![(key()?, key()?)],
        None,
        JoinType::Inner,
        vec![SortOptions::default()],
        NullEquality::NullEqualsNothing,
    )?;
    Ok(Arc::new(join))
}

/// Runs a plan; batches come as they are asked for.
pub(crate) fn run<'r>(
    runtime: &'r Runtime,
    context: &Arc<TaskContext>,
    plan: &Plan,
) -> Result<impl Iterator<Item = Result<RecordBatch, DataFusionError>> + 'r> {
    let mut stream = {
        let _inside = runtime.enter();
        plan.execute(0, context.clone())?
    };
    Ok(std::iter::from_fn(move || runtime.block_on(stream.next())))
}

/// The keys and rows of a batch.
pub(crate) fn pairs(batch: Result<RecordBatch>) -> Vec<io::Result<Pair>> {
    columns(batch, [0, 2])
}

/// The left and right rows of a batch of a join.
pub(crate) fn partners(batch: Result<RecordBatch>) -> Vec<io::Result<Partner>> {
    columns(batch, [2, 5])
}

/// Two columns of a batch, row by row.
fn columns(batch: Result<RecordBatch>, wanted: [usize; 2]) -> Vec<io::Result<(Vec<u8>, Vec<u8>)>> {
    let batch = match batch {
        Ok(batch) => batch,
        Err(e) => return vec![Err(failed(e))],
    };
    let column = |i: usize| batch.columns().get(i).and_then(|c| c.as_binary_opt::<i64>());
    let [Some(first), Some(second)] = wanted.map(column) else {
        return vec![Err(io::ErrorKind::InvalidData.into())];
    };
    (0..batch.num_rows()).map(|i| Ok((first.value(i).to_vec(), second.value(i).to_vec()))).collect()
}
