//! Which KPIs a brief speaks of, and in which order (gateway.md 7.2).

use std::cmp::Ordering;

use bespin_kpi::{Change, Kpi};

use crate::{Alert, AlertReason, BriefOrder, Content, Highlight, Severity, Summary};

/// A KPI whose change is this many percent or less raises an alert: a fall by exactly a tenth does.
pub const ALERT_AT_PERCENT: f64 = -10.0;

/// How one KPI moved in the window of the brief. A KPI without a point on the date or before has none.
#[derive(Debug, Clone, PartialEq)]
pub struct Movement {
    /// Which KPI.
    pub kpi: Kpi,
    /// From the first point of its window to its latest point on the date or before.
    pub change: Change,
}

/// What a brief says about these movements, one for each KPI considered, in any order.
pub fn content(order: &BriefOrder, mut movements: Vec<Movement>) -> Content {
    movements.sort_by(by_name_then_id);
    let summary = summary(&movements);
    let alerts = movements.iter().filter_map(alert).collect();
    // Stable, so KPIs of equal weight stay in the order of their names.
    movements.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
    let room = usize::try_from(order.top_n).unwrap_or(usize::MAX);
    let highlights = movements.into_iter().take(room).map(highlight).collect();
    Content {
        date: order.date,
        window_days: order.window_days,
        top_n: order.top_n,
        summary,
        highlights,
        alerts,
    }
}

/// By code points, as Rust compares text; names may repeat, ids do not.
fn by_name_then_id(a: &Movement, b: &Movement) -> Ordering {
    a.kpi.name.cmp(&b.kpi.name).then(a.kpi.id.cmp(&b.kpi.id))
}

/// How far a KPI moved, either way. Where there is no percentage it weighs nothing, however far it moved.
fn weight(movement: &Movement) -> f64 {
    movement.change.delta_pct().map_or(0.0, f64::abs)
}

fn summary(movements: &[Movement]) -> Summary {
    let mut summary = Summary { kpis_considered: 0, kpis_up: 0, kpis_down: 0, kpis_flat: 0 };
    for movement in movements {
        let delta = movement.change.delta_abs();
        summary.kpis_considered += 1;
        if delta > 0.0 {
            summary.kpis_up += 1;
        } else if delta < 0.0 {
            summary.kpis_down += 1;
        } else {
            summary.kpis_flat += 1;
        }
    }
    summary
}

fn highlight(movement: Movement) -> Highlight {
    let Movement { kpi, change } = movement;
    Highlight { kpi_id: kpi.id, name: kpi.name, unit: kpi.unit, change }
}

fn alert(movement: &Movement) -> Option<Alert> {
    let delta_pct = movement.change.delta_pct().filter(|percent| *percent <= ALERT_AT_PERCENT)?;
    Some(Alert {
        kpi_id: movement.kpi.id,
        name: movement.kpi.name.clone(),
        severity: Severity::High,
        reason: AlertReason::DeltaPctBelowThreshold,
        delta_pct,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use bespin_kpi::Point;
    use bespin_primitives::{BriefId, KpiId, RequestId, SeededRandom, Timestamp, parse_date};
    use proptest::prelude::*;

    use super::*;
    use crate::Brief;

    fn order(top_n: u32) -> BriefOrder {
        BriefOrder { date: parse_date("2026-01-31").unwrap(), window_days: 7, top_n }
    }

    /// A KPI that went from one value to another in the week before 31 January 2026.
    fn moved(name: &str, seed: u64, start: f64, latest: f64) -> Movement {
        let id = KpiId::random(&SeededRandom::new(seed));
        let kpi = Kpi { id, name: name.into(), unit: None, description: None, created_at: Timestamp::MIN };
        let point = |text, value| Point::parse(text, value).unwrap();
        let change =
            Change::between(point("2026-01-24T00:00:00Z", start), point("2026-01-31T00:00:00Z", latest));
        Movement { kpi, change }
    }

    fn highlighted(content: &Content) -> Vec<&str> {
        content.highlights.iter().map(|highlight| highlight.name.as_str()).collect()
    }

    fn alerted(content: &Content) -> Vec<&str> {
        content.alerts.iter().map(|alert| alert.name.as_str()).collect()
    }

    #[test]
    fn a_brief_reads_as_in_the_contract() {
        let random = SeededRandom::new(1);
        let churn = moved("Churn", 2, 100.0, 90.0);
        let churn_id = churn.kpi.id;
        let mrr = moved("MRR", 3, 1000.0, 1001.0);
        let brief = Brief {
            id: BriefId::random(&random),
            request_id: RequestId::random(&random),
            content: content(&order(1), vec![mrr, churn]),
        };

        let expected = format!(
            concat!(
                r#"{{"brief_id":"{}","request_id":"{}","content":{{"date":"2026-01-31","window_days":7,"top_n":1,"#,
                r#""summary":{{"kpis_considered":2,"kpis_up":1,"kpis_down":1,"kpis_flat":0}},"#,
                r#""highlights":[{{"kpi_id":"{}","name":"Churn","unit":null,"#,
                r#""latest":{{"ts":"2026-01-31T00:00:00Z","value":90.0}},"#,
                r#""start":{{"ts":"2026-01-24T00:00:00Z","value":100.0}},"delta_abs":-10.0,"delta_pct":-10.0}}],"#,
                r#""alerts":[{{"kpi_id":"{}","name":"Churn","severity":"high","#,
                r#""reason":"delta_pct_below_threshold","delta_pct":-10.0}}]}}}}"#
            ),
            brief.id, brief.request_id, churn_id, churn_id
        );
        assert_eq!(serde_json::to_string(&brief).unwrap(), expected);
    }

    #[test]
    fn without_kpis_a_brief_is_all_zeros_and_empty() {
        let content = content(&order(3), Vec::new());

        assert_eq!(content.summary, Summary { kpis_considered: 0, kpis_up: 0, kpis_down: 0, kpis_flat: 0 });
        assert_eq!((content.highlights.len(), content.alerts.len()), (0, 0));
    }

    #[test]
    fn the_unit_of_a_kpi_stands_in_its_highlight() {
        let mut mrr = moved("MRR", 1, 1.0, 2.0);
        mrr.kpi.unit = Some("GBP".into());

        assert_eq!(content(&order(1), vec![mrr]).highlights[0].unit.as_deref(), Some("GBP"));
    }

    #[test]
    fn the_largest_percentage_of_either_sign_comes_first_and_room_ends_at_top_n() {
        let movements = vec![
            moved("a", 1, 100.0, 101.0),
            moved("b", 2, 100.0, 80.0),
            moved("c", 3, 100.0, 110.0),
            moved("d", 4, 1e6, 1e6 + 9.0),
        ];

        assert_eq!(highlighted(&content(&order(3), movements)), ["b", "c", "a"]);
    }

    #[test]
    fn flat_kpis_appear_if_there_is_room() {
        let movements = vec![moved("flat", 1, 5.0, 5.0), moved("up", 2, 5.0, 6.0)];

        assert_eq!(highlighted(&content(&order(1), movements.clone())), ["up"]);
        assert_eq!(highlighted(&content(&order(2), movements)), ["up", "flat"]);
    }

    #[test]
    fn a_rise_from_zero_counts_as_up_but_ranks_as_zero_percent() {
        let content = content(
            &order(3),
            vec![
                moved("from zero", 1, 0.0, 1e9),
                moved("a little", 2, 100.0, 100.5),
                moved("even", 3, 1.0, 1.0),
            ],
        );

        assert_eq!(content.summary, Summary { kpis_considered: 3, kpis_up: 2, kpis_down: 0, kpis_flat: 1 });
        assert_eq!(highlighted(&content), ["a little", "even", "from zero"]);
    }

    #[test]
    fn equal_ranks_stand_by_name_in_the_order_of_code_points() {
        let movements =
            ["é", "b", "Z", "a", "\u{10000}", "\u{FFFD}", ""].map(|name| moved(name, 1, 2.0, 1.0)).to_vec();

        let content = content(&order(100), movements);

        assert_eq!(highlighted(&content), ["", "Z", "a", "b", "é", "\u{FFFD}", "\u{10000}"]);
        assert_eq!(alerted(&content), highlighted(&content));
    }

    #[test]
    fn equal_names_stand_by_id() {
        let movements: Vec<Movement> = (0..9).map(|seed| moved("MRR", seed, 2.0, 1.0)).collect();

        let content = content(&order(100), movements);

        assert!(content.highlights.is_sorted_by_key(|highlight| highlight.kpi_id.to_string()));
        assert!(content.alerts.is_sorted_by_key(|alert| alert.kpi_id.to_string()));
    }

    #[test]
    fn a_fall_by_exactly_a_tenth_alerts_and_any_less_does_not() {
        let movements = vec![
            moved("exactly", 1, 100.0, 90.0),
            moved("less", 2, 100.0, 90.000_001),
            moved("more", 3, 100.0, 1.0),
        ];

        assert_eq!(alerted(&content(&order(3), movements)), ["exactly", "more"]);
    }

    #[test]
    fn alerts_are_not_limited_by_top_n_and_stand_by_name_not_by_size() {
        let movements =
            vec![moved("c", 1, 100.0, 10.0), moved("a", 2, 100.0, 50.0), moved("b", 3, 100.0, 89.0)];

        let content = content(&order(1), movements);

        assert_eq!(highlighted(&content), ["c"]);
        assert_eq!(alerted(&content), ["a", "b", "c"]);
    }

    #[test]
    fn a_fall_from_zero_has_no_percentage_and_raises_no_alert() {
        let content = content(&order(3), vec![moved("from zero", 1, 0.0, -50.0)]);

        assert_eq!((content.summary.kpis_down, content.alerts.len()), (1, 0));
    }

    #[test]
    fn a_rise_from_a_negative_start_has_a_negative_percentage_and_alerts() {
        let content = content(&order(3), vec![moved("debt", 1, -100.0, -50.0)]);

        assert_eq!((content.summary.kpis_up, content.alerts[0].delta_pct.to_string().as_str()), (1, "-50"));
    }

    /// Few names and few values, so that ties of both kinds are common.
    fn any_movements() -> impl Strategy<Value = Vec<Movement>> {
        let value = || prop_oneof![(-3i32..=3).prop_map(f64::from), -1e3..1e3f64];
        prop::collection::vec(("[a-c]", value(), value()), 0..30).prop_map(|kpis| {
            let numbered = (0u64..).zip(kpis);
            numbered.map(|(seed, (name, start, latest))| moved(&name, seed, start, latest)).collect()
        })
    }

    proptest! {
        #[test]
        fn every_kpi_is_up_or_down_or_flat(movements in any_movements(), top_n in 1u32..=100) {
            let considered = movements.len() as u64;
            let Summary { kpis_considered, kpis_up, kpis_down, kpis_flat } = content(&order(top_n), movements).summary;

            prop_assert_eq!(kpis_considered, considered);
            prop_assert_eq!(kpis_up + kpis_down + kpis_flat, considered);
        }

        #[test]
        fn highlights_descend_and_nothing_left_out_weighs_more(movements in any_movements(), top_n in 1u32..=20) {
            let mut weights: Vec<f64> = movements.iter().map(weight).collect();
            weights.sort_by(|a, b| b.total_cmp(a));
            weights.truncate(top_n as usize);
            let highlights = content(&order(top_n), movements).highlights;

            let shown: Vec<f64> =
                highlights.iter().map(|highlight| highlight.change.delta_pct().unwrap_or(0.0).abs()).collect();
            prop_assert_eq!(shown, weights);
        }

        #[test]
        fn the_order_in_which_kpis_were_read_never_matters(
            (movements, shuffled) in any_movements().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
            top_n in 1u32..=20,
        ) {
            prop_assert_eq!(content(&order(top_n), movements), content(&order(top_n), shuffled));
        }

        #[test]
        fn alerts_are_exactly_the_falls_by_a_tenth_or_more(movements in any_movements(), top_n in 1u32..=20) {
            let mut fallen: Vec<(String, KpiId)> = movements
                .iter()
                .filter(|movement| movement.change.delta_pct().is_some_and(|percent| percent <= -10.0))
                .map(|movement| (movement.kpi.name.clone(), movement.kpi.id))
                .collect();
            fallen.sort();
            let alerts = content(&order(top_n), movements).alerts;

            prop_assert_eq!(alerts.iter().map(|alert| (alert.name.clone(), alert.kpi_id)).collect::<Vec<_>>(), fallen);
        }
    }
}
