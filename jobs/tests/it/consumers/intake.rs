//! What arrives and is no event, arrives twice, or arrives while the database is away.

use std::sync::Arc;

use base64::Engine as _;
use domain::customers::CustomerChanged;
use domain::kernel::event::Event as _;
use domain::{Error, Tx};
use jobs::bus::consumer::{Arrival, Intake};
use jobs::reactions::Reactions;
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use super::{Carrier, FIRST, Worker, assert_effects, both, database, first, note};
use crate::bus::broker::Vhost;
use crate::delivery::{customers, emit};
use crate::support::quick;

/// The worker died after the commit and before the acknowledgement: the broker delivers all again.
#[sqlx::test(migrations = false)]
async fn a_batch_that_is_delivered_again_makes_no_second_job(owner: PgPool) {
    let db = database(owner, quick()).await;
    let intake = Intake::new(db.worker.clone(), Arc::new(both()));
    let arrivals: Vec<Arrival> = (1..=10).chain(5..=6).map(arrival).collect();
    intake.take(&arrivals).await.unwrap();
    intake.take(&arrivals).await.unwrap();
    assert_eq!(
        db.count("select count(*) from apalis.jobs where kind = 'handle-event.v1' and job_type = 'test'").await,
        10
    );
    assert_eq!(db.count("select count(*) from kernel.inbox i join apalis.jobs j on j.id = i.job_id").await, 10);
    let order = "select count(*) from (select seq, causation_id, lag(causation_id) over (order by seq) as earlier from apalis.jobs) j
        where earlier > causation_id";
    assert_eq!(db.count(order).await, 0, "in order of arrival");
}

/// What an earlier or later release wrote is read by who knows it, or kept for who will.
#[sqlx::test(migrations = false)]
async fn each_version_has_its_handler_and_an_unknown_one_is_kept(owner: PgPool) {
    let db = database(owner, quick()).await;
    let reactions =
        Reactions::default().on::<CustomerChanged, _>(FIRST, first).on::<NextCustomerChanged, _>(FIRST, next);
    assert_eq!(reactions.subscriptions().len(), 1, "one queue for both versions");
    let intake = Intake::new(db.worker.clone(), Arc::new(reactions.clone()));
    let schema = |version: &str| format!("urn:offgrid:portal:schema:{}:{version}", CustomerChanged::TYPE);
    let in_version = |sequence, schema: String| arrival_with(sequence, serde_json::json!({"dataschema": schema}));
    let unknown = [in_version(3, schema("3")), in_version(4, "urn:elsewhere:2".into()), in_version(5, schema("two"))];
    let known = [in_version(1, schema("2")), in_version(2, schema("1")), arrival(6)];
    intake.take(&[known.to_vec(), unknown.to_vec()].concat()).await.unwrap();
    let kept = "select convert_from(payload, 'utf8')::jsonb ->> 'body' from jobs.dead_letters
        where kind = 'read-message.v1' and error_class = 'unknown_event_version' order by id";
    let kept: Vec<String> = sqlx::query_scalar(kept).fetch_all(&db.owner).await.unwrap();
    let kept: Vec<_> =
        kept.iter().map(|body| base64::engine::general_purpose::STANDARD.decode(body).unwrap()).collect();
    assert_eq!(kept, unknown.map(|arrival| arrival.body));
    let versions =
        "select convert_from(job, 'utf8')::jsonb -> 'event' ->> 'data_version' from apalis.jobs order by seq";
    let versions: Vec<String> = sqlx::query_scalar(versions).fetch_all(&db.owner).await.unwrap();
    assert_eq!(versions, ["2", "1", "1"], "the first where none is named");
    // its data fits the next version only
    let worker = Worker::start(&db.worker, Carrier::Embedded.wiring(&db.worker, &reactions));
    db.until("select count(*) from effects where sequence = 2000", 1).await;
    worker.stop().await;
}

/// [`CustomerChanged`] as a later release may write it.
#[derive(Serialize, Deserialize, JsonSchema)]
struct NextCustomerChanged {}

impl domain::kernel::event::Event for NextCustomerChanged {
    const MODULE: &'static str = CustomerChanged::MODULE;
    const TYPE: &'static str = CustomerChanged::TYPE;
    const DATA_VERSION: i16 = 2;

    fn aggregate_id(&self) -> Uuid {
        Uuid::nil()
    }

    fn sequence(&self) -> i64 {
        2000
    }
}

async fn next(event: NextCustomerChanged, tx: &mut Tx) -> Result<(), Error> {
    note(FIRST, &event, tx).await
}

fn arrival(sequence: i64) -> Arrival {
    arrival_with(sequence, serde_json::json!({}))
}

/// With more attributes.
fn arrival_with(sequence: i64, more: Value) -> Arrival {
    let mut body = serde_json::json!({
        "specversion": "1.0", "id": format!("event-{sequence:03}"), "source": "urn:test", "type": CustomerChanged::TYPE,
        "subject": "customers/1", "time": "2026-01-01T00:00:00Z", "tenantid": "acme", "sequence": format!("{sequence:020}"),
        "data": {},
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let content_type: ShortString = "application/cloudevents+json".into();
    Arrival {
        consumer: FIRST.to_owned(),
        properties: BasicProperties::default().with_content_type(content_type),
        body: body.to_string().into_bytes(),
        given_up: None,
    }
}

/// Each of these would come back for ever if it were not acknowledged.
#[sqlx::test(migrations = false)]
async fn a_message_that_nobody_can_read_is_kept_with_its_bytes_and_holds_nobody_up(owner: PgPool) {
    let db = database(owner, quick()).await;
    let vhost = Vhost::new();
    let (url, channel) = (vhost.url.clone(), vhost.channel().await);
    let carrier = Carrier::RabbitMq(vhost);
    let wiring = carrier.wiring(&db.worker, &both());
    crate::servers::up(&*wiring.bus).await;
    let worker = Worker::start(&db.worker, wiring);
    let no_tenant = br#"{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"customers/1","time":"2026-01-01T00:00:00Z","sequence":"1","data":{}}"#;
    let nul = br#"{"specversion":"1.0","id":"\u0000","source":"s","type":"t","subject":"a/1","time":"2026-01-01T00:00:00Z","sequence":"1","tenantid":"acme","data":{}}"#;
    let unreadable: [(&str, &[u8]); 4] = [
        ("text/plain", b"\xff\x00 hello"),
        ("application/cloudevents+json", b"{"),
        ("application/cloudevents+json", no_tenant),
        ("application/cloudevents+json", nul),
    ];
    for (content_type, body) in unreadable {
        let properties = BasicProperties::default().with_content_type(content_type.into());
        let key = CustomerChanged::TYPE;
        let published = channel.basic_publish(
            "offgrid.portal".into(),
            key.into(),
            BasicPublishOptions::default(),
            body,
            properties,
        );
        published.await.unwrap();
    }
    emit(&db.api, &customers(5), 1..=2).await;
    // one for each of the two groups
    db.until("select count(*) from jobs.dead_letters where kind = 'read-message.v1' and reason = 'undecodable'", 8)
        .await;
    assert_effects(&db, 5, 2).await;
    worker.stop().await;
    let bodies: Vec<String> = sqlx::query_scalar(
        "select convert_from(payload, 'utf8')::jsonb ->> 'body' from jobs.dead_letters where queue = 'test' order by id",
    )
    .fetch_all(&db.owner)
    .await
    .unwrap();
    let bodies: Vec<Vec<u8>> =
        bodies.iter().map(|body| base64::engine::general_purpose::STANDARD.decode(body).unwrap()).collect();
    assert_eq!(bodies, unreadable.map(|(_, body)| body.to_vec()));
    let Carrier::RabbitMq(vhost) = carrier else { unreachable!() };
    assert_eq!(vhost.url, url);
    for subscription in both().subscriptions() {
        vhost.holds(&subscription.queue, 0).await;
    }
}
