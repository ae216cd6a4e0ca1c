//! Endpoints: what each command does, refuses and tells, and who may read what of them.

use std::collections::BTreeMap;

use domain::kernel::page::Listing;
use domain::webhooks::{
    ChangeEndpoint, CreateEndpoint, DeleteEndpoint, Description, DisableEndpoint, DisableReason, EnableEndpoint,
    Endpoint, EndpointChanges, EndpointDetails, EndpointState, EndpointUrl, EventPatterns, GetEndpoint, Headers,
    ListDeliveries, ListEndpoints, Overlap, RateLimit, ResendDelivery, RotateSecret, SigningSecret, Targets,
    TestEndpoint,
};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{ACME, OTHER, World, connect, ctx, rejection};

fn types(pattern: &str) -> EventPatterns {
    EventPatterns::parse(&[pattern.to_owned()], "").unwrap()
}

fn headers(value: &str) -> Headers {
    Headers::parse(&BTreeMap::from([("X-Api-Key".to_owned(), value.to_owned())]), "").unwrap()
}

fn url(url: &str) -> EndpointUrl {
    EndpointUrl::parse(url, "").unwrap()
}

fn create(at: &str) -> CreateEndpoint {
    let details = EndpointDetails {
        url: url(at),
        event_types: types("com.offgrid.portal.orders.*"),
        description: Description::parse("The warehouse", "").unwrap(),
        headers: headers("s3cret"),
        rate_limit: Some(RateLimit::new(10, "").unwrap()),
    };
    CreateEndpoint { details, secret: SigningSecret::generate().unwrap(), targets: Targets::Public }
}

fn change(id: Uuid, changes: EndpointChanges) -> ChangeEndpoint {
    ChangeEndpoint { id, expected_version: None, changes, targets: Targets::Public }
}

fn rotate(id: Uuid, overlap: i64) -> RotateSecret {
    let (secret, overlap) = (SigningSecret::generate().unwrap(), Overlap::new(overlap, "").unwrap());
    RotateSecret { id, expected_version: None, secret, overlap }
}

async fn made(world: &World) -> Endpoint {
    world.run(create("https://example.com/hooks")).await.unwrap()
}

const VALID: &str = "select count(*) from webhooks.secrets where expires_at is null or expires_at > now()";

#[sqlx::test(migrations = false)]
async fn an_endpoint_is_created_and_nothing_secret_told(pool: PgPool) {
    let world = World::new(pool).await;
    let (endpoint, event) = world.emits(create("https://example.com/hooks")).await;
    assert_eq!(event.r#type, "com.offgrid.portal.webhooks.endpoint-created");
    assert_eq!((event.aggregate_id, event.sequence, endpoint.version), (endpoint.id, 1, 1));
    assert_eq!(event.data["webhook"]["headerNames"], json!(["x-api-key"]));
    assert!(!event.data.to_string().contains("s3cret") && !event.data.to_string().contains("whsec"));
    assert_eq!(endpoint.state(), EndpointState::Enabled);
    assert_eq!(world.fetch(GetEndpoint { id: endpoint.id }).await.unwrap(), endpoint);
    let list = ListEndpoints { state: Some(EndpointState::Enabled), page: Listing::default() };
    assert_eq!(world.fetch(list).await.unwrap().data, [endpoint]);
    assert_eq!(world.count(VALID).await, 1);
    assert_eq!(
        world.count("select count(*) from webhooks.endpoints where headers ->> 'x-api-key' = 's3cret'").await,
        1
    );
}

#[sqlx::test(migrations = false)]
async fn what_has_another_value_is_changed_and_told(pool: PgPool) {
    let world = World::new(pool).await;
    let id = made(&world).await.id;
    let changes =
        EndpointChanges { url: Some(url("https://example.org/")), rate_limit: Some(None), ..Default::default() };
    let (changed, event) = world.emits(change(id, changes)).await;
    assert_eq!((changed.url.as_str(), changed.rate_limit, changed.version), ("https://example.org/", None, 2));
    assert_eq!(event.data["changed"], json!(["url", "rateLimit"]));
    let same = EndpointChanges { event_types: Some(changed.event_types.clone()), ..Default::default() };
    assert_eq!(world.changes_nothing(change(id, same)).await, changed);
    let (_, event) =
        world.emits(change(id, EndpointChanges { headers: Some(headers("other")), ..Default::default() })).await;
    assert_eq!((event.data["changed"].clone(), event.sequence), (json!(["headers"]), 3));
    assert_eq!(world.count("select count(*) from webhooks.endpoints where headers ->> 'x-api-key' = 'other'").await, 1);
}

#[sqlx::test(migrations = false)]
async fn a_secret_is_rotated_with_an_overlap_or_at_once(pool: PgPool) {
    let world = World::new(pool).await;
    let id = made(&world).await.id;
    let (rotated, event) = world.emits(rotate(id, 3600)).await;
    assert_eq!((rotated.version, event.data["changed"].clone()), (2, json!(["secret"])));
    assert_eq!(world.count(VALID).await, 2);
    for _ in 0..3 {
        world.run(rotate(id, 3600)).await.unwrap();
    }
    assert_eq!(world.count(VALID).await, 5);
    world.rejects(ACME, rotate(id, 3600), "webhook_secrets_too_many").await;
    world.run(rotate(id, 0)).await.unwrap();
    assert_eq!(world.count(VALID).await, 1, "what may be known to others is signed with no more");
}

#[sqlx::test(migrations = false)]
async fn it_is_disabled_and_enabled_again_each_told_once(pool: PgPool) {
    let world = World::new(pool).await;
    let id = made(&world).await.id;
    let disable = || DisableEndpoint { id, expected_version: None };
    let enable = || EnableEndpoint { id, expected_version: None };
    assert_eq!(world.changes_nothing(enable()).await.version, 1);
    let (disabled, event) = world.emits(disable()).await;
    assert_eq!(disabled.disabled.unwrap().reason, DisableReason::Requested);
    assert_eq!(
        (event.data["reason"].clone(), event.data["webhook"]["state"].clone()),
        (json!("requested"), json!("disabled"))
    );
    assert_eq!(world.changes_nothing(disable()).await.version, 2);
    world.rejects(ACME, TestEndpoint { id }, "webhook_endpoint_disabled").await;
    let (enabled, event) = world.emits(enable()).await;
    assert_eq!((enabled.disabled, enabled.failing_since, enabled.version), (None, None, 3));
    assert_eq!(event.r#type, "com.offgrid.portal.webhooks.endpoint-enabled");
    assert_eq!(world.fetch(GetEndpoint { id }).await.unwrap(), enabled);
}

#[sqlx::test(migrations = false)]
async fn nothing_secret_is_left_of_a_deleted_one(pool: PgPool) {
    let world = World::new(pool).await;
    let id = made(&world).await.id;
    let delete = || DeleteEndpoint { id, expected_version: None };
    let ((), event) = world.emits(delete()).await;
    assert_eq!((event.r#type.as_str(), event.sequence), ("com.offgrid.portal.webhooks.endpoint-deleted", 2));
    assert_eq!(world.count("select count(*) from webhooks.secrets").await, 0);
    assert_eq!(world.count("select count(*) from webhooks.endpoints where headers <> '{}'").await, 0);
    world.rejects(ACME, delete(), "webhook_endpoint_not_found").await;
    assert_eq!(rejection(world.fetch(GetEndpoint { id }).await).code, "webhook_endpoint_not_found");
    assert!(world.fetch(ListEndpoints::default()).await.unwrap().data.is_empty());
    let deliveries = ListDeliveries { endpoint_id: id, status: None, event_type: None, page: Listing::default() };
    assert!(world.fetch(deliveries).await.unwrap().data.is_empty(), "they can still be read");
}

#[sqlx::test(migrations = false)]
async fn what_is_refused_leaves_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    let id = made(&world).await.id;
    for inside in [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest",
        "https://localhost/",
    ] {
        world.rejects(ACME, create(inside), "webhook_url_forbidden").await;
        let changes = EndpointChanges { url: Some(url(inside)), ..Default::default() };
        world.rejects(ACME, change(id, changes), "webhook_url_forbidden").await;
    }
    let stale = ChangeEndpoint { expected_version: Some(7), ..change(id, EndpointChanges::default()) };
    world.rejects(ACME, stale, "version_conflict").await;
    world.rejects(ACME, RotateSecret { expected_version: Some(7), ..rotate(id, 0) }, "version_conflict").await;
    world.rejects(ACME, DeleteEndpoint { id, expected_version: Some(7) }, "version_conflict").await;
    for _ in 1..50 {
        made(&world).await;
    }
    world.rejects(ACME, create("https://example.com/"), "webhook_endpoints_too_many").await;
}

#[sqlx::test(migrations = false)]
async fn another_tenants_endpoint_does_not_exist(pool: PgPool) {
    let world = World::new(pool).await;
    let id = made(&world).await.id;
    let not_found = "webhook_endpoint_not_found";
    world.rejects(OTHER, change(id, EndpointChanges::default()), not_found).await;
    world.rejects(OTHER, rotate(id, 0), not_found).await;
    world.rejects(OTHER, EnableEndpoint { id, expected_version: None }, not_found).await;
    world.rejects(OTHER, DisableEndpoint { id, expected_version: None }, not_found).await;
    world.rejects(OTHER, DeleteEndpoint { id, expected_version: None }, not_found).await;
    world.rejects(OTHER, TestEndpoint { id }, not_found).await;
    world.rejects(OTHER, ResendDelivery { id }, "webhook_delivery_not_found").await;
    assert_eq!(rejection(domain::fetch(&world.db, &ctx(OTHER), GetEndpoint { id }).await).code, not_found);
    assert!(domain::fetch(&world.db, &ctx(OTHER), ListEndpoints::default()).await.unwrap().data.is_empty());
}

#[sqlx::test(migrations = false)]
async fn a_test_is_a_delivery_with_a_job(pool: PgPool) {
    let world = World::new(pool).await;
    let id = made(&world).await.id;
    let delivery = world.run(TestEndpoint { id }).await.unwrap();
    assert!(delivery.is_test);
    let jobs = "select count(*) from apalis.jobs j join webhooks.deliveries d on d.job_id = j.id
                where j.kind = 'deliver-webhook.v1' and j.job_type = 'deliveries' and j.subject = 'webhooks/' || d.id
                  and j.tenant_id = 'acme' and d.is_test";
    assert_eq!(world.count(jobs).await, 1);
    assert_eq!(world.events().await.len(), 1, "a test is no event");
    world.rejects(ACME, ResendDelivery { id: delivery.id }, "webhook_delivery_unrepeatable").await;
}

/// The API's database role writes secrets and headers, and cannot read them, however it asks.
#[sqlx::test(migrations = false)]
async fn the_apis_role_cannot_read_what_is_secret(pool: PgPool) {
    let world = World::new(pool).await;
    made(&world).await;
    let denied = async |role: &str, statement: &str| {
        let pool = connect(&world.owner, role).await;
        let script = format!("begin; set local portal.tenant = 'acme'; {statement}; rollback");
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&pool).await;
        done.err().and_then(|error| error.as_database_error().and_then(|e| e.code().map(|code| code.into_owned())))
    };
    for statement in [
        "select secret from webhooks.secrets",
        "select * from webhooks.secrets",
        "select headers from webhooks.endpoints",
        "select * from webhooks.endpoints",
        "update webhooks.secrets set secret = secret",
        "update webhooks.secrets set expires_at = null where secret is not null",
        "delete from webhooks.secrets returning secret",
        "update webhooks.endpoints set url = headers::text",
        "delete from webhooks.endpoints",
        "delete from webhooks.deliveries",
        "update webhooks.attempts set response = ''",
    ] {
        assert_eq!(denied("portal_api", statement).await.as_deref(), Some("42501"), "{statement}");
    }
    assert_eq!(denied("portal_api", "select id, expires_at from webhooks.secrets").await, None);
    assert_eq!(denied("portal_worker", "select secret from webhooks.secrets").await, None);
    for statement in
        ["insert into webhooks.secrets select * from webhooks.secrets", "update webhooks.endpoints set url = ''"]
    {
        assert_eq!(denied("portal_worker", statement).await.as_deref(), Some("42501"), "{statement}");
    }
}
