//! The quick way to read the points of a body: no object is made for a point, no text is copied. It takes bodies in the form
//! that clients send and leaves every other to [`super::parse`], which alone knows what is wrong with one.

use std::fmt;

use bespin_kpi::{Batch, Point};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Unexpected, Visitor};
use serde_json::value::RawValue;

use super::MAX_POINTS;

/// The points of `{"points": [{"ts": "...", "value": 1.5}, ...]}`, where the body has these members once each and no others,
/// every time and every value is good, and no text is escaped. `None` tells nothing but that the body has to be read the
/// other way, which gives the same points wherever this one gives any.
pub(super) fn points(text: &str) -> Option<Batch> {
    let Body(points) = serde_json::from_str(text).ok()?;
    let points: Vec<Point> = points.into_iter().map(|PlainPoint(point)| point).collect();
    (1..=MAX_POINTS).contains(&points.len()).then(|| Batch::of(points))
}

struct Body(Vec<PlainPoint>);

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(BodyVisitor)
    }
}

struct BodyVisitor;

impl<'de> Visitor<'de> for BodyVisitor {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of points alone")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Body, A::Error> {
        let Some("points") = members.next_key()? else { return Err(unlike(&self)) };
        let body = Body(members.next_value()?);
        if members.next_key::<&str>()?.is_some() { Err(unlike(&self)) } else { Ok(body) }
    }
}

struct PlainPoint(Point);

impl<'de> Deserialize<'de> for PlainPoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PointVisitor)
    }
}

struct PointVisitor;

impl<'de> Visitor<'de> for PointVisitor {
    type Value = PlainPoint;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of a time and a finite number")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<PlainPoint, A::Error> {
        let (mut ts, mut value) = (None, None);
        while let Some(name) = members.next_key::<&str>()? {
            match name {
                "ts" if ts.is_none() => ts = Some(members.next_value::<&str>()?),
                "value" if value.is_none() => value = Some(number(members.next_value()?)),
                _ => return Err(unlike(&self)),
            }
        }
        let point = ts.zip(value.flatten()).and_then(|(ts, value)| Point::parse(ts, value).ok());
        point.map(PlainPoint).ok_or_else(|| unlike(&self))
    }
}

/// The nearest float of a numeral. `serde_json` itself may miss it by one in the last place.
fn number(value: &RawValue) -> Option<f64> {
    let numeral = value.get();
    numeral.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then(|| numeral.parse().ok())?
}

fn unlike<'de, E: Error>(expected: &impl Visitor<'de>) -> E {
    E::invalid_type(Unexpected::Map, expected)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use bespin_web::Body;
    use proptest::prelude::*;

    use super::{super::parse, *};

    /// Nearly a body of points, as JSON or as what is not quite JSON.
    fn nearly_a_body() -> impl Strategy<Value = String> {
        let ts = prop_oneof![
            8 => "\"20[0-9]{2}-0[1-9]-[0-3][0-9]\"",
            4 => r#""2026-01-31[T ][0-2][0-9]:[0-5][0-9](:00\.[0-9]{0,7})?(Z|[+-]0[0-9]:?[03]0)?""#,
            1 => r#""2026-01-\\u0033\\u0031"| "2026-01-31"|"\\n"|"é"|null|7|\["2026-01-31"\]"#,
        ];
        let value = prop_oneof![
            8 => "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
            2 => any::<f64>().prop_map(|value| format!("{value:?}")),
            1 => r#"NaN|-Infinity|Infinity|-inf|"7"|" 7.5 "|true|null|01|1\.|-|\{"\$serde_json::private::Number":"7"\}"#,
        ];
        let member = prop_oneof![
            6 => (ts.clone(), value.clone()).prop_map(|(ts, value)| format!(r#""ts": {ts}, "value":{value}"#)),
            2 => (ts.clone(), value.clone()).prop_map(|(ts, value)| format!(r#""value":{value} ,"ts":{ts}"#)),
            1 => (ts, value).prop_map(|(ts, value)| format!(r#""ts":{ts},"value":{value},"ts":"2026-05-05""#)),
            1 => r#"|"ts":"2026-01-31"|"ts":"2026-01-31","value":1,|"ts":"2026-01-31","value":1,"more":\[\{\}\]"#,
        ];
        let point = prop_oneof![
            12 => member.prop_map(|members| format!("{{{members}}}")),
            1 => r#"\["2026-01-31",1\]|null|7|"#,
        ];
        let points = prop::collection::vec(point, 0..4).prop_map(|points| points.join(","));
        (points, "( |\n|\u{feff})?", 0..12).prop_map(|(points, space, form)| match form {
            0 => format!(r#"{space}{{"points":[{points}],"more":1}}"#),
            1 => format!(r#"{{"points":[],"points":[{points}]}}"#),
            2 => format!("[[{points}]]"),
            3 => format!(r#"{{"points":[{points}]}}{space}}}"#),
            4 => format!(r#"{{"\u0070oints":[{points}]}}"#),
            _ => format!(r#"{space}{{"points" :[{points}]}}{space}"#),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_quick_way_gives_what_the_other_gives_or_nothing(text in nearly_a_body()) {
            if let Some(quick) = points(&text) {
                let careful = parse(&Body::of_json(&text).unwrap()).unwrap();
                prop_assert_eq!(&quick, &careful, "{}", text);
            }
        }

        #[test]
        fn what_clients_send_goes_the_quick_way(values in prop::collection::vec(any::<i32>(), 1..40), pretty: bool) {
            let sent: Vec<_> = (1u32..).zip(&values)
                .map(|(day, value)| serde_json::json!({"value": f64::from(*value) / 8.0, "ts": format!("20{day:02}-01-31T10:00:00Z")}))
                .collect();
            let body = serde_json::json!({"points": sent});
            let text = if pretty { format!("{body:#}") } else { body.to_string() };

            prop_assert_eq!(points(&text).unwrap(), parse(&Body::of_json(&text).unwrap()).unwrap());
        }
    }

    #[test]
    fn a_body_of_none_or_too_many_points_is_left_to_the_other_way() {
        let point = r#"{"ts":"2026-01-31","value":1}"#;
        let of = |count: usize| format!(r#"{{"points":[{}]}}"#, vec![point; count].join(","));

        assert!(points(&of(0)).is_none());
        assert_eq!(points(&of(MAX_POINTS)).unwrap().given(), 10_000);
        assert!(points(&of(MAX_POINTS + 1)).is_none());
    }
}
