//! What the operator sees in the dev console, and what keeps everybody else out (gateway.md 14); the playground
//! (gateway.md 15), as far as a server can tell. `tests/browser` has the rest.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod console {
    mod cost;
    mod download;
    mod entry;
    mod hostile;
    mod pages;
    mod paging;
    mod playground;
    mod secrets;
    mod tables;
    mod told;
}
