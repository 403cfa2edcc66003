//! Decimal numbers of six places, held as whole millionths.

use std::fmt;

/// A decimal number of at most six places, zero or more, held as a whole number of millionths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(u64);

/// Why a text is not a [`Micros`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not a decimal number at all.
    #[error("not a decimal number")]
    NotANumber,
    /// Below zero.
    #[error("must not be negative")]
    Negative,
    /// Finer than one millionth.
    #[error("has more than six decimal places")]
    TooFine,
    /// Larger than 18,446,744,073,709.551615.
    #[error("is too large")]
    TooLarge,
}

impl Micros {
    /// So many millionths.
    pub const fn new(millionths: u64) -> Self {
        Self(millionths)
    }

    /// The number as millionths.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Reads a JSON number such as `5`, `0.001` or `2.5e-1`, exactly.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                (mantissa, exponent.parse::<i32>().map_err(|_| DecimalError::NotANumber)?)
            }
            None => (text, 0),
        };
        let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(DecimalError::NotANumber);
        }
        let significant = digits.trim_start_matches('0').trim_end_matches('0');
        if significant.is_empty() {
            return Ok(Self(0));
        }
        if negative {
            return Err(DecimalError::Negative);
        }
        // The value is `significant * 10^power`; trailing zeros cut above are put back into the power.
        let cut = i64::try_from(digits.len() - digits.trim_end_matches('0').len()).unwrap_or(i64::MAX);
        let places = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
        let shift = i64::from(exponent).saturating_sub(places).saturating_add(cut).saturating_add(6);
        if shift < 0 {
            return Err(DecimalError::TooFine);
        }
        let significant: u64 = significant.parse().map_err(|_| DecimalError::TooLarge)?;
        u32::try_from(shift)
            .ok()
            .and_then(|shift| 10u64.checked_pow(shift))
            .and_then(|scale| significant.checked_mul(scale))
            .map(Self)
            .ok_or(DecimalError::TooLarge)
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&decimal_text(u128::from(self.0), 6))
    }
}

impl fmt::Debug for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The shortest exact decimal of `amount / 10^places`.
pub(crate) fn decimal_text(amount: u128, places: u32) -> String {
    let scale = 10u128.pow(places);
    let (whole, fraction) = (amount / scale, amount % scale);
    if fraction == 0 {
        return whole.to_string();
    }
    let fraction = format!("{fraction:0width$}", width = places as usize);
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// A JSON number of exactly this text, which must be a decimal numeral.
pub(crate) fn json_number<S: serde::Serializer>(text: String, serializer: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&serde_json::Number::from_string_unchecked(text), serializer)
}

impl serde::Serialize for Micros {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json_number(self.to_string(), serializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_are_read_exactly_or_refused_by_name() {
        let read = |text| Micros::parse(text).map(Micros::get);

        assert_eq!(read("0.001"), Ok(1_000));
        assert_eq!(read("0.333333"), Ok(333_333));
        assert_eq!(read("1.50"), Ok(1_500_000));
        assert_eq!(read("2.5e-1"), Ok(250_000));
        assert_eq!(read("1E3"), Ok(1_000_000_000));
        assert_eq!(read("-0.0"), Ok(0));
        assert_eq!(read("0.0000010"), Ok(1));
        assert_eq!(read("18446744073709.551615"), Ok(u64::MAX));
        assert_eq!(read("18446744073709.551616"), Err(DecimalError::TooLarge));
        assert_eq!(read("1e400"), Err(DecimalError::TooLarge));
        assert_eq!(read("0.0000001"), Err(DecimalError::TooFine));
        assert_eq!(read("-1"), Err(DecimalError::Negative));
        assert_eq!(read("NaN"), Err(DecimalError::NotANumber));
        assert_eq!(read("."), Err(DecimalError::NotANumber));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(millionths: u64) {
            prop_assert_eq!(Micros::parse(&Micros(millionths).to_string()), Ok(Micros(millionths)));
        }
    }
}
