//! Steps 3 to 5 of the order of checks: who sends this? (gateway.md 1.4, 2)

use bespin_access::{AccessError, Caller, Credentials};
use bespin_web::{Call, Problem};

use crate::Deps;

impl Deps {
    /// The caller, proved by the three headers. Failed attempts of an address are counted and, past the limit,
    /// refused before anything is read.
    pub async fn identify(&self, call: &Call) -> Result<Caller, Problem> {
        let credentials = credentials(call)?;
        if let Some(failures) = &self.failures {
            failures.check(call.address, call.now)?;
        }
        let identified = self.access.authenticate(&credentials).await;
        if let (Some(failures), Err(error)) = (&self.failures, &identified)
            && !matches!(error, AccessError::Table(_))
        {
            failures.count_failure(call.address, call.now);
        }
        Ok(identified?)
    }
}

fn credentials(call: &Call) -> Result<Credentials, Problem> {
    Ok(Credentials {
        tenant_id: call.required_header("X-Tenant-ID")?.into_owned(),
        user_id: call.required_header("X-User-ID")?.into_owned(),
        api_key: call.required_header("X-API-Key")?.into_owned(),
    })
}
