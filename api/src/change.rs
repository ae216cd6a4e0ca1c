//! Requests that change something: their body, and what must hold for it to happen, once.
//!
//! ```ignore
//! async fn create(
//!     CustomerTeam(ctx): CustomerTeam,
//!     State(db): State<Db>,
//!     Change { asked, once }: Change<NewCustomer>,
//! ) -> Result<Response, Problem> {
//!     once.run(&db, &ctx, asked, |customer| answer::created(location, customer.version, &body)).await
//! }
//! ```

use axum::extract::{FromRequest, OriginalUri, Request};
use axum::http::header::{HeaderName, HeaderValue, IF_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use domain::{Answer, Command, Ctx, Db, IdempotencyKey, Outcome, Rejection};
use serde::Deserialize;
use uuid::Uuid;

use crate::body::{Input, Wrong};
use crate::ctx::RequestInfo;
use crate::etag::IfMatch;
use crate::problem::Problem;
use crate::{answer, body, headers};

/// Marks an answer that was stored before.
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A changing request with a JSON body. Comes last among a handler's arguments.
pub(crate) struct Change<I: Input> {
    /// What is asked, in the domain's values.
    pub(crate) asked: I::Parsed,
    /// Runs it.
    pub(crate) once: Once,
}

/// A changing request whose path says everything; an empty body or `{}`.
pub(crate) struct Action(pub Once);

/// The conditions of a change: `If-Match` and `Idempotency-Key`.
pub(crate) struct Once {
    if_match: IfMatch,
    key: Option<IdempotencyKey>,
    request_id: Uuid,
    /// A member of the answer that is not kept for repetitions.
    shown_once: Option<(&'static str, String)>,
}

impl Once {
    /// The version the caller wants to change; none if any will do.
    pub(crate) fn expected_version(&self) -> Option<i64> {
        self.if_match.version()
    }

    /// As [`expected_version`](Self::expected_version), for a change that must say what it was made for.
    ///
    /// # Errors
    /// 428 `precondition_required` without `If-Match`.
    pub(crate) fn required_version(&self) -> Result<Option<i64>, Problem> {
        if self.if_match.was_sent() {
            return Ok(self.if_match.version());
        }
        let detail = "read it first, and send its ETag in the header If-Match; * changes whatever is there";
        Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, "precondition_required", detail))
    }

    /// Puts a secret into the answer. It is not among what is kept for a repetition, which does not get it again.
    pub(crate) fn showing(self, member: &'static str, value: String) -> Self {
        Self { shown_once: Some((member, value)), ..self }
    }

    fn first_answer(shown_once: Option<(&'static str, String)>, answer: Answer) -> Response {
        answer::response(match shown_once {
            Some((member, value)) => answer::shown(answer, member, &value),
            None => answer,
        })
    }

    /// Runs the command and answers, at most once per `Idempotency-Key`: a repetition gets the
    /// same status, headers and body again, a rejection's too.
    ///
    /// # Errors
    /// The command's rejection or fault; 422 `idempotency_key_reused`.
    pub(crate) async fn run<C: Command>(
        self,
        db: &Db,
        ctx: &Ctx,
        command: C,
        answer: impl FnOnce(C::Output) -> Answer + Send,
    ) -> Result<Response, Problem> {
        let Some(key) = &self.key else {
            return Ok(Self::first_answer(self.shown_once, answer(domain::run(db, ctx, command).await?)));
        };
        let request_id = self.request_id;
        let either = |result: Result<C::Output, Rejection>| match result {
            Ok(output) => answer(output),
            Err(rejection) => answer::rejected(&Problem::from(rejection), request_id),
        };
        match domain::run_once(db, ctx, key, command, either).await? {
            Outcome::Fresh(answer) => Ok(Self::first_answer(self.shown_once, answer)),
            Outcome::Replayed(answer) => {
                let mut response = answer::response(answer);
                response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
                Ok(response)
            }
        }
    }

    fn read(parts: &Parts, body: &[u8]) -> Result<Self, Problem> {
        let if_match = IfMatch::read(&parts.headers)?;
        let key = match headers::single(&parts.headers, "Idempotency-Key")? {
            Some(key) if parts.method == Method::POST => Some(idempotency_key(key, parts, body)?),
            _ => None, // repeating a PUT or PATCH changes nothing further; If-Match guards them
        };
        let info = parts.extensions.get::<RequestInfo>().ok_or_else(Problem::internal)?;
        Ok(Self { if_match, key, request_id: info.id, shown_once: None })
    }
}

fn idempotency_key(key: &str, parts: &Parts, body: &[u8]) -> Result<IdempotencyKey, Problem> {
    // Nested routers see a shortened path; the route is what the caller sent.
    let path = parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.0.path());
    let route = format!("{} {path}", parts.method);
    Ok(IdempotencyKey::new(key, &route, &fingerprint(&parts.headers, body))?)
}

/// What must be the same again: the body's bytes and `If-Match`.
fn fingerprint(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let mut bytes = body.to_vec();
    for value in headers.get_all(IF_MATCH) {
        bytes.push(0); // stands in no JSON text
        bytes.extend_from_slice(value.as_bytes());
    }
    bytes
}

impl<I: Input, S: Send + Sync> FromRequest<S> for Change<I> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        body::require_json(request.method(), request.headers())?;
        let (parts, bytes) = split(request).await?;
        Ok(Self { asked: body::parse::<I>(&bytes)?, once: Once::read(&parts, &bytes)? })
    }
}

impl<S: Send + Sync> FromRequest<S> for Action {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, bytes) = split(request).await?;
        if !bytes.is_empty() {
            body::require_json(&parts.method, &parts.headers)?;
            body::parse::<Nothing>(&bytes)?;
        }
        Ok(Self(Once::read(&parts, &bytes)?))
    }
}

/// `{}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Input for Nothing {
    type Parsed = ();

    fn parse(self, _: &mut Wrong) -> Option<()> {
        Some(())
    }
}

async fn split(request: Request) -> Result<(Parts, axum::body::Bytes), Problem> {
    let (parts, body) = request.into_parts();
    let mut bare = Request::new(body);
    // the body limit is an extension, and Content-Length lets it refuse early
    *bare.headers_mut() = parts.headers.clone();
    *bare.extensions_mut() = parts.extensions.clone();
    Ok((parts, body::read(bare).await?))
}
