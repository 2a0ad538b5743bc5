//! Searching: the events that a filter finds, in order of time, with the columns asked for. No score.

use shikra_event::Value;

use crate::analytic::{Analytic, Ask, Data, Needs};
use crate::params::{Kind, Parameter, Params};
use crate::result::{Column, ColumnKind, HuntResult, ResultRow};

/// `search`.
pub static ANALYTIC: Analytic = Analytic {
    name: "search",
    about: "Events that a filter finds, in order of time",
    long: "Example:\n  \
        shikra hunt search --where 'process.name : \"cmstp.exe\"' --language kql --show CommandLine,ParentImage logs/",
    parameters: PARAMETERS,
    ask,
    run,
};

const PARAMETERS: &[Parameter] = &[Parameter {
    name: "show",
    value: "COLUMNS",
    kind: Kind::Columns,
    default: "host,Image,CommandLine",
    help: "What is shown of each event",
}];

fn ask(params: &Params) -> Result<Ask, String> {
    Ok(Ask { columns: params.columns("show")?, needs: Needs::Events, filters: 1, lacking: true })
}

fn run(params: &Params, data: &Data) -> HuntResult {
    let Data::Events(events) = data else { return HuntResult::default() };
    let names = params.list("show");
    let mut result = events.result(&names, &[]);
    result.columns.insert(0, Column::new("time", ColumnKind::Time));
    let row = |p: usize| {
        let mut cells = vec![events.head(p).time.map_or(Value::Null, Value::Time)];
        cells.extend((0..names.len()).map(|c| Value::Str(events.shown(events.id(p, c)))));
        ResultRow { cells, events: vec![events.point(p)], events_total: 1, ..ResultRow::default() }
    };
    result.rows = events.ordered().take(params.most("top")).map(row).collect();
    result.rows_total = events.len() as u64;
    result
}
