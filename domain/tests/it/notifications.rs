//! Templates of notifications: their versions, what each command refuses, and whose they are.

use domain::kernel::page::Listing;
use domain::notifications::{
    Channel, Draft, GetNotification, GetTemplate, Language, ListNotifications, ListTemplates, NotificationEvent,
    PreviewTemplate, SaveTemplate, TemplateKey,
};
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{ACME, OTHER, World, ctx, rejection};

fn key(event: NotificationEvent, language: &str) -> TemplateKey {
    TemplateKey { event, channel: Channel::Email, language: Language::parse(language, "").unwrap() }
}

fn confirmed(language: &str) -> TemplateKey {
    key(NotificationEvent::OrderConfirmed, language)
}

fn draft(subject: &str) -> Draft {
    Draft { subject: subject.to_owned(), body: "Dear {{ customer.name }}".to_owned() }
}

fn save(language: &str, expected_version: Option<i64>, subject: &str) -> SaveTemplate {
    SaveTemplate { key: confirmed(language), expected_version, draft: draft(subject) }
}

fn present(language: &str) -> GetTemplate {
    GetTemplate { key: confirmed(language), version: None }
}

#[sqlx::test(migrations = false)]
async fn each_edit_is_a_new_version_and_the_old_ones_stay(pool: PgPool) {
    let world = World::new(pool).await;
    let own = world.fetch(present("en")).await.unwrap();
    assert_eq!((own.version, own.written), (1, None));
    let second = world.run(save("en", Some(1), "Second")).await.unwrap();
    let third = world.run(save("en", None, "Third")).await.unwrap();
    assert_eq!((second.version, third.version), (2, 3));
    assert_eq!(third.written.as_ref().unwrap().1, "ada");
    assert_eq!(world.fetch(present("en")).await.unwrap(), third);
    for (version, expected) in [(1, &own.draft), (2, &second.draft), (3, &third.draft)] {
        let read = world.fetch(GetTemplate { version: Some(version), ..present("en") }).await.unwrap();
        assert_eq!((read.version, &read.draft), (version, expected));
    }
    let fourth = rejection(world.fetch(GetTemplate { version: Some(4), ..present("en") }).await);
    assert_eq!(fourth.code, "notification_template_not_found");
    assert_eq!(world.changes_nothing(save("en", Some(3), "Third")).await, third, "the same text is no edit");
}

#[sqlx::test(migrations = false)]
async fn a_language_begins_with_version_one(pool: PgPool) {
    let world = World::new(pool).await;
    assert_eq!(rejection(world.fetch(present("nl")).await).code, "notification_template_not_found");
    assert_eq!(world.run(save("nl", None, "Bevestigd")).await.unwrap().version, 1);
    assert_eq!(world.fetch(present("en")).await.unwrap().version, 1);
}

#[sqlx::test(migrations = false)]
async fn what_is_refused_leaves_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    world.run(save("en", None, "Second")).await.unwrap();
    world.rejects(ACME, save("en", Some(1), "Third"), "version_conflict").await;
    world.rejects(ACME, save("nl", Some(1), "Eerste"), "version_conflict").await;
    let broken = world.rejects(ACME, save("en", None, "{{ order.totl }}"), "validation_failed").await;
    assert_eq!((broken.fields[0].pointer.as_str(), broken.fields[0].code), ("/subject", "template_invalid"));
    assert_eq!(broken.fields[0].detail, "line 1: order.totl is not known here");
    let preview = PreviewTemplate { key: confirmed("nl"), draft: None };
    world.rejects(ACME, preview, "notification_template_not_found").await;
}

#[sqlx::test(migrations = false)]
async fn two_who_edit_at_once_are_one_edit_and_one_conflict(pool: PgPool) {
    let world = World::new(pool).await;
    let edit = |subject: &'static str| {
        let db = world.db.clone();
        async move { domain::run(&db, &ctx(ACME), save("en", Some(1), subject)).await }
    };
    let (one, other) = tokio::join!(edit("One"), edit("Other"));
    let (won, lost) = if one.is_ok() { (one, other) } else { (other, one) };
    assert_eq!((won.unwrap().version, rejection(lost).code), (2, "version_conflict"));
}

#[sqlx::test(migrations = false)]
async fn a_preview_shows_sample_data_and_writes_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    let of = |draft| PreviewTemplate { key: confirmed("en"), draft };
    let own = world.changes_nothing(of(None)).await;
    assert!(own.body.contains("2 x Gas stove Ember (EMBER): 109.80 EUR"), "{}", own.body);
    let other = world.changes_nothing(of(Some(draft("{{ order.total }}")))).await;
    assert_eq!((other.subject.as_str(), other.body.as_str()), ("308.80", "Dear Ada Lovelace"));
}

#[sqlx::test(migrations = false)]
async fn a_tenants_templates_are_its_own(pool: PgPool) {
    let world = World::new(pool).await;
    world.run(save("en", None, "Ours")).await.unwrap();
    world.run(save("nl", None, "Van ons")).await.unwrap();
    let theirs = domain::fetch(&world.db, &ctx(OTHER), present("en")).await.unwrap();
    assert_eq!((theirs.version, theirs.written), (1, None));
    let ours: Vec<_> = world.fetch(ListTemplates).await.unwrap();
    let ours: Vec<_> = ours.iter().map(|t| (t.key.event.as_str(), t.key.language.as_str(), t.version)).collect();
    assert_eq!(ours, [("order-confirmed", "en", 2), ("order-confirmed", "nl", 1), ("order-cancelled", "en", 1)]);
    let theirs = domain::fetch(&world.db, &ctx(OTHER), ListTemplates).await.unwrap();
    assert!(theirs.len() == 2 && theirs.iter().all(|template| template.written.is_none()), "{theirs:?}");
}

#[sqlx::test(migrations = false)]
async fn without_notifications_nothing_is_found(pool: PgPool) {
    let world = World::new(pool).await;
    let missing = rejection(world.fetch(GetNotification { id: Uuid::nil() }).await);
    assert_eq!(missing.code, "notification_not_found");
    let list = ListNotifications { page: Listing::default(), ..ListNotifications::default() };
    assert!(world.fetch(list).await.unwrap().data.is_empty());
}
