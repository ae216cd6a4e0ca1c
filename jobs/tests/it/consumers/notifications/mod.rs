//! From an order's event to the mail: one notification, whatever fails on the way.

mod mails;
mod servers;
mod sources;

use std::sync::Arc;
use std::time::Duration;

use domain::kernel::policy::QueuePolicy;
use domain::notifications::{
    Channel, Draft, GetNotification, Language, Notification, NotificationEvent, NotificationStatus, SaveTemplate,
    TemplateKey,
};
use domain::{Error, RejectionKind};
use jobs::Wiring;
use jobs::notifications::{Sender, Settings};
use jobs::registry;
use sqlx::PgPool;
use uuid::Uuid;

use super::effects::events;
use super::saga::Shop;
use super::{Carrier, Worker};
use crate::support::{ctx, quick};

/// A shop whose customers are told as `settings` say.
struct Told {
    shop: Shop,
    worker: Worker,
}

impl Told {
    async fn new(owner: PgPool, settings: Settings) -> Self {
        let shop = Shop::new(owner, QueuePolicy { max_attempts: 3, ..quick() }, &[("A", 100), ("B", 100)]).await;
        let notifications = Arc::new(Sender::new(&settings).unwrap());
        let wiring = Carrier::Embedded.wiring(&shop.db.worker, &registry::reactions());
        let worker = Worker::start(&shop.db.worker, Wiring { notifications, ..wiring });
        Self { shop, worker }
    }

    /// Places an order, and waits until its notification has this status.
    async fn order(&self, status: NotificationStatus) -> Notification {
        let order = self.shop.place(&[("A", 2)]).await;
        self.ended(Notification::id_of(order, NotificationEvent::OrderConfirmed), status).await
    }

    async fn ended(&self, id: Uuid, status: NotificationStatus) -> Notification {
        let mut last = None;
        for _ in 0..600 {
            match domain::fetch(&self.shop.db.api, &ctx(), GetNotification { id }).await {
                Ok(notification) if notification.status == status => return notification,
                Ok(notification) => last = Some(notification),
                Err(Error::Rejected(rejection)) if rejection.kind == RejectionKind::NotFound => {}
                Err(error) => panic!("{error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no notification became {status:?}: {last:?}");
    }

    async fn template(&self, language: &str, body: &str) {
        let key = TemplateKey {
            event: NotificationEvent::OrderConfirmed,
            channel: Channel::Email,
            language: Language::parse(language, "").unwrap(),
        };
        let draft = Draft { subject: format!("{language} {{{{ order.id }}}}"), body: body.to_owned() };
        domain::run(&self.shop.db.api, &ctx(), SaveTemplate { key, expected_version: None, draft }).await.unwrap();
    }
}

/// Whoever is to be told, or asked whom to tell, may hang: more orders than notifications can be under way at
/// once are confirmed nevertheless, and not one of them was told of yet.
async fn holds_up_no_order(owner: PgPool, settings: Settings) {
    let told = Told::new(owner, settings).await;
    for _ in 0..40 {
        told.shop.place(&[("A", 1), ("B", 2)]).await;
    }
    told.shop.db.until("select count(*) from orders.orders where status = 'confirmed'", 40).await;
    let sent = "select count(*) from notifications.notifications where status <> 'queued'";
    assert_eq!(told.shop.db.count(sent).await, 0);
    told.worker.stop().await;
}

/// How many dead letters of this class there are.
async fn dead(shop: &Shop, class: &str) -> i64 {
    let of = format!(
        "select count(*) from jobs.dead_letters where kind = 'send-notification.v1' and error_class = '{class}'"
    );
    shop.db.count(&of).await
}

#[sqlx::test(migrations = false)]
async fn there_is_one_notification_however_often_the_event_arrives(owner: PgPool) {
    let shop = Shop::new(owner, quick(), &[("A", 10)]).await;
    let wiring = Carrier::Embedded.wiring(&shop.db.worker, &registry::reactions());
    let bus = wiring.bus.clone();
    let worker = Worker::start(&shop.db.worker, wiring);
    shop.place(&[("A", 1)]).await;
    shop.place(&[("A", 100)]).await;
    shop.db.until("select count(*) from notifications.notifications where status = 'logged'", 2).await;
    for event in &events(&shop.db).await {
        bus.publish(event).await.unwrap();
    }
    // and as if the inbox had forgotten them: the notification itself is there once
    shop.db.until("select count(*) from apalis.jobs", 0).await;
    sqlx::query("delete from kernel.inbox where consumer = 'notifications'").execute(&shop.db.owner).await.unwrap();
    for event in &events(&shop.db).await {
        bus.publish(event).await.unwrap();
    }
    // what was published last is taken last: then the others are as well
    shop.place(&[("A", 1)]).await;
    shop.db.until("select count(*) from notifications.notifications where status = 'logged'", 3).await;
    shop.db.until("select count(*) from apalis.jobs", 0).await;
    worker.stop().await;
    let told = "select count(*) from notifications.notifications where attempts = 1 and not used_fallback
        and recipient = 'ada@example.com' and language = 'en' and template_version = 1 and error is null";
    assert_eq!(shop.db.count(told).await, 3);
    assert_eq!(
        shop.db.count("select count(*) from notifications.notifications where event = 'order-cancelled'").await,
        1
    );
    assert_eq!(shop.db.count("select count(*) from jobs.completed where kind = 'send-notification.v1'").await, 3);
}

#[sqlx::test(migrations = false)]
async fn a_template_that_fails_is_a_dead_letter_and_its_notification_can_be_sent_after_all(owner: PgPool) {
    let told = Told::new(owner, Settings::default()).await;
    // the sample has two lines; this order has one
    told.template("en", "{{ order.lines[1].name }}").await;
    let failed = told.order(NotificationStatus::Failed).await;
    assert_eq!((failed.attempts, failed.recipient, dead(&told.shop, "template_error").await), (1, None, 1));
    assert!(failed.error.unwrap().contains("body, line 1"));
    told.template("en", "{{ order.lines[0].name }}").await;
    redrive(&told).await;
    let logged = told.ended(failed.id, NotificationStatus::Logged).await;
    told.worker.stop().await;
    assert_eq!((logged.attempts, logged.template_version, logged.error), (2, Some(3), None));
    assert_eq!(logged.subject.unwrap(), format!("en {}", logged.order_id));
}

async fn redrive(told: &Told) {
    use domain::operations::{JobId, Reason, RetryDeadLetter};
    let id: String = sqlx::query_scalar("select id from jobs.dead_letters where kind = 'send-notification.v1'")
        .fetch_one(&told.shop.db.owner)
        .await
        .unwrap();
    let retry =
        RetryDeadLetter { id: JobId::new(&id), reason: Reason::parse("the template is mended", "/reason").unwrap() };
    let ctx = domain::Ctx { scope: domain::Scope::Installation, ..ctx() };
    domain::run(&told.shop.db.api, &ctx, retry).await.unwrap();
}
