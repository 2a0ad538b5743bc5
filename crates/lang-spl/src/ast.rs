//! The tree of a search. Places are bytes of the text with its macros expanded.

use shikra_event::Value;
use shikra_ir::CmpOp;
use shikra_syntax::Span;

/// Commands with pipes between them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pipeline {
    pub commands: Vec<Command>,
    pub span: Span,
}

/// One command with its name as written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Command {
    pub name: String,
    pub span: Span,
    pub kind: Kind,
}

/// A piece of text: a field's name, a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Word {
    /// Without quotes, escapes resolved.
    pub text: String,
    pub quoted: bool,
    pub span: Span,
}

/// A condition of `search`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Search {
    And(Vec<Search>),
    Or(Vec<Search>),
    Not(Box<Search>),
    Compare { field: Word, op: CmpOp, value: Word },
    In { field: Word, values: Vec<Word> },
    Term { text: Word, cased: bool },
    Sub(Pipeline),
}

/// An expression of `eval` and `where`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Eval {
    pub kind: EvalKind,
    pub span: Span,
}

/// See [`Eval`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum EvalKind {
    Lit(Value),
    /// A field; whether it stood in quotes.
    Field(String, bool),
    Call(String, Vec<Eval>),
    Not(Box<Eval>),
    And(Vec<Eval>),
    Or(Vec<Eval>),
    Xor(Box<Eval>, Box<Eval>),
    Compare(CmpOp, Box<Eval>, Box<Eval>),
    In(Box<Eval>, Vec<Eval>),
    Like(Box<Eval>, Box<Eval>),
    /// `+`, `-`, `*`, `/`, `%` or `.`.
    Arith(char, Box<Eval>, Box<Eval>),
}

/// An aggregate: `dc(x) as y`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Aggregate {
    /// In lower case.
    pub func: String,
    pub argument: Argument,
    /// Name of the column, where one is given.
    pub to: Option<String>,
    pub span: Span,
}

/// What an aggregate is over.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Argument {
    None,
    Field(Word),
    Eval(Eval),
}

/// A key of a group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct By {
    pub field: Word,
    /// Width of buckets, for time.
    pub span: Option<String>,
}

/// What a command does, as far as its syntax says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Search(Search),
    Where(Eval),
    Eval(Vec<(Word, Eval)>),
    Regex {
        field: Option<Word>,
        negated: bool,
        pattern: Word,
    },
    Stats(Stats),
    Tstats(Box<Tstats>),
    Top(Top),
    Rename(Vec<(Word, Word)>),
    Rex {
        field: Option<Word>,
        pattern: Word,
        options: Options,
    },
    Spath {
        path: Option<Word>,
        options: Options,
    },
    Lookup(Lookup),
    InputLookup {
        table: Word,
        condition: Option<Search>,
        options: Options,
    },
    Join {
        fields: Vec<Word>,
        with: Pipeline,
        options: Options,
    },
    /// `append`, `appendpipe`, `union`, `multisearch`, by name.
    Subsearches(Vec<Pipeline>),
    Transaction {
        fields: Vec<Word>,
        starts: Option<Boundary>,
        ends: Option<Boundary>,
        options: Options,
    },
    Dedup {
        keep: u64,
        fields: Vec<Word>,
        options: Options,
    },
    Bin {
        field: Word,
        to: Option<Word>,
        options: Options,
    },
    /// Commands that take names and options and no more.
    Fields {
        fields: Vec<Word>,
        options: Options,
    },
    /// `fields - a b`.
    Without(Vec<Word>),
    Foreach {
        fields: Vec<Word>,
        body: Span,
        options: Options,
    },
    Convert {
        items: Vec<Convert>,
        options: Options,
    },
    Sort {
        limit: u64,
        keys: Vec<(Word, bool, String)>,
    },
    Head(Head),
    /// `appendcols`: whether its values take the place of those that are there.
    Beside {
        part: Pipeline,
        over: bool,
    },
    Replace {
        pairs: Vec<(Word, Word)>,
        fields: Vec<Word>,
    },
    From(Word),
    /// The search to run for every row, as text.
    Map(Word),
    /// Known, and without an effect on what is found: the reason to tell.
    Nothing(&'static str),
    /// Not to be had: the reason.
    Unsupported(String),
}

/// `name=value` pairs; names in lower case.
pub(crate) type Options = Vec<(String, Word)>;

/// The value of an option.
pub(crate) fn option<'o>(options: &'o Options, name: &str) -> Option<&'o Word> {
    options.iter().find(|(n, _)| n == name).map(|(_, v)| v)
}

/// Whether an option is on.
pub(crate) fn flag(options: &Options, name: &str) -> bool {
    option(options, name).is_some_and(|w| matches!(&*w.text.to_ascii_lowercase(), "t" | "true" | "1" | "yes"))
}

/// `head 5`, `head (n < 3) keeplast=true`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    /// The greatest number where there is none.
    pub limit: u64,
    pub condition: Option<Eval>,
    pub options: Options,
}

/// `stats` and its kin.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stats {
    pub aggregates: Vec<Aggregate>,
    pub by: Vec<By>,
    pub options: Options,
}

/// `tstats`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tstats {
    pub stats: Stats,
    /// Model and object.
    pub from: Option<(Word, Option<String>)>,
    pub condition: Option<Search>,
}

/// `top` and `rare`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Top {
    pub limit: u64,
    pub fields: Vec<Word>,
    pub by: Vec<Word>,
    pub options: Options,
}

/// `lookup`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Lookup {
    pub table: Word,
    /// Table column, field.
    pub on: Vec<(Word, Word)>,
    /// Table column, new field.
    pub output: Vec<(Word, Word)>,
    pub only_new: bool,
}

/// `startswith` and `endswith`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Boundary {
    Search(Search),
    Eval(Eval),
}

/// `ctime(x) as y`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Convert {
    pub func: String,
    pub field: Word,
    pub to: Option<Word>,
}
