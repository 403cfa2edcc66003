//! The points, as text, as JSON and as a picture of four panels.

use std::{fmt::Write, fs};

use serde_json::{Value, json};

use super::Point;
use crate::report::{escaped, folder};

pub(crate) fn print(points: &[Point]) {
    println!(
        "{:<34}{:<20}{:>10}{:>10}{:>9}{:>8}{:>8}",
        "request", "of so many", "", "us", "calls", "reads", "writes"
    );
    for point in points {
        let store = point.store.map(|store| {
            format!("{:>9.2}{:>8.2}{:>8.2}", store.round_trips, store.read_units, store.write_units)
        });
        let (line, panel, at, micros) = (point.line, point.panel, point.at, point.micros);
        println!("{line:<34}{panel:<20}{at:>10}{micros:>10.0}{}", store.unwrap_or_default());
    }
}

pub(crate) fn write(points: &[Point]) {
    let rounded = |number: f64| (number * 1_000.0).round() / 1_000.0;
    let table: Value = points
        .iter()
        .map(|point| {
            json!({
                "panel": point.panel, "line": point.line, "at": point.at, "micros": rounded(point.micros),
                "round_trips": point.store.map(|store| rounded(store.round_trips)),
                "read_units": point.store.map(|store| rounded(store.read_units)),
                "write_units": point.store.map(|store| rounded(store.write_units)),
            })
        })
        .collect();
    fs::write(folder().join("growth.json"), format!("{table:#}\n")).unwrap();
    fs::write(folder().join("growth.svg"), picture(points)).unwrap();
}

const WIDTH: f64 = 430.0;
const HEIGHT: f64 = 300.0;
/// What is left around the lines of a panel, for its words.
const LEFT: f64 = 60.0;
const TOP: f64 = 80.0;
const RIGHT: f64 = 20.0;
const BOTTOM: f64 = 30.0;
const COLOURS: [&str; 3] = ["#1f4e9c", "#b3261e", "#17703a"];

/// Two panels beside two panels.
fn picture(points: &[Point]) -> String {
    let (width, height) = (2.0 * WIDTH, 2.0 * HEIGHT);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    let mut corners = [(0.0, 0.0), (WIDTH, 0.0), (0.0, HEIGHT), (WIDTH, HEIGHT)].into_iter();
    for name in names(points.iter().map(|point| point.panel)) {
        let (left, top) = corners.next().expect("there are four panels");
        let of_panel: Vec<&Point> = points.iter().filter(|point| point.panel == name).collect();
        let _ = writeln!(svg, "<g transform=\"translate({left} {top})\">{}</g>", panel(name, &of_panel));
    }
    svg.push_str("</svg>\n");
    svg
}

/// Each once, in its order.
fn names<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names = Vec::new();
    for name in all {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Microseconds from zero upwards, and what grows by its logarithm.
fn panel(name: &str, points: &[&Point]) -> String {
    let most = points.iter().map(|point| point.micros).fold(0.0, f64::max) * 1.1;
    let log = |at: usize| f64::from(u32::try_from(at).unwrap()).log10();
    let logs = points.iter().map(|point| log(point.at));
    let (first, last) = logs.fold((f64::MAX, 0.0), |(least, most), log| (log.min(least), log.max(most)));
    let x = |at: usize| LEFT + (log(at) - first) / (last - first) * (WIDTH - LEFT - RIGHT);
    let floor = HEIGHT - BOTTOM;
    let y = |micros: f64| floor - micros / most * (floor - TOP);
    let right = WIDTH - RIGHT;
    let mut svg = format!(
        "<text x=\"{LEFT}\" y=\"20\" font-weight=\"bold\">{}, microseconds a request</text>\
         <path d=\"M{LEFT} {TOP}V{floor}H{right}\" fill=\"none\" stroke=\"black\"/>",
        escaped(name)
    );
    for micros in [0.0, most / 2.2, most / 1.1] {
        let at = y(micros) + 4.0;
        let _ =
            write!(svg, "<text x=\"{}\" y=\"{at:.1}\" text-anchor=\"end\">{micros:.0}</text>", LEFT - 6.0);
    }
    for (number, line) in names(points.iter().map(|point| point.line)).into_iter().enumerate() {
        let colour = COLOURS[number];
        let of_line = points.iter().filter(|point| point.line == line);
        let mut path = String::new();
        for point in of_line {
            let (x, y) = (x(point.at), y(point.micros));
            let _ = write!(path, "{x:.1},{y:.1} ");
            let _ = write!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
            let under = floor + 18.0;
            let _ =
                write!(svg, "<text x=\"{x:.1}\" y=\"{under}\" text-anchor=\"middle\">{}</text>", point.at);
        }
        let top = 36 + 15 * number;
        let _ = write!(
            svg,
            "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/><text x=\"{LEFT}\" y=\"{top}\" \
             fill=\"{colour}\">{}</text>",
            escaped(line)
        );
    }
    svg
}
