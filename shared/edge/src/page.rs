//! Pages of lists: where the next one starts.

use bespin_table::{Cursor, Range};
use bespin_web::{Read, parsed};

/// Reads the `next_cursor` of an earlier page, which leads into `range` and nowhere else. `string_type`, `value_error`.
pub fn cursor(range: &Range) -> impl Read<Value = Cursor> {
    parsed(move |text: &str| Cursor::parse(text, range).ok_or("must be the next_cursor of an earlier page"))
        .about("The `next_cursor` of the page before")
}
