//! Sources of customers that answer, do not know, fail, hang, and talk nonsense.

use std::time::Duration;

use domain::notifications::Notification;
use domain::notifications::NotificationStatus::Logged;
use jobs::notifications::Settings;
use sqlx::PgPool;

use super::servers::Answering;
use super::{Told, holds_up_no_order};

fn from(source: &Answering) -> Settings {
    Settings {
        customer_source_url: Some(source.customers()),
        // one that answers has all the time it needs
        customer_timeout: Duration::from_secs(30),
        breaker_failures: 1000,
        ..Settings::default()
    }
}

#[sqlx::test(migrations = false)]
async fn the_source_says_who_is_written_to_and_in_which_language(owner: PgPool) {
    let body = r#"{"name": "Ada K.", "email": "Elsewhere@example.org", "language": "nl-BE"}"#;
    let source = Answering::http("200 OK", body).await;
    let told = Told::new(owner, from(&source)).await;
    told.template("nl", "Beste {{ customer.name }}").await;
    let logged = told.order(Logged).await;
    told.worker.stop().await;
    assert_eq!(logged.recipient.as_deref(), Some("elsewhere@example.org"));
    assert_eq!((logged.language.unwrap().as_str(), logged.template_version), ("nl", Some(1)));
    assert_eq!((logged.used_fallback, logged.attempts, source.calls()), (false, 1, 1));
}

/// Tells of one order with this source, which is of no use: it was asked so often, and the customer is our own.
async fn falls_back(owner: PgPool, source: Answering, attempts: i32) {
    let settings = from(&source);
    falls_back_with(owner, source, settings, attempts).await;
}

async fn falls_back_with(owner: PgPool, source: Answering, settings: Settings, attempts: i32) {
    let told = Told::new(owner, settings).await;
    let logged: Notification = told.order(Logged).await;
    told.worker.stop().await;
    assert_eq!((logged.recipient.as_deref(), logged.used_fallback), (Some("ada@example.com"), true));
    assert_eq!((logged.attempts, source.calls()), (attempts, usize::try_from(attempts).unwrap()));
    assert_eq!(told.shop.db.count("select count(*) from jobs.dead_letters").await, 0);
}

#[sqlx::test(migrations = false)]
async fn one_that_hangs_is_asked_twice_and_then_done_without(owner: PgPool) {
    let source = Answering::hanging().await;
    let settings = Settings { customer_timeout: Duration::from_millis(300), ..from(&source) };
    falls_back_with(owner, source, settings, 2).await;
}

#[sqlx::test(migrations = false)]
async fn one_that_hangs_in_the_middle_of_its_answer_is_given_up_as_well(owner: PgPool) {
    let source = Answering::hanging_in_its_answer().await;
    let settings = Settings { customer_timeout: Duration::from_millis(300), ..from(&source) };
    falls_back_with(owner, source, settings, 2).await;
}

#[sqlx::test(migrations = false)]
async fn one_that_fails_is_asked_twice_and_then_done_without(owner: PgPool) {
    falls_back(owner, Answering::http("500 Internal Server Error", "oops").await, 2).await;
}

#[sqlx::test(migrations = false)]
async fn one_that_talks_nonsense_is_asked_twice_and_then_done_without(owner: PgPool) {
    falls_back(owner, Answering::http("200 OK", r#"{"name": "Ada", "email": "nowhere"}"#).await, 2).await;
}

#[sqlx::test(migrations = false)]
async fn one_that_talks_without_end_is_cut_short(owner: PgPool) {
    let padding = "x".repeat(100_000);
    let body = format!(r#"{{"name": "Ada", "email": "elsewhere@example.org", "padding": "{padding}"}}"#);
    falls_back(owner, Answering::http("200 OK", &body).await, 2).await;
}

#[sqlx::test(migrations = false)]
async fn one_that_sends_us_elsewhere_is_not_followed(owner: PgPool) {
    falls_back(owner, Answering::http("302 Found\r\nLocation: http://127.0.0.1:1/", "").await, 2).await;
}

#[sqlx::test(migrations = false)]
async fn one_that_does_not_know_the_customer_is_asked_once(owner: PgPool) {
    falls_back(owner, Answering::http("404 Not Found", "").await, 1).await;
}

#[sqlx::test(migrations = false)]
async fn one_that_hangs_holds_up_no_order(owner: PgPool) {
    let source = Answering::hanging().await;
    holds_up_no_order(owner, Settings { customer_timeout: Duration::from_secs(60), ..from(&source) }).await;
}

#[sqlx::test(migrations = false)]
async fn one_that_failed_often_is_left_alone(owner: PgPool) {
    let source = Answering::http("503 Service Unavailable", "").await;
    let settings = Settings {
        breaker_failures: 2,
        breaker_pause: Duration::from_secs(3600),
        customer_attempts: 1,
        ..from(&source)
    };
    let told = Told::new(owner, settings).await;
    for _ in 0..4 {
        let logged = told.order(Logged).await;
        assert!(logged.used_fallback);
    }
    told.worker.stop().await;
    assert_eq!(source.calls(), 2);
}
