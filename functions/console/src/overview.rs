//! `/console`: how much there is of everything.

use askama::Template;
use axum::extract::State;
use bespin_edge::Deps;
use bespin_observation::{Count, Kind};
use bespin_web::{Page, Problem};
use futures::future::{join, try_join_all};

use crate::{page, queues, queues::QueueRow, session::Visit, text};

struct Counted {
    label: &'static str,
    table: &'static str,
    /// `None` for what cannot be counted here.
    rows: Option<String>,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    counts: Vec<Counted>,
    tables: Vec<&'static str>,
    queues: Vec<QueueRow>,
    /// How many tenants the counts look at.
    tenants: usize,
    /// Whether there are more.
    more_tenants: bool,
}

fn counted(count: Count, more_tenants: bool) -> String {
    let rows = text::count(u64::try_from(count.rows).unwrap_or(u64::MAX));
    if count.or_more || more_tenants { format!("{rows}+") } else { rows }
}

pub(crate) async fn show(State(deps): State<Deps>, visit: Visit) -> Result<Page, Problem> {
    let now = visit.call.now;
    let (tenants, more_tenants) = deps.observation.counted_tenants().await?;
    let labelled = Kind::ALL.into_iter().filter_map(|kind| Some((kind, kind.label()?)));
    let (observation, access, tenants) = (&deps.observation, &visit.access, &tenants);
    let counts = labelled.map(|(kind, label)| async move {
        let count = observation.count(access, kind, tenants, now).await?;
        // The catalogue is not the tenants', and all tenants are counted themselves.
        let beyond = more_tenants && !kind.is_of_the_platform() && kind != Kind::Tenants;
        let rows = count.map(|count| counted(count, beyond));
        Ok::<_, Problem>(Counted { label, table: kind.name(), rows })
    });
    let (counts, queues) = join(try_join_all(counts), queues::rows(&deps)).await;
    page(&Overview {
        counts: counts?,
        tables: Kind::ALL.map(Kind::name).to_vec(),
        queues,
        tenants: tenants.len(),
        more_tenants,
    })
}
