//! Who may look: the key is shown once, and a cookie carries the session from then on.

use axum::{
    extract::{FromRequest, Request, State},
    response::{IntoResponse, Response},
};
use bespin_access::{ConsoleAccess, ConsoleKey};
use bespin_edge::Deps;
use bespin_web::{Call, Page, Problem, text};
use http::{HeaderMap, HeaderValue, Uri, header};

const COOKIE: &str = "bespin_console";

/// Somebody who may look.
pub(crate) struct Visit {
    pub(crate) call: Call,
    pub(crate) access: ConsoleAccess,
}

/// What stands in the way of a visit: a refusal, or the way round by the address without the key.
impl FromRequest<Deps> for Visit {
    type Rejection = Response;

    async fn from_request(request: Request, deps: &Deps) -> Result<Self, Response> {
        let (uri, headers) = (request.uri().clone(), request.headers().clone());
        let call = Call::from_request(request, deps).await?;
        let mut query = call.query();
        let key = query.optional("key", text(..));
        let Some(Some(key)) = key else {
            if let Some(access) = call.cookie(COOKIE).and_then(|session| deps.resume_console(&call, session))
            {
                return Ok(Self { call, access });
            }
            // The contract asks for the key before it tells whether there is a console.
            let key = query.required("key", text(..));
            let missing = query.finish(|| key).err().unwrap_or_else(Problem::not_found);
            return Err(missing.into_response());
        };
        let access = deps.console(&call, &key).map_err(IntoResponse::into_response)?;
        let page = Page::see_other(&without_key(&uri));
        Err(begin(page, deps, &access, &call, &headers).into_response())
    }
}

/// The address that was asked for, without the key: it must not stay in histories and links.
fn without_key(uri: &Uri) -> String {
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut rest = form_urlencoded::Serializer::new(String::new());
    let query = rest.extend_pairs(query.filter(|(name, _)| name != "key")).finish();
    let path = uri.path();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

fn begin(page: Page, deps: &Deps, access: &ConsoleAccess, call: &Call, headers: &HeaderMap) -> Page {
    let session = deps.console_session(access, call);
    with_cookie(page, &session, ConsoleKey::SESSION_SECONDS, headers)
}

/// Scripts do not see the cookie, other sites do not send it, and it goes over no wire in clear.
fn with_cookie(page: Page, session: &str, seconds: i64, headers: &HeaderMap) -> Page {
    let secure = if is_loopback(headers) { "" } else { "; Secure" };
    let cookie =
        format!("{COOKIE}={session}; Path=/console; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    match HeaderValue::try_from(cookie) {
        Ok(cookie) => page.with_header(header::SET_COOKIE, cookie),
        Err(_) => page,
    }
}

/// Whether the browser talks to its own machine, where there is no wire and, mostly, no TLS.
fn is_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

/// `POST /console/sign-in`: the key from a form instead of the address.
pub(crate) async fn sign_in(
    State(deps): State<Deps>,
    headers: HeaderMap,
    call: Call,
) -> Result<Page, Problem> {
    let mut form = call.form();
    let key = form.required("key", text(..));
    let to = form.optional("to", text(..));
    let (key, to) = form.finish(|| Some((key?, to?)))?;
    let access = deps.console(&call, &key)?;
    let to = to.filter(|to| is_console(to)).unwrap_or_else(|| "/console".to_owned());
    Ok(begin(Page::see_other(&to), &deps, &access, &call, &headers))
}

/// Whether an address is one of the console's own, so that a form cannot lead elsewhere.
pub(crate) fn is_console(to: &str) -> bool {
    to.strip_prefix("/console").is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        && !to.contains("key=")
}

/// `POST /console/sign-out`: the browser forgets the session.
pub(crate) async fn sign_out(headers: HeaderMap) -> Page {
    with_cookie(Page::see_other("/console"), "", 0, &headers)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_address_keeps_all_but_the_key() {
        let clean = |uri: &str| without_key(&uri.parse().unwrap());

        assert_eq!(clean("/console?key=k"), "/console");
        assert_eq!(
            clean("/console/db/users?limit=5&key=a%20b&tenant=t&key=c"),
            "/console/db/users?limit=5&tenant=t"
        );
        assert_eq!(clean("/console?name=%26key%3D1"), "/console?name=%26key%3D1");
    }

    #[test]
    fn only_on_the_own_machine_a_session_may_go_in_clear() {
        let of = |host: &str| is_loopback(&HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]));

        for near in ["localhost", "localhost:8000", "127.0.0.1:80", "[::1]:8000", "[::1]"] {
            assert!(of(near), "{near}");
        }
        for far in ["example.com", "localhost.example.com", "127.0.0.1.example.com:80", "[::2]:80", ""] {
            assert!(!of(far), "{far}");
        }
    }

    #[test]
    fn a_form_leads_to_the_console_and_nowhere_else() {
        for own in ["/console", "/console/tenants", "/console?x=1", "/console/db/users?limit=5"] {
            assert!(is_console(own), "{own}");
        }
        for other in
            ["", "/", "//example.com", "/consolation", "https://example.com/console", "/console?key=k"]
        {
            assert!(!is_console(other), "{other}");
        }
    }
}
