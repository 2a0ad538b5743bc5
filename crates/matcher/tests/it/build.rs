//! Filters and events for tests.

use std::sync::Arc;

use shikra_event::{Event, Kind, Shape, ShapeBuilder, Slot};
use shikra_ir::{Expr, Names, Op, Pattern, Scalar, Test, Words};
use shikra_matcher::Filter;
use shikra_syntax::Span;
use shikra_taxonomy::Selector;

/// An event's fields with their raw bytes.
#[derive(Clone, Debug)]
pub struct Fields(pub Vec<(String, Kind, Vec<u8>)>);

impl Fields {
    pub fn texts<const N: usize>(all: [(&str, &str); N]) -> Fields {
        Fields(all.iter().map(|(n, v)| ((*n).into(), Kind::UTF8, v.as_bytes().to_vec())).collect())
    }

    pub fn shape(&self) -> Arc<Shape> {
        let fields = self.0.iter().map(|(n, ..)| Arc::from(n.as_str())).collect();
        ShapeBuilder { fields, ..ShapeBuilder::default() }.build()
    }

    pub fn with<R>(&self, shape: &Arc<Shape>, f: impl FnOnce(&Event<'_>) -> R) -> R {
        let slots: Vec<Slot<'_>> = self.0.iter().map(|(_, kind, data)| Slot { kind: *kind, data }).collect();
        f(&Event { shape, slots: &slots, record: 1, time: None })
    }
}

pub fn filter(expr: Expr) -> Filter {
    Filter { selector: Selector::everything(), expr }
}

pub fn field(name: &str) -> Scalar {
    Scalar::field(Names::Raw, name)
}

pub fn test(subject: Scalar, op: Op, words: Words) -> Expr {
    Expr::Test(Test { subject, op, words, span: Span::default() })
}

pub fn contains(name: &str, text: &str) -> Expr {
    test(field(name), Op::Like(vec![Pattern::contains(text)]), Words::default())
}
