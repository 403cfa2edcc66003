//! Start, size and memory of each function, as `make test-runtime` measures them.

use crate::report::Row;

pub(crate) fn rows() -> Vec<Row> {
    Vec::new()
}
