//! Timelines and replays on the wire.

use serde_json::json;
use sqlx::PgPool;

use super::{app, get, ids, post, why};

#[sqlx::test(migrations = false)]
async fn a_timeline_is_asked_for_by_one_id(pool: PgPool) {
    let app = app(pool).await;
    let customer = app.customer("ada@example.com").await;
    let timeline = get(&app, &format!("timeline?customer={}", customer.id())).await;
    assert_eq!(timeline.status, 200, "{}", timeline.text);
    let steps: Vec<_> = timeline.json["data"].as_array().unwrap().iter().map(|entry| &entry["step"]).collect();
    assert_eq!(json!(steps), json!(["command", "event", "outbox", "next"]));
    assert_eq!(timeline.json["truncated"], false);
    let event = timeline.json["data"][1]["eventId"].as_str().unwrap();
    let of_event = get(&app, &format!("timeline?event={event}")).await;
    // what comes next moves on with the clock
    for entry in 0..3 {
        assert_eq!(of_event.json["data"][entry], timeline.json["data"][entry]);
    }
    let correlation = timeline.json["data"][1]["correlationId"].as_str().unwrap();
    assert_eq!(get(&app, &format!("timeline?correlationId={correlation}")).await.status, 200);

    let missing = get(&app, &format!("timeline?order={}", customer.id())).await;
    assert_eq!(missing.outcome(), (404, "timeline_not_found"));
    for (query, code) in [
        ("".to_owned(), "one_id_only"),
        (format!("?event={event}&customer={}", customer.id()), "one_id_only"),
        ("?event=x".to_owned(), "wrong_type"),
        ("?correlationId=a%20b".to_owned(), "malformed"),
    ] {
        let refused = get(&app, &format!("timeline{query}")).await;
        assert_eq!(refused.outcome(), (422, "validation_failed"), "{query}");
        assert_eq!(refused.json["errors"][0]["code"], code, "{query}");
    }
}

#[sqlx::test(migrations = false)]
async fn a_replay_is_counted_started_paused_resumed_and_cancelled(pool: PgPool) {
    let app = app(pool).await;
    let order = json!({"consumer": "stock", "filter": {"stream": "customers"}, "rate": 10, "reason": "because"});
    let mut dry = order.clone();
    dry["dryRun"] = json!(true);
    let counted = post(&app, "replays", dry).await;
    assert_eq!((counted.status.as_u16(), &counted.json), (200, &json!({"matched": 1, "known": 0})));
    assert_eq!(ids(&get(&app, "replays").await).len(), 0, "nothing but counting");

    let started = post(&app, "replays", order).await;
    assert_eq!(started.status, 202, "{}", started.text);
    let id = started.json["id"].as_str().unwrap();
    assert_eq!(get(&app, &format!("replays/{id}")).await.json, started.json);
    for (action, state) in [("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")] {
        let answer = post(&app, &format!("replays/{id}/{action}"), why()).await;
        assert_eq!((answer.status.as_u16(), answer.json["state"].as_str()), (200, Some(state)), "{}", answer.text);
    }
    assert_eq!(post(&app, &format!("replays/{id}/cancel"), why()).await.outcome(), (409, "replay_ended"));
    assert_eq!(post(&app, &format!("replays/{id}/pause"), why()).await.outcome(), (409, "replay_not_running"));
    assert_eq!(post(&app, &format!("replays/{id}/resume"), why()).await.outcome(), (409, "replay_not_paused"));
    let unknown = "replays/01941f29-7c00-7000-8000-00000000ffff";
    assert_eq!(get(&app, unknown).await.outcome(), (404, "replay_not_found"));

    let another = post(&app, "replays", json!({"consumer": "stock", "reason": "because"})).await;
    let another = another.json["id"].as_str().unwrap().to_owned();
    let first = get(&app, "replays?limit=1").await;
    let rest = get(&app, &format!("replays?cursor={}", first.json["next"].as_str().unwrap())).await;
    assert_eq!([ids(&first), ids(&rest)].concat(), [another.as_str(), id]);

    for (field, value, code) in [
        ("rate", json!(0), "rate_invalid"),
        ("rate", json!(10_001), "rate_invalid"),
        ("reason", json!(" "), "required"),
        ("consumer", json!("stok"), "replay_consumer_unknown"),
    ] {
        let mut body = json!({"consumer": "stock", "reason": "because"});
        body[field] = value;
        let refused = post(&app, "replays", body).await;
        assert_eq!(refused.outcome(), (422, "validation_failed"), "{field}");
        assert_eq!(refused.json["errors"][0]["code"], code, "{field}");
    }
}
