//! A page as a part of an HTML document.

use std::collections::HashMap;

use super::{Block, Cites, Page, joined, plain};
use crate::escape;

/// Where a word leads, where it leads anywhere.
pub type Link<'l> = &'l dyn Fn(&str) -> Option<String>;

impl Page {
    /// As HTML: headings, paragraphs, lists, tables. Everything is escaped; `link` makes links of ids.
    pub fn to_html(&self, link: Link<'_>) -> String {
        self.to_html_with(link, &[])
    }

    /// The same with HTML of the caller's among it, each before the block of a number.
    pub fn to_html_with(&self, link: Link<'_>, more: &[(usize, &str)]) -> String {
        let mut h = Html { out: String::new(), cites: Cites::new(&self.references), link };
        for (i, (block, anchor)) in self.blocks.iter().zip(self.anchors()).enumerate() {
            more.iter().filter(|(at, _)| *at == i).for_each(|(_, html)| h.out.push_str(html));
            h.block(block, anchor.as_deref());
        }
        more.iter().filter(|(at, _)| *at >= self.blocks.len()).for_each(|(_, html)| h.out.push_str(html));
        h.references();
        h.out
    }

    /// Names for the addresses of the headings of level 2, by block: each is there once.
    fn anchors(&self) -> Vec<Option<String>> {
        let mut taken: HashMap<String, usize> = HashMap::new();
        let one = |block: &Block| {
            let Block::Heading(2, text) = block else { return None };
            let name = anchor(text);
            let times = taken.entry(name.clone()).and_modify(|n| *n += 1).or_insert(1);
            Some(if *times == 1 { name } else { format!("{name}-{times}") })
        };
        self.blocks.iter().map(one).collect()
    }

    /// The headings of level 2, by block: where they are and what they say.
    pub fn contents(&self) -> Vec<(usize, String, &str)> {
        let all = self.blocks.iter().zip(self.anchors()).enumerate();
        all.filter_map(|(i, (block, anchor))| match block {
            Block::Heading(2, text) => Some((i, anchor?, text.as_str())),
            _ => None,
        })
        .collect()
    }
}

/// Text for HTML.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    escape::html(text, &mut out);
    out
}

/// Text with its ids as links.
pub fn linked(text: &str, link: Link<'_>) -> String {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.find(|c| !part(c)).unwrap_or(rest.len());
        let word = if word == 0 { rest.find(part).unwrap_or(rest.len()) } else { word };
        let (token, next) = rest.split_at(word);
        let id = token.trim_end_matches(['.', '-']);
        let place = (id.len() > 3 && id.contains(|c: char| c.is_ascii_digit())).then(|| link(id)).flatten();
        match place {
            Some(place) => {
                out.push_str(&format!("<a href=\"{}\">{}</a>", escaped(&place), escaped(id)));
                escape::html(token.get(id.len()..).unwrap_or(""), &mut out);
            }
            None => escape::html(token, &mut out),
        }
        rest = next;
    }
    out
}

/// An address that leads to the web; anything else is text.
pub fn address(url: &str) -> String {
    let text = escaped(url);
    match url.starts_with("https://") || url.starts_with("http://") {
        true if !url.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            format!("<a href=\"{text}\" rel=\"noopener noreferrer nofollow\">{text}</a>")
        }
        _ => text,
    }
}

/// A name for the address of a heading.
fn anchor(text: &str) -> String {
    let name: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let words: Vec<&str> = name.split('-').filter(|w| !w.is_empty()).collect();
    format!("s-{}", words.join("-"))
}

struct Html<'p> {
    out: String,
    cites: Cites<'p>,
    link: Link<'p>,
}

impl Html<'_> {
    fn block(&mut self, block: &Block, anchor: Option<&str>) {
        match block {
            Block::Heading(level, text) => {
                let level = level.clamp(&1, &4);
                let anchor = anchor.map_or(String::new(), |a| format!(" id=\"{a}\""));
                self.out.push_str(&format!("<h{level}{anchor}>{}</h{level}>\n", escaped(text)));
            }
            Block::Prose(text) => self.prose(text),
            Block::Facts(facts) => {
                self.out.push_str("<dl class=\"facts\">\n");
                for (k, v) in facts {
                    let v = if v.starts_with("http") { address(v) } else { linked(v, self.link) };
                    self.out.push_str(&format!("<div><dt>{}</dt><dd>{v}</dd></div>\n", escaped(k)));
                }
                self.out.push_str("</dl>\n");
            }
            Block::Rows(heads, rows) => self.rows(heads, rows),
            Block::Code(language, text) => {
                let name = if language.is_empty() { "Code" } else { language };
                self.out.push_str(&format!(
                    "<pre tabindex=\"0\" aria-label=\"{}\"><code>{}</code></pre>\n",
                    escaped(name),
                    escaped(text)
                ));
            }
            Block::Note(text) => self.remark("note", text),
            Block::Warning(text) => self.remark("warning", text),
        }
    }

    fn remark(&mut self, class: &str, text: &str) {
        self.out.push_str(&format!("<p class=\"{class}\">{}</p>\n", linked(text, self.link)));
    }

    /// Paragraphs and lists.
    fn prose(&mut self, text: &str) {
        let text = self.cites.numbered(&plain(&joined(text)));
        let mut list = false;
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let item = line.strip_prefix("* ").or_else(|| line.strip_prefix("- "));
            if item.is_some() != list {
                self.out.push_str(if list { "</ul>\n" } else { "<ul>\n" });
                list = item.is_some();
            }
            let said = self.inline(item.unwrap_or(line));
            self.out.push_str(&match item {
                Some(_) => format!("<li>{said}</li>\n"),
                None => format!("<p>{said}</p>\n"),
            });
        }
        if list {
            self.out.push_str("</ul>\n");
        }
    }

    /// Backquoted text as code, ids as links.
    fn inline(&self, text: &str) -> String {
        let parts: Vec<&str> = text.split('`').collect();
        let paired = parts.len() % 2 == 1;
        let mut out = String::new();
        for (i, part) in parts.iter().enumerate() {
            match paired && i % 2 == 1 {
                true => out.push_str(&format!("<code>{}</code>", escaped(part))),
                false if !paired && i > 0 => out.push_str(&format!("&#96;{}", linked(part, self.link))),
                false => out.push_str(&linked(part, self.link)),
            }
        }
        out
    }

    fn rows(&mut self, heads: &[&'static str], rows: &[Vec<String>]) {
        self.out.push_str("<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr>");
        for head in heads {
            self.out.push_str(&format!("<th scope=\"col\">{}</th>", escaped(head)));
        }
        self.out.push_str("</tr></thead>\n<tbody>\n");
        for row in rows {
            self.out.push_str("<tr>");
            for c in 0..heads.len() {
                let cell = self.cites.numbered(&plain(row.get(c).map_or("", String::as_str)));
                let lines: Vec<String> = cell.lines().map(|l| self.inline(l)).collect();
                self.out.push_str(&format!("<td>{}</td>", lines.join("<br>")));
            }
            self.out.push_str("</tr>\n");
        }
        self.out.push_str("</tbody></table></div>\n");
    }

    fn references(&mut self) {
        let list: Vec<String> = self.cites.list().map(|(_, t)| reference(t)).collect();
        if list.is_empty() {
            return;
        }
        self.out.push_str("<h2 id=\"s-references\">References</h2>\n<ol class=\"references\">\n");
        list.iter().for_each(|l| self.out.push_str(&format!("<li>{l}</li>\n")));
        self.out.push_str("</ol>\n");
    }
}

/// A reference, the address at its end as a link.
fn reference(text: &str) -> String {
    let at = text.rfind("http").unwrap_or(text.len());
    let (before, url) = text.split_at(at);
    format!("{}{}", escaped(before), address(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_becomes_markup() {
        let mut page = Page::default();
        page.heading(1, "<b>T1</b>");
        page.facts([("<i>", "\"quoted\" <script>".to_owned()), ("page", "javascript:alert(1)".to_owned())]);
        page.prose("a `<c>` & ` [x](javascript:y)\n* one <u>\n* two");
        page.section("<s>", &["id"], vec![vec!["<td>\u{202e}".into()]]);
        page.blocks.push(Block::Code("cmd\" x=\"", "</pre><script>".into()));
        let html = page.to_html(&|id| (id == "T1").then(|| "t1.html".into()));
        for tag in ["<b>", "<i>", "<script", "<u>", "<s>", "<td>\u{202e}", "javascript:alert(1)\"", " x=\""] {
            assert!(!html.contains(tag), "{tag}: {html}");
        }
        assert!(html.contains("<li>one &lt;u&gt;</li>"), "{html}");
    }

    #[test]
    fn ids_are_links() {
        let link = |id: &str| (id == "T1218.003").then(|| "x.html".to_owned());
        assert_eq!(linked("See T1218.003, T1.", &link), "See <a href=\"x.html\">T1218.003</a>, T1.");
        assert_eq!(linked("T1218.003.", &link), "<a href=\"x.html\">T1218.003</a>.");
        assert_eq!(address("javascript:x"), "javascript:x");
    }
}
