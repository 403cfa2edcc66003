//! The routes of this function, and what each of them promises.

use bespin_edge::Deps;
use bespin_edge::audience::{CONSOLE, STRANGERS};
use bespin_observation::Kind;
use bespin_web::describe::{Api, Content, Operation, Shape};

use crate::{assets, billing, download, overview, playground, session, tables, tenant, tenants};

/// Tells all of them.
pub fn api(api: &mut impl Api<Deps>) {
    console(api);
    open(api);
}

/// Pages of the console. What they refuse is told as a page, too.
pub(crate) fn console(api: &mut impl Api<Deps>) {
    pages(api);
    rows(api);
    session(api);
}

fn pages(api: &mut impl Api<Deps>) {
    api.get("/console", overview::show, || {
        Operation::new(
            "showConsole",
            "How much there is of everything, and how full the queues are",
            &CONSOLE,
        )
        .with(page)
    });
    api.get("/console/tenants", tenants::list, || {
        Operation::new("showTenants", "All tenants, newest first", &CONSOLE).query(tenants::parse).with(page)
    });
    api.get("/console/tenants/{tenant_id}", tenant::show, || {
        Operation::new(
            "showTenant",
            "One tenant: subscription, usage, KPIs, briefs, users, notifications",
            &CONSOLE,
        )
        .path("tenant_id", "Id of the tenant", None)
        .with(page)
        .refuses(&[(404, "tenant_not_found")])
    });
    api.get("/console/billing", billing::show, || {
        Operation::new("showBilling", "Metered events, plans, subscriptions and usage", &CONSOLE).with(page)
    });
    api.get("/console/billing/plans/{plan_id}", billing::plan, || {
        Operation::new("showPlan", "One plan with its capabilities and caps", &CONSOLE)
            .path("plan_id", "Id of the plan", Some("starter"))
            .with(page)
            .refuses(&[(404, "plan_not_found")])
    });
}

fn rows(api: &mut impl Api<Deps>) {
    api.get("/console/db/download", download::download, || {
        Operation::new("downloadRows", "Rows as JSON, one a line, without secrets", &CONSOLE)
            .says(
                "Each line but the last is `{\"table\", \"row\"}`. The last tells how the part \
                ended: `{\"end\": \"complete\"}`, or `more` or `failed` with where it goes on \
                (`next`).",
            )
            .query(download::parse)
            .with(entered)
            .answers_with(200, "The rows", Content::Other(&["application/x-ndjson"]))
    });
    api.get("/console/db/{table}", tables::show, || {
        Operation::new("showTable", "The rows of a table, newest first", &CONSOLE)
            .says(
                "Without a tenant: of the newest tenant first. A page looks at a bounded part of \
                the table, so it may show fewer rows than asked for, even none, and still lead \
                on.",
            )
            .path("table", "Which table", Some("tenants"))
            .query(|call| tables::parse(call, Kind::ALL[0]))
            .with(page)
            .refuses(&[(404, "table_not_allowed")])
    });
}

fn session(api: &mut impl Api<Deps>) {
    api.post("/console/sign-in", session::sign_in, || {
        Operation::new("signIn", "Begins a session by the key from a form", &STRANGERS)
            .content(Content::Form(Shape::object([
                ("key", Shape::text().about("The key of the console")),
                ("to", Shape::text().optional().about("The page of the console to go on to")),
            ])))
            .answers_with(303, "The browser goes on to another page", Content::Empty)
            .refuses(&[(404, "not_found"), (422, "invalid_request")])
    });
    api.post("/console/sign-out", session::sign_out, || {
        Operation::new("signOut", "Lets the browser forget the session", &STRANGERS).answers_with(
            303,
            "The browser goes on to another page",
            Content::Empty,
        )
    });
}

/// What is there for everybody.
pub(crate) fn open(api: &mut impl Api<Deps>) {
    api.get("/console/assets/{file}", assets::serve, || {
        Operation::new("getConsoleAsset", "A stylesheet or script of the pages", &STRANGERS)
            .path("file", "Its name, which changes with its content", Some("bespin.css"))
            .answers_with(200, "The file", Content::Other(&["text/css", "text/javascript"]))
            .refuses(&[(404, "not_found")])
    });
    api.get("/ui/assets/{file}", assets::serve, || {
        Operation::new("getUiAsset", "A stylesheet or script of the pages", &STRANGERS)
            .path("file", "Its name, which changes with its content", Some("bespin.css"))
            .answers_with(200, "The file", Content::Other(&["text/css", "text/javascript"]))
    });
    api.get("/ui", playground::show, || {
        Operation::new("showPlayground", "The playground: a page that talks to this API", &STRANGERS)
            .says("404 unless `PLAYGROUND_UI_ENABLED=1`.")
            .answers_with(200, "The page", Content::Other(&["text/html"]))
            .refuses(&[(404, "playground_disabled")])
    });
}

/// A page of the console.
fn page(operation: Operation) -> Operation {
    operation.with(entered).answers_with(200, "The page", Content::Other(&["text/html"]))
}

/// What asks for a session of the console, or for the key that begins one.
fn entered(operation: Operation) -> Operation {
    operation
        .takes("key", Shape::text().optional().about("The key of the console, which begins a session"))
        .answers_with(303, "The key was right: the browser goes on to the address without it", Content::Empty)
        .refuses(&[(404, "not_found")])
}
