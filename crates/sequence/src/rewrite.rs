//! Expressions over computed columns, said over what the columns are computed from.

use std::cell::Cell;
use std::sync::Arc;

use shikra_ir::{Call, EachGives, Expr, Op, Scalar, Test};

/// Columns that mention columns that mention columns can grow without measure: this many parts are enough.
const BUDGET: usize = 100_000;

/// The columns of an `Eval` or `Project`, computed left to right, to be replaced by their definitions.
pub struct Rewrite<'c> {
    columns: &'c [(Arc<str>, Scalar)],
    left: Cell<usize>,
}

impl<'c> Rewrite<'c> {
    /// Of these columns.
    pub fn new(columns: &'c [(Arc<str>, Scalar)]) -> Rewrite<'c> {
        Rewrite { columns, left: Cell::new(BUDGET) }
    }

    /// Whether what was answered is cut short.
    pub fn exhausted(&self) -> bool {
        self.left.get() == 0
    }

    /// A scalar over the input.
    pub fn scalar(&self, s: &Scalar) -> Scalar {
        self.scalar_before(s, self.columns.len())
    }

    /// An expression over the input.
    pub fn expr(&self, e: &Expr) -> Expr {
        self.expr_before(e, self.columns.len())
    }

    /// Where only the first `n` columns are computed yet.
    fn scalar_before(&self, s: &Scalar, n: usize) -> Scalar {
        self.left.set(self.left.get().saturating_sub(1));
        if self.exhausted() {
            return s.clone();
        }
        match s {
            Scalar::Field(f) => {
                let mut computed = self.columns.iter().enumerate().take(n);
                match computed.rfind(|(_, (name, _))| *name == f.name) {
                    Some((i, (_, definition))) => self.scalar_before(definition, i),
                    None => s.clone(),
                }
            }
            Scalar::Call(c) => {
                let args = c.args.iter().map(|a| self.scalar_before(a, n)).collect();
                Scalar::Call(Call { func: c.func, args, words: c.words })
            }
            Scalar::Case(arms, other) => {
                let arm = |(c, v): &(Expr, Scalar)| (self.expr_before(c, n), self.scalar_before(v, n));
                let other = other.as_ref().map(|o| Box::new(self.scalar_before(o, n)));
                Scalar::Case(arms.iter().map(arm).collect(), other)
            }
            Scalar::Truth(e) => Scalar::Truth(Box::new(self.expr_before(e, n))),
            Scalar::Each(e) => {
                let mut each = e.clone();
                each.list = self.scalar_before(&e.list, n);
                for (_, member) in &mut each.members {
                    *member = self.scalar_before(member, n);
                }
                each.body = self.expr_before(&e.body, n);
                if let EachGives::Values(s) = &mut each.gives {
                    *s = self.scalar_before(s, n);
                }
                Scalar::Each(each)
            }
            Scalar::AnyField | Scalar::FieldGlob(..) | Scalar::Lit(_) | Scalar::Var(_) | Scalar::Asked(_) => {
                s.clone()
            }
        }
    }

    fn expr_before(&self, e: &Expr, n: usize) -> Expr {
        let all = |v: &[Expr]| v.iter().map(|e| self.expr_before(e, n)).collect();
        match e {
            Expr::And(v) => Expr::And(all(v)),
            Expr::Or(v) => Expr::Or(all(v)),
            Expr::Not(e) => Expr::Not(Box::new(self.expr_before(e, n))),
            Expr::Named(name, e) => Expr::Named(name.clone(), Box::new(self.expr_before(e, n))),
            Expr::Test(t) => {
                let mut test: Test = t.clone();
                test.subject = self.scalar_before(&t.subject, n);
                if let Op::Compare(_, right) = &mut test.op {
                    *right = self.scalar_before(right, n);
                }
                Expr::Test(test)
            }
            Expr::Const(_) | Expr::Opaque(_) => e.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_ir::Names;

    #[test]
    fn a_definition_sees_the_columns_to_its_left_only() {
        let field = |n: &str| Scalar::field(Names::Raw, n);
        let columns: Vec<(Arc<str>, Scalar)> =
            vec![("a".into(), field("x")), ("x".into(), field("a")), ("a".into(), field("b"))];
        let rewrite = Rewrite::new(&columns);
        assert_eq!(rewrite.scalar(&field("x")), field("x"));
        assert_eq!(rewrite.scalar(&field("a")), field("b"));
        assert_eq!(rewrite.scalar(&field("y")), field("y"));
    }
}
