//! Charts as SVG. They hold numbers and dates only, never a tenant's words. Their colours are names for the stylesheet, which
//! gives them other ones by day and by night.

use std::error::Error;

use bespin_primitives::Date;
use bespin_web::Problem;
use plotters::prelude::*;

const INK: RGBColor = RGBColor(0x10, 0x10, 0x10);
const GRID: RGBColor = RGBColor(0x20, 0x20, 0x20);
const BAR: RGBColor = RGBColor(0x30, 0x30, 0x30);
const OVER: RGBColor = RGBColor(0x40, 0x40, 0x40);
const TROUGH: RGBColor = RGBColor(0x50, 0x50, 0x50);

type Drawn = Result<(), Box<dyn Error + Send + Sync>>;

/// An SVG of this size. Drawing into memory does not fail; if it did, that were our own mistake.
fn svg(
    size: (u32, u32),
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Drawn,
) -> Result<String, Problem> {
    let mut text = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(&area).and_then(|()| area.present().map_err(Into::into))
    };
    drawn.map_err(|error| Problem::broken(&error.to_string()))?;
    Ok(text)
}

/// A bar for each day.
pub(crate) fn by_day(days: &[(Date, u64)]) -> Result<String, Problem> {
    #[expect(clippy::cast_precision_loss, reason = "a bar need not be exact; the table beneath is")]
    let heights: Vec<f64> = days.iter().map(|(_, units)| *units as f64).collect();
    let most = heights.iter().copied().fold(4.0, f64::max);
    let width = f64::from(u32::try_from(days.len()).unwrap_or(u32::MAX));
    let label = |x: &f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place among the days")]
        let day = days.get(*x as usize);
        day.map(|(day, _)| day.format("%-d %b").to_string()).unwrap_or_default()
    };
    svg((380, 140), |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(4)
            .margin_top(8)
            .margin_right(12)
            .x_label_area_size(20)
            .y_label_area_size(44)
            .build_cartesian_2d(0.0..width, 0.0..most)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(GRID)
            .label_style(("sans-serif", 12).into_font().color(&INK))
            .x_labels(5)
            .y_labels(4)
            .x_label_formatter(&label)
            .y_label_formatter(&|units| crate::text::figure(*units))
            .draw()?;
        let bars = heights.iter().enumerate().filter(|(_, height)| **height > 0.0).map(|(day, height)| {
            let left = f64::from(u32::try_from(day).unwrap_or(u32::MAX));
            Rectangle::new([(left + 0.1, 0.0), (left + 0.9, *height)], BAR.filled())
        });
        chart.draw_series(bars)?;
        Ok(())
    })
}

/// What is used of what is included, as one bar; what goes beyond has another colour.
pub(crate) fn of_plan(used: u64, included: u64) -> Result<String, Problem> {
    #[expect(clippy::cast_precision_loss, reason = "a bar need not be exact; the table beneath is")]
    let (used, included) = (used as f64, included as f64);
    let whole = used.max(included).max(1.0);
    svg((520, 30), |area| {
        let mut chart = ChartBuilder::on(area).build_cartesian_2d(0.0..whole, 0.0..1.0)?;
        let bar =
            |from: f64, to: f64, colour: RGBColor| Rectangle::new([(from, 0.0), (to, 1.0)], colour.filled());
        chart.draw_series([
            bar(0.0, whole, TROUGH),
            bar(0.0, used.min(included), BAR),
            bar(used.min(included), used, OVER),
        ])?;
        Ok(())
    })
}

/// The course of values, oldest first.
pub(crate) fn spark(values: &[f64]) -> Result<String, Problem> {
    // Scaled to one beforehand: two finite values can lie further apart than the largest float.
    let (least, most) = values
        .iter()
        .fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(*value), most.max(*value)));
    let half_span = most / 2.0 - least / 2.0;
    let height = |value: f64| if half_span > 0.0 { (value / 2.0 - least / 2.0) / half_span } else { 0.5 };
    let place = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    let width = place(values.len().saturating_sub(1)).max(1.0);
    svg((160, 32), |area| {
        let mut chart = ChartBuilder::on(area).margin(4).build_cartesian_2d(0.0..width, 0.0..1.0)?;
        let line = values.iter().enumerate().map(|(number, value)| (place(number), height(*value)));
        chart.draw_series(LineSeries::new(line, BAR.stroke_width(2)))?;
        let newest = values.last().map(|newest| (place(values.len() - 1), height(*newest)));
        chart.draw_series(newest.map(|at| Circle::new(at, 3, BAR.filled())))?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bespin_primitives::parse_date;

    use super::*;

    #[test]
    fn a_chart_keeps_to_the_policy_of_the_pages() {
        let day = parse_date("2026-02-10").unwrap();
        for chart in [
            by_day(&[(day, 0), (day, 3), (day, u64::MAX)]).unwrap(),
            of_plan(u64::MAX, 5).unwrap(),
            spark(&[1.0, 5.0]).unwrap(),
        ] {
            assert!(chart.starts_with("<svg "), "{chart}");
            for forbidden in ["style=", "<style", "<script", "href", "NaN", "inf"] {
                assert!(!chart.contains(forbidden), "{forbidden} in {chart}");
            }
        }
    }

    #[test]
    fn values_of_any_size_make_a_course() {
        for values in [&[][..], &[7.0], &[7.0, 7.0], &[f64::MIN, f64::MAX], &[0.0, 5e-324]] {
            let chart = spark(values).unwrap();
            assert!(!chart.contains("NaN") && !chart.contains("inf"), "{values:?}: {chart}");
        }
        by_day(&[]).unwrap();
        of_plan(0, 0).unwrap();
    }
}
