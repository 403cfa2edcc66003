//! `make simulate`: random histories, as many as one likes.
//!
//! Settings: `SEED`, the first seed (0); `HISTORIES`, how many (1,000); `SABOTAGE=all` instead shows for each kind of bug
//! the first seed that catches it. The status tells: 0 every promise was kept, 1 one was broken (or a bug not caught).

use std::{
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use bespin_simulator::{History, Played, Sabotage, Violation, play, shrink};
use indicatif::{ProgressBar, ProgressStyle};

fn main() -> ExitCode {
    let find = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let number = |name: &str, usual: u64| find(name).map_or(Ok(usual), |text| text.parse());
    let (Ok(seed), Ok(histories)) = (number("SEED", 0), number("HISTORIES", 1_000)) else {
        eprintln!("bespin-simulate: SEED and HISTORIES must be whole numbers");
        return ExitCode::from(2);
    };
    let held = match find("SABOTAGE").as_deref() {
        None => simulate(seed, histories),
        Some("all") => sabotage(seed, histories),
        Some(other) => {
            eprintln!("bespin-simulate: SABOTAGE must be all, not '{other}'");
            return ExitCode::from(2);
        }
    };
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays histories on all processors until one fails.
fn simulate(seed: u64, histories: u64) -> bool {
    let (next, failed) = (AtomicU64::new(seed), AtomicBool::new(false));
    let end = seed.saturating_add(histories);
    let totals = Mutex::new(Played::default());
    let failure: Mutex<Option<(History, Violation)>> = Mutex::default();
    let bar = ProgressBar::new(histories);
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} histories, {per_sec}, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let work = || {
        while !failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            let history = History::draw(seed);
            match play(&history, None) {
                Ok(played) => *totals.lock().unwrap_or_else(PoisonError::into_inner) += played,
                Err(violation) => {
                    failed.store(true, Ordering::Relaxed);
                    let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    failure.get_or_insert((history, violation));
                }
            }
            bar.inc(1);
        }
    };
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    bar.finish_and_clear();
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        None => {
            println!("{histories} histories from seed {seed}: every promise was kept");
            print_totals(&totals.into_inner().unwrap_or_else(PoisonError::into_inner));
            true
        }
        Some((history, violation)) => {
            println!("seed {} breaks a promise. {violation}\n", history.seed);
            let shortest = shrink(&history, violation.promise, None);
            println!("The shortest history that does:\n\n{shortest}");
            if let Err(violation) = play(&shortest, None) {
                println!("{violation}\n");
            }
            println!("Replay it with: make simulate SEED={} HISTORIES=1", history.seed);
            false
        }
    }
}

fn print_totals(played: &Played) {
    let Played { calls, answers, faults, deaths, orders, midnights, replays, messages, .. } = played;
    println!(
        "  {calls} calls, {replays} of them replayed; {messages} messages; {orders} changes by operators; \
         {midnights} midnights"
    );
    let listed = |list: Vec<String>| list.join(", ");
    println!(
        "  answers: {}",
        listed(answers.iter().map(|(status, count)| format!("{status} {count}")).collect())
    );
    println!(
        "  faults: {}",
        listed(faults.iter().map(|(fault, count)| format!("{fault} {count}")).collect())
    );
    println!("  deaths of processes: {deaths}");
}

/// Finds for each kind of bug the first seed that catches it.
fn sabotage(seed: u64, histories: u64) -> bool {
    let mut all_caught = true;
    for sabotage in Sabotage::ALL {
        let caught = (seed..seed.saturating_add(histories)).find_map(|seed| {
            let history = History::draw(seed);
            play(&history, Some(sabotage)).err().map(|violation| (history, violation))
        });
        let Some((history, violation)) = caught else {
            println!("{}: not caught by {histories} histories from seed {seed}", sabotage.what());
            all_caught = false;
            continue;
        };
        let shortest = shrink(&history, violation.promise, Some(sabotage));
        println!("{}: seed {}. {violation}", sabotage.what(), history.seed);
        println!("    {}", shortest.to_string().trim_end().replace('\n', "\n    "));
    }
    all_caught
}
