//! The two series, embedded so that the demo works from any folder.

use csv::{Reader, StringRecord};

use crate::error::DemoError;

const EMPLOYMENT: File =
    File { name: "us-employment.csv", text: include_str!("../../../../../tests/data/us-employment.csv") };
const WEATHER: File =
    File { name: "seattle-weather.csv", text: include_str!("../../../../../tests/data/seattle-weather.csv") };

/// What makes numbers of weather, with its unit.
const MEASUREMENTS: [(&str, &str); 4] =
    [("precipitation", "mm"), ("temp_max", "°C"), ("temp_min", "°C"), ("wind", "m/s")];

/// A KPI to be.
#[derive(Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) description: String,
    /// Dates (`YYYY-MM-DD`) and values.
    pub(crate) points: Vec<(String, f64)>,
}

/// The 23 series of employment and the 4 of weather.
pub(crate) fn all() -> Result<Vec<Series>, DemoError> {
    let mut series = employment()?;
    series.extend(weather()?);
    Ok(series)
}

fn employment() -> Result<Vec<Series>, DemoError> {
    let (header, rows) = EMPLOYMENT.read()?;
    let of_column = |(column, name): (usize, &str)| {
        let words = name.replace('_', " ");
        Ok(Series {
            name: name.to_owned(),
            unit: "thousand jobs",
            description: format!("US non-farm employment: {words} (Bureau of Labor Statistics)"),
            points: EMPLOYMENT.points(&rows, column)?,
        })
    };
    // The first column is the month.
    header.iter().enumerate().skip(1).map(of_column).collect()
}

fn weather() -> Result<Vec<Series>, DemoError> {
    let (header, rows) = WEATHER.read()?;
    let of_measurement = |(name, unit): (&str, &'static str)| {
        let column = header
            .iter()
            .position(|column| column == name)
            .ok_or_else(|| WEATHER.unreadable(format!("there is no column {name}")))?;
        Ok(Series {
            name: name.to_owned(),
            unit,
            description: format!("Daily weather of Seattle: {} (NOAA)", name.replace('_', " ")),
            points: WEATHER.points(&rows, column)?,
        })
    };
    MEASUREMENTS.into_iter().map(of_measurement).collect()
}

/// A file of `tests/data`.
struct File {
    name: &'static str,
    text: &'static str,
}

impl File {
    fn read(&self) -> Result<(StringRecord, Vec<StringRecord>), DemoError> {
        let mut reader = Reader::from_reader(self.text.as_bytes());
        let header = reader.headers().cloned().map_err(|error| self.unreadable(error.to_string()))?;
        let rows: Result<_, _> = reader.into_records().collect();
        Ok((header, rows.map_err(|error| self.unreadable(error.to_string()))?))
    }

    /// One column as points, dated by the first one.
    fn points(&self, rows: &[StringRecord], column: usize) -> Result<Vec<(String, f64)>, DemoError> {
        let point = |row: &StringRecord| {
            let value = row.get(column)?.parse().ok()?;
            Some((row.get(0)?.replace('/', "-"), value))
        };
        let unreadable = |row| self.unreadable(format!("no number in column {column} of {row:?}"));
        rows.iter().map(|row| point(row).ok_or_else(|| unreadable(row))).collect()
    }

    fn unreadable(&self, reason: String) -> DemoError {
        DemoError::Data { file: self.name, reason }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_files_make_27_kpis_of_8604_points() {
        let series = all().unwrap();

        assert_eq!(series.len(), 27);
        assert!(series[..23].iter().all(|series| series.points.len() == 120));
        assert!(series[23..].iter().all(|series| series.points.len() == 1_461));
    }

    #[test]
    fn dates_are_written_as_the_api_wants_them() {
        let wind = weather().unwrap().pop().unwrap();

        assert_eq!((wind.name.as_str(), wind.unit), ("wind", "m/s"));
        assert_eq!(wind.points[0], ("2012-01-01".to_owned(), 4.7));
    }
}
