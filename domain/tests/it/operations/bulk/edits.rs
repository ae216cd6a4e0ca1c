//! Payloads that are edited, all by the same patch.

use domain::operations::bulk::{Action, PreviewOperation, StartOperation, Verdict};
use domain::operations::{JobState, WhichDeadLetters};
use sqlx::PgPool;

use super::super::Site;
use super::super::edits::rename;
use super::{all, start};

#[sqlx::test(migrations = false)]
async fn an_edit_gives_each_payload_the_same_patch_and_skips_what_does_not_fit(pool: PgPool) {
    let site = Site::new(pool).await;
    let ids = site.corpses(4, "boom").await;
    for (id, payload) in ids.iter().zip([r#"{"hello": 5}"#, r#"{"hello": "b"}"#, r#"{"hello": "c", "odd": 1}"#]) {
        let edit = format!(
            "update jobs.dead_letters set kind = 'demo.v1', payload = convert_to('{payload}', 'utf8') where id = '{}'",
            id.as_str()
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(edit)).execute(&site.world.owner).await.unwrap();
    }
    let patch = || serde_json::json!({"hello": "world"}).as_object().cloned();
    let preview = PreviewOperation {
        action: Action::EditAndRetry,
        which: all(),
        patch: patch(),
        cursor: None,
        size: Default::default(),
    };
    let said: Vec<_> = site.fetch(preview).await.unwrap().items.data.iter().map(|item| item.verdict.as_str()).collect();
    assert_eq!(said, ["ready", "ready", "payload_invalid", "payload_invalid"]);

    let id = site.begin(StartOperation { patch: patch(), ..start(Action::EditAndRetry, all()) }).await;
    site.play(id).await;
    assert_eq!(site.results(id).await, ["done", "done", "skipped", "skipped"]);
    let items = site.items(id).await;
    assert_eq!(items[2].skipped_for.as_deref(), Some("payload_invalid"));
    assert_eq!(items[2].detail.as_deref(), Some("/patch/odd: there is no such field"));
    assert!(items[3].detail.as_ref().unwrap().contains("task.v1"), "nobody knows what may be changed: {:?}", items[3]);
    let edited = site.get(&ids[0]).await;
    assert_eq!((edited.summary.state, edited.summary.redrives), (JobState::Retrying, 1));
    let edit = &edited.edits[0];
    assert_eq!((edit.by.as_str(), &edit.patch), ("root", &serde_json::json!({"hello": "world"})));
    assert_eq!(edit.reason, format!("the broker is back (operation {id})"));
    assert!(format!("{:?} {:?}", edit.before, edit.after).contains("world"));
    assert_eq!(site.state(&ids[2]).await, JobState::Dead);
    let untouched = "select count(*) from jobs.dead_letters where convert_from(payload, 'utf8') like '%odd%'";
    assert_eq!(site.world.count(untouched).await, 1);
    site.rejects(start(Action::EditAndRetry, all()), "patch_missing").await;
    site.rejects(StartOperation { patch: patch(), ..start(Action::Retry, all()) }, "patch_without_edit").await;
}

/// It would be published after its correction.
#[sqlx::test(migrations = false)]
async fn what_was_corrected_is_not_restored_among_others(pool: PgPool) {
    let site = Site::new(pool).await;
    let (_, corrected) = site.dead_publish().await;
    site.run(rename(&corrected, "Ada Lovelace")).await.unwrap();
    let discarded = site.corpses(1, "boom").await.remove(0);
    site.run(super::super::dead_letters::discard(&discarded)).await.unwrap();
    let which = || WhichDeadLetters::Ids(vec![corrected.clone(), discarded.clone()]);
    let preview = PreviewOperation {
        action: Action::Restore,
        which: which(),
        patch: None,
        cursor: None,
        size: Default::default(),
    };
    let items = site.fetch(preview).await.unwrap().items.data;
    let verdict = |id: &str| items.iter().find(|item| item.job_id == id).map(|item| item.verdict);
    assert_eq!(verdict(corrected.as_str()), Some(Verdict::NoLongerDead));
    assert_eq!(verdict(discarded.as_str()), Some(Verdict::Ready));
    let restore = site.begin(start(Action::Restore, which())).await;
    let progress = site.play(restore).await.progress;
    assert_eq!((progress.done, progress.skipped), (1, 1));
    assert_eq!((site.state(&corrected).await, site.state(&discarded).await), (JobState::Discarded, JobState::Dead));
}
