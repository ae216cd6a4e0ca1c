//! Delivers events twice: takes events from the log, and publishes copies of them, as a broker or another
//! publisher may. Some of the originals are still on their way, others were handled long ago.

use std::time::Duration;

use fastrand::Rng;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use sqlx::Row as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::Result;
use crate::database::Database;

const EXCHANGE: &str = "offgrid.portal";
/// As on the wire: the broker keeps it.
const PERSISTENT: u8 = 2;
/// Between two lots of copies, and how many are one.
const PAUSE: Duration = Duration::from_millis(100);
const LOT: usize = 10;
/// Half of the copies are of events that are among the last so many.
const RECENT: i64 = 200;
const PATIENCE: Duration = Duration::from_secs(10);

/// Publishes copies until it is stopped; connects anew as often as it must.
pub(crate) struct Copies {
    stop: watch::Sender<bool>,
    copying: JoinHandle<usize>,
}

impl Copies {
    pub(crate) fn start(url: String, database: Database, rng: Rng) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut copier = Copier { url, database, rng, stopped, copied: 0 };
        let copying = tokio::spawn(async move {
            while !*copier.stopped.borrow() {
                // the broker is away for a while
                let _ = copier.copy().await;
                sleep(PAUSE).await;
            }
            copier.copied
        });
        Self { stop, copying }
    }

    /// Ends it; how many copies the broker has taken.
    pub(crate) async fn stop(self) -> Result<usize> {
        self.stop.send_replace(true);
        Ok(self.copying.await?)
    }
}

struct Copier {
    url: String,
    database: Database,
    rng: Rng,
    stopped: watch::Receiver<bool>,
    copied: usize,
}

impl Copier {
    async fn copy(&mut self) -> Result<()> {
        let connection = timeout(PATIENCE, Connection::connect(&self.url, ConnectionProperties::default())).await??;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        while !*self.stopped.borrow() {
            for (event_type, body) in self.events().await? {
                timeout(PATIENCE, publish(&channel, &event_type, &body)).await??;
                self.copied += 1;
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Type and message of some events of the log.
    async fn events(&mut self) -> Result<Vec<(String, String)>> {
        let last: i64 = sqlx::query_scalar("select coalesce(max(position), 0) from kernel.events")
            .fetch_one(self.database.pool())
            .await?;
        let positions: Vec<i64> = (0..LOT)
            .map(|n| if n % 2 == 0 { self.rng.i64(0..=last) } else { last - self.rng.i64(0..RECENT) })
            .collect();
        let events = sqlx::query(
            "select type, jsonb_build_object('specversion', '1.0', 'id', id, 'type', type, 'source', source,
                 'subject', subject, 'time', occurred_at, 'datacontenttype', 'application/json',
                 'tenantid', tenant_id, 'correlationid', correlation_id, 'causationid', causation_id,
                 'partitionkey', subject, 'sequence', lpad(sequence::text, 20, '0'), 'data', data)::text as body
             from kernel.events where position = any($1)",
        )
        .bind(&positions)
        .fetch_all(self.database.pool())
        .await?;
        Ok(events.into_iter().map(|event| (event.get("type"), event.get("body"))).collect())
    }
}

async fn publish(channel: &Channel, event_type: &str, body: &str) -> Result<()> {
    let properties = BasicProperties::default()
        .with_content_type("application/cloudevents+json; charset=utf-8".into())
        .with_delivery_mode(PERSISTENT);
    let options = BasicPublishOptions::default();
    let published =
        channel.basic_publish(EXCHANGE.into(), event_type.into(), options, body.as_bytes(), properties).await?;
    match published.await? {
        Confirmation::Ack(_) => Ok(()),
        other => Err(format!("a copy was not taken: {other:?}").into()),
    }
}
