//! Statements that are wrong in one place each. The model must find out every one of them: a test
//! that finds nothing when something is wrong proves nothing when it finds nothing.

mod dead_letters;

use super::statements::Name::{
    self, Cancel, Claim, Complete, Fail, Insert, Release, ReleaseUnknown, Rescue, Retire, RunNow, StartAlone,
};
use proptest::strategy::{Strategy as _, ValueTree as _};

use super::*;

/// A variant is given up as unnoticed after so many histories.
const MOST_HISTORIES: u64 = 2000;

/// The number of a history that finds it out; what is wrong, where, what is replaced, by what.
type Variant = (u64, &'static str, Name, &'static str, &'static str);

const GATE: &str = "(b.lock_by is not null or b.deferred or b.suspect)";
const HAND_BACK: &str = "where j.id = b.id and j.lock_by is not distinct from $12 and j.claims = b.claims";

const VARIANTS: &[Variant] = &[
    (0, "no gate", Claim, GATE, "false"),
    (0, "the gate does not see what others hold", Claim, GATE, "(b.deferred or b.suspect)"),
    (4, "the gate does not see what waits in backoff", Claim, GATE, "(b.lock_by is not null or b.suspect)"),
    (10, "the gate does not see suspects", Claim, GATE, "(b.lock_by is not null or b.deferred)"),
    (9, "a worker's own jobs bar their successors", Claim, "and b.lock_by is distinct from p_worker", ""),
    (70, "dead letters hold no key", Claim, "and d.holds_key", "and false"),
    (1, "every dead letter holds its key", Claim, "and d.holds_key", ""),
    (0, "jobs run before they are due", Claim, "not j.suspect\n          and j.run_at <= now()", "not j.suspect"),
    (1, "jobs run a moment after they are due", Claim, "j.run_at <= now()", "j.run_at < now()"),
    (52, "exhausted jobs run", Claim, "and j.attempts < j.max_attempts", ""),
    (1, "the last attempt is not made", Claim, "j.attempts < j.max_attempts", "j.attempts < j.max_attempts - 1"),
    (9, "no limit", Claim, "limit p_limit", "limit 1000"),
    (7, "no limit of suspects", Claim, "limit p_suspects", "limit 1000"),
    (7, "suspects are forgotten", Claim, "limit p_suspects", "limit 0"),
    (
        7,
        "suspects run like others",
        Claim,
        "j.lock_by is null and not j.deferred and not j.suspect",
        "j.lock_by is null and not j.deferred",
    ),
    (9, "no priority", Claim, "priority desc, ", "priority * 0 desc, "),
    (22, "the newest first", Claim, "c.priority desc, c.seq limit", "c.priority desc, c.seq desc limit"),
    (0, "what waited is forgotten", Claim, "select * from due union all", "select * from due where false union all"),
    (0, "claims are not counted", Claim, "claims = j.claims + 1", "claims = j.claims"),
    (0, "a claimed job still looks deferred", Claim, "deferred = false, waiting_for = null", "waiting_for = null"),
    (2, "a paused queue is claimed", Claim, "q.paused_at is not null", "false"),
    (7, "the dead may claim", Claim, "w.died_at is null and w.stopped_at is null", "true"),
    (14, "the stopped may claim", Claim, "w.died_at is null and w.stopped_at is null", "w.died_at is null"),
    (0, "held jobs are claimed again", Claim, "j.lock_by is null and not j.deferred", "not j.deferred"),
    (
        0,
        "completed jobs stay",
        Complete,
        "delete from apalis.jobs j\n    using",
        "update apalis.jobs j set alone = j.alone\n    from",
    ),
    (48, "complete: any claim of the worker will do", Complete, "and j.claims = d.claims", ""),
    (46, "complete: any worker will do", Complete, "j.lock_by is not distinct from $4", "$4 is not null"),
    (0, "complete counts no attempt", Complete, "'completed', attempts + 1", "'completed', attempts"),
    (
        35,
        "fail: any claim of the worker will do",
        Fail,
        "where j.lock_by is not distinct from $12 and j.claims = e.claims",
        "where j.lock_by is not distinct from $12",
    ),
    (61, "fail: any worker will do", Fail, "where j.lock_by is not distinct from $12 and j.claims", "where j.claims"),
    (2, "a failed job does not wait", Fail, "run_at = now() + e.delay_ms * interval '1 millisecond',", ""),
    (9, "a failed job waits, but no gate sees it", Fail, "deferred = e.delay_ms > 0", "deferred = false"),
    (26, "a suspect handed back lets a later one pass", Fail, "e.delay_ms > 0 or j.suspect", "e.delay_ms > 0"),
    (9, "a failure costs no attempt", Fail, "set attempts = j.attempts + e.counts::integer,", "set"),
    (
        53,
        "every end of an attempt costs one",
        Fail,
        "set attempts = j.attempts + e.counts::integer",
        "set attempts = j.attempts + 1",
    ),
    (
        9,
        "a failure leaves no history",
        Fail,
        "from ended\n),\nagain",
        "from ended where outcome <> 'failed'\n),\nagain",
    ),
    (
        2,
        "a failed job is still held",
        Fail,
        "waiting_for = e.waiting, lock_by = null, lock_at = null,",
        "waiting_for = e.waiting,",
    ),
    (26, "a job that ran alone stays suspect", Fail, "suspect = j.suspect and not j.alone", "suspect = j.suspect"),
    (26, "a job that did not run is suspect no more", Fail, "suspect = j.suspect and not j.alone", "suspect = false"),
    (
        1,
        "dead jobs stay",
        Fail,
        "delete from apalis.jobs j using ended e",
        "update apalis.jobs j set alone = j.alone from ended e",
    ),
    (1, "dead jobs vanish", Fail, "from ended where outcome = 'dead'", "from ended where false"),
    (27, "cancelled jobs vanish", Fail, "from ended where outcome = 'cancelled'", "from ended where false"),
    (
        1,
        "the last attempt is not counted",
        Fail,
        "error_class, job,\n           coalesce(hstore_to_jsonb(metadata), '{}'), attempts + counts::integer",
        "error_class, job,\n           coalesce(hstore_to_jsonb(metadata), '{}'), attempts",
    ),
    (36, "no dead letter holds its key", Fail, "$13 and ordering_key is not null", "$13 and false"),
    (
        9,
        "successors are not handed back",
        Fail,
        HAND_BACK,
        "where j.lock_by is not distinct from $12 and j.claims = b.claims and false",
    ),
    (
        27,
        "handing back: any claim of the worker will do",
        Fail,
        HAND_BACK,
        "where j.id = b.id and j.lock_by is not distinct from $12",
    ),
    (2, "a rescue asks for no heartbeat", Rescue, "and beats = p_beats", ""),
    (
        7,
        "a rescue charges who did not run alone",
        Rescue,
        "where j.lock_by = p_worker and j.alone",
        "where j.lock_by = p_worker",
    ),
    (24, "a rescue charges nobody", Rescue, "j.crashes + 1 as crashes", "j.crashes as crashes"),
    (7, "nobody is suspect", Rescue, "suspect = j.suspect or not culprit_known", "suspect = j.suspect"),
    (24, "everybody is suspect", Rescue, "suspect = j.suspect or not culprit_known", "suspect = true"),
    (204, "the culprit is suspect no more", Rescue, "suspect = true, alone = false", "suspect = false, alone = false"),
    (24, "nothing is quarantined", Rescue, "c.crashes >= c.max_crashes", "false"),
    (24, "quarantined too late", Rescue, "coalesce(c.max_crashes, 3) as", "coalesce(c.max_crashes, 3) + 1 as"),
    (711, "a quarantined job holds no key", Rescue, "holds_key and ordering_key is not null", "false"),
    (
        24,
        "a crash leaves no history",
        Rescue,
        "from charged c join apalis.jobs j on j.id = c.id",
        "from charged c join apalis.jobs j on false",
    ),
    (
        204,
        "a crash costs an attempt",
        Rescue,
        "set crashes = c.crashes,",
        "set crashes = c.crashes, attempts = j.attempts + 1,",
    ),
    (7, "the dead keep what they held", Rescue, "where j.lock_by = p_worker;", "where false;"),
    (165, "handed back with an old claim", Release, "and j.claims = b.claims", ""),
    (
        48,
        "handing back costs an attempt",
        Release,
        "set lock_by = null",
        "set attempts = j.attempts + 1, lock_by = null",
    ),
    (22, "what is known is handed back too", ReleaseUnknown, "and id <> all(p_known)", ""),
    (0, "what is unknown is kept", ReleaseUnknown, "where lock_by = p_worker", "where false and lock_by = p_worker"),
    (45, "a worker that stops keeps its jobs", Retire, "where lock_by = $1", "where false and lock_by = $1"),
    (46, "anybody starts a job alone", StartAlone, "and lock_by = $2", "and $2 is not null"),
    (27, "a job starts alone with an old claim", StartAlone, "and claims = $3", "and $3 is not null"),
    (0, "a new job is due at once", Insert, "new.delay_ms > 0", "false"),
    (1, "a held job is cancelled", Cancel, "and lock_by is null", ""),
    (
        1,
        "cancelled jobs stay",
        Cancel,
        "delete from apalis.jobs where id = $1 and lock_by is null\n    returning *",
        "select * from apalis.jobs where id = $1 and lock_by is null",
    ),
    (
        1,
        "cancelling counts an attempt",
        Cancel,
        "'cancelled', attempts, redrives",
        "'cancelled', attempts + 1, redrives",
    ),
    (10, "a held job is made due", RunNow, "and lock_by is null", ""),
    (1, "a job is not made due", RunNow, "set run_at = now(), ", "set "),
];

fn variants() -> impl Iterator<Item = &'static Variant> {
    VARIANTS.iter().chain(dead_letters::VARIANTS)
}

/// The number of the history that finds it out, and what goes wrong in it. The noted one is played
/// first; when statements or histories have changed, another is looked for.
fn found_out(player: &Player, noted: u64, sql: &Statements) -> Option<(u64, String)> {
    std::iter::once(noted).chain(0..MOST_HISTORIES).find_map(|number| {
        let (ops, policy) = history_number(number);
        player.play(sql, &ops, policy).err().map(|why| (number, why.to_string()))
    })
}

/// Always the same for the same number.
fn history_number(number: u64) -> (Vec<Op>, Policy) {
    let config = Config { rng_seed: RngSeed::Fixed(number), failure_persistence: None, ..Config::default() };
    let tree = ops::histories().new_tree(&mut TestRunner::new(config));
    tree.expect("every history is valid").current()
}

#[sqlx::test(migrations = false)]
async fn every_wrong_statement_is_found_out(owner: PgPool) {
    let options = superuser(&owner).await;
    let found = tokio::task::spawn_blocking(move || {
        let player = Player::new(&options);
        // first of all, so that a statement that has changed is noticed at once
        let broken: Vec<Statements> =
            variants().map(|(_, _, name, from, to)| player.sql.with(*name, from, to)).collect();
        let mut unnoticed = Vec::new();
        for ((noted, what, name, ..), sql) in variants().zip(&broken) {
            match found_out(&player, *noted, sql) {
                Some((number, _)) if number != *noted => {
                    println!("{name:?}, {what}: found out by history {number}, no longer by {noted}: note that");
                }
                Some((number, why)) => {
                    println!("{number:4} {name:?}, {what}: {}", why.lines().next().unwrap_or_default())
                }
                None => unnoticed.push(format!("{name:?}, {what}")),
            }
        }
        assert!(unnoticed.is_empty(), "not found out by any of {MOST_HISTORIES} histories: {unnoticed:#?}");
    });
    found.await.unwrap();
}
