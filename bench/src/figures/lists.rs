//! B11: the admin's lists over HTTP, beside very many completed jobs and dead letters: the first
//! page again and again, and pages deep in the list.

use std::time::Instant;

use serde_json::Value;

use crate::Result;
use crate::bench::Bench;
use crate::depth::Depth;
use crate::http::{Connection, get};
use crate::measured::{Measured, Reach};
use crate::server::Server;
use crate::statistics::percentile;

/// Name, path and filter of each list.
const LISTS: [(&str, &str); 8] = [
    ("jobs", "/v1/admin/jobs?"),
    ("jobs completed", "/v1/admin/jobs?state=completed&"),
    ("jobs of a queue", "/v1/admin/jobs?queue=outbox&"),
    ("jobs of a tenant", "/v1/admin/jobs?tenant=tenant-7&"),
    ("jobs with an error", "/v1/admin/jobs?error=queue%205%20is&"),
    ("dead letters", "/v1/admin/dead-letters?"),
    ("dead letters of a queue", "/v1/admin/dead-letters?queue=outbox&"),
    ("dead letters with an error", "/v1/admin/dead-letters?error=queue%205%20is&"),
];

/// Requests for the first page, and pages that are walked at most, of which the second half counts
/// as deep.
const REQUESTS: usize = 100;

pub(super) async fn measure(bench: &mut Bench) -> Result<Vec<Measured>> {
    let mut depth = Depth::take(bench).await?;
    depth.complete(bench).await?;
    depth.bury(bench).await?;
    let server = Server::start(bench, &depth.scratch).await?;
    let token = server.issuer.token("portal-admin")?;
    let mut connection = Connection::open(&server.addr).await?;
    let mut measured = Vec::new();
    for (name, path) in LISTS {
        let (mut first, mut walked) = (Vec::new(), Vec::new());
        for _ in 0..REQUESTS {
            first.push(page(&mut connection, &get(&format!("{path}limit=50"), &token)).await?.0);
        }
        let mut cursor = String::new();
        for _ in 0..REQUESTS {
            let (took, next) = page(&mut connection, &get(&format!("{path}limit=200{cursor}"), &token)).await?;
            walked.push(took);
            let Some(next) = next else { break };
            cursor = format!("&cursor={next}");
        }
        let (first, deep) = (percentile(&first, 0.95), percentile(&walked[walked.len() / 2..], 0.95));
        bench.progress(&format!("   {name}: first page {first:.1} ms, deep page {deep:.1} ms"));
        measured.push(Measured::new(format!("{name}, first page"), "ms", vec![first]).reach(Reach::limit(30.0, "ms")));
        measured.push(Measured::new(format!("{name}, deep page"), "ms", vec![deep]).reach(Reach::limit(30.0, "ms")));
    }
    server.stop().await?;
    depth.give_back(bench);
    Ok(measured)
}

/// Milliseconds, and the cursor of the next page.
async fn page(connection: &mut Connection, request: &[u8]) -> Result<(f64, Option<String>)> {
    let started = Instant::now();
    let page = connection.json(request).await?;
    let took = started.elapsed().as_secs_f64() * 1000.0;
    Ok((took, page["next"].as_str().map(str::to_owned).filter(|_| page["data"] != Value::Null)))
}
