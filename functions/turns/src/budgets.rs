//! `POST {cp}/budgets/check`, `POST {cp}/budgets/commit` and `GET {cp}/budgets/{bundle_id}/{provider}/spend`
//! (control-plane.md 6).

use axum::extract::State;
use bespin_access::{Action, TenantScope};
use bespin_edge::{Deps, Named, Place};
use bespin_policies::{Budget, BudgetPolicy, MAX_NAME, Project};
use bespin_primitives::Micros;
use bespin_table::TableError;
use bespin_turns::{BudgetVerdict, ProviderBudget};
use bespin_web::{Answer, Body, Call, Problem, Read, decimal, text};
use serde_json::{Value, json};

/// More than any provider costs, and far below what a sum of them could not hold: a billion dollars.
pub(crate) const MAX_DOLLARS: Micros = Micros::new(1_000_000_000_000_000);

/// The budgets that bind some providers in a bundle, by provider; the bundle's own before the project's. No read where
/// policies are warm.
pub(crate) async fn budgets_of(
    deps: &Deps,
    (tenant, project): (&impl TenantScope, &Project),
    bundle_id: &str,
    binds: impl Fn(&str) -> bool,
) -> Result<Vec<ProviderBudget>, TableError> {
    let budgets = deps.policies.budgets_for(tenant, project, bundle_id).await?;
    let binding = budgets.into_iter().filter(|policy| binds(&policy.provider));
    let mut budgets: Vec<_> = binding
        .map(|BudgetPolicy { bundle_id, provider, budget }| ProviderBudget {
            scope: bundle_id,
            provider,
            budget,
        })
        .collect();
    budgets.sort_by(|one, other| {
        let own = |budget: &ProviderBudget| (budget.provider.clone(), budget.scope != bundle_id);
        own(one).cmp(&own(other))
    });
    Ok(budgets)
}

/// Which budgets are asked about.
pub(crate) struct Question {
    named: Named,
    bundle_id: String,
    /// Of none, all providers that have a budget.
    provider: Option<String>,
}

impl Question {
    pub(crate) fn parse(body: &Body, call: &Call) -> Result<Self, Problem> {
        let name = || text(1..=MAX_NAME);
        let mut fields = body.fields()?;
        let named = Named::in_body(&mut fields, call);
        let bundle_id = fields.required("bundle_id", name());
        let provider = fields.optional("provider", name().about("Of none, all that have a budget"));
        let named = named?;
        fields.finish(|| Some(Self { named: named?, bundle_id: bundle_id?, provider: provider? }))
    }
}

pub(crate) async fn check(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let administrator = deps.sender(&call).await?.authorise(Action::RunTurns)?;
    let Question { named, bundle_id, provider } = Question::parse(&body, &call)?;
    let Place { tenant, project } = named.of(&deps, administrator).await?;
    let binds = |of: &str| provider.as_deref().is_none_or(|provider| provider == of);
    let mut budgets = budgets_of(&deps, (&tenant, &project), &bundle_id, binds).await?;
    if let (Some(provider), true) = (&provider, budgets.is_empty()) {
        // Nothing is limited, and that is what is shown.
        let nothing = Budget::default();
        budgets.push(ProviderBudget {
            scope: bundle_id.clone(),
            provider: provider.clone(),
            budget: nothing,
        });
    }
    let verdicts = deps.turns.check(&tenant, &project, &budgets, call.now).await?;
    let mut violations: Vec<&str> = verdicts.iter().flat_map(BudgetVerdict::violations).collect();
    violations.sort_unstable();
    violations.dedup();
    let mut view = match (&provider, verdicts.first()) {
        (Some(_), Some(own)) => own.view(),
        _ => json!({"bundle_id": bundle_id}),
    };
    view["violations"] = json!(violations);
    view["budgets"] = verdicts.iter().map(BudgetVerdict::view).collect::<Value>();
    Ok(Answer::ok(&view))
}

/// What a provider cost.
pub(crate) struct Cost {
    named: Named,
    bundle_id: String,
    provider: String,
    usd: Micros,
    commit_id: Option<String>,
}

impl Cost {
    pub(crate) fn parse(body: &Body, call: &Call) -> Result<Self, Problem> {
        let name = || text(1..=MAX_NAME);
        let mut fields = body.fields()?;
        let named = Named::in_body(&mut fields, call);
        let bundle_id = fields.required("bundle_id", name());
        let provider = fields.required("provider", name());
        let usd = fields.required("usd", decimal(MAX_DOLLARS).about("Nothing is ignored"));
        let commit_id = fields.optional("commit_id", name().about("Counts once in 24 hours"));
        let named = named?;
        fields.finish(|| {
            Some(Self {
                named: named?,
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
    let administrator = deps.sender(&call).await?.authorise(Action::RunTurns)?;
    let Cost { named, bundle_id, provider, usd, commit_id } = Cost::parse(&body, &call)?;
    let Place { tenant, project } = named.of(&deps, administrator).await?;
    let (of, micros) = ((&*bundle_id, &*provider), usd.get());
    let counted = micros > 0
        && !deps.turns.commit_spend(&tenant, &project, of, micros, commit_id.as_deref(), call.now).await?;
    Ok(Answer::ok(&json!({"status": "ok", "counted": counted})))
}

pub(crate) async fn spend(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let administrator = deps.sender(&call).await?.authorise(Action::RunTurns)?;
    let Place { tenant, project } = Named::in_query(&call)?.of(&deps, administrator).await?;
    let (bundle_id, provider) = (call.path("bundle_id"), call.path("provider"));
    let spend = deps.turns.spend(&tenant, &project, bundle_id, provider, call.now).await?;
    Ok(Answer::ok(&spend.view(call.now)))
}
