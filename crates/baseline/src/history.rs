//! The baseline as the table that rules ask of what was seen before.

use shikra_event::Value;
use shikra_ir::eval::Row;
use shikra_ir::{Asked, FieldRef, History, Measure, Names};

use crate::observe::{Observation, Read, Reader, name};
use crate::table::EVERYWHERE;
use crate::{Baseline, Dimension, Known};

/// What kind of fact a field of Sigma's names is.
const FIELDS: &[(&str, Dimension, Read)] = &[
    ("Image", Dimension::Program, Read::Name("Image")),
    ("CommandLine", Dimension::Argument, Read::Arguments),
    ("OriginalFileName", Dimension::OriginalName, Read::Original),
    ("ParentImage", Dimension::Parent, Read::Name("ParentImage")),
    ("User", Dimension::User, Read::User("User")),
    ("ImageLoaded", Dimension::Module, Read::Module),
    ("DestinationIp", Dimension::Destination, Read::Destination),
    ("DestinationHostname", Dimension::Destination, Read::Destination),
    ("QueryName", Dimension::Destination, Read::Text("QueryName")),
    ("TargetObject", Dimension::Registry, Read::Text("TargetObject")),
    ("TargetFilename", Dimension::File, Read::Text("TargetFilename")),
    ("PipeName", Dimension::Pipe, Read::Text("PipeName")),
    ("TargetImage", Dimension::Access, Read::Access),
    ("Computer", Dimension::Host, Read::Lower("Computer")),
];

/// Whether a rule can ask of a field.
pub fn is_kept(field: &FieldRef) -> bool {
    field.names == Names::Sigma && FIELDS.iter().any(|(name, ..)| **name == *field.name)
}

impl History for Baseline {
    /// Of a command line the arguments are asked one by one, and the most unusual one counts.
    fn ask(&self, row: &dyn Row, field: &FieldRef, measure: Measure) -> Value {
        let Some((_, dimension, read)) = FIELDS.iter().find(|(name, ..)| **name == *field.name) else {
            return Value::Null;
        };
        let value = |field: &str| row.field(&FieldRef::new(Names::Sigma, field));
        let reader = Reader { value: &value };
        let Some(program) = Asked::PROGRAM.iter().find_map(|f| reader.text(f)).map(|p| name(&p)) else {
            return Value::Missing;
        };
        let program = if *dimension == Dimension::Program { EVERYWHERE } else { &program };
        let mut answer = Value::Missing;
        reader.fact(program, *dimension, *read, &mut |fact: Observation| {
            if fact.dimension == *dimension {
                answer = self.stranger(std::mem::take(&mut answer), &fact, measure);
            }
        });
        answer
    }
}

impl Baseline {
    /// The more unusual of what was found so far and this fact.
    fn stranger(&self, so_far: Value, fact: &Observation, measure: Measure) -> Value {
        let judged = self.judge(&fact.program, fact.dimension, &fact.value);
        let measured = match (&judged.known, measure) {
            (Known::Unknown | Known::Sometime, _) => {
                return if so_far == Value::Missing { Value::Null } else { so_far };
            }
            (_, Measure::Surprise) => judged.score,
            (Known::Seen(s), Measure::Count) => s.count as f64,
            (Known::Seen(s), Measure::Hosts) => s.hosts() as f64,
            (Known::Common | Known::Elsewhere(_) | Known::Never, _) => 0.0,
        };
        let measured = match (so_far.as_f64(), measure) {
            (None, _) => measured,
            (Some(other), Measure::Surprise) => measured.max(other),
            (Some(other), _) => measured.min(other),
        };
        Value::F64(measured)
    }
}
