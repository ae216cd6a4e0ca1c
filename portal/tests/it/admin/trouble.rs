//! Wrong tokens, servers that are away, and answers that get lost.

use serde_json::json;
use sqlx::PgPool;

use super::{DEAD, Site, TO_ARCHIVE};
use crate::dev::{self, Banner};
use crate::places::{NOBODY, superuser_url};
use crate::program::portal;
use crate::proxy::{self, Fate};

#[sqlx::test(migrations = false)]
async fn who_may_not_is_told_by_the_api(pool: PgPool) {
    let dev = dev::start(&superuser_url(&pool), &[]);
    let banner = Banner::of(&dev);
    let server = format!("http://{}", banner.addr);
    let list = |token: &str| {
        let variables = [("PORTAL_ADMIN_SERVER", server.as_str()), ("PORTAL_ADMIN_TOKEN", token)];
        let complaint = portal(&["admin", "queues", "list"], &variables).complaint().to_owned();
        assert!(!complaint.contains(token), "{complaint}");
        complaint
    };
    let (wrong, viewer) = (list("not-a-token"), list(&banner.token("portal-viewer")));
    assert!(wrong.starts_with("token_") && wrong.contains(" [401, request "), "{wrong}");
    assert!(viewer.contains(" [403, request "), "{viewer}");

    let path = std::env::temp_dir().join(format!("portal-token-{}", std::process::id()));
    let file = path.to_str().unwrap();
    let with_file = ["admin", "queues", "list", "--server", &server, "--token-file", file];
    assert_eq!(portal(&with_file, &[]).complaint(), format!("{file}: No such file or directory (os error 2)"));
    std::fs::write(&path, banner.token("portal-admin") + "\n").unwrap();
    // the file counts, not the variable
    let listed = portal(&with_file, &[("PORTAL_ADMIN_TOKEN", "not-a-token")]);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(listed.code, Some(0), "{listed:?}");

    let other = portal(
        &["admin", "queues", "list", "--server", &format!("{server}/elsewhere")],
        &[("PORTAL_ADMIN_TOKEN", "x")],
    );
    assert!(other.complaint().starts_with("route_not_found: "), "{other:?}");
}

#[test]
fn a_server_that_is_away_is_3() {
    for command in ["queues list", "operations watch 01941f29-7c00-7000-8000-000000000601"] {
        let server = format!("http://{NOBODY}");
        let words: Vec<&str> = ["admin", "--server", &server].into_iter().chain(command.split(' ')).collect();
        let ended = portal(&words, &[("PORTAL_ADMIN_TOKEN", "x")]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{ended:?}");
        assert!(ended.stderr.contains(&format!("portal: {server}/: error sending request")), "{ended:?}");
        assert!(ended.stderr.contains("Connection refused"), "{ended:?}");
        // nothing was sent, so nothing may have happened
        assert!(!ended.stderr.contains("may have happened"), "{ended:?}");
    }
}

#[sqlx::test(migrations = false)]
async fn a_change_whose_answer_is_lost_is_repeated_and_happens_once(pool: PgPool) {
    let site = Site::start(&pool);
    let lossy = proxy::to(&site.addr, |number, _| if number == 0 { Fate::AnswerLost } else { Fate::Answered });
    let retried = site.run_over(&lossy, &["dead-letters", "retry", DEAD, "--reason", "again"]);
    assert_eq!(retried.code, Some(0), "{retried:?}");
    assert_eq!(site.json(&["jobs", "show", DEAD])["redrives"], json!(1));
    let records = site.json(&["audit", "--target-id", DEAD]);
    assert_eq!(records["data"].as_array().unwrap().len(), 1, "{records}");

    let deaf = proxy::to(&site.addr, |_, _| Fate::AnswerLost);
    let unknown = site.run_over(&deaf, &["dead-letters", "archive", TO_ARCHIVE, "--reason", "kept"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(3), ""), "{unknown:?}");
    assert!(unknown.stderr.contains("it may have happened all the same: see `portal admin audit`"), "{unknown:?}");
    assert_eq!(site.json(&["dead-letters", "show", TO_ARCHIVE])["state"], json!("archived"));
    let read = site.run_over(&deaf, &["queues", "list"]);
    assert_eq!(read.code, Some(3), "{read:?}");
    assert!(!read.stderr.contains("may have happened"), "{read:?}");
}

#[sqlx::test(migrations = false)]
async fn without_a_stream_the_operation_is_looked_at(pool: PgPool) {
    let site = Site::start(&pool);
    let still = proxy::to(&site.addr, |_, line| match line.contains("/events") {
        true => Fate::RequestLost,
        false => Fate::Answered,
    });
    let arguments = ["operations", "start", "archive", "--queue", "demo", "--reason", "kept", "--watch"];
    let watched = site.run_over(&still, &arguments);
    assert_eq!(watched.code, Some(0), "{watched:?}");
    assert!(watched.stderr.contains("completed: 4/4"), "{watched:?}");
}
