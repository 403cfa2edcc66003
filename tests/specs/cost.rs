//! What every call and every job costs, counted by the store itself and turned into dollars (I6, I7). The table is in
//! `README.md`; a call that gets dearer or cheaper fails here until `make cost` has written the table anew, so that whoever
//! changes a price sees it in the diff.
//!
//! How cost behaves (with a long history, many users, a repeat) is specified beside each area, in its own `cost.rs`. Here
//! each route and each job has a row of its typical case: a caller whom the process knows, and a tenant of ordinary size.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cost {
    mod control;
    mod jobs;
    mod operator;
    mod prices;
    mod readme;
    mod sheet;
    mod state;
    mod tenant;
    mod turns;
}
