//! A bounded number of histories for every run of the tests, and that they would notice a bug.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ops::Range;

use bespin_simulator::{History, Promise, Sabotage, play, shrink};

/// Halves of the seeds, so that they are played side by side.
fn live_through(seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        if let Err(violation) = play(&History::draw(seed), None) {
            let shortest = shrink(&History::draw(seed), violation.promise, None);
            panic!("seed {seed}. {violation}\n\n{shortest}");
        }
    }
}

#[test]
fn every_promise_is_kept_in_histories_with_even_seeds() {
    live_through((0..60).step_by(2));
}

#[test]
fn every_promise_is_kept_in_histories_with_odd_seeds() {
    live_through((1..60).step_by(2));
}

#[test]
fn a_history_follows_from_its_seed_to_the_last_byte() {
    for seed in [3, 8] {
        let history = History::draw(seed);
        assert_eq!(history, History::draw(seed));

        let (one, other) = (play(&history, None).unwrap(), play(&history, None).unwrap());

        assert_eq!(one.transcript, other.transcript, "seed {seed}");
        assert_eq!(one, other, "seed {seed}");
    }
}

/// A bug is caught by what it does to the numbers or the answers, not by a store that refuses nonsense.
#[track_caller]
fn assert_caught(sabotage: Sabotage, mut seeds: Range<u64>) {
    let caught = seeds.find_map(|seed| play(&History::draw(seed), Some(sabotage)).err());
    let promise = caught.map(|violation| violation.promise);
    assert!(promise.is_some_and(|promise| promise != Promise::Answers), "{}: {promise:?}", sabotage.what());
}

#[test]
fn dropped_conditions_of_counters_and_keys_are_noticed() {
    assert_caught(Sabotage::NoCeilings, 0..100);
    assert_caught(Sabotage::NoKeyCondition, 0..100);
}

#[test]
fn retries_that_are_not_told_from_first_tries_are_noticed() {
    assert_caught(Sabotage::FreshTokens, 0..100);
    assert_caught(Sabotage::CountedTwice, 0..100);
}

#[test]
fn entries_and_counters_that_go_astray_are_noticed() {
    assert_caught(Sabotage::NoEntry, 0..100);
    assert_caught(Sabotage::Yesterday, 0..100);
}

#[test]
fn dropped_conditions_of_points_and_briefs_are_noticed() {
    assert_caught(Sabotage::NoHeadCondition, 0..100);
    // Needs two first calls for one date in the same instant, which few histories have.
    assert_caught(Sabotage::NoBriefCondition, 100..200);
}

#[test]
fn users_that_are_told_twice_are_noticed() {
    assert_caught(Sabotage::NoMarkCondition, 75..200);
}

#[test]
fn turns_that_are_changed_by_two_and_holds_that_stay_are_noticed() {
    assert_caught(Sabotage::NoWayBack, 0..100);
    assert_caught(Sabotage::NoTurnCondition, 0..200);
}

#[test]
fn what_is_charged_to_a_lease_that_was_ended_is_noticed() {
    assert_caught(Sabotage::NoLeaseEnd, 0..200);
}

#[test]
fn a_failing_history_is_cut_down_to_what_fails() {
    let (history, violation) = (0..150)
        .find_map(|seed| {
            let history = History::draw(seed);
            play(&history, Some(Sabotage::NoEntry)).err().map(|violation| (history, violation))
        })
        .unwrap();

    let shortest = shrink(&history, violation.promise, Some(Sabotage::NoEntry));

    let calls: usize = shortest.rounds.iter().map(|round| round.calls.len()).sum();
    assert!(calls <= 1 && shortest.tenants.len() == 1 && shortest.processes == 1, "{shortest}");
    assert_eq!(play(&shortest, Some(Sabotage::NoEntry)).unwrap_err().promise, violation.promise);
}
