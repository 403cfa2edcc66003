//! What the units cost.

use super::sheet::Row;

/// The price of a million of something, in micro-dollars.
pub(crate) struct Price {
    pub(crate) of: &'static str,
    pub(crate) micros: u64,
}

/// List prices of `us-east-1`, on demand, without the free tier. Written down from memory and not looked up.
pub(crate) const WRITE_UNITS: Price = Price { of: "write units", micros: 625_000 };
pub(crate) const READ_UNITS: Price = Price { of: "read units", micros: 125_000 };
pub(crate) const QUEUE_REQUESTS: Price = Price { of: "requests of SQS", micros: 400_000 };
pub(crate) const HTTP_REQUESTS: Price = Price { of: "requests of the HTTP API", micros: 1_000_000 };
pub(crate) const INVOCATIONS: Price = Price { of: "invocations of a Lambda", micros: 200_000 };

/// What a million of this row costs at the stores, in micro-dollars.
pub(crate) fn of_a_million(row: &Row) -> u64 {
    let stores = row.write_half_units * WRITE_UNITS.micros + row.read_half_units * READ_UNITS.micros;
    stores / 2 + row.queue_requests * QUEUE_REQUESTS.micros
}

/// A price as it stands in a list, to its last digit.
pub(crate) fn exact(micros: u64) -> String {
    let digits = format!("{:06}", micros % 1_000_000);
    let (cents, rest) = digits.split_at(2);
    format!("{}.{cents}{}", micros / 1_000_000, rest.trim_end_matches('0'))
}

/// Dollars and cents, a half of a cent rounded up.
pub(crate) fn dollars(micros: u64) -> String {
    let cents = (micros + 5_000) / 10_000;
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[test]
fn a_million_of_a_row_is_its_units_at_their_prices() {
    let row = Row {
        write_half_units: 12,
        read_half_units: 1,
        queue_requests: 3,
        ..Row::of("POST /v1/tools/invoke", "")
    };

    assert_eq!(of_a_million(&row), 6 * 625_000 + 125_000 / 2 + 3 * 400_000);
    assert_eq!([exact(625_000), exact(1_000_000)], ["0.625", "1.00"]);
    assert_eq!(["5.01", "0.13", "0.00"].map(str::to_owned), [5_012_499, 125_000, 0].map(dollars));
}
