//! `make prove`: every counter computed anew from the ledgers.
//!
//! Settings: `TENANT` proves one tenant instead of all; `STORE=aws` reads the table `TABLE_NAME` on AWS; otherwise the
//! store is the one that `make run` would use with the same settings, running or not. The status tells: 0 everything
//! agrees, 1 something does not, 2 it could not be told.

mod store;

use std::{cell::RefCell, process::ExitCode};

use bespin_access::Tenant;
use bespin_primitives::{Clock, SystemClock, TenantId};
use bespin_proof::{MAX_DIFFERENCES, Prover, TenantProof};
use indicatif::{ProgressBar, ProgressStyle};

use crate::store::{Store, UnprovableError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match prove().await {
        Ok(totals) => {
            println!("{totals}");
            if totals.differences == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(error) => {
            eprintln!("bespin-prove: {error}");
            ExitCode::from(2)
        }
    }
}

/// What was read and found in all.
#[derive(Debug, Default)]
struct Totals {
    tenants: u64,
    months: u64,
    entries: u64,
    differences: usize,
}

impl Totals {
    /// Counts a proof and prints what it found.
    fn take(&mut self, tenant: &Tenant, proof: &TenantProof) {
        self.tenants += 1;
        self.months += proof.months.len() as u64;
        self.entries += proof.entries();
        self.differences += proof.differing;
        if proof.differing == 0 {
            return;
        }
        println!("tenant {} ({})", tenant.id, tenant.name.escape_debug());
        for difference in &proof.differences {
            println!("  {difference}");
        }
        if proof.differing > MAX_DIFFERENCES {
            println!("  and {} more", proof.differing - MAX_DIFFERENCES);
        }
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counted =
            |number: u64, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
        let Self { tenants, months, entries, differences } = self;
        let (tenants, months) = (counted(*tenants, "tenant"), counted(*months, "month"));
        let entries = if *entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
        write!(f, "{tenants}, {months}, {entries}: ")?;
        match differences {
            0 => f.write_str("everything agrees"),
            some => f.write_str(&counted(*some as u64, "difference")),
        }
    }
}

async fn prove() -> Result<Totals, UnprovableError> {
    let find = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let only =
        find("TENANT").map(|id| TenantId::parse(&id).ok_or(UnprovableError::NoTenant(id))).transpose()?;
    let store = Store::open(find)?;
    let prover = Prover::new(store.table());
    let now = SystemClock.now();
    let bar = progress(match only {
        Some(_) => 1,
        None => prover.count_tenants().await?,
    });
    let read = |entries| bar.set_message(message(&bar, entries));
    let totals = RefCell::new(Totals::default());
    let take = |tenant: &Tenant, proof: TenantProof| {
        bar.suspend(|| totals.borrow_mut().take(tenant, &proof));
        bar.inc(1);
    };
    match only {
        Some(id) => {
            let found = prover.find(id).await?;
            let tenant = found.ok_or_else(|| UnprovableError::NoTenant(id.to_string()))?;
            take(&tenant, prover.tenant(&tenant, now, &read).await?);
        }
        None => prover.all(now, take, &read).await?,
    }
    bar.finish_and_clear();
    Ok(totals.into_inner())
}

/// A bar over tenants with the entries read so far. It shows on a terminal only.
fn progress(tenants: u64) -> ProgressBar {
    let bar = ProgressBar::new(tenants);
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} tenants, {msg} entries");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_message("0")
}

fn message(bar: &ProgressBar, entries: u64) -> String {
    let before: u64 = bar.message().parse().unwrap_or_default();
    (before + entries).to_string()
}
