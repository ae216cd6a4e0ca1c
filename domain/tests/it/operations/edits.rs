//! Payloads that are corrected: what they were is kept, and a committed event stays as it is.

use domain::audit::{GetDocument, ListStreamEvents, Moment};
use domain::customers::CustomerCreated;
use domain::kernel::event::Event as _;
use domain::kernel::job::NewJob;
use domain::kernel::page::{PageSize, SearchText};
use domain::messaging::{CountReplay, PublishEvent, ReplayFilter};
use domain::operations::{AttemptOutcome, AuditFilter, EditDeadLetter, GetDeadLetter, JobId, JobState, Payload};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use ulid::Ulid;
use uuid::Uuid;

use super::dead_letters::restore;
use super::{Site, admin, reason, task};
use crate::customers::{create, suspend};
use crate::support::{ACME, Emitted, connect, rejection};

pub(super) fn edit(id: &JobId, patch: Value) -> EditDeadLetter {
    let patch = patch.as_object().unwrap().clone();
    EditDeadLetter { id: id.clone(), expected_version: None, patch, reason: reason("a typing error") }
}

/// Changes the name in the data of an event about a customer.
pub(super) fn rename(id: &JobId, name: &str) -> EditDeadLetter {
    edit(id, json!({"event": {"data": {"customer": {"name": name}}}}))
}

fn json(payload: &Payload) -> Value {
    match payload {
        Payload::Json(json) => serde_json::from_str(json.get()).unwrap(),
        Payload::Raw(raw) => panic!("{raw} is no JSON"),
    }
}

fn job_of(event: &Emitted) -> JobId {
    JobId::new(&Ulid::from(event.id).to_string())
}

impl Site {
    /// A dead letter of a kind that is there to be tried.
    pub(super) async fn dead_demo(&self) -> JobId {
        let payload = br#"{"hello":  "operator"}"#.to_vec();
        let id = self.enqueue(ACME, NewJob { kind: "demo.v1", payload, ..task(0) }).await;
        self.dead(&id, 6, "boom").await;
        id
    }

    /// The same, of the event of a new customer: later events of the customer wait for it.
    pub(super) async fn dead_publish(&self) -> (Emitted, JobId) {
        let (_, event) = self.world.emits(create("Ada", "ada@example.com")).await;
        let id = job_of(&event);
        self.dead(&id, 6, "no route").await;
        (event, id)
    }

    async fn published_next(&self) -> Vec<String> {
        sqlx::query_scalar("select id from jobs.claim('outbox', 'w1', 100, 100) order by seq")
            .fetch_all(&self.worker)
            .await
            .unwrap()
    }
}

#[sqlx::test(migrations = false)]
async fn an_edited_dead_letter_is_retried_and_remembers_what_it_was(pool: PgPool) {
    let site = Site::new(pool).await;
    let id = site.dead_demo().await;
    let seen = site.fetch(GetDeadLetter { id: id.clone() }).await.unwrap();
    let patch = json!({"hello": "world"});
    let job =
        site.run(EditDeadLetter { expected_version: Some(seen.version), ..edit(&id, patch.clone()) }).await.unwrap();
    assert_eq!((job.summary.state, job.summary.redrives, job.max_attempts), (JobState::Retrying, 1, Some(7)));
    assert_eq!(json(job.payload.as_ref().unwrap()), patch);
    assert!(job.version > seen.version);
    let row = job.history.last().unwrap();
    assert_eq!((row.outcome, row.reason.as_deref()), (AttemptOutcome::Redriven, Some("a typing error")));
    let [kept] = job.edits.as_slice() else { panic!("{:?}", job.edits) };
    assert_eq!((kept.by.as_str(), kept.reason.as_str(), &kept.patch), ("root", "a typing error", &patch));
    assert_eq!((json(&kept.before), json(&kept.after)), (json!({"hello": "operator"}), patch));
    let before: Vec<u8> =
        sqlx::query_scalar("select before from jobs.edits").fetch_one(&site.world.owner).await.unwrap();
    assert_eq!(before, br#"{"hello":  "operator"}"#, "to the byte");

    let record = site.records(AuditFilter::default()).await.remove(0);
    assert_eq!((record.action.as_str(), &record.after["state"]), ("edit_dead_letter", &json!("retrying")));
    let sha = |payload: &str| format!("select encode(sha256('{payload}'), 'hex')");
    for (said, payload) in [(&record.before, r#"{"hello":  "operator"}"#), (&record.after, r#"{"hello":"world"}"#)] {
        let hash: String = sqlx::query_scalar(AssertSqlSafe(sha(payload))).fetch_one(&site.world.owner).await.unwrap();
        assert_eq!(said["payloadSha256"], json!(hash));
    }
    assert_eq!(site.claim().await, [id.as_str()]);
}

#[sqlx::test(migrations = false)]
async fn of_two_who_edit_the_same_one_is_told(pool: PgPool) {
    let site = Site::new(pool).await;
    for _ in 0..10 {
        let id = site.dead_demo().await;
        let version = site.get(&id).await.version;
        let mine = |name: &str| EditDeadLetter { expected_version: Some(version), ..edit(&id, json!({"hello": name})) };
        let (one, two) = (admin("one"), admin("two"));
        let (a, b) = tokio::join!(
            domain::run(&site.world.db, &one, mine("one")),
            domain::run(&site.world.db, &two, mine("two"))
        );
        let (won, lost) = if a.is_ok() { (a, b) } else { (b, a) };
        assert_eq!(won.unwrap().edits.len(), 1);
        assert_eq!(rejection(lost).code, "version_conflict");
    }
    // whatever else happens to it is a new version, too
    let id = site.dead_demo().await;
    let version = site.get(&id).await.version;
    site.run(super::dead_letters::archive(&id)).await.unwrap();
    let stale = EditDeadLetter { expected_version: Some(version), ..edit(&id, json!({"hello": "late"})) };
    site.rejects(stale, "version_conflict").await;
}

#[sqlx::test(migrations = false)]
async fn what_cannot_be_edited_stays_as_it_is(pool: PgPool) {
    let site = Site::new(pool).await;
    let patch = || json!({"hello": "world"});
    let unknown_kind = site.job().await;
    site.dead(&unknown_kind, 6, "boom").await;
    site.rejects(edit(&unknown_kind, json!({"n": 1})), "job_kind_unknown").await;
    let raw = site.dead_demo().await;
    sqlx::query("update jobs.dead_letters set payload = '\\xff00' where id = $1")
        .bind(raw.as_str())
        .execute(&site.world.owner)
        .await
        .unwrap();
    site.rejects(edit(&raw, patch()), "payload_not_json").await;
    let demo = site.dead_demo().await;
    let wrong = site.rejects(edit(&demo, json!({"hello": null})), "validation_failed").await;
    assert_eq!((wrong.fields[0].pointer.as_str(), wrong.fields[0].code), ("/patch/hello", "payload_invalid"));
    site.rejects(edit(&demo, json!({"hello": "operator"})), "patch_changes_nothing").await;
    site.rejects(edit(&demo, json!({"hello": "a\u{0}"})), "validation_failed").await;
    site.rejects(edit(&site.job().await, patch()), "dead_letter_not_dead").await;
    site.rejects(edit(&JobId::new("unknown"), patch()), "dead_letter_not_found").await;
    let (_, publish) = site.dead_publish().await;
    site.rejects(edit(&publish, json!({"event": {"sequence": 7}})), "validation_failed").await;
    sqlx::query("delete from kernel.events").execute(&site.world.owner).await.unwrap();
    site.rejects(rename(&publish, "Ada Lovelace"), "event_not_logged").await;
}

#[sqlx::test(migrations = false)]
async fn what_a_handler_gets_is_corrected_for_it_alone(pool: PgPool) {
    let site = Site::new(pool).await;
    let (_, event) = site.world.emits(create("Ada", "ada@example.com")).await;
    let arrival = json!({"consumer": "portal", "event": {
        "id": event.id, "source": event.source, "type": event.r#type, "subject": event.subject,
        "time": "2026-03-01T09:30:00Z", "sequence": event.sequence, "tenant_id": ACME, "correlation_id": "c",
        "traceparent": null, "data_version": 1, "data": event.data}});
    let payload = serde_json::to_vec(&arrival).unwrap();
    let id = site.enqueue(ACME, NewJob { kind: "handle-event.v1", payload, ..task(0) }).await;
    site.dead(&id, 1, "no such name").await;
    let job = site.run(rename(&id, "Ada Lovelace")).await.unwrap();
    let mut expected = arrival;
    expected["event"]["data"]["customer"]["name"] = json!("Ada Lovelace");
    assert_eq!(json(job.payload.as_ref().unwrap()), expected);
    assert_eq!((job.summary.state, job.edits[0].correction), (JobState::Retrying, None));
    let events = site.world.events().await;
    assert_eq!((events.len(), &events[0].data), (1, &event.data), "the log is as it was");
}

#[sqlx::test(migrations = false)]
async fn a_committed_event_is_corrected_by_another_in_its_place(pool: PgPool) {
    let site = Site::new(pool).await;
    let (old, id) = site.dead_publish().await;
    let (_, later) = site.world.emits(suspend(old.aggregate_id)).await;
    assert_eq!(site.published_next().await.len(), 0, "the dead letter holds its key");

    let job = site.run(rename(&id, "Ada Lovelace")).await.unwrap();
    let events = site.world.events().await;
    let [first, _, new] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((first.id, &first.data), (old.id, &old.data), "a committed event never changes");
    assert_eq!((&new.r#type, &new.subject, new.sequence), (&old.r#type, &old.subject, old.sequence));
    assert_eq!((&new.tenant_id, &new.source), (&old.tenant_id, &old.source));
    assert_eq!(new.data["customer"]["name"], "Ada Lovelace");
    let links = "select count(*) from kernel.events n join kernel.events o on o.id = n.corrects
                 where n.causation_id = o.id::text and n.correlation_id = o.correlation_id and n.actor = 'root'";
    assert_eq!(site.world.count(links).await, 1);

    // the dead letter is handled, and says by what
    assert_eq!((job.summary.state, job.edits[0].correction), (JobState::Discarded, Some(new.id)));
    let discarded = job.dead_letter.unwrap().discarded.unwrap();
    assert_eq!(discarded.reason, format!("corrected by event {}: a typing error", new.id));
    assert_eq!(json(&job.edits[0].after)["event"]["id"], json!(new.id));
    let record = site.records(AuditFilter::default()).await.remove(0);
    assert_eq!(record.after["correction"], json!(new.id));

    // it is published in the place of the old one, before the later event
    let correction = job_of(new);
    assert_eq!(site.published_next().await, [correction.as_str()]);
    let payload: Vec<u8> = sqlx::query_scalar("select job from apalis.jobs where id = $1")
        .bind(correction.as_str())
        .fetch_one(&site.world.owner)
        .await
        .unwrap();
    let PublishEvent { event } = serde_json::from_slice(&payload).unwrap();
    assert_eq!((event.id, event.sequence, event.event_type.as_str()), (new.id, 1, CustomerCreated::TYPE));
    site.complete(&correction).await;
    assert_eq!(site.published_next().await, [job_of(&later).as_str()]);
    site.rejects(rename(&id, "Ada King"), "dead_letter_not_dead").await;
    site.rejects(restore(&id), "dead_letter_corrected").await;
}

#[sqlx::test(migrations = false)]
async fn a_correction_can_be_corrected_and_the_aggregate_goes_on(pool: PgPool) {
    let site = Site::new(pool).await;
    let (old, id) = site.dead_publish().await;
    let first = site.run(rename(&id, "Ada L")).await.unwrap().edits[0].correction.unwrap();
    let id = JobId::new(&Ulid::from(first).to_string());
    site.dead(&id, 6, "no route").await;
    let second = site.run(rename(&id, "Ada Lovelace")).await.unwrap().edits[0].correction.unwrap();

    // its own numbers are not used up
    let (suspended, event) = site.world.emits(suspend(old.aggregate_id)).await;
    assert_eq!((suspended.version, event.sequence), (2, 2));

    // auditors find all of them, page by page, and the last correction as the state
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let size = PageSize::new(1).unwrap();
        let page = ListStreamEvents { aggregate: old.aggregate_id, cursor, size };
        let page = site.world.fetch(page).await.unwrap();
        ids.extend(page.data.iter().map(|event| event.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(ids, [old.id, first, second, event.id]);
    let (entity, id) = ("customers".to_owned(), old.aggregate_id);
    let first_version = GetDocument { entity, id, moment: Moment::Version(1), compare_with: None };
    let document = site.world.fetch(first_version).await.unwrap().document;
    assert!(document.document.get().contains("Ada Lovelace"), "{}", document.document.get());

    // a replay hands over what stands, not what was corrected
    site.work("insert into jobs.queues (name) values ('portal')").await;
    let consumer = SearchText::parse("portal", "").unwrap();
    let counts = site.fetch(CountReplay { consumer, filter: ReplayFilter::default() }).await.unwrap();
    assert_eq!(counts.matched, 2);
}

#[sqlx::test(migrations = false)]
async fn operators_can_put_nothing_into_the_log_but_corrections(pool: PgPool) {
    let site = Site::new(pool).await;
    let (_, event) = site.world.emits(create("Ada", "ada@example.com")).await;
    let api = connect(&site.world.owner, "portal_api").await;
    let correction = format!(
        "insert into kernel.events (id, type, source, subject, occurred_at, module, aggregate_id, sequence, tenant_id,
             actor, correlation_id, causation_id, data, job_id, data_version, corrects)
         select '{}', type, source, subject, now(), module, aggregate_id, sequence, tenant_id, 'me', 'c', id::text, '{{}}',
             'j', data_version, id from kernel.events",
        Uuid::now_v7()
    );
    let forged = [
        ("data_version, id from", "data_version, null from"),
        ("tenant_id, 'me'", "'other', 'me'"),
        ("', type,", "', 'com.offgrid.portal.customers.customer-suspended',"),
        ("aggregate_id, sequence, tenant_id, 'me'", "aggregate_id, sequence + 1, tenant_id, 'me'"),
        ("id::text, '{}'", "'nothing', '{}'"),
    ];
    let refused = |statement: String| {
        let api = api.clone();
        async move {
            let mut tx = api.begin().await.unwrap();
            sqlx::query("set local role portal_admin").execute(&mut *tx).await.unwrap();
            let result = sqlx::query(AssertSqlSafe(statement)).execute(&mut *tx).await;
            result.err().map(|error| error.as_database_error().unwrap().code().unwrap().into_owned())
        }
    };
    assert_eq!(refused(correction.clone()).await, None, "as it stands it would be one");
    for (from, to) in forged {
        assert!(correction.contains(from), "{from}");
        assert_eq!(refused(correction.replacen(from, to, 1)).await.as_deref(), Some("42501"), "{to}");
    }
    assert_eq!(site.world.events().await.len(), 1, "{}", event.id);
}
