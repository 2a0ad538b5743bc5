//! What a parser, a lint or a loader has to say about a text.

use std::fmt::Write as _;

use crate::{Source, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is lost.
    Note,
    /// Something will not do what its author meant.
    Warning,
    /// The rule, or a clause of it, cannot be used.
    Error,
}

impl Severity {
    /// `note`, `warning`, `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// A message about a place in a text: what is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable kebab-case name of the kind of message, e.g. `unknown-modifier`.
    pub code: &'static str,
    /// One sentence, no full stop.
    pub message: String,
    /// The place, as bytes of the whole file.
    pub span: Span,
    /// What to do, where there is something to say.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: &'static str, message: impl Into<String>, span: Span) -> Diagnostic {
        Diagnostic { severity: Severity::Error, code, message: message.into(), span, help: None }
    }
    /// A warning at a place.
    pub fn warning(code: &'static str, message: impl Into<String>, span: Span) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, message, span) }
    }
    /// A note at a place.
    pub fn note(code: &'static str, message: impl Into<String>, span: Span) -> Diagnostic {
        Diagnostic { severity: Severity::Note, ..Diagnostic::error(code, message, span) }
    }
    /// The same with advice.
    pub fn with_help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// `file:line:column: severity[code]: message`, the line with the place underlined, and the advice.
    pub fn render(&self, source: &Source) -> String {
        let (line, column) = source.position(self.span.start);
        let mut out = format!(
            "{}:{line}:{column}: {}[{}]: {}",
            source.name,
            self.severity.as_str(),
            self.code,
            self.message
        );
        if let Some(text) =
            source.text.lines().nth(line - 1).filter(|t| !t.trim().is_empty() && t.len() <= 400)
        {
            let room = text.chars().count().saturating_sub(column - 1).max(1);
            let width =
                source.slice(self.span).lines().next().map_or(1, |l| l.chars().count()).clamp(1, room);
            let _ = write!(out, "\n  | {text}\n  | {}{}", " ".repeat(column - 1), "^".repeat(width));
        }
        if let Some(help) = &self.help {
            let _ = write!(out, "\n  = help: {help}");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_line_and_marker() {
        let s = Source::new("a.yml", "x: 1\nfiéld|conatins: y\n");
        let d = Diagnostic::error("unknown-modifier", "no modifier `conatins`", Span::new(12, 20))
            .with_help("did you mean `contains`?");
        assert_eq!(
            d.render(&s),
            "a.yml:2:7: error[unknown-modifier]: no modifier `conatins`\n  | fiéld|conatins: y\n  |       \
             ^^^^^^^^\n  = help: did you mean `contains`?"
        );
    }
}
