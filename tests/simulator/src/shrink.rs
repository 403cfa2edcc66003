//! The shortest history that still fails.

use crate::{Call, History, Promise, Sabotage, Wish, play};

/// How many histories are tried on the way.
const MAX_TRIES: usize = 600;

/// Leaves out of a failing history what it does not need to break the same promise.
pub fn shrink(history: &History, promise: Promise, sabotage: Option<Sabotage>) -> History {
    let mut shortest = history.clone();
    let mut tries = 0;
    loop {
        let shorter = shorter_than(&shortest).into_iter().find(|candidate| {
            tries += 1;
            tries <= MAX_TRIES && matches!(play(candidate, sabotage), Err(seen) if seen.promise == promise)
        });
        match shorter {
            Some(shorter) => shortest = shorter,
            None => return shortest,
        }
    }
}

/// Everything that is one step shorter, large steps first.
fn shorter_than(history: &History) -> Vec<History> {
    let mut all = Vec::new();
    let mut without = |change: &dyn Fn(&mut History)| {
        let mut shorter = history.clone();
        change(&mut shorter);
        all.push(shorter);
    };
    if history.leases.is_some() {
        without(&|history| history.leases = None);
    }
    for round in 0..history.rounds.len() {
        without(&|history| drop(history.rounds.remove(round)));
    }
    for (number, round) in history.rounds.iter().enumerate() {
        if round.calls.len() > 3 {
            without(&|history| history.rounds[number].calls.truncate(round.calls.len() / 2));
            without(&|history| drop(history.rounds[number].calls.drain(..round.calls.len() / 2)));
        }
        if round.per_mille > 0 {
            without(&|history| history.rounds[number].per_mille = 0);
        }
        for death in &round.deaths {
            without(&|history| history.rounds[number].deaths.retain(|other| other != death));
        }
        for order in 0..round.orders.len() {
            without(&|history| {
                history.rounds[number].orders.remove(order);
            });
        }
        for tick in 0..round.ticks.len() {
            without(&|history| {
                history.rounds[number].ticks.remove(tick);
            });
        }
        for delivery in 0..round.deliveries.len() {
            without(&|history| {
                history.rounds[number].deliveries.remove(delivery);
            });
        }
        for call in 0..round.calls.len() {
            without(&|history| drop(history.rounds[number].calls.remove(call)));
            let Call { again, skew_micros, wish, .. } = &round.calls[call];
            if *again {
                without(&|history| history.rounds[number].calls[call].again = false);
            }
            if *skew_micros != 0 {
                without(&|history| history.rounds[number].calls[call].skew_micros = 0);
            }
            if let Wish::Points { kpi, points } = wish
                && points.len() > 1
            {
                let fewer = Wish::Points { kpi: *kpi, points: points[1..].to_vec() };
                without(&|history| history.rounds[number].calls[call].wish = fewer.clone());
            }
        }
    }
    for tenant in 0..history.tenants.len() {
        if history.tenants.len() > 1 {
            without(&|history| history.remove_tenant(tenant));
        }
    }
    if history.processes > 1 {
        without(&|history| {
            history.processes -= 1;
            let most = history.processes - 1;
            for round in &mut history.rounds {
                round.calls.iter_mut().for_each(|call| call.process = call.process.min(most));
                round.orders.iter_mut().for_each(|order| order.process = order.process.min(most));
                round.deaths.retain(|death| death.process <= most);
                round.ticks.retain(|process| *process <= most);
                round.deliveries.retain(|delivery| delivery.process <= most);
            }
        });
    }
    all
}
