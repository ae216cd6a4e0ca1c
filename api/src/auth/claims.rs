//! Reads a checked token: subject, tenant, roles.

use std::collections::BTreeSet;

use domain::{Actor, TenantId};
use serde_json::{Map, Value};

use super::invalid;
use super::role::Role;
use crate::problem::Problem;

/// Who a token stands for.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// `sub`.
    pub(crate) actor: Actor,
    /// Those of our roles that it has, least first, each once.
    pub(crate) roles: Vec<Role>,
    /// The highest of them, if any.
    pub(crate) role: Option<Role>,
    /// Its tenant, if the claim is there and is one.
    pub(crate) tenant: Option<TenantId>,
}

impl Identity {
    /// Roles come from `realm_access.roles`, as Keycloak writes them, and from a top-level `roles`.
    pub(super) fn read(claims: &Map<String, Value>, tenant_claim: &str) -> Result<Self, Problem> {
        let actor = claims.get("sub").and_then(Value::as_str).and_then(|sub| sub.parse().ok());
        let keycloak = claims.get("realm_access").and_then(|access| access.get("roles"));
        let lists = [keycloak, claims.get("roles")];
        let names = lists.into_iter().flatten().filter_map(Value::as_array).flatten().filter_map(Value::as_str);
        let roles: BTreeSet<Role> = names.filter_map(Role::from_name).collect();
        Ok(Self {
            actor: actor.ok_or_else(|| invalid("its subject is not 1 to 200 characters"))?,
            role: roles.last().copied(),
            roles: roles.into_iter().collect(),
            tenant: claims.get(tenant_claim).and_then(Value::as_str).and_then(|tenant| tenant.parse().ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(claims: &Value) -> Identity {
        Identity::read(claims.as_object().unwrap(), "tenant").unwrap()
    }

    #[test]
    fn the_highest_role_counts_wherever_it_stands() {
        let keycloak =
            json!({"sub": "a", "realm_access": {"roles": ["portal-viewer", "portal-staff", "offline_access"]}});
        assert_eq!(read(&keycloak).role, Some(Role::Staff));
        assert_eq!(read(&keycloak).roles, [Role::Viewer, Role::Staff]);
        let twice = json!({"sub": "a", "roles": ["portal-admin"], "realm_access": {"roles": ["portal-admin"]}});
        assert_eq!(read(&twice).roles, [Role::Admin]);
        assert_eq!(read(&json!({"sub": "a", "roles": ["portal-admin"]})).role, Some(Role::Admin));
        assert_eq!(read(&json!({"sub": "a", "roles": "portal-admin"})).role, None);
        assert_eq!(read(&json!({"sub": "a", "roles": ["PORTAL-ADMIN", 5]})).role, None);
    }

    #[test]
    fn a_tenant_that_is_none_does_not_count() {
        assert_eq!(read(&json!({"sub": "a", "tenant": "acme"})).tenant.unwrap().as_str(), "acme");
        for bad in [json!("Acme"), json!(""), json!(5), json!(["acme"]), Value::Null] {
            assert!(read(&json!({"sub": "a", "tenant": bad})).tenant.is_none());
        }
    }

    /// Whatever the claims are: who is let in has a name, and only our roles count.
    #[test]
    fn fuzz_claims() {
        fuzz::target(env!("CARGO_MANIFEST_DIR"), "claims", |bytes| {
            let Ok(claims) = serde_json::from_slice::<Map<String, Value>>(bytes) else { return };
            match Identity::read(&claims, "tenant") {
                Ok(identity) => {
                    assert_eq!(Some(identity.actor.as_str()), claims["sub"].as_str());
                    let all = Value::Object(claims).to_string();
                    assert!(identity.role.is_none() || all.contains("portal-"), "{all}");
                }
                Err(problem) => assert_eq!(problem.code(), "token_invalid"),
            }
        });
    }
}
