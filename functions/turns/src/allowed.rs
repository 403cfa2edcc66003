//! What holds for a user in a bundle: the policy of its kind, and what was granted to it on top.

use bespin_access::TenantScope;
use bespin_edge::Deps;
use bespin_policies::{Dimension, MAX_NAME, Project, Quotas};
use bespin_primitives::Timestamp;
use bespin_table::TableError;
use bespin_turns::{Allowed, Subject};
use bespin_web::{Fields, Read, integer, members, text};

/// What a user is whose kind is not told (control-plane.md 3).
const USUAL_TYPE: &str = "free";

/// What a request says about the limits of its user.
pub(crate) struct Kind {
    pub(crate) user_type: String,
    /// Limits that the request brings itself, instead of those of the user's kind.
    pub(crate) policy: Option<Quotas>,
}

impl Kind {
    /// Reads `user_type`, and `policy` with its seven numbers; faults are noted in the fields.
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let user_type = fields.optional(
            "user_type",
            text(1..=MAX_NAME).about("Whose policy holds; `free` where nothing is said"),
        );
        let policy = fields.optional(
            "policy",
            members(quotas)
                .about("Limits that hold instead of the policy of the kind of user; `null` is no limit"),
        );
        Some(Self { user_type: user_type?.unwrap_or_else(|| USUAL_TYPE.to_owned()), policy: policy? })
    }
}

/// Seven numbers, each of which may be left out: no limit. One turn at a time is the least there is (F8).
fn quotas(fields: &mut Fields<'_>) -> Option<Quotas> {
    let mut quotas = Some(Quotas::default());
    for dimension in Dimension::ALL {
        let least = i64::from(dimension == Dimension::MaxConcurrent);
        let number = fields.optional(dimension.name(), integer(least..));
        quotas = quotas.zip(number).map(|(quotas, number)| {
            quotas.with(dimension, number.and_then(|number| u64::try_from(number).ok()))
        });
    }
    quotas
}

/// What the user of a request may do. At most two round trips at the same time, none where policies and grants are warm.
pub(crate) async fn allowed(
    deps: &Deps,
    (tenant, project): (&impl TenantScope, &Project),
    subject: &Subject,
    kind: &Kind,
    now: Timestamp,
) -> Result<Allowed, TableError> {
    let Subject { user_id, bundle_id, .. } = subject;
    let policy = async {
        match kind.policy {
            Some(policy) => Ok(Some(policy)),
            None => deps.policies.quota_for(tenant, project, &kind.user_type, bundle_id).await,
        }
    };
    let granted = deps.grants.additions(tenant, project, user_id, bundle_id, now);
    let (policy, granted) = futures::try_join!(policy, granted)?;
    Ok(Allowed::new(policy, granted))
}
