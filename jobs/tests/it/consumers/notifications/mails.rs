//! Mail servers that take mails, refuse them, put them off, and hang.

use std::time::Duration;

use domain::notifications::NotificationStatus::{Failed, Sent};
use jobs::notifications::Settings;
use serde_json::json;
use sqlx::PgPool;

use super::servers::{Answering, MailServer};
use super::{Told, dead, holds_up_no_order};

fn to(url: String) -> Settings {
    Settings { smtp_url: Some(url), breaker_failures: 1000, ..Settings::default() }
}

#[sqlx::test(migrations = false)]
async fn a_mail_says_what_the_template_does_and_bears_the_notifications_id(owner: PgPool) {
    let Some(mut server) = MailServer::start("250 OK") else { return };
    let told = Told::new(owner, to(server.url())).await;
    told.template("en", "Dear {{ customer.name }}: {{ order.total }} {{ order.currency }} — ✓").await;
    let sent = told.order(Sent).await;
    told.worker.stop().await;
    let mail = server.mail();
    assert_eq!(mail["to"], json!(["ada@example.com"]));
    assert_eq!(mail["header_to"], "Ada <ada@example.com>");
    assert_eq!(mail["subject"], format!("en {}", sent.order_id));
    assert_eq!(mail["id"], format!("<{}@offgrid.example>", sent.id));
    assert_eq!(mail["body"].as_str().unwrap().trim_end(), "Dear Ada: 39.98 EUR — ✓");
    assert_eq!((sent.attempts, sent.template_version, server.rest()), (1, Some(2), 0));
}

#[sqlx::test(migrations = false)]
async fn a_refused_mail_is_a_dead_letter_at_once(owner: PgPool) {
    let Some(mut server) = MailServer::start("550 no such mailbox") else { return };
    let told = Told::new(owner, to(server.url())).await;
    let failed = told.order(Failed).await;
    told.worker.stop().await;
    server.mail();
    assert_eq!((failed.attempts, dead(&told.shop, "smtp_refused").await, server.rest()), (1, 1, 0));
    assert!(failed.error.unwrap().contains("no such mailbox"));
}

#[sqlx::test(migrations = false)]
async fn a_mail_that_is_put_off_is_tried_again_under_the_same_id(owner: PgPool) {
    let Some(mut server) = MailServer::start("451 later") else { return };
    let told = Told::new(owner, to(server.url())).await;
    let failed = told.order(Failed).await;
    told.worker.stop().await;
    let ids = [server.mail(), server.mail(), server.mail()].map(|mail| mail["id"].clone());
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!((failed.attempts, dead(&told.shop, "smtp_deferred").await, server.rest()), (3, 1, 0));
}

#[sqlx::test(migrations = false)]
async fn a_mail_server_that_hangs_is_given_up_in_time(owner: PgPool) {
    let server = Answering::hanging().await;
    let settings = Settings { smtp_timeout: Duration::from_millis(200), ..to(server.smtp()) };
    let told = Told::new(owner, settings).await;
    let failed = told.order(Failed).await;
    told.worker.stop().await;
    assert_eq!((failed.attempts, dead(&told.shop, "smtp_unavailable").await, server.calls()), (3, 1, 3));
}

#[sqlx::test(migrations = false)]
async fn a_mail_server_that_hangs_holds_up_no_order(owner: PgPool) {
    let server = Answering::hanging().await;
    holds_up_no_order(owner, Settings { smtp_timeout: Duration::from_secs(60), ..to(server.smtp()) }).await;
}

#[sqlx::test(migrations = false)]
async fn one_that_hangs_once_the_mail_is_there_is_given_up_too(owner: PgPool) {
    let Some(server) = MailServer::start("hang") else { return };
    let settings = Settings { smtp_timeout: Duration::from_secs(2), ..to(server.url()) };
    let told = Told::new(owner, settings).await;
    assert_eq!(told.order(Failed).await.attempts, 3);
    told.worker.stop().await;
    assert_eq!(dead(&told.shop, "smtp_unavailable").await, 1);
}

#[sqlx::test(migrations = false)]
async fn a_mail_server_that_failed_often_is_left_alone_and_no_attempt_counted(owner: PgPool) {
    let server = Answering::hanging().await;
    let settings = Settings {
        smtp_timeout: Duration::from_millis(100),
        breaker_failures: 1,
        breaker_pause: Duration::from_secs(3600),
        ..to(server.smtp())
    };
    let told = Told::new(owner, settings).await;
    told.shop.place(&[("A", 1)]).await;
    told.shop.db.until("select count(*) from jobs.attempts where error_class = 'smtp_unavailable'", 1).await;
    told.shop.db.until("select count(*) from jobs.queues where name = 'mail' and waiting_for = 'mail server'", 1).await;
    told.shop.place(&[("A", 1)]).await;
    told.shop.db.until("select count(*) from notifications.notifications", 2).await;
    told.shop.db.until("select count(*) from apalis.jobs where job_type <> 'mail'", 0).await;
    told.worker.stop().await;
    assert_eq!(server.calls(), 1);
    let waiting = "select count(*) from notifications.notifications where status = 'queued' and attempts <= 1";
    assert_eq!(told.shop.db.count(waiting).await, 2);
    assert_eq!(told.shop.db.count("select count(*) from jobs.attempts").await, 1, "the others only wait");
}

/// However long the server is away, no mail is given up for it.
#[sqlx::test(migrations = false)]
async fn trying_whether_the_mail_server_is_back_costs_no_attempt(owner: PgPool) {
    let server = Answering::hanging().await;
    let settings = Settings {
        smtp_timeout: Duration::from_millis(100),
        breaker_failures: 1,
        breaker_pause: Duration::from_millis(50),
        ..to(server.smtp())
    };
    let told = Told::new(owner, settings).await;
    told.shop.place(&[("A", 1)]).await;
    // more often than it may be attempted
    told.shop.db.until("select least(count(*), 5) from jobs.attempts where outcome = 'unavailable'", 5).await;
    told.worker.stop().await;
    assert_eq!(told.shop.db.count("select attempts::bigint from apalis.jobs where job_type = 'mail'").await, 1);
    assert_eq!(dead(&told.shop, "smtp_unavailable").await, 0);
}

/// A wrong password is no reason to give up the mails of everybody.
#[sqlx::test(migrations = false)]
async fn a_mail_server_that_wants_nothing_of_us_is_as_good_as_away(owner: PgPool) {
    let Some(server) = MailServer::start("535 authentication failed") else { return };
    let settings = Settings { breaker_failures: 1, breaker_pause: Duration::from_secs(3600), ..to(server.url()) };
    let told = Told::new(owner, settings).await;
    told.shop.place(&[("A", 1)]).await;
    told.shop.db.until("select count(*) from jobs.queues where name = 'mail' and waiting_for = 'mail server'", 1).await;
    told.worker.stop().await;
    let noted = "select count(*) from notifications.notifications
        where status = 'queued' and error like '%authentication failed%'";
    assert_eq!(told.shop.db.count(noted).await, 1);
    assert_eq!(told.shop.db.count("select count(*) from jobs.dead_letters").await, 0);
}
