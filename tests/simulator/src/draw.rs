//! A history from its seed.

use bespin_primitives::{Random, SeededRandom, Timestamp};
use bespin_recording::LeaseTerms;

use crate::{Call, Ceilings, Death, Delivery, Estimate, History, Order, OrderKind, Round, Wish};

/// Where something ends: days, months, a leap February, a year.
const BORDERS: [&str; 6] = [
    "2026-03-01T00:00:00Z",
    "2028-02-29T00:00:00Z",
    "2028-03-01T00:00:00Z",
    "2026-02-01T00:00:00Z",
    "2026-05-01T00:00:00Z",
    "2027-01-01T00:00:00Z",
];

/// Weights that floats cannot add up.
const WEIGHTS: [u64; 4] = [2_000_000, 333_333, 5_200_000, 1_000];

/// How far clocks step between rounds, in seconds. All steps together stay below the seven days of a key.
const STEPS: [i64; 10] = [0, 0, 1, 1, 4, 6, 30, 43_200, 86_400, -2];

/// How far the clocks of a round differ, in microseconds: around a border some calls fall before it, some after.
const SKEWS: [i64; 5] = [0, 0, 1, -1, 900_000];

struct Dice(SeededRandom);

impl Dice {
    fn below(&self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    fn pick<T: Copy>(&self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    fn index(&self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap_or_default()
    }

    fn small(&self, bound: u8) -> u8 {
        u8::try_from(self.below(u64::from(bound))).unwrap_or_default()
    }

    fn one_in(&self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

impl History {
    /// The history of a seed.
    pub fn draw(seed: u64) -> Self {
        let dice = Dice(SeededRandom::new(seed ^ 0x5EED));
        // The first numbers of neighbouring seeds are alike.
        dice.below(1);
        let processes = 1 + dice.index(3);
        let tenants: Vec<Ceilings> = (0..=dice.index(3)).map(|_| ceilings(&dice)).collect();
        let (weight, leases) = (dice.pick(&WEIGHTS), None);
        let mut history = Self { seed, processes, weight, leases, tenants, rounds: Vec::new() };
        let border = Timestamp::parse_rfc3339(dice.pick(&BORDERS)).unwrap_or(Timestamp::MIN);
        let mut now = border.plus_seconds(-dice.pick(&[0, 1, 3, 10]));
        for _ in 0..2 + dice.index(4) {
            let round = round(&dice, &history, now);
            history.rounds.push(round);
            now = now.plus_seconds(dice.pick(&STEPS));
        }
        // By dice of their own, so that all else is as it would be without turns.
        let dice = Dice(SeededRandom::new(seed ^ 0x7042));
        dice.below(1);
        if dice.one_in(2) {
            for number in 0..history.rounds.len() {
                let turns: Vec<Call> =
                    (0..dice.index(6)).map(|_| Call { wish: turn(&dice), ..call(&dice, &history) }).collect();
                history.rounds[number].calls.extend(turns);
            }
        }
        history.lease(&Dice(SeededRandom::new(seed ^ 0x1EA5E)));
        history
    }

    /// In half of all histories tenants are busy, and processes take leases for them.
    fn lease(&mut self, dice: &Dice) {
        dice.below(1);
        if dice.one_in(2) {
            return;
        }
        self.leases = Some(LeaseTerms {
            calls: dice.pick(&[1, 2, 3, 5]),
            seconds: dice.pick(&[1, 2, 10, 60]),
            share: dice.pick(&[1, 1, 2]),
            least: 1,
        });
        for ceilings in &mut self.tenants {
            let more = dice.below(16);
            ceilings.credits += 2 * more;
            ceilings.tool_cap += more;
            ceilings.tools_a_day += more;
        }
        for number in 0..self.rounds.len() {
            let echo = || Wish::Echo { key: dice.small(16), text: if dice.one_in(40) { 2 } else { 0 } };
            let calls: Vec<Call> =
                (0..dice.index(12)).map(|_| Call { wish: echo(), ..call(dice, self) }).collect();
            self.rounds[number].calls.extend(calls);
        }
    }
}

fn ceilings(dice: &Dice) -> Ceilings {
    Ceilings {
        credits: 4 + dice.below(20),
        tool_cap: 1 + dice.below(8),
        brief_cap: dice.below(3),
        tools_a_day: 1 + dice.below(5),
        briefs_a_day: 1 + dice.below(2),
        notices_a_day: dice.pick(&[0, 2, 4, 9]),
        brief_hour: dice.pick(&[0, 0, 12, 23]),
    }
}

fn round(dice: &Dice, history: &History, now: Timestamp) -> Round {
    let deaths = (0..history.processes)
        .filter(|_| dice.one_in(6))
        .map(|process| Death { process, after: dice.below(30) })
        .collect();
    let mut calls: Vec<Call> = (0..2 + dice.index(9)).map(|_| call(dice, history)).collect();
    if dice.one_in(2) {
        crowd(dice, history, &mut calls);
    }
    let orders = (0..2).filter(|_| dice.one_in(3)).map(|_| order(dice, history)).collect();
    Round {
        now,
        fault_seed: dice.below(u64::MAX),
        per_mille: dice.pick(&[0, 50, 120, 200]),
        deaths,
        orders,
        calls,
        ticks: (0..history.processes).filter(|_| dice.one_in(2)).collect(),
        deliveries: (0..dice.below(4)).map(|_| delivery(dice, history)).collect(),
    }
}

fn delivery(dice: &Dice, history: &History) -> Delivery {
    Delivery {
        process: dice.index(history.processes),
        twice: dice.one_in(3),
        reversed: dice.one_in(3),
        forgotten: dice.one_in(4),
    }
}

/// Lets a few others want what one call wants, at the same time: under the same key or another, through any process.
fn crowd(dice: &Dice, history: &History, calls: &mut Vec<Call>) {
    let wanted = calls[dice.index(calls.len())].clone();
    for _ in 0..=dice.index(3) {
        let mut call = Call { process: dice.index(history.processes), ..wanted.clone() };
        if let Some(key) = call.wish.key_mut().filter(|_| dice.one_in(2)) {
            *key = dice.small(6);
        }
        calls.insert(dice.index(calls.len()), call);
    }
}

fn order(dice: &Dice, history: &History) -> Order {
    let tenant = dice.index(history.tenants.len());
    let Ceilings { credits, tool_cap, brief_cap, tools_a_day, briefs_a_day, .. } = ceilings(dice);
    let kind = match dice.below(9) {
        0 | 1 => OrderKind::Credits(tenant, credits),
        2 => OrderKind::Caps(tenant, tool_cap, brief_cap),
        3 | 4 => OrderKind::Limits(tenant, tools_a_day, briefs_a_day),
        5 => OrderKind::Weight(dice.pick(&WEIGHTS)),
        6 => OrderKind::ToolsActive(dice.one_in(2)),
        7 => OrderKind::Suspend(tenant),
        _ => OrderKind::Resume(tenant),
    };
    Order { process: dice.index(history.processes), kind }
}

fn call(dice: &Dice, history: &History) -> Call {
    Call {
        process: dice.index(history.processes),
        tenant: dice.index(history.tenants.len()),
        skew_micros: dice.pick(&SKEWS),
        again: dice.one_in(5),
        wish: wish(dice),
    }
}

fn wish(dice: &Dice) -> Wish {
    let kpi = dice.index(2);
    match dice.below(26) {
        0..7 => Wish::Echo { key: dice.small(6), text: if dice.one_in(20) { 2 } else { dice.small(2) } },
        7 => Wish::Summary { key: dice.small(6), kpi },
        8 => Wish::NoTool { key: dice.small(6) },
        9 | 10 => Wish::Kpi { key: dice.small(3), name: dice.small(2) },
        11..16 => {
            let points = (0..=dice.index(5)).map(|_| (1 + dice.small(20), dice.small(9))).collect();
            Wish::Points { kpi, points }
        }
        16..19 => Wish::Brief { key: dice.small(4), day: 5 + 7 * dice.small(4) },
        19..22 => Wish::Ask { key: dice.small(4), about_kpis: dice.one_in(2) },
        22..25 => Wish::Job { key: dice.small(4), day: 5 + 7 * dice.small(4) },
        _ => Wish::Usage,
    }
}

/// Something about one of three turns.
fn turn(dice: &Dice) -> Wish {
    let key = dice.small(3);
    match dice.below(8) {
        0..4 => {
            // What a turn holds of the plan and is free at its expiry might be used by others and by itself after all.
            let units = dice.small(3);
            let free = units == 0 && dice.one_in(2);
            let estimate = Estimate { requests: dice.small(3), cents: 10 * dice.small(4), units };
            Wish::Turn { key, estimate, lifetime: dice.pick(&[1, 2, 30, 120]), free }
        }
        4..6 => {
            let used = (dice.small(3), 10 * dice.small(5));
            Wish::SettleTurn { key, used, units: dice.one_in(2) }
        }
        6 => Wish::CancelTurn { key },
        _ => Wish::ProlongTurn { key },
    }
}
