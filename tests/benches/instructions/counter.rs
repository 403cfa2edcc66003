//! Counting by callgrind: this program again, and only what runs in [`counted`].

use std::{env, process::Command};

/// Tells the program under valgrind which path to run.
const PATH: &str = "BESPIN_PATH";

/// The path that this process is to run, if it is one of those that are counted.
pub(crate) fn asked_for() -> Option<String> {
    env::var(PATH).ok()
}

/// Callgrind counts from where this function is entered to where it is left. So it must be one function in the program,
/// under a name that no other has.
#[inline(never)]
pub(crate) fn counted(times: u64, work: &mut dyn FnMut()) {
    for _ in 0..times {
        work();
    }
}

/// Lets the allocator of glibc keep more freed pieces of each size than the seven it keeps by itself. Beyond those it joins
/// and searches, and what it finds depends on the order in which hash maps were dropped.
const ALLOCATOR: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=127");

/// How many instructions all calls of a path take.
pub(crate) fn count(path: &str) -> Result<u64, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .arg("--toggle-collect=instructions::counter::counted*")
        .arg(program)
        .env(PATH, path)
        .env(ALLOCATOR.0, ALLOCATOR.1)
        .output();
    let run = run.map_err(|error| error.to_string())?;
    let told = String::from_utf8_lossy(&run.stderr);
    let collected = told.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    match collected {
        Some(count) if run.status.success() && count > 0 => Ok(count),
        _ => Err(format!("{path} was not counted:\n{told}")),
    }
}

/// What counts depend on beside the code: the compiler, valgrind, the C library and the processor, whose features some
/// libraries ask for.
pub(crate) fn counted_by() -> Result<String, String> {
    let rustc = version("rustc", "-V").ok_or("rustc does not answer")?;
    let missing = "valgrind is missing: on Debian and Ubuntu, apt-get install valgrind";
    let valgrind = version("valgrind", "--version").ok_or(missing)?;
    let libc = version("ldd", "--version").unwrap_or_else(|| "another C library".to_owned());
    Ok([rustc, valgrind, libc, env::consts::ARCH.to_owned()].join(", "))
}

/// The first line that a program tells of itself.
fn version(program: &str, argument: &str) -> Option<String> {
    let told = Command::new(program).arg(argument).output().ok()?;
    String::from_utf8(told.stdout).ok()?.lines().next().map(str::to_owned)
}
