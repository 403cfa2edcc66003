//! What the deployment says about its payment provider.

use std::fmt;

use bespin_primitives::TenantId;

/// How old a signature may be where nothing else is set (control-plane.md 9.2).
const TOLERANCE_SECONDS: i64 = 300;

/// What the deployment says about Stripe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeSettings {
    /// What events are signed with; while a secret is replaced, the old one, too. Without any, no event is taken.
    pub secrets: Vec<WebhookSecret>,
    /// How old a signature may be, in seconds.
    pub tolerance_seconds: i64,
    /// Whether what was paid is compared with the price of the package.
    pub check_price: bool,
    /// Whose payments they are that name no tenant.
    pub tenant: Option<TenantId>,
}

/// What events are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    /// A secret; `None` when it is empty.
    pub fn parse(secret: &str) -> Option<Self> {
        (!secret.is_empty()).then(|| Self(secret.to_owned()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

/// A setting that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidStripeSetting {
    /// Which.
    pub name: &'static str,
    /// What it must be.
    pub expected: &'static str,
}

impl Default for StripeSettings {
    fn default() -> Self {
        Self { secrets: Vec::new(), tolerance_seconds: TOLERANCE_SECONDS, check_price: true, tenant: None }
    }
}

impl StripeSettings {
    /// Reads `STRIPE_WEBHOOK_SECRET` and `STRIPE_WEBHOOK_SECRET_PREVIOUS` (each one secret or several, separated by
    /// commas), `STRIPE_TOLERANCE_SECONDS`, `STRIPE_CHECK_PRICE` and `STRIPE_TENANT`.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidStripeSetting> {
        let find = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let secrets = ["STRIPE_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRET_PREVIOUS"]
            .into_iter()
            .filter_map(find)
            .flat_map(|list| {
                list.split(',').map(str::trim).filter_map(WebhookSecret::parse).collect::<Vec<_>>()
            })
            .collect();
        let tolerance = find("STRIPE_TOLERANCE_SECONDS").map(|text| {
            text.parse().ok().filter(|seconds| (1..=86_400).contains(seconds)).ok_or(InvalidStripeSetting {
                name: "STRIPE_TOLERANCE_SECONDS",
                expected: "a whole number from 1 to 86400",
            })
        });
        let check_price = match find("STRIPE_CHECK_PRICE").as_deref() {
            None | Some("on") => true,
            Some("off") => false,
            Some(_) => {
                return Err(InvalidStripeSetting { name: "STRIPE_CHECK_PRICE", expected: "on or off" });
            }
        };
        let tenant = find("STRIPE_TENANT").map(|text| {
            let expected = "the id of a tenant";
            TenantId::parse(&text).ok_or(InvalidStripeSetting { name: "STRIPE_TENANT", expected })
        });
        Ok(Self {
            secrets,
            tolerance_seconds: tolerance.transpose()?.unwrap_or(TOLERANCE_SECONDS),
            check_price,
            tenant: tenant.transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<StripeSettings, InvalidStripeSetting> {
        let find =
            |name: &str| settings.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        StripeSettings::from_lookup(find)
    }

    #[test]
    fn several_secrets_hold_while_one_is_replaced() {
        let settings = read(&[
            ("STRIPE_WEBHOOK_SECRET", "whsec_new, whsec_spare,"),
            ("STRIPE_WEBHOOK_SECRET_PREVIOUS", "whsec_old"),
        ]);

        let secrets = ["whsec_new", "whsec_spare", "whsec_old"].map(|text| WebhookSecret(text.to_owned()));
        assert_eq!(settings, Ok(StripeSettings { secrets: secrets.into(), ..StripeSettings::default() }));
    }

    #[test]
    fn a_senseless_setting_is_named() {
        for (name, value) in
            [("STRIPE_TOLERANCE_SECONDS", "0"), ("STRIPE_CHECK_PRICE", "no"), ("STRIPE_TENANT", "acme")]
        {
            assert_eq!(read(&[(name, value)]).unwrap_err().name, name);
        }
    }
}
