//! How a process reaches AWS: endpoint, region, credentials and TLS.
//!
//! A [`Connection`] is everything an SDK client is built from, and nothing of what it is used for. The
//! crates that know a service (`table`, `queue`) take a `Connection` and make their own client. A Lambda gets
//! its connection from the environment; tests and the local cloud hand in an HTTP client that never leaves
//! the process.
//!
//! The `aws-config` crate is left out on purpose: a Lambda finds its credentials in three variables, and the
//! full provider chain doubles the size of the binary and its memory at start.

#![allow(clippy::doc_markdown, reason = "DynamoDB is a name, not code")]

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpClient, SharedHttpClient};

const DEFAULT_REGION: &str = "us-east-1";

/// The authorities that sign the certificates of AWS (Amazon Trust Services), as Debian ships them.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// An AWS service the product talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The table, and its stream.
    DynamoDb,
    /// The queues.
    Sqs,
}

/// Why no connection could be made from the environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// A credential variable is absent or empty, and the calls would go to AWS itself.
    #[error("{variable} is not set: AWS needs credentials, or set AWS_ENDPOINT_URL to use a local store")]
    MissingCredential {
        /// The variable that has to be set.
        variable: &'static str,
    },
    /// An endpoint variable holds something other than an `http://` or `https://` address.
    #[error("{variable} must begin with http:// or https://, not {value:?}")]
    InvalidEndpoint {
        /// The variable that has to be corrected.
        variable: &'static str,
        /// What it holds.
        value: String,
    },
}

/// Everything an SDK client is built from. A clone is cheap and shares the pool of HTTP connections.
#[derive(Debug, Clone)]
pub struct Connection {
    http_client: SharedHttpClient,
    region: String,
    credentials: SharedCredentialsProvider,
    endpoints: Endpoints,
}

#[derive(Debug, Clone, Default)]
struct Endpoints {
    dynamodb: Option<String>,
    sqs: Option<String>,
}

impl Connection {
    /// Connects as the process environment says; see [`Connection::from_lookup`] for the variables.
    pub fn from_env() -> Result<Self, ConnectionError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Connects as `lookup` says. An empty value counts as absent.
    ///
    /// | what | variables, first one wins | otherwise |
    /// |---|---|---|
    /// | region | `AWS_REGION`, `AWS_DEFAULT_REGION` | `us-east-1` |
    /// | credentials | `AWS_ACCESS_KEY_ID` with `AWS_SECRET_ACCESS_KEY`, and `AWS_SESSION_TOKEN` | an error |
    /// | DynamoDB | `AWS_ENDPOINT_URL_DYNAMODB`, `AWS_ENDPOINT_URL` | the service of the region |
    /// | SQS | `AWS_ENDPOINT_URL_SQS`, `AWS_ENDPOINT_URL` | the service of the region |
    ///
    /// Where an endpoint is given and neither half of the key is, made-up credentials sign the calls: local
    /// stores ask for a signature but do not check it. Half a key is always an error.
    ///
    /// AWS itself is trusted by the roots of Amazon alone, which are compiled in: to read the 140 of a machine can take longer
    /// than all else that a function does at its start. Where both endpoints speak plain HTTP no root is read. Another endpoint, or a region with authorities of its own, is trusted by
    /// the roots of the machine.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConnectionError> {
        let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());

        let endpoints = Endpoints::from_lookup(&lookup)?;
        let credentials = credentials(&lookup, &endpoints)?;
        let region = lookup("AWS_REGION")
            .or_else(|| lookup("AWS_DEFAULT_REGION"))
            .unwrap_or_else(|| DEFAULT_REGION.to_owned());

        Ok(Self {
            http_client: lean_http_client(trusted(&endpoints, &region)),
            region,
            credentials: SharedCredentialsProvider::new(credentials),
            endpoints,
        })
    }

    /// Connects to stores inside this process, which `http_client` answers for: made-up credentials, region
    /// `local`, and endpoints that resolve nowhere, so that a call that misses the client cannot leave.
    pub fn local(http_client: impl HttpClient + 'static) -> Self {
        Self {
            http_client: SharedHttpClient::new(http_client),
            region: "local".to_owned(),
            credentials: SharedCredentialsProvider::new(made_up_credentials()),
            endpoints: Endpoints {
                dynamodb: Some("http://dynamodb.embedded".to_owned()),
                sqs: Some("http://sqs.embedded".to_owned()),
            },
        }
    }

    /// The HTTP client, shared by all SDK clients of the process.
    pub fn http_client(&self) -> SharedHttpClient {
        self.http_client.clone()
    }

    /// The region, such as `eu-central-1`.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The credentials that sign every call.
    pub fn credentials(&self) -> SharedCredentialsProvider {
        self.credentials.clone()
    }

    /// Where `service` is, if not at the address AWS gives it in the region.
    pub fn endpoint(&self, service: Service) -> Option<&str> {
        match service {
            Service::DynamoDb => self.endpoints.dynamodb.as_deref(),
            Service::Sqs => self.endpoints.sqs.as_deref(),
        }
    }
}

impl Endpoints {
    fn from_lookup(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, ConnectionError> {
        Ok(Self {
            dynamodb: endpoint(lookup, "AWS_ENDPOINT_URL_DYNAMODB")?,
            sqs: endpoint(lookup, "AWS_ENDPOINT_URL_SQS")?,
        })
    }

    fn any(&self) -> bool {
        self.dynamodb.is_some() || self.sqs.is_some()
    }

    /// Whether no call needs TLS.
    fn are_plain(&self) -> bool {
        let is_plain =
            |endpoint: &Option<String>| endpoint.as_ref().is_some_and(|url| url.starts_with("http://"));
        is_plain(&self.dynamodb) && is_plain(&self.sqs)
    }
}

fn endpoint(
    lookup: &impl Fn(&str) -> Option<String>,
    own_variable: &'static str,
) -> Result<Option<String>, ConnectionError> {
    for variable in [own_variable, "AWS_ENDPOINT_URL"] {
        let Some(value) = lookup(variable) else { continue };
        if value.starts_with("http://") || value.starts_with("https://") {
            return Ok(Some(value));
        }
        return Err(ConnectionError::InvalidEndpoint { variable, value });
    }
    Ok(None)
}

/// Lambda sets these variables once for the life of an execution environment, so they are read once, too.
fn credentials(
    lookup: &impl Fn(&str) -> Option<String>,
    endpoints: &Endpoints,
) -> Result<Credentials, ConnectionError> {
    match (lookup("AWS_ACCESS_KEY_ID"), lookup("AWS_SECRET_ACCESS_KEY")) {
        (Some(key_id), Some(secret)) => {
            Ok(Credentials::new(key_id, secret, lookup("AWS_SESSION_TOKEN"), None, "environment"))
        }
        (None, None) if endpoints.any() => Ok(made_up_credentials()),
        (None, _) => Err(ConnectionError::MissingCredential { variable: "AWS_ACCESS_KEY_ID" }),
        (Some(_), None) => Err(ConnectionError::MissingCredential { variable: "AWS_SECRET_ACCESS_KEY" }),
    }
}

fn made_up_credentials() -> Credentials {
    Credentials::new("local", "local", None, None, "made up for a local store")
}

/// Rustls over ring: no OpenSSL, no aws-lc, and none of the old HTTP stack behind the SDK's `rustls` feature.
/// It speaks plain HTTP as well, which local endpoints use.
fn lean_http_client(trusted: TrustStore) -> SharedHttpClient {
    // It may fail by its type only; then the roots of the machine would do.
    let tls = TlsContext::builder().with_trust_store(trusted).build().unwrap_or_default();
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls).build_https()
}

fn trusted(endpoints: &Endpoints, region: &str) -> TrustStore {
    if endpoints.are_plain() {
        TrustStore::empty()
    } else if is_signed_by_amazon(endpoints, region) {
        TrustStore::empty().with_pem_certificate(AMAZON_ROOTS)
    } else {
        TrustStore::default()
    }
}

fn is_signed_by_amazon(endpoints: &Endpoints, region: &str) -> bool {
    // The regions of China, and those that are cut off from the internet.
    let has_authorities_of_its_own = region.starts_with("cn-") || region.contains("iso");
    !endpoints.any() && !has_authorities_of_its_own
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rustls::{
        RootCertStore,
        pki_types::{CertificateDer, pem::PemObject},
    };

    use super::*;

    #[test]
    fn the_roots_of_amazon_are_five_that_can_be_read() {
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(AMAZON_ROOTS) {
            roots.add(root.unwrap()).unwrap();
        }

        assert_eq!(roots.len(), 5);
    }

    #[test]
    fn only_aws_itself_is_trusted_by_the_roots_of_amazon() {
        let given = |variables: &'static [(&str, &str)]| {
            let find =
                |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, url)| (*url).to_owned());
            Endpoints::from_lookup(&find).unwrap()
        };

        assert!(is_signed_by_amazon(&given(&[]), "eu-west-1"));
        assert!(is_signed_by_amazon(&given(&[]), "us-gov-east-1"));
        assert!(!is_signed_by_amazon(&given(&[]), "cn-north-1"));
        assert!(!is_signed_by_amazon(&given(&[]), "us-iso-east-1"));
        assert!(!given(&[]).are_plain());
        assert!(given(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:8001")]).are_plain());
        assert!(!given(&[("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:8002")]).are_plain());
        assert!(!given(&[("AWS_ENDPOINT_URL", "https://stores.example")]).are_plain());
        assert!(!is_signed_by_amazon(
            &given(&[("AWS_ENDPOINT_URL_SQS", "https://queues.example")]),
            "eu-west-1"
        ));
    }
}
