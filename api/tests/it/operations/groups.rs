//! Failures that are alike, as groups.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{DEAD_TOO, app, get, ids};

#[sqlx::test(migrations = false)]
async fn failures_are_grouped(pool: PgPool) {
    let app = app(pool).await;
    let groups = get(&app, "dead-letters/groups").await;
    let mut group = groups.json["data"][0].clone();
    for seen in ["firstSeen", "lastSeen"] {
        assert!(group[seen].take().is_string(), "{}", groups.text);
    }
    let expected = json!({
        "fingerprint": "7c9e8581fcd3db75", "queue": "demo", "kind": "demo.v1", "reason": "exhausted",
        "errorClass": "connection", "pattern": "connection refused (os error #)", "count": 2,
        "firstSeen": null, "lastSeen": null,
        "sample": {"id": DEAD_TOO, "error": "connection refused (os error 111)"},
        "tenants": {"count": 0, "first": []}, "subjects": {"count": 1, "first": ["demo"]},
    });
    assert_eq!(group, expected);
    assert_eq!((groups.json["data"].as_array().unwrap().len(), &groups.json["next"]), (1, &Value::Null));
    let dead = get(&app, "dead-letters?fingerprint=7c9e8581fcd3db75").await;
    assert_eq!(ids(&dead).len(), 2, "the example of the requests");
    for (query, count) in [
        ("queue=demo&kind=demo.v1&reason=exhausted&state=dead&sort=-last_seen&limit=1", 1),
        ("queue=outbox", 0),
        ("tenant=demo", 0),
        ("state=retrying", 0),
    ] {
        let groups = get(&app, &format!("dead-letters/groups?{query}")).await;
        assert_eq!(groups.json["data"].as_array().unwrap().len(), count, "{query}: {}", groups.text);
    }
    let wrong = "state=discarded&queue=&kind=%00&tenant=A&reason=x&sort=count&limit=0";
    let answer = get(&app, &format!("dead-letters/groups?{wrong}")).await;
    let expected = [
        "kind control_character",
        "limit limit_invalid",
        "queue required",
        "reason unknown_reason",
        "sort sort_invalid",
        "state unknown_state",
        "tenant malformed",
    ];
    assert_eq!(answer.errors(), expected);
    let unfit = get(&app, "dead-letters/groups?state=retrying&reason=permanent").await;
    assert_eq!(unfit.outcome(), (422, "reason_not_dead"));
}
