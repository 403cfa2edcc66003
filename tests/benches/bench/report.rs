//! The table, as text, as JSON and as a picture.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

/// What is to be reached.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// Ours by the floor, as rates.
    AtLeast(f64),
    /// Ours by the floor, as times.
    AtMost(f64),
    /// Ours alone, in its unit.
    UpTo(f64),
}

/// One comparison.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) ours: f64,
    pub(crate) floor: f64,
    pub(crate) goal: Goal,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.ours / self.floor
    }

    fn is_met(&self) -> bool {
        match self.goal {
            Goal::AtLeast(least) => self.ratio() >= least,
            Goal::AtMost(most) => self.ratio() <= most,
            Goal::UpTo(most) => self.ours <= most,
        }
    }

    fn goal(&self) -> String {
        match self.goal {
            Goal::AtLeast(least) => format!(">= {least}"),
            Goal::AtMost(most) => format!("<= {most}"),
            Goal::UpTo(most) => format!("<= {most} {}", self.unit),
        }
    }

    fn json(&self) -> Value {
        let rounded = |number: f64| (number * 1_000.0).round() / 1_000.0;
        json!({
            "row": self.name, "unit": self.unit, "ours": rounded(self.ours), "floor": rounded(self.floor),
            "ratio": rounded(self.ratio()), "goal": self.goal(), "met": self.is_met(),
        })
    }
}

pub(crate) fn print(rows: &[Row]) {
    println!("{:<58}{:>10}{:>12}{:>12}{:>8}  {:<12}", "row", "unit", "ours", "floor", "ratio", "goal");
    for row in rows {
        let met = if row.is_met() { "" } else { "  NOT MET" };
        println!(
            "{:<58}{:>10}{:>12.2}{:>12.2}{:>8.2}  {:<12}{met}",
            row.name,
            row.unit,
            row.ours,
            row.floor,
            row.ratio(),
            row.goal()
        );
    }
}

pub(crate) fn write(rows: &[Row]) {
    let folder = folder();
    let table: Value = rows.iter().map(Row::json).collect();
    fs::write(folder.join("bench.json"), format!("{table:#}\n")).unwrap();
    fs::write(folder.join("bench.svg"), picture(rows)).unwrap();
}

/// Where results are left.
pub(crate) fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A bar for each row: as long as its ratio, with a mark where the goal is. Of a goal in units the bar is the part of it that
/// is used up.
fn picture(rows: &[Row]) -> String {
    const LINE: usize = 26;
    const LEFT: f64 = 430.0;
    const UNIT: f64 = 260.0;
    let height = rows.len() * LINE + 20;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 860 {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"860\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (number, row) in rows.iter().enumerate() {
        let top = number * LINE + 10;
        let (mark, length, told) = match row.goal {
            Goal::AtLeast(mark) | Goal::AtMost(mark) => (mark, row.ratio(), format!("{:.2}", row.ratio())),
            Goal::UpTo(most) => (1.0, row.ours / most, format!("{:.2} {}", row.ours, row.unit)),
        };
        let colour = if row.is_met() { "#17703a" } else { "#b3261e" };
        let (bar, mark) = ((length * UNIT).min(360.0), LEFT + (mark * UNIT).min(360.0));
        let base = top + 14;
        let bottom = top + 20;
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{}</text><rect x=\"{LEFT}\" y=\"{top}\" width=\"{bar:.1}\" \
             height=\"18\" fill=\"{colour}\"/><line x1=\"{mark:.1}\" x2=\"{mark:.1}\" y1=\"{top}\" y2=\"{bottom}\" \
             stroke=\"black\" stroke-width=\"2\"/><text x=\"{:.1}\" y=\"{base}\">{told}</text>",
            LEFT - 8.0,
            escaped(&row.name),
            LEFT + bar + 6.0,
        );
    }
    svg.push_str("</svg>\n");
    svg
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
