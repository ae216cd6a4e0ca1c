//! Tokens: which count, and where their keys come from.

use std::time::Duration;

use api::Settings;
use api::auth::{Authenticator, IdentityProviderState, Settings as AuthSettings};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::app::{ADMIN, App, STAFF, VIEWER};
use crate::issuer::TestIssuer;
use crate::tokens::{AUDIENCE, ISSUER, SigningKey, claims, now};

const PATH: &str = "/v1/customers";

/// An API whose keys come from `issuer`.
async fn app_with(pool: PgPool, issuer: &TestIssuer, key: SigningKey) -> App {
    let mut settings = AuthSettings::new(&issuer.url, AUDIENCE);
    settings.refresh_interval = Duration::from_secs(3600);
    let auth = Authenticator::from_issuer(settings);
    App::with_auth(pool, Settings::default(), auth, key, &issuer.url).await
}

async fn outcome(app: &App, token: &str) -> (u16, String) {
    let answer = app.get(PATH).token(token).send().await;
    (answer.status.as_u16(), answer.code().to_owned())
}

fn refused() -> (u16, String) {
    (401, "token_invalid".to_owned())
}

fn accepted() -> (u16, String) {
    (200, String::new())
}

/// `claims` with one of them replaced, or removed by null.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims(ISSUER, VIEWER, "demo");
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(name),
        value => claims.as_object_mut().unwrap().insert(name.to_owned(), value),
    };
    claims
}

#[sqlx::test(migrations = false)]
async fn claims_decide(pool: PgPool) {
    let key = SigningKey::generate();
    let auth = Authenticator::with_keys(AuthSettings::new(ISSUER, AUDIENCE), &key.set());
    let app = App::with_auth(pool, Settings::default(), auth, key.clone(), ISSUER).await;
    for (name, value) in [
        ("iss", json!("https://evil.test")),
        ("iss", json!(format!("{ISSUER}/"))),
        ("iss", Value::Null),
        ("aud", json!("another-api")),
        ("aud", json!(["account", "another-api"])),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("exp", Value::Null),
        ("exp", json!("tomorrow")),
        ("nbf", json!(now() + 120)),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("sub", json!("a\nb")),
    ] {
        assert_eq!(outcome(&app, &key.sign(&with(name, value.clone()))).await, refused(), "{name}: {value}");
    }
    let expired = app.get(PATH).token(&key.sign(&with("exp", json!(now() - 60)))).send().await;
    assert_eq!(expired.outcome(), (401, "token_expired"));
    assert!(expired.header("www-authenticate").starts_with("Bearer realm=\"portal\", error=\"invalid_token\""));
    // clocks may differ by 30 seconds
    for (name, value) in [("exp", json!(now() - 20)), ("nbf", json!(now() + 20)), ("aud", json!(AUDIENCE))] {
        assert_eq!(outcome(&app, &key.sign(&with(name, value))).await, accepted(), "{name}");
    }
    let top_level =
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "exp": now() + 60, "tenant": "demo", "roles": [VIEWER]});
    assert_eq!(outcome(&app, &key.sign(&top_level)).await, accepted());
}

#[sqlx::test(migrations = false)]
async fn only_a_published_key_and_its_own_algorithm_count(pool: PgPool) {
    let (key, other) = (SigningKey::generate(), SigningKey::generate());
    let auth = Authenticator::with_keys(AuthSettings::new(ISSUER, AUDIENCE), &key.set());
    let app = App::with_auth(pool, Settings::default(), auth, key.clone(), ISSUER).await;
    let claims = claims(ISSUER, STAFF, "demo");
    let header = |algorithm| Header { kid: Some(key.id.clone()), ..Header::new(algorithm) };

    assert_eq!(outcome(&app, &key.sign(&claims)).await, accepted());
    let no_id = key.sign_as(&Header::new(Algorithm::ES256), &claims);
    assert_eq!(outcome(&app, &no_id).await, accepted(), "only one key can be meant");

    assert_eq!(outcome(&app, &other.sign(&claims)).await, refused(), "a key nobody publishes");
    assert_eq!(
        outcome(&app, &other.sign_as(&header(Algorithm::ES256), &claims)).await,
        refused(),
        "under another's id"
    );

    // alg none, in every spelling that a lenient parser might take
    for none in ["none", "None", "NONE", ""] {
        let head = URL_SAFE_NO_PAD.encode(json!({"alg": none, "kid": key.id}).to_string());
        let body = URL_SAFE_NO_PAD.encode(claims.to_string());
        assert_eq!(outcome(&app, &format!("{head}.{body}.")).await, refused(), "alg {none:?}");
    }

    // the public key taken for a shared secret, in every form it might be held in
    let jwk = key.jwk();
    let AlgorithmParameters::EllipticCurve(ec) = &jwk.algorithm else { panic!("no EC key") };
    let point = [vec![4], URL_SAFE_NO_PAD.decode(&ec.x).unwrap(), URL_SAFE_NO_PAD.decode(&ec.y).unwrap()].concat();
    for secret in [point, serde_json::to_vec(&jwk).unwrap(), ec.x.clone().into_bytes()] {
        let forged =
            jsonwebtoken::encode(&header(Algorithm::HS256), &claims, &EncodingKey::from_secret(&secret)).unwrap();
        assert_eq!(outcome(&app, &forged).await, refused(), "HS256");
    }

    // the payload of one token with the signature of another
    let (good, wider) = (key.sign(&with("sub", json!("a"))), key.sign(&claims));
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let mixed = format!("{}.{}.{}", parts(&good)[0], parts(&wider)[1], parts(&good)[2]);
    assert_eq!(outcome(&app, &mixed).await, refused(), "mixed");

    let critical = Header { crit: Some(vec!["exp".into()]), ..header(Algorithm::ES256) };
    assert_eq!(outcome(&app, &key.sign_as(&critical, &claims)).await, refused(), "crit");
    for garbage in ["", "x", "a.b", "a.b.c.d", "....", "e30.e30.e30"] {
        assert_eq!(outcome(&app, garbage).await.0, 401, "{garbage:?}");
    }
    let basic = app.get(PATH).header("authorization", "Basic YTpi").send().await;
    assert_eq!(basic.outcome(), (401, "token_invalid"));
    let twice = app.get(PATH).role(VIEWER).role(ADMIN).send().await;
    assert_eq!(twice.outcome(), (400, "header_invalid"), "which of two tokens would count?");
}

/// As Keycloak publishes by default: an RSA key for RS256, one for encryption, one EC key.
#[sqlx::test(migrations = false)]
async fn rsa_keys_count_for_the_algorithm_they_are_published_for(pool: PgPool) {
    let pem = include_str!("test_rsa.pem").lines().filter(|line| !line.starts_with("-----"));
    let private = EncodingKey::from_rsa_der(&STANDARD.decode(pem.collect::<String>()).unwrap());
    let mut rsa = Jwk::from_encoding_key(&private, Algorithm::RS256).unwrap();
    rsa.common.key_id = Some("rsa".into());
    rsa.common.public_key_use = Some(PublicKeyUse::Signature);
    let mut encryption = rsa.clone();
    encryption.common.key_id = Some("enc".into());
    encryption.common.public_key_use = Some(PublicKeyUse::Encryption);
    let ec = SigningKey::generate();
    let set = JwkSet { keys: vec![rsa.clone(), encryption, ec.jwk()] };
    let auth = Authenticator::with_keys(AuthSettings::new(ISSUER, AUDIENCE), &set);
    let app = App::with_auth(pool, Settings::default(), auth, ec, ISSUER).await;
    let claims = claims(ISSUER, VIEWER, "demo");
    let signed = |algorithm, id: &str, key: &EncodingKey| {
        let header = Header { kid: Some(id.to_owned()), ..Header::new(algorithm) };
        jsonwebtoken::encode(&header, &claims, key).unwrap()
    };
    assert_eq!(outcome(&app, &signed(Algorithm::RS256, "rsa", &private)).await, accepted());
    assert_eq!(outcome(&app, &signed(Algorithm::PS256, "rsa", &private)).await, refused(), "published for RS256");
    assert_eq!(outcome(&app, &signed(Algorithm::RS256, "enc", &private)).await, refused(), "not for signatures");
    assert_eq!(app.get(PATH).role(VIEWER).send().await.status, 200, "the EC key beside it");
    let AlgorithmParameters::RSA(parameters) = &rsa.algorithm else { panic!("no RSA key") };
    let secret = EncodingKey::from_secret(parameters.n.as_bytes());
    assert_eq!(outcome(&app, &signed(Algorithm::HS256, "rsa", &secret)).await, refused());
}

#[sqlx::test(migrations = false)]
async fn an_algorithm_that_is_not_configured_is_refused(pool: PgPool) {
    let key = SigningKey::generate();
    let mut settings = AuthSettings::new(ISSUER, AUDIENCE);
    settings.algorithms = vec![api::auth::SigningAlgorithm::RS256];
    let auth = Authenticator::with_keys(settings, &key.set());
    let app = App::with_auth(pool, Settings::default(), auth, key, ISSUER).await;
    assert_eq!(app.get(PATH).role(VIEWER).send().await.outcome(), (401, "token_invalid"));
    for bad in ["HS256", "none", "rs256", ""] {
        assert!(api::auth::SigningAlgorithm::from_name(bad).is_none(), "{bad}");
    }
}

#[sqlx::test(migrations = false)]
async fn the_tenant_comes_from_the_token_and_only_an_admin_chooses(pool: PgPool) {
    let key = SigningKey::generate();
    let auth = Authenticator::with_keys(AuthSettings::new(ISSUER, AUDIENCE), &key.set());
    let app = App::with_auth(pool, Settings::default(), auth, key.clone(), ISSUER).await;
    app.customer("ada@example.com").await;

    for missing in [Value::Null, json!("Not A Tenant"), json!(7), json!(["demo"])] {
        let answer = app.get(PATH).token(&key.sign(&with("tenant", missing))).send().await;
        assert_eq!(answer.outcome(), (403, "tenant_missing"));
    }
    let own = app.get(PATH).role(VIEWER).header("x-tenant", "demo").send().await;
    assert_eq!(own.status, 200);
    let foreign = app.get(PATH).user(STAFF, "globex").header("x-tenant", "demo").send().await;
    assert_eq!(foreign.outcome(), (403, "tenant_not_allowed"));
    let malformed = app.get(PATH).role(ADMIN).header("x-tenant", "a b").send().await;
    assert_eq!(malformed.outcome(), (400, "header_invalid"));

    let chosen = app.get(PATH).user(ADMIN, "globex").header("x-tenant", "demo").send().await;
    assert_eq!(chosen.json["data"].as_array().unwrap().len(), 1);
    let not_chosen = app.get(PATH).user(ADMIN, "globex").send().await;
    assert_eq!(not_chosen.json["data"], json!([]));
    let mut nowhere = claims(ISSUER, ADMIN, "demo");
    nowhere.as_object_mut().unwrap().remove("tenant");
    let nowhere = key.sign(&nowhere);
    assert_eq!(app.get(PATH).token(&nowhere).send().await.outcome(), (403, "tenant_missing"));
    assert_eq!(app.get(PATH).token(&nowhere).header("x-tenant", "demo").send().await.status, 200);
}

#[sqlx::test(migrations = false)]
async fn a_rotated_key_is_fetched_once_and_the_old_one_stops_counting(pool: PgPool) {
    let (old, new) = (SigningKey::generate(), SigningKey::generate());
    let issuer = TestIssuer::start(&old.set()).await;
    let app = app_with(pool, &issuer, old.clone()).await;
    let old_token = old.sign(&claims(&issuer.url, VIEWER, "demo"));
    let new_token = new.sign(&claims(&issuer.url, VIEWER, "demo"));
    assert_eq!(outcome(&app, &old_token).await, accepted());
    let before = issuer.fetches();

    issuer.publish(&[&new]);
    let all = futures::future::join_all((0..20).map(|_| outcome(&app, &new_token))).await;
    assert!(all.iter().all(|outcome| *outcome == accepted()), "{all:?}");
    assert_eq!(issuer.fetches(), before + 1, "twenty requests, one fetch");
    assert_eq!(outcome(&app, &old_token).await, refused());
}

/// A token that was accepted before is remembered, but only for the key that signed it.
#[sqlx::test(migrations = false)]
async fn a_key_replaced_under_its_own_id_stops_counting(pool: PgPool) {
    let old = SigningKey::generate();
    let (new, third) = (SigningKey::with_id(old.id.clone()), SigningKey::generate());
    let issuer = TestIssuer::start(&old.set()).await;
    let app = app_with(pool, &issuer, old.clone()).await;
    let claims = claims(&issuer.url, VIEWER, "demo");
    let old_token = old.sign(&claims);
    assert_eq!(outcome(&app, &old_token).await, accepted());
    assert_eq!(outcome(&app, &old_token).await, accepted());

    issuer.publish(&[&new, &third]);
    assert_eq!(outcome(&app, &third.sign(&claims)).await, accepted(), "has the keys fetched again");
    assert_eq!(outcome(&app, &new.sign(&claims)).await, accepted());
    assert_eq!(outcome(&app, &old_token).await, refused());
}

#[sqlx::test(migrations = false)]
async fn known_keys_survive_an_outage_of_the_issuer(pool: PgPool) {
    let (key, unknown) = (SigningKey::generate(), SigningKey::generate());
    let issuer = TestIssuer::start(&key.set()).await;
    let mut settings = AuthSettings::new(&issuer.url, AUDIENCE);
    settings.refresh_interval = Duration::from_millis(50);
    settings.refetch_cooldown = Duration::ZERO;
    let auth = Authenticator::from_issuer(settings);
    let app = App::with_auth(pool, Settings::default(), auth.clone(), key.clone(), &issuer.url).await;
    assert_eq!(app.get(PATH).role(VIEWER).send().await.status, 200);
    assert_eq!(auth.state(), IdentityProviderState::Up);

    // down, answering nonsense, or publishing nothing usable
    for outage in 0..3 {
        match outage {
            0 => issuer.set_up(false),
            1 => issuer.publish_raw(json!("nonsense")),
            _ => issuer.publish_raw(json!({"keys": [{"kty": "oct", "kid": "s", "k": "c2VjcmV0"}]})),
        }
        let fetches = issuer.fetches();
        while issuer.fetches() < fetches + 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(app.get(PATH).role(VIEWER).send().await.status, 200, "outage {outage}");
        assert_eq!(outcome(&app, &unknown.sign(&claims(&issuer.url, VIEWER, "demo"))).await, refused());
        let IdentityProviderState::Stale { reason } = auth.state() else { panic!("{:?}", auth.state()) };
        assert!(!reason.is_empty());
        issuer.set_up(true);
    }
    let ready = app.get("/health/ready").send().await;
    assert_eq!((ready.status.as_u16(), ready.json["checks"]["identityProvider"].clone()), (200, json!("stale")));
}

#[sqlx::test(migrations = false)]
async fn invented_key_ids_do_not_reach_the_issuer(pool: PgPool) {
    let key = SigningKey::generate();
    let issuer = TestIssuer::start(&key.set()).await;
    let app = app_with(pool, &issuer, key.clone()).await;
    assert_eq!(app.get(PATH).role(VIEWER).send().await.status, 200);
    let before = issuer.fetches();
    let claims = claims(&issuer.url, VIEWER, "demo");
    for n in 0..100 {
        let header = Header { kid: Some(format!("invented-{n}")), ..Header::new(Algorithm::ES256) };
        assert_eq!(outcome(&app, &key.sign_as(&header, &claims)).await, refused());
    }
    assert_eq!(issuer.fetches(), before + 1, "a hundred inventions, one fetch");
    assert_eq!(app.get(PATH).role(VIEWER).send().await.status, 200, "and nobody else is hindered");
}

#[sqlx::test(migrations = false)]
async fn an_issuer_that_is_down_at_the_start_is_found_later(pool: PgPool) {
    let key = SigningKey::generate();
    let issuer = TestIssuer::start(&key.set()).await;
    issuer.set_up(false);
    let mut settings = AuthSettings::new(&issuer.url, AUDIENCE);
    settings.refetch_cooldown = Duration::from_millis(100);
    let auth = Authenticator::from_issuer(settings);
    let app = App::with_auth(pool, Settings::default(), auth, key, &issuer.url).await;
    let answer = app.get(PATH).role(VIEWER).send().await;
    assert_eq!(answer.outcome(), (503, "identity_provider_unavailable"));
    assert!(!answer.header("retry-after").is_empty());
    let ready = app.get("/health/ready").send().await;
    assert_eq!((ready.status.as_u16(), ready.json["checks"]["identityProvider"].clone()), (200, json!("down")));

    issuer.set_up(true);
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(app.get(PATH).role(VIEWER).send().await.status, 200);
}

#[sqlx::test(migrations = false)]
async fn keys_of_another_issuer_are_not_taken(pool: PgPool) {
    let key = SigningKey::generate();
    let issuer = TestIssuer::start(&key.set()).await;
    // reachable under a name that is not its own
    let alias = issuer.url.replace("127.0.0.1", "localhost");
    let auth = Authenticator::from_issuer(AuthSettings::new(&alias, AUDIENCE));
    let app = App::with_auth(pool, Settings::default(), auth.clone(), key, &alias).await;
    assert_eq!(app.get(PATH).role(VIEWER).send().await.outcome(), (503, "identity_provider_unavailable"));
    let IdentityProviderState::Down { reason } = auth.state() else { panic!("{:?}", auth.state()) };
    assert!(reason.contains(&issuer.url), "{reason}");
}

/// As a container reaches Keycloak: under a name that stands in no token.
#[sqlx::test(migrations = false)]
async fn an_issuer_is_asked_where_it_can_be_reached(pool: PgPool) {
    let key = SigningKey::generate();
    let name = "https://login.example.test/realms/portal";
    let issuer = TestIssuer::named(Some(name), &key.set()).await;
    let mut settings = AuthSettings::new(name, AUDIENCE);
    settings.discovery_url = Some(format!("{}/.well-known/openid-configuration", issuer.url));
    let app = App::with_auth(pool, Settings::default(), Authenticator::from_issuer(settings), key.clone(), name).await;
    assert_eq!(outcome(&app, &key.sign(&claims(name, VIEWER, "demo"))).await, accepted());
    assert_eq!(
        outcome(&app, &key.sign(&claims(&issuer.url, VIEWER, "demo"))).await,
        refused(),
        "that is no name of it"
    );
}
