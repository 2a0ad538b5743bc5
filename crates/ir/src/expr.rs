//! Predicates and scalars.

use std::cell::RefCell;
use std::sync::Arc;

use ipnet::IpNet;
use shikra_event::Value;
use shikra_syntax::Span;

use crate::{Call, Pattern, Words};

/// Kleene truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Truth {
    /// Does not hold.
    False,
    /// Cannot be said, because a value is absent.
    Unknown,
    /// Holds.
    True,
}

impl Truth {
    /// From a plain answer.
    pub fn of(b: bool) -> Truth {
        if b { Truth::True } else { Truth::False }
    }
    /// Kleene negation.
    pub fn negate(self) -> Truth {
        match self {
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
            Truth::True => Truth::False,
        }
    }
    /// Whether a filter lets it pass.
    pub fn holds(self) -> bool {
        self == Truth::True
    }
}

/// The naming scheme a field name belongs to: the taxonomy resolves it against a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Names {
    /// Names as they stand in the event, nothing else.
    Raw,
    /// Sigma's taxonomy: Sysmon and Windows field names, plus generic ones per category.
    Sigma,
    /// ECS with winlogbeat and Elastic Endpoint fields (EQL, KQL, ES|QL).
    Ecs,
    /// Endgame's flat schema (older EQL).
    Endgame,
    /// Splunk's Windows add-on names (`EventCode`, `Image`, `New_Process_Name`).
    Splunk,
    /// Splunk CIM data models (`Processes.process_name`).
    Cim,
    /// CAR data model (`exe`, `parent_exe`, `src_ip`).
    Car,
    /// OSSEM common data model (`process_parent_name`).
    Ossem,
    /// LogPoint's taxonomy (`image`, `source_address`).
    LogPoint,
    /// A column made by an earlier operator of the plan (aggregates, `eval`).
    Column,
}

impl Names {
    /// Lower-case name, as data files and the canonical text write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Names::Raw => "raw",
            Names::Sigma => "sigma",
            Names::Ecs => "ecs",
            Names::Endgame => "endgame",
            Names::Splunk => "splunk",
            Names::Cim => "cim",
            Names::Car => "car",
            Names::Ossem => "ossem",
            Names::LogPoint => "logpoint",
            Names::Column => "column",
        }
    }
    /// All schemes.
    pub const ALL: &[Names] = &[
        Names::Raw,
        Names::Sigma,
        Names::Ecs,
        Names::Endgame,
        Names::Splunk,
        Names::Cim,
        Names::Car,
        Names::Ossem,
        Names::LogPoint,
        Names::Column,
    ];
}

/// A field as a rule names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldRef {
    /// Naming scheme.
    pub names: Names,
    /// The name, as written.
    pub name: Arc<str>,
}

impl FieldRef {
    /// A field of a scheme.
    pub fn new(names: Names, name: &str) -> FieldRef {
        FieldRef { names, name: shared(name) }
    }
}

thread_local! {
    /// Names made lately. Rules name the same few dozen fields, thousands of rules a hundred thousand times.
    static LATELY: RefCell<[Option<Arc<str>>; NAMES_KEPT]> = const { RefCell::new([const { None }; NAMES_KEPT]) };
}

const NAMES_KEPT: usize = 128;
/// Longer names are not kept.
const LONGEST_KEPT: usize = 64;

/// A name, most often one that is there already.
fn shared(name: &str) -> Arc<str> {
    if name.len() > LONGEST_KEPT {
        return name.into();
    }
    let hash = name.bytes().fold(0u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    LATELY.with_borrow_mut(|lately| match lately.get_mut(hash as usize % NAMES_KEPT) {
        Some(Some(known)) if **known == *name => known.clone(),
        Some(place) => place.insert(name.into()).clone(),
        None => name.into(),
    })
}

/// A value computed from an event or row.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A field's value (a list where it has several).
    Field(FieldRef),
    /// The values of every field of the event, as a list: keyword searches. Paired with [`crate::Multi::Any`].
    AnyField,
    /// The values of all fields of a scheme whose name matches: KQL `process.*: x`.
    FieldGlob(Names, Pattern),
    /// A constant.
    Lit(Value),
    /// A function of the table in [`crate::func`].
    Call(Call),
    /// The first value whose condition holds, else the last.
    Case(Vec<(Expr, Scalar)>, Option<Box<Scalar>>),
    /// A truth as a value: true, false or null.
    Truth(Box<Expr>),
    /// What the elements of a list give: how many satisfy a condition (EQL `arrayCount`, `arraySearch`), which
    /// ones (SPL `mvfilter`), or a value of each (SPL `mvmap`).
    Each(Box<Each>),
    /// A variable bound by an enclosing [`Each`]: its name for the element itself, `name.member` for a member.
    Var(Arc<str>),
    /// What was seen before of a field's value.
    Asked(Box<crate::Asked>),
}

/// A condition over the elements of a list, counted.
///
/// A list of objects is no list in a flat event: its members are fields of their own, each with the values of
/// all elements. Members are then taken element by element where they have equally many values; where they
/// have not, an element cannot be told from the next and each member is bound to all of its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Each {
    /// Name of the variable.
    pub var: Arc<str>,
    /// The list.
    pub list: Scalar,
    /// Members that the condition reads: the name it reads them by (`name.member`), and the values.
    pub members: Vec<(Arc<str>, Scalar)>,
    /// The condition, over [`Scalar::Var`]s and fields.
    pub body: Expr,
    /// What is made of the elements that satisfy it.
    pub gives: EachGives,
}

/// What an [`Each`] makes of the elements that satisfy its condition.
#[derive(Clone, Debug, PartialEq)]
pub enum EachGives {
    /// Their number.
    Count,
    /// A value of each, over the same variables, nulls left out: a list, or null where none is left.
    Values(Scalar),
}

impl Scalar {
    /// A field of a scheme.
    pub fn field(names: Names, name: &str) -> Scalar {
        Scalar::Field(FieldRef::new(names, name))
    }
}

/// Order comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum CmpOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl CmpOp {
    /// `==`, `!=`, `<`, `<=`, `>`, `>=`.
    pub fn as_str(self) -> &'static str {
        match self {
            CmpOp::Eq => "==",
            CmpOp::Ne => "!=",
            CmpOp::Lt => "<",
            CmpOp::Le => "<=",
            CmpOp::Gt => ">",
            CmpOp::Ge => ">=",
        }
    }
    /// What says the same with the sides exchanged.
    pub fn mirrored(self) -> CmpOp {
        match self {
            CmpOp::Lt => CmpOp::Gt,
            CmpOp::Le => CmpOp::Ge,
            CmpOp::Gt => CmpOp::Lt,
            CmpOp::Ge => CmpOp::Le,
            other => other,
        }
    }
    /// Whether an ordering satisfies it.
    pub fn accepts(self, o: std::cmp::Ordering) -> bool {
        match self {
            CmpOp::Eq => o.is_eq(),
            CmpOp::Ne => o.is_ne(),
            CmpOp::Lt => o.is_lt(),
            CmpOp::Le => o.is_le(),
            CmpOp::Gt => o.is_gt(),
            CmpOp::Ge => o.is_ge(),
        }
    }
}

/// A regular expression as written, in the flavour of its test's words.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Regex {
    /// The expression, without delimiters. Case-insensitivity comes from the test's `fold`.
    pub source: String,
    /// `^` and `$` match at line ends.
    pub multi_line: bool,
    /// `.` matches line feeds.
    pub dot_all: bool,
    /// The whole value must match, whatever the flavour's habit.
    pub whole: bool,
}

/// What a test asks of its subject.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// The text of the value matches any of the patterns.
    Like(Vec<Pattern>),
    /// Any of the regular expressions matches.
    Regex(Vec<Regex>),
    /// Compares with another scalar; equality and order follow `coerce`.
    Compare(CmpOp, Scalar),
    /// Equals any of the constants, following `coerce` (typed equality: EQL `==`, `in`).
    In(Vec<Value>),
    /// The value is an address in any of the networks. Text that is no address: false.
    Cidr(Vec<IpNet>),
    /// The field is there, whatever its value (also null or empty). Never unknown.
    Exists,
    /// The field is absent or null. Never unknown.
    IsNull,
    /// The value is itself a truth (functions that answer booleans); null is unknown, other types false.
    IsTrue,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// Left side.
    pub subject: Scalar,
    /// What is asked.
    pub op: Op,
    /// Dialect.
    pub words: Words,
    /// Where it stands in its file.
    pub span: Span,
}

impl Test {
    /// Something else asked of the same, in the same words.
    pub fn asking(&self, op: Op) -> Test {
        Test { subject: self.subject.clone(), op, words: self.words, span: self.span }
    }
    /// Calls `f` on every field read, in order of writing.
    pub fn fields<'e>(&'e self, f: &mut dyn FnMut(&'e FieldRef)) {
        self.subject.fields(f);
        if let Op::Compare(_, right) = &self.op {
            right.fields(f);
        }
    }
}

/// Something that cannot be evaluated. Counts as unknown: never true, and its negation is not true either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opaque {
    /// Why, naming the construct.
    pub reason: String,
    /// Where it stands in its file.
    pub span: Span,
}

/// A predicate. Connectives follow Kleene's three-valued logic; two-valued languages never make unknowns.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// Always this.
    Const(Truth),
    /// All hold; the empty one is true.
    And(Vec<Expr>),
    /// One holds; the empty one is false.
    Or(Vec<Expr>),
    /// Does not hold.
    Not(Box<Expr>),
    /// A comparison.
    Test(Test),
    /// A part of a rule with the name its author gave it (a Sigma selection, a named step): transparent to
    /// evaluation, shown by `explain`.
    Named(Arc<str>, Box<Expr>),
    /// Unsupported.
    Opaque(Opaque),
}

impl Expr {
    /// Always true.
    pub const TRUE: Expr = Expr::Const(Truth::True);
    /// Always false.
    pub const FALSE: Expr = Expr::Const(Truth::False);

    /// Conjunction without needless nesting.
    pub fn and(parts: impl IntoIterator<Item = Expr>) -> Expr {
        joined(parts, Truth::True, Expr::And)
    }
    /// Disjunction without needless nesting.
    pub fn or(parts: impl IntoIterator<Item = Expr>) -> Expr {
        joined(parts, Truth::False, Expr::Or)
    }
    /// Negation.
    pub fn negate(self) -> Expr {
        Expr::Not(Box::new(self))
    }

    /// Calls `f` on every test, in order of writing.
    pub fn tests<'e>(&'e self, f: &mut dyn FnMut(&'e Test)) {
        match self {
            Expr::And(v) | Expr::Or(v) => v.iter().for_each(|e| e.tests(f)),
            Expr::Not(e) | Expr::Named(_, e) => e.tests(f),
            Expr::Test(t) => {
                f(t);
                t.subject.tests(f);
                if let Op::Compare(_, right) = &t.op {
                    right.tests(f);
                }
            }
            Expr::Const(_) | Expr::Opaque(_) => {}
        }
    }

    /// Calls `f` on every field read, in order of writing.
    pub fn fields<'e>(&'e self, f: &mut dyn FnMut(&'e FieldRef)) {
        match self {
            Expr::And(v) | Expr::Or(v) => v.iter().for_each(|e| e.fields(f)),
            Expr::Not(e) | Expr::Named(_, e) => e.fields(f),
            Expr::Test(t) => t.fields(f),
            Expr::Const(_) | Expr::Opaque(_) => {}
        }
    }

    /// Calls `f` on every unsupported part.
    pub fn opaques<'e>(&'e self, f: &mut dyn FnMut(&'e Opaque)) {
        match self {
            Expr::And(v) | Expr::Or(v) => v.iter().for_each(|e| e.opaques(f)),
            Expr::Not(e) | Expr::Named(_, e) => e.opaques(f),
            Expr::Opaque(o) => f(o),
            Expr::Test(_) | Expr::Const(_) => {}
        }
    }
}

/// The parts that are not `neutral`, under a connective where there are several. Most often there is one: that
/// takes no list.
fn joined(
    parts: impl IntoIterator<Item = Expr>,
    neutral: Truth,
    connective: impl FnOnce(Vec<Expr>) -> Expr,
) -> Expr {
    let parts = parts.into_iter();
    let most = parts.size_hint().1.unwrap_or(0);
    let mut parts = parts.filter(|p| *p != Expr::Const(neutral));
    let Some(first) = parts.next() else { return Expr::Const(neutral) };
    let Some(second) = parts.next() else { return first };
    let mut all = Vec::with_capacity(most.max(2));
    all.extend([first, second]);
    all.extend(parts);
    connective(all)
}

impl Scalar {
    fn tests<'e>(&'e self, f: &mut dyn FnMut(&'e Test)) {
        match self {
            Scalar::Call(c) => c.args.iter().for_each(|a| a.tests(f)),
            Scalar::Case(arms, other) => {
                for (cond, value) in arms {
                    cond.tests(f);
                    value.tests(f);
                }
                if let Some(o) = other {
                    o.tests(f);
                }
            }
            Scalar::Truth(e) => e.tests(f),
            Scalar::Each(e) => e.body.tests(f),
            Scalar::Field(_)
            | Scalar::AnyField
            | Scalar::FieldGlob(..)
            | Scalar::Lit(_)
            | Scalar::Var(_)
            | Scalar::Asked(_) => {}
        }
    }

    /// Calls `f` on every field read, in order of writing.
    pub fn fields<'e>(&'e self, f: &mut dyn FnMut(&'e FieldRef)) {
        match self {
            Scalar::Field(r) => f(r),
            Scalar::Asked(a) => f(&a.field),
            Scalar::Call(c) => c.args.iter().for_each(|a| a.fields(f)),
            Scalar::Case(arms, other) => {
                for (cond, value) in arms {
                    cond.fields(f);
                    value.fields(f);
                }
                if let Some(o) = other {
                    o.fields(f);
                }
            }
            Scalar::Truth(e) => e.fields(f),
            Scalar::Each(e) => {
                e.list.fields(f);
                e.members.iter().for_each(|(_, m)| m.fields(f));
                e.body.fields(f);
                if let EachGives::Values(s) = &e.gives {
                    s.fields(f);
                }
            }
            Scalar::AnyField | Scalar::FieldGlob(..) | Scalar::Lit(_) | Scalar::Var(_) => {}
        }
    }
}
