//! `POST {cp}/budgets/check`, `POST {cp}/budgets/commit` and `GET {cp}/budgets/{bundle_id}/{provider}/spend`
//! (control-plane.md 6).

use axum::extract::State;
use bespin_access::{Action, TenantAccess};
use bespin_edge::Deps;
use bespin_policies::{MAX_NAME, Project};
use bespin_primitives::Micros;
use bespin_turns::{BudgetVerdict, ProviderBudget};
use bespin_web::{Answer, Body, Call, Problem, decimal, text};
use serde_json::{Value, json};

use crate::subject::{project, project_of_query};

/// More than any provider costs, and far below what a sum of them could not hold: a billion dollars.
pub(crate) const MAX_DOLLARS: Micros = Micros::new(1_000_000_000_000_000);

/// The budgets that bind some providers in a bundle, in the order of their names; the bundle's own before the project's.
pub(crate) async fn budgets_of(
    deps: &Deps,
    access: &TenantAccess,
    project: &Project,
    bundle_id: &str,
    binds: impl Fn(&str) -> bool,
) -> Result<Vec<ProviderBudget>, Problem> {
    let _ = (deps, access, project, bundle_id, binds);
    Ok(Vec::new())
}

/// Which budgets are asked about.
struct Check {
    project: Project,
    bundle_id: String,
    /// Of none, all providers that have a budget.
    provider: Option<String>,
}

impl Check {
    fn parse(body: &Body) -> Result<Self, Problem> {
        let name = || text(1..=MAX_NAME);
        let mut fields = body.fields()?;
        let bundle_id = fields.required("bundle_id", name());
        let provider = fields.optional("provider", name());
        let named = fields.optional("project", name());
        fields.finish(|| Some(Self { project: project(named?)?, bundle_id: bundle_id?, provider: provider? }))
    }
}

pub(crate) async fn check(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let Check { project, bundle_id, provider } = Check::parse(&body)?;
    let access = caller.authorise(Action::RunTurns)?;
    let binds = |of: &str| provider.as_deref().is_none_or(|provider| provider == of);
    let budgets = budgets_of(&deps, &access, &project, &bundle_id, binds).await?;
    let verdicts = deps.turns.check(&access, &project, &budgets, call.now).await?;
    let mut violations: Vec<&str> = verdicts.iter().flat_map(BudgetVerdict::violations).collect();
    violations.dedup();
    let mut view = match (&provider, verdicts.first()) {
        (Some(_), Some(first)) => first.view(),
        _ => json!({"bundle_id": bundle_id, "provider": provider}),
    };
    if let (Some(provider), None) = (&provider, verdicts.first()) {
        let nothing = ProviderBudget {
            scope: bundle_id,
            provider: provider.clone(),
            budget: bespin_policies::Budget::default(),
        };
        view = deps
            .turns
            .check(&access, &project, &[nothing], call.now)
            .await?
            .first()
            .map_or(view, BudgetVerdict::view);
    }
    view["violations"] = json!(violations);
    view["budgets"] = verdicts.iter().map(BudgetVerdict::view).collect::<Value>();
    Ok(Answer::ok(&view))
}

/// What a provider cost.
struct Cost {
    project: Project,
    bundle_id: String,
    provider: String,
    usd: Micros,
    commit_id: Option<String>,
}

impl Cost {
    fn parse(body: &Body) -> Result<Self, Problem> {
        let name = || text(1..=MAX_NAME);
        let mut fields = body.fields()?;
        let bundle_id = fields.required("bundle_id", name());
        let provider = fields.required("provider", name());
        let usd = fields.required("usd", decimal(MAX_DOLLARS));
        let named = fields.optional("project", name());
        let commit_id = fields.optional("commit_id", name());
        fields.finish(|| {
            Some(Self {
                project: project(named?)?,
                bundle_id: bundle_id?,
                provider: provider?,
                usd: usd?,
                commit_id: commit_id?,
            })
        })
    }
}

pub(crate) async fn commit(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let Cost { project, bundle_id, provider, usd, commit_id } = Cost::parse(&body)?;
    let access = caller.authorise(Action::RunTurns)?;
    let of = (&*bundle_id, &*provider);
    let repeated = usd.get() > 0
        && deps.turns.commit_spend(&access, &project, of, usd.get(), commit_id.as_deref(), call.now).await?;
    Ok(Answer::ok(&json!({"status": "ok", "counted": usd.get() > 0 && !repeated})))
}

pub(crate) async fn spend(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let caller = deps.identify(&call).await?;
    let project = project_of_query(call.query())?;
    let access = caller.authorise(Action::RunTurns)?;
    let (bundle_id, provider) = (call.path("bundle_id"), call.path("provider"));
    let spend = deps.turns.spend(&access, &project, bundle_id, provider, call.now).await?;
    Ok(Answer::ok(&spend.view(call.now)))
}
