//! Steps 3 to 5 of the order of checks: who sends this? (gateway.md 1.4, 2)

use bespin_access::{AccessError, Caller, ConsoleAccess, Credentials, PlatformAccess, Sender};
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
        let identified = self.access.authenticate(&credentials, call.now).await;
        if let (Some(failures), Err(error)) = (&self.failures, &identified)
            && !matches!(error, AccessError::Table(_))
        {
            failures.count_failure(call.address, call.now);
        }
        Ok(identified?)
    }
}

impl Deps {
    /// The operator of the platform, proved by `X-Platform-Admin-Key`. Without a right key there is no such route:
    /// 404 before anything else (gateway.md 13), and past the limit of failed attempts for every key of that address.
    pub fn operator(&self, call: &Call) -> Result<PlatformAccess, Problem> {
        let Some(key) = call.header("X-Platform-Admin-Key") else { return Err(Problem::not_found()) };
        if let Some(failures) = &self.failures
            && failures.check(call.address, call.now).is_err()
        {
            return Err(Problem::not_found());
        }
        let operator = self.settings.platform_keys.authorise(key);
        if let (Some(failures), None) = (&self.failures, &operator) {
            failures.count_failure(call.address, call.now);
        }
        operator.ok_or_else(Problem::not_found)
    }
}

impl Deps {
    /// Whoever sends a call of the control plane: the operator by `X-Platform-Admin-Key`, a user by the three headers, or
    /// a key alone as `Authorization: Bearer <key>`. Without any of them, or with wrong ones, 401
    /// (control-plane.md 10.2). Failed attempts of an address are counted as everywhere.
    pub async fn sender(&self, call: &Call) -> Result<Sender, Problem> {
        if let Some(failures) = &self.failures {
            failures.check(call.address, call.now)?;
        }
        let proved = self.prove(call).await;
        if let (Some(failures), Err(error)) = (&self.failures, &proved)
            && !matches!(error, AccessError::Table(_))
        {
            failures.count_failure(call.address, call.now);
        }
        Ok(proved?)
    }

    async fn prove(&self, call: &Call) -> Result<Sender, AccessError> {
        if let Some(key) = call.header("X-Platform-Admin-Key") {
            let operator = self.settings.platform_keys.authorise(key);
            return operator.map(Sender::Operator).ok_or(AccessError::InvalidCredentials);
        }
        if let Ok(credentials) = credentials(call) {
            return self.access.authenticate(&credentials, call.now).await.map(Sender::User);
        }
        let bearer = call.header("Authorization").and_then(|value| {
            let (scheme, key) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("Bearer").then(|| key.trim())
        });
        let key = bearer.ok_or(AccessError::InvalidCredentials)?;
        self.access.authenticate_bearer(key, call.now).await.map(Sender::User)
    }

    /// Whoever shows the console's key. Without a right one there is no console: 404, and past the limit of failed
    /// attempts for every key of that address.
    pub fn console(&self, call: &Call, key: &str) -> Result<ConsoleAccess, Problem> {
        let Some(expected) = &self.settings.console_key else { return Err(Problem::not_found()) };
        if let Some(failures) = &self.failures
            && failures.check(call.address, call.now).is_err()
        {
            return Err(Problem::not_found());
        }
        let access = expected.authorise(key);
        if let (Some(failures), None) = (&self.failures, &access) {
            failures.count_failure(call.address, call.now);
        }
        access.ok_or_else(Problem::not_found)
    }

    /// The session that a showing of the console's key began, as text for a cookie.
    pub fn console_session(&self, access: &ConsoleAccess, call: &Call) -> String {
        access.session(&self.settings.pepper, call.now)
    }

    /// Whoever goes on in a session of the console.
    pub fn resume_console(&self, call: &Call, session: &str) -> Option<ConsoleAccess> {
        self.settings.console_key.as_ref()?.resume(session, &self.settings.pepper, call.now)
    }
}

fn credentials(call: &Call) -> Result<Credentials, Problem> {
    Ok(Credentials {
        tenant_id: call.required_header("X-Tenant-ID")?.into_owned(),
        user_id: call.required_header("X-User-ID")?.into_owned(),
        api_key: call.required_header("X-API-Key")?.into_owned(),
    })
}
