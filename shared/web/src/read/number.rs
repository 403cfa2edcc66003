//! Numbers and yes or no, with the lax coercion of gateway.md 1.2.

use std::ops::{Bound, RangeBounds};

use bespin_primitives::{DecimalError, Micros};
use serde_json::{Number, Value, json};

use super::{Input, Read};
use crate::describe::Shape;
use crate::field_fault::{Faults, FieldFault};
use crate::json;

/// See [`integer`].
#[derive(Debug, Clone, Copy)]
pub struct Integer {
    min: Option<i64>,
    max: Option<i64>,
}

/// A whole number in a range: `7`, `7.0`, `"7"` or `true`. `int_type`, `int_parsing`, `int_from_float`,
/// `greater_than_equal`, `less_than_equal`. What does not fit 64 bits is refused even without a bound.
pub fn integer(range: impl RangeBounds<i64>) -> Integer {
    let min = match range.start_bound() {
        Bound::Included(min) => Some(*min),
        Bound::Excluded(below) => Some(below.saturating_add(1)),
        Bound::Unbounded => None,
    };
    let max = match range.end_bound() {
        Bound::Included(max) => Some(*max),
        Bound::Excluded(above) => Some(above.saturating_sub(1)),
        Bound::Unbounded => None,
    };
    Integer { min, max }
}

impl Read for Integer {
    type Value = i64;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<i64> {
        let whole = whole_of(input, faults)?;
        let (min, max) = (self.min.unwrap_or(i64::MIN), self.max.unwrap_or(i64::MAX));
        let fault = match whole {
            Whole::Fits(number) if (min..=max).contains(&number) => return Some(number),
            Whole::Fits(number) if number < min => too_small(input, min),
            Whole::Below => too_small(input, min),
            Whole::Fits(_) | Whole::Above => too_large(input, max),
        };
        faults.push(fault);
        None
    }

    fn shape(&self) -> Shape {
        let shape = self.min.into_iter().fold(Shape::integer(), Shape::at_least);
        let example = self.min.unwrap_or(1).max(1);
        self.max.into_iter().fold(shape.like(example), Shape::at_most)
    }

    fn sent(value: &i64) -> Option<Value> {
        Some((*value).into())
    }
}

fn too_small(input: &Input<'_>, min: i64) -> FieldFault {
    let msg = format!("Input should be greater than or equal to {min}");
    input.fault("greater_than_equal", msg).with_bound("ge", min)
}

fn too_large(input: &Input<'_>, max: i64) -> FieldFault {
    let msg = format!("Input should be less than or equal to {max}");
    input.fault("less_than_equal", msg).with_bound("le", max)
}

/// See [`clamped`].
#[derive(Debug, Clone, Copy)]
pub struct Clamped {
    range: Integer,
}

/// A whole number moved into a range instead of being refused, however large (gateway.md 6.4: `limit`,
/// `offset`). `int_type`, `int_parsing`, `int_from_float`.
pub fn clamped(range: impl RangeBounds<i64>) -> Clamped {
    Clamped { range: integer(range) }
}

impl Read for Clamped {
    type Value = i64;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<i64> {
        let number = match whole_of(input, faults)? {
            Whole::Fits(number) => number,
            Whole::Below => i64::MIN,
            Whole::Above => i64::MAX,
        };
        let number = self.range.max.map_or(number, |max| number.min(max));
        Some(self.range.min.map_or(number, |min| number.max(min)))
    }

    fn shape(&self) -> Shape {
        let moved = match (self.range.min, self.range.max) {
            (Some(min), Some(max)) => format!("Moved into {min} to {max}"),
            (Some(min), None) => format!("Below {min} is {min}"),
            (None, Some(max)) => format!("Above {max} is {max}"),
            (None, None) => return Shape::integer(),
        };
        Shape::integer().about(&moved)
    }

    fn sent(value: &i64) -> Option<Value> {
        Some((*value).into())
    }
}

/// A whole number and how it lies to 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    Fits(i64),
    Above,
    Below,
}

fn whole_of(input: &Input<'_>, faults: &mut Faults) -> Option<Whole> {
    let fault = match input.value {
        Value::Bool(flag) => return Some(Whole::Fits(i64::from(*flag))),
        Value::Number(number) if !json::is_finite(number) => not_finite(input),
        Value::Number(number) => match whole_number(number) {
            Some(whole) => return Some(whole),
            None => input.fault(
                "int_from_float",
                "Input should be a valid integer, got a number with a fractional part",
            ),
        },
        Value::String(text) => match whole_text(text.trim()) {
            Some(whole) => return Some(whole),
            None => input.fault(
                "int_parsing",
                "Input should be a valid integer, unable to parse string as an integer",
            ),
        },
        _ => input.fault("int_type", "Input should be a valid integer"),
    };
    faults.push(fault);
    None
}

fn not_finite(input: &Input<'_>) -> FieldFault {
    input.fault("finite_number", "Input should be a finite number")
}

/// Digits with a sign, and at most zeros after a point.
fn whole_text(text: &str) -> Option<Whole> {
    let (digits, zeros) = text.split_once('.').unwrap_or((text, ""));
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    let shaped = !unsigned.is_empty()
        && unsigned.bytes().all(|byte| byte.is_ascii_digit())
        && zeros.bytes().all(|byte| byte == b'0');
    shaped.then(|| fit(digits.starts_with('-'), unsigned))
}

/// The integer a JSON number is, judged exactly; `None` when it has a fraction.
fn whole_number(number: &Number) -> Option<Whole> {
    let numeral = number.as_str();
    let (mantissa, exponent) = numeral.split_once(['e', 'E']).unwrap_or((numeral, "0"));
    let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let significant = digits.trim_end_matches('0');
    if significant.trim_start_matches('0').is_empty() {
        return Some(Whole::Fits(0));
    }
    // An exponent beyond 64 bits is as good as the largest: no mantissa is long enough to make up for it.
    let exponent: i64 =
        exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX });
    // The value is `significant * 10^power`.
    let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
    let power = exponent.saturating_add(length(whole)).saturating_sub(length(significant));
    if power < 0 {
        return None;
    }
    let zeros = usize::try_from(power.min(LONGER_THAN_64_BITS)).unwrap_or_default();
    Some(fit(negative, &(significant.to_owned() + &"0".repeat(zeros))))
}

/// So many zeros after any digit but zero are beyond 64 bits.
const LONGER_THAN_64_BITS: i64 = 20;

fn fit(negative: bool, digits: &str) -> Whole {
    let sign = if negative { "-" } else { "" };
    format!("{sign}{digits}").parse().map_or(if negative { Whole::Below } else { Whole::Above }, Whole::Fits)
}

/// See [`float`].
#[derive(Debug, Clone, Copy)]
pub struct Float;

/// A finite number: a number, a numeric string, or a boolean. `float_type`, `float_parsing`,
/// `finite_number`.
pub fn float() -> Float {
    Float
}

impl Read for Float {
    type Value = f64;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<f64> {
        let number = match input.value {
            Value::Number(number) => number.as_str().parse().ok(),
            Value::String(text) => text.trim().parse().ok(),
            Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
            _ => {
                faults.push(input.fault("float_type", "Input should be a valid number"));
                return None;
            }
        };
        let fault = match number {
            Some(number) if f64::is_finite(number) => return Some(number),
            Some(_) => not_finite(input),
            None => not_a_number(input),
        };
        faults.push(fault);
        None
    }

    fn shape(&self) -> Shape {
        Shape::number()
    }
}

fn not_a_number(input: &Input<'_>) -> FieldFault {
    input.fault("float_parsing", "Input should be a valid number, unable to parse string as a number")
}

/// See [`decimal`].
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    max: Micros,
}

/// A decimal number from 0 to `max` of at most six places, read exactly: a number, a numeric string, or a boolean.
/// Never rounded: what is finer is refused. `float_type`, `float_parsing`, `finite_number`, `greater_than_equal`,
/// `less_than_equal`, `decimal_max_places`.
pub fn decimal(max: Micros) -> Decimal {
    Decimal { max }
}

impl Read for Decimal {
    type Value = Micros;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<Micros> {
        let text = match input.value {
            Value::Bool(flag) => if *flag { "1" } else { "0" }.to_owned(),
            Value::String(text) => text.trim().trim_start_matches('+').to_owned(),
            other => other.to_string(),
        };
        // The float only tells what kind of number it is.
        Float.read(input, faults)?;
        let fault = match Micros::parse(&text) {
            Ok(number) if number <= self.max => return Some(number),
            Ok(_) | Err(DecimalError::TooLarge) => {
                let msg = format!("Input should be less than or equal to {}", self.max);
                input.fault("less_than_equal", msg).with_bound("le", json!(self.max))
            }
            Err(DecimalError::Negative) => too_small(input, 0),
            Err(DecimalError::TooFine) => {
                let msg = "Decimal input should have no more than 6 decimal places";
                input.fault("decimal_max_places", msg).with_bound("decimal_places", 6)
            }
            Err(DecimalError::NotANumber) => not_a_number(input),
        };
        faults.push(fault);
        None
    }

    fn shape(&self) -> Shape {
        Shape::number().at_least(0).with("maximum", json!(self.max)).about("At most six decimal places")
    }
}

/// See [`boolean`].
#[derive(Debug, Clone, Copy)]
pub struct Boolean;

/// Yes or no: `true`, `1`, `"true"`, `"yes"`, `"on"`, `"t"`, `"y"`, `"1"` in any case and their opposites.
/// `bool_type`, `bool_parsing`.
pub fn boolean() -> Boolean {
    Boolean
}

impl Read for Boolean {
    type Value = bool;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<bool> {
        let flag = match input.value {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => match whole_number(number) {
                Some(Whole::Fits(0)) => Some(false),
                Some(Whole::Fits(1)) => Some(true),
                _ => None,
            },
            Value::String(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "t" | "y" | "1" => Some(true),
                "false" | "no" | "off" | "f" | "n" | "0" => Some(false),
                _ => None,
            },
            _ => {
                faults.push(input.fault("bool_type", "Input should be a valid boolean"));
                return None;
            }
        };
        if flag.is_none() {
            faults.push(
                input.fault("bool_parsing", "Input should be a valid boolean, unable to interpret input"),
            );
        }
        flag
    }

    fn shape(&self) -> Shape {
        Shape::boolean()
    }

    fn sent(value: &bool) -> Option<Value> {
        Some((*value).into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::super::tests::read;
    use super::*;
    use crate::json::{NonFinite, parse};

    fn kept(text: &str) -> Value {
        parse(text, NonFinite::Kept).unwrap()
    }

    #[test]
    fn integers_accept_seven_in_four_spellings_and_true() {
        for seven in ["7", "7.0", "\"7\"", "\" 7 \"", "\"7.00\"", "\"+7\"", "70e-1", "0.7E1"] {
            assert_eq!(read(&integer(..), &kept(seven)), Ok(7), "{seven}");
        }
        assert_eq!(read(&integer(..), &json!(true)), Ok(1));
        assert_eq!(read(&integer(..), &kept("-0.0")), Ok(0));
        assert_eq!(read(&integer(..), &kept("0e99999999999999999999")), Ok(0));
    }

    #[test]
    fn what_is_no_integer_is_named_by_its_kind() {
        assert_eq!(read(&integer(..), &json!(7.5)), Err("int_from_float"));
        assert_eq!(read(&integer(..), &kept("1e-99999999999999999999")), Err("int_from_float"));
        for text in ["seven", "", "7.5", "7e0", "-", "7_0", "0x7", "1.0.0", "∞"] {
            assert_eq!(read(&integer(..), &json!(text)), Err("int_parsing"), "{text}");
        }
        for other in [json!(null), json!([]), json!({})] {
            assert_eq!(read(&integer(..), &other), Err("int_type"), "{other}");
        }
        assert_eq!(read(&integer(..), &kept("NaN")), Err("finite_number"));
    }

    #[test]
    fn integers_keep_to_their_range_and_to_64_bits() {
        let days = integer(1..=365);

        assert_eq!(read(&days, &json!(365)), Ok(365));
        assert_eq!(read(&days, &json!(0)), Err("greater_than_equal"));
        assert_eq!(read(&days, &json!(366)), Err("less_than_equal"));
        assert_eq!(read(&days, &kept("100000000000000000000")), Err("less_than_equal"));
        assert_eq!(read(&days, &kept("-1e300")), Err("greater_than_equal"));
        assert_eq!(read(&integer(0..), &json!("9223372036854775808")), Err("less_than_equal"));
        assert_eq!(read(&integer(0..), &json!(i64::MAX)), Ok(i64::MAX));
        assert_eq!(read(&integer(..), &json!(i64::MIN)), Ok(i64::MIN));
    }

    #[test]
    fn a_page_size_is_clamped_and_never_refused() {
        let limit = clamped(1..=500);

        assert_eq!(read(&limit, &json!("0")), Ok(1));
        assert_eq!(read(&limit, &json!("501")), Ok(500));
        assert_eq!(read(&limit, &json!("-99999999999999999999999")), Ok(1));
        assert_eq!(read(&limit, &json!("many")), Err("int_parsing"));
        assert_eq!(read(&clamped(0..), &json!("99999999999999999999999")), Ok(i64::MAX));
    }

    #[test]
    fn floats_accept_numbers_numeric_strings_and_booleans() {
        for (spelling, value) in
            [("1250", 1250.0), ("1.5", 1.5), ("\" -2e3 \"", -2000.0), ("true", 1.0), ("1e-400", 0.0)]
        {
            assert_eq!(read(&float(), &kept(spelling)), Ok(value), "{spelling}");
        }
        for other in [json!(null), json!([]), json!({})] {
            assert_eq!(read(&float(), &other), Err("float_type"), "{other}");
        }
        for text in ["", "one", "1,5", "0x1"] {
            assert_eq!(read(&float(), &json!(text)), Err("float_parsing"), "{text}");
        }
    }

    #[test]
    fn no_number_that_is_not_finite_gets_in_under_any_spelling() {
        let long = "9".repeat(400);
        for spelling in [
            "NaN",
            "Infinity",
            "-Infinity",
            "1e999",
            "\"nan\"",
            "\"inf\"",
            "\"-Infinity\"",
            "\"1e999\"",
            &long,
        ] {
            assert_eq!(read(&float(), &kept(spelling)), Err("finite_number"), "{spelling}");
        }
    }

    #[test]
    fn decimals_are_read_exactly() {
        let most = decimal(Micros::new(1_000_000_000));
        for (spelling, millionths) in [
            ("0.333333", 333_333),
            ("5.2", 5_200_000),
            ("\" +0.001 \"", 1_000),
            ("2e-1", 200_000),
            ("true", 1_000_000),
            ("-0.0", 0),
            ("1000", 1_000_000_000),
        ] {
            assert_eq!(read(&most, &kept(spelling)), Ok(Micros::new(millionths)), "{spelling}");
        }
    }

    #[test]
    fn a_decimal_is_never_rounded_and_its_fault_is_named() {
        let most = decimal(Micros::new(1_000_000_000));
        for (spelling, fault) in [
            ("0.0000001", "decimal_max_places"),
            ("0.30000000000000004", "decimal_max_places"),
            ("-0.1", "greater_than_equal"),
            ("1000.000001", "less_than_equal"),
            ("1e300", "less_than_equal"),
            ("99999999999999999999999", "less_than_equal"),
            ("1e999", "finite_number"),
            ("NaN", "finite_number"),
            ("\"Infinity\"", "finite_number"),
            ("\"much\"", "float_parsing"),
            ("\"\"", "float_parsing"),
            ("\"++1\"", "float_parsing"),
            ("null", "float_type"),
            ("[1]", "float_type"),
        ] {
            assert_eq!(read(&most, &kept(spelling)), Err(fault), "{spelling}");
        }
    }

    #[test]
    fn booleans_accept_their_many_spellings_in_any_case() {
        for (yes, no) in [("true", "false"), ("yes", "NO"), ("On", "off"), ("T", "f"), ("y", "N"), ("1", "0")]
        {
            assert_eq!((read(&boolean(), &json!(yes)), read(&boolean(), &json!(no))), (Ok(true), Ok(false)));
        }
        for (spelling, flag) in [("1", true), ("0", false), ("1.0", true), ("true", true), ("false", false)] {
            assert_eq!(read(&boolean(), &kept(spelling)), Ok(flag), "{spelling}");
        }
        for other in [json!(2), json!("maybe"), json!(""), json!(0.5)] {
            assert_eq!(read(&boolean(), &other), Err("bool_parsing"), "{other}");
        }
        for other in [json!(null), json!([]), json!({})] {
            assert_eq!(read(&boolean(), &other), Err("bool_type"), "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_64_bit_integer_reads_as_itself(number: i64) {
            prop_assert_eq!(read(&integer(..), &json!(number)), Ok(number));
            prop_assert_eq!(read(&integer(..), &json!(number.to_string())), Ok(number));
            prop_assert_eq!(read(&integer(..), &kept(&format!("{number}.0"))), Ok(number));
        }

        #[test]
        fn a_float_is_an_integer_exactly_when_it_has_no_fraction(float in -1e15..1e15f64) {
            let expected = if float.fract() == 0.0 { Ok(()) } else { Err("int_from_float") };
            prop_assert_eq!(read(&integer(..), &json!(float)).map(|_| ()), expected);
        }
    }
}
