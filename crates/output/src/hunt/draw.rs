//! Pictures of results in Unicode text: bars, sparklines, boxes, scatter plots, histograms.

use std::fmt::Write as _;

use shikra_hunt::result::{Axis, BoxGroup, Plot, Point};

use crate::escape::for_terminal;
use crate::paint::{clip, pad, thousands, width};
use crate::{Paint, Style};

/// Columns of a picture where the width is not limited.
const WIDTH: usize = 100;
/// Widest label.
const LABEL: usize = 32;
/// Lines of a scatter plot.
const LINES: usize = 20;
/// Boxes, bars and outliers named at most.
const MOST: usize = 30;

const EIGHTHS: [char; 9] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
const HEIGHTS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A picture as text.
pub fn plot(plot: &Plot, style: &Style) -> String {
    let room = style.width.unwrap_or(WIDTH).clamp(40, 160);
    match plot {
        Plot::Bars { title, unit, bars } => draw_bars(title, unit, bars, style, room),
        Plot::Timeline { title, series, .. } => timeline(title, series, style, room),
        Plot::Boxes { title, axis, groups } => boxes(title, axis, groups, style, room),
        Plot::Scatter { title, x, y, points, lines } => {
            Canvas::draw(title, (x, y), points, lines, style, room)
        }
        Plot::Histogram { title, axis, bounds, counts, threshold } => {
            histogram(title, axis, (bounds, counts), *threshold, style, room)
        }
    }
}

fn titled(title: &str, style: &Style) -> String {
    format!("  {}\n", style.paint(Paint::Strong, &for_terminal(title)))
}

/// A number as short as it can be read.
pub(super) fn number(n: f64) -> String {
    let size = n.abs();
    match size {
        _ if !n.is_finite() => "-".to_owned(),
        s if s >= 1e6 => format!("{n:.2e}"),
        s if s >= 1000.0 => {
            format!("{}{}", if n < 0.0 { "-" } else { "" }, thousands(size.round() as u64))
        }
        s if s >= 100.0 => format!("{n:.0}"),
        s if s >= 10.0 => format!("{n:.1}"),
        s if n.fract() == 0.0 && s < 10.0 => format!("{n:.0}"),
        _ => format!("{n:.2}"),
    }
}

/// A bar of `share` (0 to 1) of `room` columns; something is seen of anything above 0.
pub(super) fn bar(share: f64, room: usize) -> String {
    let eighths = (share.clamp(0.0, 1.0) * (room * 8) as f64).round() as usize;
    let eighths = if share > 0.0 { eighths.max(1) } else { 0 };
    let mut out = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        out.push(EIGHTHS[eighths % 8]);
    }
    out
}

/// Heights of numbers, at most `room` of them; more are drawn together.
pub(super) fn sparkline(numbers: &[f64], room: usize) -> String {
    let together = numbers.len().div_ceil(room.max(1)).max(1);
    let sums: Vec<f64> = numbers.chunks(together).map(|c| c.iter().sum()).collect();
    let top = sums.iter().copied().fold(0.0, f64::max);
    let height = |n: &f64| match n {
        n if *n <= 0.0 || top <= 0.0 => '·',
        n => HEIGHTS[((n / top * 8.0).ceil() as usize).clamp(1, 8)],
    };
    sums.iter().map(height).collect()
}

fn label_width<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(|n| width(&for_terminal(n))).max().unwrap_or(0).clamp(4, LABEL)
}

fn labelled(name: &str, room: usize) -> String {
    pad(&clip(&for_terminal(name), room), room)
}

fn draw_bars(
    title: &str,
    unit: &str,
    bars: &[(String, f64, Option<usize>)],
    style: &Style,
    room: usize,
) -> String {
    let mut out = titled(&format!("{title} ({unit})"), style);
    let labels = label_width(bars.iter().map(|b| b.0.as_str()));
    let top = bars.iter().map(|b| b.1).fold(f64::MIN_POSITIVE, f64::max);
    for (name, n, _) in bars.iter().take(MOST) {
        let line = bar(n / top, room.saturating_sub(labels + 16));
        let _ = writeln!(out, "  {} {line} {}", labelled(name, labels), number(*n));
    }
    out
}

fn timeline(title: &str, series: &[(String, Vec<f64>, Option<usize>)], style: &Style, room: usize) -> String {
    let mut out = titled(title, style);
    let labels = label_width(series.iter().map(|s| s.0.as_str()));
    for (name, numbers, _) in series.iter().take(MOST) {
        let line = sparkline(numbers, room.saturating_sub(labels + 4));
        let _ = writeln!(out, "  {} {line}", labelled(name, labels));
    }
    out
}

/// From an axis to 0..1.
struct Scale {
    low: f64,
    high: f64,
    log: bool,
}

impl Scale {
    fn new(axis: &Axis, numbers: impl Iterator<Item = f64>) -> Scale {
        let log = axis.log;
        let on = |n: f64| if log { n.max(0.0).ln_1p() } else { n };
        let all = numbers.filter(|n| n.is_finite()).map(on);
        let (low, high) = all.fold((f64::MAX, f64::MIN), |(a, b), n| (a.min(n), b.max(n)));
        if low > high { Scale { low: 0.0, high: 1.0, log } } else { Scale { low, high, log } }
    }

    fn place(&self, n: f64) -> f64 {
        let n = if self.log { n.max(0.0).ln_1p() } else { n };
        if self.high > self.low { ((n - self.low) / (self.high - self.low)).clamp(0.0, 1.0) } else { 0.5 }
    }

    fn ends(&self) -> (String, String) {
        let back = |n: f64| if self.log { n.exp_m1() } else { n };
        (number(back(self.low)), number(back(self.high)))
    }
}

fn boxes(title: &str, axis: &Axis, groups: &[BoxGroup], style: &Style, room: usize) -> String {
    let mut out = titled(title, style);
    let labels = label_width(groups.iter().map(|g| g.name.as_str()));
    let across = room.saturating_sub(labels + 14).max(20);
    let numbers = groups.iter().flat_map(|g| g.five.iter().copied().chain(g.outliers.iter().map(|o| o.0)));
    let scale = Scale::new(axis, numbers);
    for g in groups.iter().take(MOST) {
        let count = thousands(g.count);
        let _ = writeln!(out, "  {} {} n={count}", labelled(&g.name, labels), a_box(g, &scale, across));
    }
    let (low, high) = scale.ends();
    let gap = across.saturating_sub(width(&low) + width(&high));
    let scale = if axis.log { ", logarithmic" } else { "" };
    let _ = writeln!(
        out,
        "  {} {low}{}{high}  {}{scale}",
        " ".repeat(labels),
        " ".repeat(gap),
        for_terminal(&axis.name)
    );
    out
}

fn a_box(g: &BoxGroup, scale: &Scale, across: usize) -> String {
    let mut line = vec![' '; across];
    let at = |n: f64| ((scale.place(n) * (across - 1) as f64).round() as usize).min(across - 1);
    let [low, q1, median, q3, high] = g.five.map(at);
    line[low..=high].fill('─');
    line[q1..=q3].fill('█');
    line[low] = '├';
    line[high] = '┤';
    line[q1] = '▐';
    line[q3] = '▌';
    line[median] = '│';
    for (n, ..) in &g.outliers {
        line[at(*n)] = '•';
    }
    line.into_iter().collect()
}

fn histogram(
    title: &str,
    axis: &Axis,
    (bounds, counts): (&[f64], &[u64]),
    threshold: Option<f64>,
    style: &Style,
    room: usize,
) -> String {
    let mut out = titled(title, style);
    // Counts of a long tail differ by powers of ten.
    let height = |n: u64| (n as f64).ln_1p();
    let top = counts.iter().map(|n| height(*n)).fold(f64::MIN_POSITIVE, f64::max);
    for (i, n) in counts.iter().enumerate() {
        let (Some(low), Some(high)) = (bounds.get(i), bounds.get(i + 1)) else { break };
        let cut = threshold.is_some_and(|t| *low <= t && t < *high);
        let line = bar(height(*n) / top, room.saturating_sub(34));
        let mark = if cut { "  ◂ cut" } else { "" };
        let _ = writeln!(out, "  {:>9} {line} {}{mark}", number(*low), thousands(*n));
    }
    let _ = writeln!(out, "  {:>9} {} (lengths logarithmic)", "", for_terminal(&axis.name));
    out
}

/// Points in Braille, two across and four up in each character.
struct Canvas {
    across: usize,
    up: usize,
    dots: Vec<u8>,
    marks: Vec<Option<char>>,
}

impl Canvas {
    fn draw(
        title: &str,
        (x, y): (&Axis, &Axis),
        points: &[Point],
        lines: &[(String, Vec<(f64, f64)>)],
        style: &Style,
        room: usize,
    ) -> String {
        let on_lines = || lines.iter().flat_map(|l| l.1.iter());
        let across = Scale::new(x, points.iter().map(|p| p.x));
        let up = Scale::new(y, points.iter().map(|p| p.y));
        let _ = on_lines;
        let mut c = Canvas::new(room.saturating_sub(14).max(20), LINES);
        for (_, line) in lines {
            for pair in line.windows(2) {
                c.line(pair, &across, &up);
            }
        }
        for p in points {
            c.dot(across.place(p.x), up.place(p.y));
        }
        for p in points.iter().filter(|p| p.row.is_some_and(|r| r < 9)).rev() {
            let digit = p.row.and_then(|r| char::from_digit(r as u32 + 1, 10));
            c.mark(across.place(p.x), up.place(p.y), digit.unwrap_or('•'));
        }
        let mut out = titled(title, style);
        c.lines(&mut out, (x, &across), (y, &up), style);
        out
    }

    fn new(across: usize, up: usize) -> Canvas {
        Canvas { across, up, dots: vec![0; across * up], marks: vec![None; across * up] }
    }

    fn cell(&self, x: f64, y: f64) -> (usize, usize, usize) {
        let px = ((x * (self.across * 2 - 1) as f64).round() as usize).min(self.across * 2 - 1);
        let py = (((1.0 - y) * (self.up * 4 - 1) as f64).round() as usize).min(self.up * 4 - 1);
        ((py / 4) * self.across + px / 2, px % 2, py % 4)
    }

    fn dot(&mut self, x: f64, y: f64) {
        const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
        let (at, dx, dy) = self.cell(x, y);
        if let Some(d) = self.dots.get_mut(at) {
            *d |= BITS[dx][dy];
        }
    }

    fn mark(&mut self, x: f64, y: f64, c: char) {
        let (at, ..) = self.cell(x, y);
        if let Some(m) = self.marks.get_mut(at) {
            *m = Some(c);
        }
    }

    fn line(&mut self, pair: &[(f64, f64)], across: &Scale, up: &Scale) {
        let [(x0, y0), (x1, y1)] = pair else { return };
        let steps = self.across * 2;
        for i in 0..=steps {
            let t = i as f64 / steps as f64;
            let (x, y) = (x0 + (x1 - x0) * t, y0 + (y1 - y0) * t);
            let inside = |s: &Scale, n: f64| {
                let n = if s.log { n.max(0.0).ln_1p() } else { n };
                (s.low..=s.high).contains(&n)
            };
            if inside(across, x) && inside(up, y) {
                let (at, ..) = self.cell(across.place(x), up.place(y));
                if let Some(m) = self.marks.get_mut(at) {
                    *m = m.or(Some('·'));
                }
            }
        }
    }

    fn lines(&self, out: &mut String, (x, across): (&Axis, &Scale), (y, up): (&Axis, &Scale), style: &Style) {
        let (bottom, top) = up.ends();
        for row in 0..self.up {
            let label = match row {
                0 => top.as_str(),
                r if r + 1 == self.up => bottom.as_str(),
                _ => "",
            };
            let _ = write!(out, "  {label:>9} │");
            for at in row * self.across..(row + 1) * self.across {
                let dots = self.dots.get(at).copied().unwrap_or(0);
                let c = match self.marks.get(at).copied().flatten() {
                    Some(c) if c != '·' || dots == 0 => c,
                    _ => char::from_u32(0x2800 + u32::from(dots)).filter(|_| dots != 0).unwrap_or(' '),
                };
                match c.is_ascii_digit() {
                    true => out.push_str(&style.paint(Paint::Bad, &c.to_string())),
                    false => out.push(c),
                }
            }
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
        }
        let (low, high) = across.ends();
        let gap = self.across.saturating_sub(width(&low) + width(&high));
        let _ = writeln!(out, "  {:>9} └{}", "", "─".repeat(self.across));
        let _ = writeln!(out, "  {:>9}  {low}{}{high}", "", " ".repeat(gap));
        let log = |a: &Axis| if a.log { " (logarithmic)" } else { "" };
        let _ = writeln!(
            out,
            "  {:>9}  across: {}{}; up: {}{}; digits are rows",
            "",
            for_terminal(&x.name),
            log(x),
            for_terminal(&y.name),
            log(y)
        );
    }
}
