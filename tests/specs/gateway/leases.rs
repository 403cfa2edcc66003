//! Specifications of leases: what a call costs under one, that limits and numbers are as exact as without, and what
//! becomes of a lease whose process dies, sleeps or is never heard of again.
#![allow(
    clippy::float_cmp,
    reason = "units of capacity are multiples of a half, so floats hold them exactly"
)]

use std::{collections::BTreeSet, sync::Arc};

use bespin_access::TenantAccess;
use bespin_embedded::Fault;
use bespin_fn_daily_brief_scheduler::Scheduled;
use bespin_local::LocalSettings;
use bespin_metering::{Lease, LeasePlace, LedgerEntry, LedgerListing, MeteredEvent, Metering, Posting, post};
use bespin_primitives::{Credits, OsRandom, Random, RequestId, SeededRandom, Usd};
use bespin_recording::LeaseTerms;
use bespin_table::{Transaction, counted};
use bespin_testing::StoppedClock;
use bespin_tests::{Actor, Reply, Request, World, noon};
use serde_json::{Value, json};

use crate::at_once;

/// Leases of up to a hundred calls and half of what limits leave.
const TERMS: LeaseTerms = LeaseTerms { calls: 100, seconds: 10, share: 2, least: 2 };

async fn leasing() -> World {
    let settings = LocalSettings { leases: Some(TERMS), ..World::settings() };
    World::open_at(settings, Arc::new(StoppedClock::at(noon())), Arc::new(OsRandom)).await
}

/// Another process over the same stores.
fn another(world: &World) -> World {
    world.another(Arc::new(StoppedClock::at(noon())), Arc::new(OsRandom))
}

fn echo(actor: &Actor, key: &str) -> Request {
    actor.invoke(key, "echo", &json!({"text": "hi"}))
}

/// The same caller in another process.
fn through(process: &World, actor: &Actor) -> Actor {
    process.actor(&actor.tenant_id, &actor.user_id, &actor.api_key)
}

/// A tenant of which the process has a lease, of which one call is spent: the first one needs none.
async fn busy_tenant(world: &World) -> Actor {
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    echo(&admin, "first").send().await.expect(200);
    echo(&admin, "leased").send().await.expect(200);
    admin
}

/// The request ids of the ledger's first page, newest first.
async fn listed(actor: &Actor) -> Vec<String> {
    let page = actor.get("/v1/billing/ledger").send().await.expect(200);
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["request_id"].as_str().unwrap().to_owned()).collect()
}

fn request_id(reply: &Reply) -> String {
    reply.expect(200)["request_id"].as_str().unwrap().to_owned()
}

async fn used_today(actor: &Actor) -> u64 {
    let usage = actor.get("/v1/usage/daily").send().await.expect(200);
    let usage = usage["usage"].as_array().unwrap();
    let tools = usage.iter().find(|line| line["activity_type"] == "tool_invocation").unwrap();
    tools["units"].as_u64().unwrap()
}

#[tokio::test]
async fn whoever_asks_sees_every_call_at_once() {
    let world = leasing().await;
    let admin = busy_tenant(&world).await;
    let mut calls = Vec::new();
    for number in 1..6 {
        let at = noon().plus_seconds(number).to_string();
        calls.push(request_id(&echo(&admin, &number.to_string()).at(&at).send().await));
    }

    let used = used_today(&admin).await;
    let listed = listed(&admin).await;

    assert_eq!(used, 7);
    calls.reverse();
    assert_eq!(listed[..5], calls);
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 7);
}

#[tokio::test]
async fn many_who_look_at_once_settle_a_lease_once() {
    let world = leasing().await;
    let admin = busy_tenant(&world).await;
    let processes = [another(&world), another(&world), another(&world)];

    let looks = processes.iter().map(|process| through(process, &admin).get("/v1/billing/usage"));
    let seen = at_once(looks).await;

    for reply in seen {
        assert_eq!(reply.expect(200)["breakdown"][0]["raw_units"], 2);
    }
    assert!(!world.usage(&admin, "2026-02").await.is_held());
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 2);
}

#[tokio::test]
async fn a_limit_is_reached_to_the_unit_though_other_processes_hold_leases() {
    let one = leasing().await;
    let other = another(&one);
    let admin = busy_tenant(&one).await;
    one.set_daily_tool_limit(&admin, 50).await;
    for number in 0..3 {
        echo(&admin, &format!("one {number}")).send().await.expect(200);
    }

    let same = through(&other, &admin);
    let mut admitted = 0;
    let refused = loop {
        let reply = echo(&same, &format!("other {admitted}")).send().await;
        if reply.status != 200 {
            break reply;
        }
        admitted += 1;
    };

    assert_eq!(admitted, 50 - 5);
    let detail = refused.detail(429);
    assert_eq!((&detail["error"], &detail["current"]), (&json!("quota_exceeded"), &json!(50)));
    assert_eq!(echo(&admin, "one more").send().await.status, 429);
    assert_eq!(used_today(&admin).await, 50);
    assert_eq!(one.assert_ledger_equals_counters(&admin, "2026-02").await, 50);
}

#[tokio::test]
async fn a_limit_that_is_lowered_holds_in_the_next_call() {
    let world = leasing().await;
    let admin = busy_tenant(&world).await;

    world.set_daily_tool_limit(&admin, 2).await;

    assert_eq!(echo(&admin, "next").send().await.status, 429);
}

#[tokio::test]
async fn a_lease_ends_with_its_day_and_with_its_time() {
    let world = leasing().await;
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    for (key, at) in [
        ("a", "2026-02-28T23:59:58Z"),
        ("b", "2026-02-28T23:59:59Z"),
        ("c", "2026-03-01T00:00:00Z"),
        ("d", "2026-03-01T00:00:10Z"),
    ] {
        echo(&admin, key).at(at).send().await.expect(200);
    }

    let read_at = |path: &str| admin.get(path).at("2026-03-01T00:00:10Z");
    let february = read_at("/v1/billing/usage?period_start=2026-02-01").send().await.expect(200);
    let march = read_at("/v1/billing/usage?period_start=2026-03-01").send().await.expect(200);

    assert_eq!(february["breakdown"][0]["raw_units"], 2);
    assert_eq!(march["breakdown"][0]["raw_units"], 2);
    assert_eq!(world.ledger(&admin, "2026-02").await.len(), 2);
    assert_eq!(world.ledger(&admin, "2026-03").await.len(), 2);
}

#[tokio::test]
async fn a_process_whose_lease_was_ended_meanwhile_charges_the_call_by_itself() {
    let world = leasing().await;
    let admin = busy_tenant(&world).await;
    let other = another(&world);
    assert_eq!(used_today(&through(&other, &admin)).await, 2);

    let late = echo(&admin, "late").send().await;
    let replay = echo(&admin, "late").send().await;

    assert_eq!(request_id(&late), request_id(&replay));
    assert_eq!(used_today(&admin).await, 3);
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 3);
}

#[tokio::test]
async fn a_lease_that_nobody_asks_about_is_settled_within_the_hour() {
    let world = leasing().await;
    let admin = busy_tenant(&world).await;
    assert!(world.usage(&admin, "2026-02").await.is_held());

    let early = world.schedule(&Value::Null, noon().plus_seconds(9)).await.unwrap();
    let hourly = world.schedule(&Value::Null, noon().plus_seconds(3_600)).await.unwrap();

    assert_eq!(early, Scheduled::default());
    assert_eq!(hourly, Scheduled { leases: 1, ..Scheduled::default() });
    assert!(!world.usage(&admin, "2026-02").await.is_held());
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 2);
}

/// Entries of their own and of leases that overlap, at instants that meet: all of them, oldest first by place.
async fn mixed_ledger(world: &World, admin: &Actor, random: &SeededRandom) -> Vec<LedgerEntry> {
    let access = admin.access().await;
    let catalogue = world.deps().entitlements.catalogue().await.unwrap();
    let event = |odd: bool| if odd { MeteredEvent::AssistantQuery } else { MeteredEvent::ToolInvocation };
    let charge = |event: MeteredEvent, units| catalogue.events[event.key()].charge(event, units).unwrap();
    let within = |seconds: u64| i64::try_from(random.below(seconds)).unwrap();
    for _ in 0..random.below(12) {
        let posting = Posting {
            charge: charge(event(random.below(3) == 0), 1),
            request_id: RequestId::random(random),
            tool_name: None,
            action: None,
            at: noon().plus_seconds(within(100)),
        };
        let mut transaction = Transaction::new();
        post(&mut transaction, &access, &posting, &[], random);
        world.deps().table.commit(transaction).await.unwrap();
    }
    let metering = &world.deps().metering;
    for _ in 0..random.below(5) {
        let event = event(random.below(3) == 0);
        let from = noon().plus_seconds(within(60));
        let lease = Lease::new(charge(event, 20), from, 60, random);
        let mut transaction = Transaction::new();
        lease.take(&mut transaction, access.tenant_id(), &[]);
        world.deps().table.commit(transaction).await.unwrap();
        for number in 0..random.below(10) {
            let request_id = RequestId::random(random);
            let entry = LedgerEntry {
                id: LedgerEntry::leased_id(request_id),
                request_id,
                event,
                created_at: from.plus_seconds(within(60)),
                ..entry_of(&access, event)
            };
            metering.append(LeasePlace { lease: lease.id, number }, &entry).await.unwrap();
        }
        metering.settle_leases(&access, &[lease]).await.unwrap();
    }
    let mut all = pages(metering, admin, None, 1_000).await.concat();
    all.reverse();
    all
}

fn entry_of(access: &TenantAccess, event: MeteredEvent) -> LedgerEntry {
    let request_id = RequestId::random(&OsRandom);
    LedgerEntry {
        id: LedgerEntry::leased_id(request_id),
        tenant_id: access.tenant_id(),
        event,
        raw_units: 1,
        credits: Credits::from_micros(1),
        list_cost: Usd::ZERO,
        tool_name: None,
        request_id,
        user_id: access.user_id(),
        action: None,
        subject: None,
        created_at: noon(),
    }
}

/// All pages of a listing.
async fn pages(
    metering: &Metering,
    admin: &Actor,
    event: Option<MeteredEvent>,
    limit: usize,
) -> Vec<Vec<LedgerEntry>> {
    let access = admin.access().await;
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let listing = LedgerListing { from: noon(), event, limit, after };
        let (page, next) = metering.entries(&access, listing).await.unwrap();
        pages.push(page);
        after = next;
        if after.is_none() {
            return pages;
        }
    }
}

#[tokio::test]
async fn pages_of_any_size_show_every_entry_once_newest_first_whoever_held_it() {
    for seed in 0..20 {
        let world = World::unhurried().await;
        let admin = world.tenant().await;
        let all = mixed_ledger(&world, &admin, &SeededRandom::new(seed)).await;
        let place = |entry: &LedgerEntry| (entry.created_at, entry.id);
        assert!(all.is_sorted_by_key(place), "seed {seed}");
        let ids: BTreeSet<_> = all.iter().map(|entry| entry.request_id).collect();
        assert_eq!(ids.len(), all.len(), "seed {seed}");

        for limit in [1, 2, 3, 7] {
            for event in [None, Some(MeteredEvent::AssistantQuery)] {
                let pages = pages(&world.deps().metering, &admin, event, limit).await;
                assert!(pages.iter().all(|page| page.len() <= limit), "seed {seed}, {limit} a page");
                let mut listed = pages.concat();
                listed.reverse();
                let wanted: Vec<_> = all
                    .iter()
                    .filter(|entry| event.is_none_or(|event| event == entry.event))
                    .cloned()
                    .collect();
                assert_eq!(listed, wanted, "seed {seed}, {limit} a page of {event:?}");
            }
        }
    }
}

/// What counts on what a process remembers.
mod cost {
    use super::*;

    #[tokio::test]
    async fn a_call_under_a_lease_is_two_write_units_and_a_replay_none() {
        let world = leasing().await;
        let admin = busy_tenant(&world).await;

        let call = echo(&admin, "one").send().await;
        let replay = echo(&admin, "one").send().await;

        assert_eq!(replay.text, call.text);
        assert_eq!((call.cost().round_trips, call.cost().write_units, call.cost().read_units), (2, 2.0, 0.0));
        assert_eq!(
            (replay.cost().round_trips, replay.cost().write_units, replay.cost().read_units),
            (2, 0.0, 2.0)
        );
    }

    #[tokio::test]
    async fn all_that_a_hundred_calls_need_beside_is_less_than_half_a_unit_each() {
        let world = leasing().await;
        let admin = busy_tenant(&world).await;
        let (mut units, mut round_trips) = (0.0, 0);

        // 99 are left of the lease; the hundredth settles it and takes another one.
        for number in 0..100 {
            let reply = echo(&admin, &number.to_string()).send().await;
            reply.expect(200);
            units += reply.cost().write_units;
            round_trips += reply.cost().round_trips;
        }

        assert!(units <= 100.0 * 2.4, "{units}");
        assert!(round_trips <= 210, "{round_trips}");
    }

    #[tokio::test]
    async fn a_lease_of_a_hundred_calls_is_taken_for_6_units_and_settled_for_18() {
        let world = World::unhurried().await;
        let admin = world.tenant().await;
        let access = admin.access().await;
        let deps = world.deps();
        let catalogue = deps.entitlements.catalogue().await.unwrap();
        let event = MeteredEvent::ToolInvocation;
        let charge = catalogue.events[event.key()].charge(event, 100).unwrap();
        let lease = Lease::new(charge, noon(), 10, &OsRandom);
        let mut transaction = Transaction::new();
        lease.take(&mut transaction, access.tenant_id(), &[]);

        let (_, taken) = counted(deps.table.commit(transaction)).await;
        for number in 0..100 {
            let place = LeasePlace { lease: lease.id, number };
            deps.metering.append(place, &entry_of(&access, event)).await.unwrap();
        }
        let (_, settled) = counted(deps.metering.settle_leases(&access, &[lease])).await;

        assert_eq!((taken.round_trips, taken.write_units, taken.read_units), (1, 6.0, 0.0));
        assert_eq!((settled.round_trips, settled.write_units, settled.read_units), (2, 18.0, 9.0));
    }
}

/// What makes the store fail.
mod deaths {
    use super::*;

    /// A process dies after it wrote the record and before it wrote the entry.
    async fn died_in_between(world: &World, admin: &Actor) {
        world.faults().stop_after(1);
        assert_eq!(echo(admin, "unlucky").send().await.status, 503);
    }

    #[tokio::test]
    async fn a_call_whose_process_died_is_finished_by_its_repetition() {
        let world = leasing().await;
        let admin = busy_tenant(&world).await;
        died_in_between(&world, &admin).await;
        let other = another(&world);
        let same = through(&other, &admin);

        let first = echo(&same, "unlucky").send().await;
        let second = echo(&same, "unlucky").send().await;

        assert_eq!(request_id(&first), request_id(&second));
        assert_eq!(listed(&same).await.iter().filter(|id| **id == request_id(&first)).count(), 1);
        assert_eq!(used_today(&same).await, 3);
        assert_eq!(other.assert_ledger_equals_counters(&same, "2026-02").await, 3);
    }

    #[tokio::test]
    async fn a_record_that_nothing_was_charged_for_counts_for_nothing_when_the_lease_is_over() {
        let world = leasing().await;
        let admin = busy_tenant(&world).await;
        died_in_between(&world, &admin).await;
        let other = another(&world);
        let same = through(&other, &admin);
        assert_eq!(used_today(&same).await, 2, "the call was not answered");

        // Another body: the key was never used.
        let first = same.invoke("unlucky", "echo", &json!({"text": "ho"})).send().await;
        let second = same.invoke("unlucky", "echo", &json!({"text": "ho"})).send().await;

        assert_eq!(first.expect(200)["result"]["echo"]["text"], "ho");
        assert_eq!(request_id(&first), request_id(&second));
        assert_eq!(used_today(&same).await, 3);
        assert_eq!(other.assert_ledger_equals_counters(&same, "2026-02").await, 3);
    }

    #[tokio::test]
    async fn a_reply_that_is_lost_charges_the_call_once() {
        let world = leasing().await;
        let admin = busy_tenant(&world).await;

        // Of the record; of the record and the entry.
        for lost in [1, 2] {
            world.faults().times("PutItem", Fault::ReplyLost, lost);
            let call = echo(&admin, &lost.to_string()).send().await;
            let replay = echo(&admin, &lost.to_string()).send().await;
            assert_eq!(request_id(&call), request_id(&replay));
            assert_eq!(world.faults().pending(), 0);
        }

        assert_eq!(used_today(&admin).await, 4);
        assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 4);
    }
}
