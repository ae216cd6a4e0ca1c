//! The callers that handlers ask for. A handler that takes `CustomerTeam(ctx)` cannot run for
//! anybody who may not, and has no other way to a [`Ctx`].

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::request::Parts;
use domain::{Ctx, Scope, TenantId};

use super::claims::Identity;
use super::role::Role;
use super::{Authenticator, unauthorized};
use crate::ctx::RequestInfo;
use crate::headers;
use crate::problem::Problem;

/// Defines an extractor for the least role that may pass, working on one tenant.
macro_rules! tenant_roles {
    ($($(#[$doc:meta])* $name:ident => $role:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name(pub(crate) Ctx);

        impl<S> FromRequestParts<S> for $name
        where
            S: Send + Sync,
            Arc<Authenticator>: FromRef<S>,
        {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                let identity = identify(parts, &Arc::from_ref(state), $role).await?;
                let scope = Scope::Tenant(tenant(parts, &identity)?);
                Ok(Self(context(parts, identity, scope)?))
            }
        }
    )*};
}

tenant_roles! {
    /// `portal-viewer` or higher, on one tenant.
    Viewer => Role::Viewer;
    /// `portal-customer-team` or higher, on one tenant.
    CustomerTeam => Role::CustomerTeam;
    /// `portal-staff` or higher, on one tenant.
    Staff => Role::Staff;
}

/// `portal-admin`, on the whole installation.
pub(crate) struct Admin(pub(crate) Ctx);

impl<S> FromRequestParts<S> for Admin
where
    S: Send + Sync,
    Arc<Authenticator>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let identity = identify(parts, &Arc::from_ref(state), Role::Admin).await?;
        Ok(Self(context(parts, identity, Scope::Installation)?))
    }
}

async fn identify(parts: &Parts, authenticator: &Authenticator, needed: Role) -> Result<Identity, Problem> {
    let identity = authenticator.identify(bearer_token(parts)?).await?;
    info(parts)?.set_actor(&identity.actor);
    if identity.role.is_some_and(|role| role >= needed) {
        return Ok(identity);
    }
    let challenge = format!("Bearer realm=\"portal\", error=\"insufficient_scope\", scope=\"{needed}\"");
    let detail = format!("this needs the role {needed}, or one that includes it");
    Err(Problem::new(StatusCode::FORBIDDEN, "role_missing", detail).with_header(WWW_AUTHENTICATE, &challenge))
}

fn bearer_token(parts: &Parts) -> Result<&str, Problem> {
    let Some(value) = headers::single(&parts.headers, "Authorization")? else {
        let detail = "send the header Authorization: Bearer and a token of the identity provider";
        let missing = Problem::new(StatusCode::UNAUTHORIZED, "token_missing", detail);
        // RFC 6750: no error code when there was no attempt
        return Err(missing.with_header(WWW_AUTHENTICATE, "Bearer realm=\"portal\""));
    };
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => {
            Err(unauthorized("token_invalid", "invalid_request", "the header Authorization is not Bearer and a token"))
        }
    }
}

/// The token's tenant; an admin may choose another with `X-Tenant`.
fn tenant(parts: &Parts, identity: &Identity) -> Result<TenantId, Problem> {
    let chosen = match headers::single(&parts.headers, "X-Tenant")? {
        Some(text) => Some(text.parse::<TenantId>().map_err(|e| headers::invalid("X-Tenant", format!("{e}")))?),
        None => None,
    };
    match (chosen, &identity.tenant) {
        (Some(chosen), _) if identity.role == Some(Role::Admin) => Ok(chosen),
        (Some(chosen), Some(own)) if chosen != *own => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "tenant_not_allowed",
            "your token is for another tenant; leave out the header X-Tenant",
        )),
        (_, Some(own)) => Ok(own.clone()),
        (_, None) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "tenant_missing",
            "the token names no valid tenant; an admin can choose one with the header X-Tenant",
        )),
    }
}

fn context(parts: &Parts, identity: Identity, scope: Scope) -> Result<Ctx, Problem> {
    let info = info(parts)?;
    if let Scope::Tenant(tenant) = &scope {
        info.set_tenant(tenant);
    }
    Ok(Ctx {
        scope,
        actor: identity.actor,
        roles: identity.roles.into_iter().map(Role::name).collect(),
        correlation_id: info.correlation_id.clone(),
        causation_id: info.id.to_string(),
        traceparent: info.traceparent.clone(),
    })
}

/// The outermost layer put it there.
fn info(parts: &Parts) -> Result<&RequestInfo, Problem> {
    parts.extensions.get::<RequestInfo>().ok_or_else(Problem::internal)
}
