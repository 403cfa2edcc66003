//! `make demo`: two public series become a tenant's KPIs and two daily briefs, all through the HTTP API.
//!
//! Where a local cloud runs already, the demo is one of its callers. Where none does, the demo starts one with the
//! same settings, hence on the same data folder, and stops it at the end.

mod client;
mod cloud;
mod data;
mod error;
mod tables;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use bespin_local::{LocalSettings, Storage};
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use serde_json::{Value, json};

use crate::{
    client::{Client, Credentials, Request, text_of},
    cloud::DemoCloud,
    data::Series,
    error::DemoError,
};

/// The last day of both series, and the depth of a recession.
const DATES: [&str; 2] = ["2015-12-31", "2010-01-31"];
const WINDOW_DAYS: u32 = 365;
const TOP_N: u32 = 5;

fn main() -> ExitCode {
    match run(&mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bespin-demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(out: &mut impl Write) -> Result<(), DemoError> {
    let settings = LocalSettings::from_lookup(|name| std::env::var(name).ok())?;
    let series = data::all()?;
    let cloud = DemoCloud::find_or_start(&settings)?;
    // What was started is stopped, whatever came of the demo; its failure is the one to tell.
    let found = matches!(cloud, DemoCloud::Found { .. });
    let shown = show(&cloud, &series, out);
    let stopped = cloud.stop();
    let credentials = shown?;
    stopped?;
    write_farewell(found, &settings, &credentials, out)
}

/// The demo itself; the credentials of its tenant.
fn show(cloud: &DemoCloud, series: &[Series], out: &mut impl Write) -> Result<Credentials, DemoError> {
    let url = cloud.url();
    match cloud {
        DemoCloud::Found { .. } => writeln!(out, "Found Bespin on {url}.")?,
        DemoCloud::Started { .. } => writeln!(out, "Started Bespin on {url}, for this demo only.")?,
    }
    let mut client = Client::new(cloud.port());
    let credentials = sign_up(&client)?;
    client.act_as(credentials.clone());
    writeln!(out, "Signed up the tenant {}.", credentials.tenant_id)?;

    let points = ingest(&client, series)?;
    writeln!(out, "Ingested {} points into {} KPIs.", tables::number(points), series.len())?;
    for date in DATES {
        let brief = materialize(&client, date)?;
        write!(out, "\n{}", tables::brief(&brief))?;
    }
    Ok(credentials)
}

fn sign_up(client: &Client) -> Result<Credentials, DemoError> {
    let what = "the sign-up";
    let body =
        json!({"name": "Employment and weather", "region": "local", "admin_email": "owner@example.com"});
    let tenant = client.send(&Request { what, path: "/v1/tenants", key: None, body })?;
    Ok(Credentials {
        tenant_id: text_of(&tenant, "/tenant_id", what)?,
        user_id: text_of(&tenant, "/admin/user_id", what)?,
        api_key: text_of(&tenant, "/api_key", what)?,
    })
}

/// Makes a KPI of each series; the number of points that are new.
fn ingest(client: &Client, series: &[Series]) -> Result<f64, DemoError> {
    let bar = progress(series);
    let mut inserted = 0.0;
    for one in series {
        bar.set_message(one.name.clone());
        inserted += ingest_one(client, one)?;
        bar.inc(one.points.len() as u64);
    }
    Ok(inserted)
}

fn ingest_one(client: &Client, series: &Series) -> Result<f64, DemoError> {
    let what = format!("the KPI {}", series.name);
    let body = json!({"name": series.name, "unit": series.unit, "description": series.description});
    let kpi = client.send(&Request { what: &what, path: "/v1/kpis", key: None, body })?;
    let path = format!("/v1/kpis/{}/points:bulk", text_of(&kpi, "/kpi_id", &what)?);

    let what = format!("the points of {}", series.name);
    let point = |(ts, value): &(String, f64)| json!({"ts": ts, "value": value});
    let points: Vec<Value> = series.points.iter().map(point).collect();
    let counts =
        client.send(&Request { what: &what, path: &path, key: None, body: json!({"points": points}) })?;
    counts["inserted"].as_f64().ok_or_else(|| DemoError::Incomplete { what, member: "/inserted".to_owned() })
}

/// A bar over all points, gone when it is dropped. It draws nothing where there is no terminal to draw on.
fn progress(series: &[Series]) -> ProgressBar {
    let bar = ProgressBar::new(series.iter().map(|one| one.points.len() as u64).sum());
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} points  {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_finish(ProgressFinish::AndClear)
}

fn materialize(client: &Client, date: &str) -> Result<Value, DemoError> {
    let what = format!("the brief of {date}");
    let body = json!({"date": date, "window_days": WINDOW_DAYS, "top_n": TOP_N});
    let key = format!("demo-{date}");
    let path = "/v1/briefs/materialize";
    let mut brief = client.send(&Request { what: &what, path, key: Some(&key), body })?;
    Ok(brief["content"].take())
}

/// How to go on by oneself.
fn write_farewell(
    found: bool,
    settings: &LocalSettings,
    credentials: &Credentials,
    out: &mut impl Write,
) -> Result<(), DemoError> {
    let Credentials { tenant_id, user_id, api_key } = credentials;
    writeln!(
        out,
        "\nThe tenant\n  X-Tenant-ID  {tenant_id}\n  X-User-ID    {user_id}\n  X-API-Key    {api_key}\n"
    )?;
    match &settings.storage {
        _ if found => writeln!(out, "Read a brief again:\n")?,
        Storage::Folder(_) => writeln!(out, "Start the cloud with `make run`, and read a brief again:\n")?,
        Storage::Memory => {
            writeln!(
                out,
                "It was in memory and is gone. To keep it, start the cloud with `make run` first."
            )?;
            return Ok(());
        }
    }
    // Port 0 was another one that nobody will get again; `make run` listens on 8000.
    let port = if settings.port == 0 { 8000 } else { settings.port };
    writeln!(
        out,
        "curl -s http://localhost:{port}/v1/briefs/{date} \\\n  -H 'X-Tenant-ID: {tenant_id}' \\\n  \
         -H 'X-User-ID: {user_id}' \\\n  -H 'X-API-Key: {api_key}'",
        date = DATES[1],
    )?;
    Ok(())
}
