//! `make instructions`: how many instructions the pure parts of the hot paths take, counted by valgrind. A clock on a busy
//! machine sways by a tenth and more; this is the same from run to run, so that a regression of a few percent shows.
//!
//! Each path runs in a process of its own, this program under valgrind, and is compared with `instructions.json` beside this
//! file: more than [`FAULT_PERCENT`] dearer fails. `KEEP=1` writes what was counted into that file. Counts of another
//! compiler, valgrind or machine are compared, too, and fail nothing.
//!
//! `ROWS=<text>` counts only the paths with this text in their names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod counter;
mod kept;
mod paths;

use std::{collections::BTreeMap, process::ExitCode};

use kept::Kept;
use paths::PATHS;

/// Beyond this many percent more a path has become dearer. It is far above what chance brings about: hash maps draw their
/// seeds from the operating system, which is worth two tenths of a percent at most.
const FAULT_PERCENT: f64 = 3.0;

fn main() -> ExitCode {
    if let Some(path) = counter::asked_for() {
        paths::run(&path);
        return ExitCode::SUCCESS;
    }
    match compare() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Counts every path and prints it beside what is kept; whether none became dearer.
fn compare() -> Result<bool, String> {
    let by = counter::counted_by()?;
    let mut kept = Kept::read();
    let comparable = kept.by == by;
    let only = std::env::var("ROWS").unwrap_or_default();
    let (mut counted, mut dearer) = (BTreeMap::new(), Vec::new());
    println!("{:<44}{:>14}{:>14}{:>9}", "instructions of one call", "kept", "now", "%");
    for path in PATHS.iter().filter(|path| path.name.contains(&only)) {
        let now = counter::count(path.name)? / path.times;
        counted.insert(path.name.to_owned(), now);
        let before = kept.instructions.get(path.name);
        let percent = before.map(|before| percent(*before, now));
        let shown = before.map(ToString::to_string).unwrap_or_default();
        let change = percent.map_or_else(|| "new".to_owned(), |percent| format!("{percent:+.2}"));
        println!("{:<44}{shown:>14}{now:>14}{change:>9}", path.name);
        if percent.is_some_and(|percent| percent > FAULT_PERCENT) {
            dearer.push(path.name);
        }
    }
    if std::env::var_os("KEEP").is_some_and(|keep| !keep.is_empty()) {
        // Counts of another compiler are nothing to keep beside these.
        if only.is_empty() || !comparable {
            kept.instructions.clear();
        }
        kept.instructions.append(&mut counted);
        kept.by = by;
        kept.write();
        return Ok(true);
    }
    if !comparable {
        println!("kept were those of {}; these are of {by}", kept.by);
        println!("`make instructions KEEP=1` at the commit before yours makes them comparable");
        return Ok(true);
    }
    if !dearer.is_empty() {
        println!("more than {FAULT_PERCENT} % dearer: {}", dearer.join(", "));
        println!("`make instructions KEEP=1` keeps the new counts, where that is what it has to cost");
    }
    Ok(dearer.is_empty())
}

#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn percent(before: u64, now: u64) -> f64 {
    (now as f64 / before as f64 - 1.0) * 100.0
}
