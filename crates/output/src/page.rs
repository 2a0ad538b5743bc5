//! A page for people: for a terminal, as Markdown, as HTML.
//!
//! Who makes a page says what things are ([`Block`]); how they look is decided here. Texts are raw: they are made
//! harmless here, for the place they go to. ATT&CK's prose keeps its own Markdown: links become names on a terminal,
//! `(Citation: …)` becomes a number of the references.

mod html;

pub use html::{Link, address, escaped, linked};

use crate::escape::{for_terminal, is_unsafe};
use crate::paint::{pad, width};
use crate::{Paint, Style};

/// A part of a page.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A heading of level 1, 2 or 3.
    Heading(u8, String),
    /// Prose with ATT&CK's kind of Markdown.
    Prose(String),
    /// Names and values.
    Facts(Vec<(String, String)>),
    /// Rows under heads. The last column is prose and may break into lines.
    Rows(Vec<&'static str>, Vec<Vec<String>>),
    /// Text as it stands, with the name of its language.
    Code(&'static str, String),
    /// A remark of ours.
    Note(String),
    /// Something to look at.
    Warning(String),
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// What stands on it.
    pub blocks: Vec<Block>,
    /// What its prose may cite: name, text, address.
    pub references: Vec<(String, String)>,
}

/// Narrowest and widest a column of prose gets.
const PROSE: std::ops::RangeInclusive<usize> = 30..=110;

impl Page {
    /// Adds a heading.
    pub fn heading(&mut self, level: u8, text: impl Into<String>) {
        self.blocks.push(Block::Heading(level, text.into()));
    }

    /// Puts the sections from a block on beneath a heading of level 3.
    pub fn lower(&mut self, from: usize) {
        for block in self.blocks.iter_mut().skip(from) {
            if let Block::Heading(level @ 2, _) = block {
                *level = 3;
            }
        }
    }

    /// Adds prose, where there is any.
    pub fn prose(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.blocks.push(Block::Prose(text.trim().to_owned()));
        }
    }

    /// Adds those facts that have a value.
    pub fn facts<'a>(&mut self, facts: impl IntoIterator<Item = (&'a str, String)>) {
        let facts: Vec<_> =
            facts.into_iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| (k.to_owned(), v)).collect();
        if !facts.is_empty() {
            self.blocks.push(Block::Facts(facts));
        }
    }

    /// Adds a heading of level 2 and rows beneath it, where there are any.
    pub fn section(&mut self, title: &str, heads: &[&'static str], rows: Vec<Vec<String>>) {
        if !rows.is_empty() {
            self.heading(2, format!("{title} ({})", rows.len()));
            self.blocks.push(Block::Rows(heads.to_vec(), rows));
        }
    }

    /// For a terminal.
    pub fn to_text(&self, style: &Style) -> String {
        let mut t =
            Terminal { style, out: String::new(), cites: Cites::new(&self.references), after_title: false };
        self.blocks.iter().for_each(|b| t.block(b));
        t.references();
        t.out
    }

    /// As Markdown.
    pub fn to_markdown(&self) -> String {
        let mut m = Markdown { out: String::new(), cites: Cites::new(&self.references) };
        self.blocks.iter().for_each(|b| m.block(b));
        m.references();
        m.out
    }
}

/// Numbers of what was cited so far.
struct Cites<'p> {
    known: &'p [(String, String)],
    used: Vec<usize>,
}

impl<'p> Cites<'p> {
    fn new(known: &'p [(String, String)]) -> Cites<'p> {
        Cites { known, used: Vec::new() }
    }

    fn number(&mut self, name: &str) -> Option<usize> {
        let at = self.known.iter().position(|k| k.0 == name)?;
        let place = self.used.iter().position(|u| *u == at).unwrap_or_else(|| {
            self.used.push(at);
            self.used.len() - 1
        });
        Some(place + 1)
    }

    fn list(&self) -> impl Iterator<Item = (usize, &'p str)> {
        let known = self.known;
        self.used.iter().enumerate().filter_map(move |(i, at)| Some((i + 1, known.get(*at)?.1.as_str())))
    }

    /// Citations as numbers; those of nothing known are left out.
    fn numbered(&mut self, text: &str) -> String {
        const OPEN: &str = "(Citation: ";
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(OPEN) {
            let (before, after) = rest.split_at(at);
            out.push_str(before);
            let inside = after.get(OPEN.len()..).unwrap_or("");
            let Some(end) = closing(inside) else {
                rest = after;
                break;
            };
            if let Some(n) = self.number(inside.get(..end).unwrap_or("").trim()) {
                out.push_str(&format!("[{n}]"));
            }
            rest = inside.get(end + 1..).unwrap_or("");
        }
        out.push_str(rest);
        out
    }
}

/// Where the bracket closes that is open at the start; names of citations have brackets of their own.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1_usize;
    for (i, c) in text.char_indices().take(400) {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            '\n' => return None,
            _ => {}
        }
        if depth == 0 {
            return Some(i);
        }
    }
    None
}

/// Links as their text, `<code>` as backquotes.
fn plain(text: &str) -> String {
    let text = text.replace("<code>", "`").replace("</code>", "`").replace("<br>", "\n");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('[') {
        out.push_str(rest.get(..at).unwrap_or(""));
        let after = rest.get(at + 1..).unwrap_or("");
        let link = after.find("](").and_then(|mid| {
            let name = after.get(..mid).filter(|n| !n.contains(['[', '\n']))?;
            let end = after.get(mid + 2..)?.find([')', '\n', ' '])? + mid + 2;
            after.get(end..).filter(|r| r.starts_with(')')).map(|r| (name, &r[1..]))
        });
        match link {
            Some((name, next)) => {
                out.push_str(name);
                rest = next;
            }
            None => {
                out.push('[');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Paragraphs on one line each; items of lists stay on lines of their own.
fn joined(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let own = line.trim_start().starts_with(['*', '-', '#', '|']) || line.starts_with("    ");
        if line.trim().is_empty() {
            out.push_str("\n\n");
        } else if own || out.is_empty() || out.ends_with('\n') {
            out.push_str(if out.is_empty() || out.ends_with('\n') { "" } else { "\n" });
            out.push_str(line);
        } else {
            out.push(' ');
            out.push_str(line.trim());
        }
    }
    out
}

/// Words of a line laid out in `room` columns; a word that is wider stands alone.
fn wrap(line: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut at = String::new();
    for word in line.split_whitespace() {
        if !at.is_empty() && width(&at) + 1 + width(word) > room {
            lines.push(std::mem::take(&mut at));
        }
        if !at.is_empty() {
            at.push(' ');
        }
        at.push_str(word);
    }
    if !at.is_empty() || lines.is_empty() {
        lines.push(at);
    }
    lines
}

struct Terminal<'p> {
    style: &'p Style,
    out: String,
    cites: Cites<'p>,
    /// Whether a heading or a remark stands just above.
    after_title: bool,
}

impl Terminal<'_> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn room(&self, taken: usize) -> usize {
        self.style.width.unwrap_or(100).saturating_sub(taken).clamp(*PROSE.start(), *PROSE.end())
    }

    fn block(&mut self, block: &Block) {
        let joins = self.after_title && matches!(block, Block::Facts(_));
        if !self.out.is_empty() && !joins {
            self.out.push('\n');
        }
        self.after_title = matches!(block, Block::Heading(..) | Block::Warning(_) | Block::Note(_));
        match block {
            Block::Heading(level, text) => self.heading(*level, text),
            Block::Prose(text) => self.prose(text),
            Block::Facts(facts) => self.facts(facts),
            Block::Rows(heads, rows) => self.rows(heads, rows),
            Block::Code(_, text) => {
                for l in text.lines() {
                    self.line(&format!("    {}", for_terminal(&l.replace('\t', "    "))));
                }
            }
            Block::Note(text) => self.remark(Paint::Faint, text),
            Block::Warning(text) => self.remark(Paint::Warn, text),
        }
    }

    fn heading(&mut self, level: u8, text: &str) {
        let text = for_terminal(text);
        let painted = self.style.paint(Paint::Strong, &text);
        self.line(&painted);
        if level <= 2 {
            let rule = if level == 1 { "═" } else { "─" }.repeat(width(&text));
            let rule = self.style.paint(Paint::Faint, &rule);
            self.line(&rule);
        }
    }

    fn remark(&mut self, paint: Paint, text: &str) {
        for l in wrap(&for_terminal(text), self.room(0)) {
            let painted = self.style.paint(paint, &l);
            self.line(&painted);
        }
    }

    fn prose(&mut self, text: &str) {
        for l in self.lines(&joined(text), 0) {
            self.line(&l);
        }
    }

    /// Prose as lines of a column that begins after `taken` columns.
    fn lines(&mut self, text: &str, taken: usize) -> Vec<String> {
        let text = self.cites.numbered(&plain(text));
        let mut out = Vec::new();
        for paragraph in text.lines() {
            let safe = for_terminal(paragraph.trim_end());
            let bullet =
                safe.trim_start().starts_with(['*', '-']) && safe.contains("- ") | safe.contains("* ");
            let indent = if bullet { 2 } else { 0 };
            for (i, l) in wrap(&safe, self.room(taken + indent)).into_iter().enumerate() {
                let lead = if i > 0 { " ".repeat(indent) } else { String::new() };
                out.push(lead + &l);
            }
        }
        out
    }

    fn facts(&mut self, facts: &[(String, String)]) {
        let room = facts.iter().map(|(k, _)| width(k)).max().unwrap_or(0);
        for (k, v) in facts {
            let name = self.style.paint(Paint::Faint, &pad(&for_terminal(k), room));
            for (i, l) in wrap(&for_terminal(v), self.room(room + 2)).into_iter().enumerate() {
                let lead = if i == 0 { name.clone() } else { " ".repeat(room) };
                self.line(&format!("{lead}  {l}"));
            }
        }
    }

    fn rows(&mut self, heads: &[&'static str], rows: &[Vec<String>]) {
        let last = heads.len().saturating_sub(1);
        let widths: Vec<usize> = (0..last).map(|c| self.column(heads, rows, c)).collect();
        let taken: usize = widths.iter().map(|w| w + 2).sum();
        let mut head = String::new();
        for (c, name) in heads.iter().enumerate() {
            head.push_str(&pad(name, widths.get(c).map_or(0, |w| w + 2)));
        }
        let head = self.style.paint(Paint::Faint, head.trim_end());
        self.line(&head);
        for row in rows {
            let prose = self.lines(row.get(last).map_or("", String::as_str), taken);
            let cells: Vec<Vec<String>> = widths
                .iter()
                .enumerate()
                .map(|(c, w)| wrap(&for_terminal(row.get(c).map_or("", String::as_str)), *w))
                .collect();
            let height = cells.iter().map(Vec::len).chain([prose.len()]).max().unwrap_or(0);
            for i in 0..height {
                let mut line = String::new();
                for (c, w) in widths.iter().enumerate() {
                    let cell = cells.get(c).and_then(|l| l.get(i)).map_or("", String::as_str);
                    let padded = pad(cell, w + 2);
                    line.push_str(&if c == 0 { self.style.paint(Paint::Strong, &padded) } else { padded });
                }
                line.push_str(prose.get(i).map_or("", String::as_str));
                self.line(&line);
            }
        }
    }

    /// Width of a column that is not the last: of its widest cell, up to a third of the line.
    fn column(&self, heads: &[&'static str], rows: &[Vec<String>], c: usize) -> usize {
        let cell = |r: &Vec<String>| r.get(c).map_or(0, |t| width(&for_terminal(t)));
        let widest = rows.iter().map(cell).chain(heads.get(c).map(|h| width(h))).max().unwrap_or(0);
        widest.min(self.style.width.unwrap_or(120) / 3).max(4)
    }

    fn references(&mut self) {
        let list: Vec<(usize, String)> = self.cites.list().map(|(n, t)| (n, t.to_owned())).collect();
        if list.is_empty() {
            return;
        }
        self.out.push('\n');
        self.heading(2, "References");
        for (n, text) in list {
            let number = format!("[{n}] ");
            let indent = " ".repeat(width(&number));
            for (i, l) in wrap(&for_terminal(&text), self.room(indent.len())).into_iter().enumerate() {
                let lead = if i == 0 { &number } else { &indent };
                self.line(&format!("{lead}{l}"));
            }
        }
    }
}

struct Markdown<'p> {
    out: String,
    cites: Cites<'p>,
}

/// Text that is no Markdown and no HTML.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if is_unsafe(c) => out.push_str(&for_terminal(&c.to_string())),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Prose as safe Markdown: backquoted code stays code, all else is literal.
fn safe_prose(text: &str) -> String {
    let mut out = String::new();
    for (i, part) in text.split('`').enumerate() {
        if i % 2 == 1 && !part.contains('\n') && !part.is_empty() {
            out.push_str(&format!("`{}`", for_terminal(part).replace('|', "\\|")));
        } else {
            out.push_str(&literal(part));
        }
    }
    out
}

impl Markdown<'_> {
    fn text(&mut self, text: &str) -> String {
        self.cites.numbered(&plain(text)).lines().map(safe_prose).collect::<Vec<_>>().join("\n")
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Heading(level, text) => {
                let marks = "#".repeat(usize::from(*level).clamp(1, 6));
                self.out.push_str(&format!("{marks} {}\n\n", literal(text)));
            }
            Block::Prose(text) => {
                let text = self.text(&joined(text));
                self.out.push_str(&format!("{text}\n\n"));
            }
            Block::Facts(facts) => {
                for (k, v) in facts {
                    self.out.push_str(&format!("- **{}**: {}\n", literal(k), literal(v)));
                }
                self.out.push('\n');
            }
            Block::Rows(heads, rows) => self.rows(heads, rows),
            Block::Code(language, text) => {
                let fence = "`".repeat(longest_fence(text).max(2) + 1);
                let safe: String =
                    text.lines().map(|l| for_terminal(&l.replace('\t', "    ")) + "\n").collect();
                self.out.push_str(&format!("{fence}{language}\n{safe}{fence}\n\n"));
            }
            Block::Note(text) | Block::Warning(text) => {
                self.out.push_str(&format!("> {}\n\n", literal(text)));
            }
        }
    }

    fn rows(&mut self, heads: &[&'static str], rows: &[Vec<String>]) {
        self.out.push_str(&format!("| {} |\n|{}\n", heads.join(" | "), " --- |".repeat(heads.len())));
        for row in rows {
            let cells: Vec<String> = (0..heads.len())
                .map(|c| self.text(row.get(c).map_or("", String::as_str)).replace('\n', "<br>"))
                .collect();
            self.out.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        self.out.push('\n');
    }

    fn references(&mut self) {
        let list: Vec<(usize, &str)> = self.cites.list().collect();
        if !list.is_empty() {
            self.out.push_str("## References\n\n");
        }
        for (n, text) in list {
            self.out.push_str(&format!("{n}. {}\n", literal(text)));
        }
    }
}

fn longest_fence(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        let mut p = Page {
            references: vec![("A (b) c".into(), "A paper. https://example.org".into())],
            ..Page::default()
        };
        p.heading(1, "T1 · A\x1b[31mname");
        p.facts([("tactics", "stealth".to_owned()), ("empty", String::new())]);
        p.prose("[Name](https://x.example/y) runs <code>a.exe</code>.(Citation: A (b) c) [not a link](x(Citation: none)\n\n- one");
        p.section(
            "Used by",
            &["id", "name", "how"],
            vec![vec!["G1".into(), "Bad | <b>".into(), "It does.".into()]],
        );
        p
    }

    #[test]
    fn on_a_terminal() {
        let text = page().to_text(&Style { width: Some(60), ..Style::default() });
        assert!(text.starts_with("T1 · A\\x1b[31mname\n═"), "{text}");
        assert!(text.contains("Name runs `a.exe`.[1]"), "{text}");
        assert!(text.contains("G1    Bad | <b>  It does."), "{text}");
        assert!(text.ends_with("[1] A paper. https://example.org\n"), "{text}");
        assert!(!text.contains('\x1b'));
        let colour = page().to_text(&Style { colour: true, width: Some(60), ..Style::default() });
        assert!(colour.contains("\x1b[1m"));
    }

    #[test]
    fn as_markdown() {
        let text = page().to_markdown();
        assert!(text.contains("| G1 | Bad \\| &lt;b&gt; | It does. |"), "{text}");
        assert!(text.contains("Name runs `a.exe`.\\[1\\]"), "{text}");
        assert!(text.contains("1. A paper. https://example.org"), "{text}");
    }

    #[test]
    fn hostile_prose() {
        for text in [
            "[",
            "[a](",
            "(Citation: ",
            "[[[[](](",
            "`",
            "```\n<script>",
            "(Citation: a\n)",
            "\u{202e}[x](y)",
        ] {
            let mut p = Page::default();
            p.prose(text);
            p.blocks.push(Block::Code("cmd", text.to_owned()));
            let out = p.to_text(&Style::default());
            assert!(!out.contains('\u{202e}'));
            let markdown = p.to_markdown();
            let prose = markdown.split("```").next().unwrap_or("");
            assert!(!prose.split('`').step_by(2).any(|t| t.contains("<script>")), "{prose}");
        }
    }
}
