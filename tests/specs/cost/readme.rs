//! The table in `README.md`.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
};

use bespin_edge::CONTROL_PLANE;
use bespin_local::Function;

use super::{
    control, jobs, operator,
    prices::{
        HTTP_REQUESTS, INVOCATIONS, Price, QUEUE_REQUESTS, READ_UNITS, WRITE_UNITS, dollars, exact,
        of_a_million,
    },
    sheet::{Row, Sheet},
    tenant, turns,
};

/// What stands around the table in `README.md`.
const BEGIN: &str = "<!-- Written by make cost. -->\n";
const END: &str = "<!-- The end of what make cost writes. -->\n";

const HEAD: &str = "| | case | round trips | read units | write units | SQS | $ a million |\n|---|---|---|---|---|---|---|\n";

/// What is called most, as the call and its case begin.
const OFTEN: [(&str, &str); 10] = [
    ("POST /v1/tools/invoke", "`echo`"),
    ("POST /v1/tools/invoke", "the same again"),
    ("POST /v1/cofounder/chat", "`help`"),
    ("POST /v1/kpis/{kpi_id}/points:bulk", "one point"),
    ("GET /v1/kpis/{kpi_id}/latest", ""),
    ("GET /v1/briefs/latest", ""),
    ("POST /v1/turns", "an estimate"),
    ("POST /v1/turns/{turn_id}/settle", ""),
    ("daily-brief-runner", "a brief that is due"),
    ("outbox-dispatcher", "a delivery that is taken"),
];

/// Each is made by itself, on the heap: a test's thread has a small stack.
async fn sheets() -> Vec<Sheet> {
    let all = [tenant::sheets(), turns::sheets(), control::sheets(), operator::sheets(), jobs::sheets()];
    let mut sheets = Vec::new();
    for sheet in all.into_iter().flatten() {
        sheets.push(sheet.await);
    }
    sheets
}

#[tokio::test]
async fn what_the_readme_says_of_each_call_is_what_it_costs() {
    let sheets = sheets().await;
    let table = written(&sheets);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("a place for the table in README.md");
    let (told, after) = rest.split_once(END).expect("an end of the table in README.md");

    assert_eq!(without_a_row(&sheets), [""; 0], "not in tests/specs/cost");
    if env::var_os("BESPIN_COST").is_some_and(|asked| asked == "write") {
        println!("{table}");
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    let changes = changes(told, &table);
    assert!(changes.is_empty(), "\n{}\n`make cost` writes README.md anew\n", changes.join("\n"));
    assert!(told == table, "the words around the numbers are old: `make cost` writes README.md anew");
}

/// The routes of the routers, and the folders of functions, that no row counts. Both prefixes of the control plane lead to
/// the same handlers.
fn without_a_row(sheets: &[Sheet]) -> Vec<String> {
    let rows = sheets.iter().flat_map(|sheet| &sheet.rows);
    let counted: BTreeSet<&String> = rows.flat_map(|row| &row.calls).collect();
    let routes = Function::ALL.into_iter().flat_map(|function| function.described().described.routes);
    let routes = routes.map(|route| format!("{} {}", route.method, route.path));
    let routes = routes.filter(|route| !route.contains(CONTROL_PLANE[1]) && !counted.contains(route));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    let functions =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let functions = functions.filter(|function| sheets.iter().all(|sheet| sheet.function != function));
    routes.chain(functions).collect()
}

fn written(sheets: &[Sheet]) -> String {
    let often: String = OFTEN.iter().map(|often| line(find(sheets, *often))).collect();
    let of_function = |sheet: &Sheet| {
        let heading = format!("| **{}** | | | | | | |\n", sheet.function);
        [heading].into_iter().chain(sheet.rows.iter().map(line)).collect::<String>()
    };
    let whole: String = sheets.iter().map(of_function).collect();
    let price = |price: &Price| format!("{} {}", price.of, exact(price.micros));
    let [write, read, queue, http, invocation] =
        [&WRITE_UNITS, &READ_UNITS, &QUEUE_REQUESTS, &HTTP_REQUESTS, &INVOCATIONS].map(price);
    format!(
        "Dollars are by list prices of `us-east-1`, on demand, written down from memory, so look them up before you rely on \
         them:\na million {write}, {read}, {queue}. Not in the table: a million {http},\n{invocation}, and \
         their time.\n\n\
         {HEAD}{often}\n<details><summary>Every route and every job</summary>\n\n{HEAD}{whole}\n</details>\n"
    )
}

/// The row of a call whose case begins with these words.
fn find<'a>(sheets: &'a [Sheet], (call, case): (&str, &str)) -> &'a Row {
    let mut rows = sheets.iter().flat_map(|sheet| &sheet.rows);
    let found = rows.find(|row| row.calls == [call] && row.case.starts_with(case));
    found.unwrap_or_else(|| panic!("no row of {call}, {case}"))
}

fn line(row: &Row) -> String {
    let short = |call: &String| format!("`{}`", call.replace(CONTROL_PLANE[0], "…"));
    let calls: Vec<String> = row.calls.iter().map(short).collect();
    let case = if row.case.is_empty() { String::new() } else { format!("{} ", row.case) };
    format!(
        "| {} | {case}| {} | {} | {} | {} | {} |\n",
        calls.join(", "),
        row.round_trips,
        units(row.read_half_units),
        units(row.write_half_units),
        row.queue_requests,
        dollars(of_a_million(row)),
    )
}

fn units(halves: u64) -> String {
    let half = if halves % 2 == 1 { ".5" } else { "" };
    format!("{}{half}", halves / 2)
}

/// What differs between two tables, a line each.
fn changes(told: &str, now: &str) -> Vec<String> {
    let (told, now) = (figures(told), figures(now));
    let in_both = now.iter().filter_map(|(name, now)| Some((name, told.get(name)?, now)));
    let changed = in_both.filter(|(_, told, now)| told != now).map(|(name, told, now)| {
        let (verdict, told, now) = (verdict(told, now), told.join(" | "), now.join(" | "));
        format!("{verdict}: {name}: {told} in README.md, now {now}")
    });
    let new = now.keys().filter(|name| !told.contains_key(*name)).map(|name| format!("new: {name}"));
    let gone = told.keys().filter(|name| !now.contains_key(*name)).map(|name| format!("gone: {name}"));
    changed.chain(new).chain(gone).collect()
}

/// What became of a row, by its dollars.
fn verdict(told: &[&str], now: &[&str]) -> &'static str {
    let dollars = |figures: &[&str]| figures.last().and_then(|last| last.parse::<f64>().ok());
    match (dollars(told), dollars(now)) {
        (Some(told), Some(now)) if now > told => "dearer",
        (Some(told), Some(now)) if now < told => "cheaper",
        _ => "changed",
    }
}

/// The figures of each row by its call and case.
fn figures(table: &str) -> BTreeMap<String, Vec<&str>> {
    let cells = table.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let rows = cells.filter(|cells| cells.len() == 9 && cells[1].starts_with('`'));
    rows.map(|cells| (format!("{} {}", cells[1], cells[2]), cells[3..8].to_vec())).collect()
}

#[test]
fn a_call_that_became_dearer_is_named() {
    let told = "| `GET /a` | warm | 1 | 1 | 0 | 0 | 0.13 |\n| `GET /b` | | 1 | 1 | 0 | 0 | 0.13 |\n";
    let now = "| `GET /a` | warm | 1 | 1 | 2 | 0 | 1.38 |\n| `GET /c` | | 1 | 1 | 0 | 0 | 0.13 |\n";

    assert_eq!(changes(told, told), [""; 0]);
    assert_eq!(
        changes(told, now),
        [
            "dearer: `GET /a` warm: 1 | 1 | 0 | 0 | 0.13 in README.md, now 1 | 1 | 2 | 0 | 1.38",
            "new: `GET /c` ",
            "gone: `GET /b` ",
        ]
    );
}
