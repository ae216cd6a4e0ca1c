//! What arrives and is no event, arrives twice, or arrives while the database is away.

use std::sync::Arc;

use base64::Engine as _;
use domain::customers::CustomerChanged;
use domain::kernel::event::Event as _;
use jobs::bus::consumer::{Arrival, Intake};
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use sqlx::PgPool;

use super::{Carrier, FIRST, Worker, assert_effects, both, database};
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

fn arrival(sequence: i64) -> Arrival {
    let body = serde_json::json!({
        "specversion": "1.0", "id": format!("event-{sequence:03}"), "source": "urn:test", "type": CustomerChanged::TYPE,
        "subject": "customers/1", "time": "2026-01-01T00:00:00Z", "tenantid": "acme", "sequence": format!("{sequence:020}"),
        "data": {},
    });
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
