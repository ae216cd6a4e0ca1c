//! Wrong in what operators do with dead letters.

use super::Variant;
use crate::model::statements::Name::{
    Archive, ArchiveMany, Correct, Discard, DiscardMany, EditMany, KeepEdit, Redrive, Restore, RestoreMany, SetPayload,
};

// what is restored is put back into its queue, too
const COPY_ONE: &str = "), copy as (
    insert into apalis.jobs (id, job_type, kind, job, status, attempts, max_attempts, run_at, priority, metadata)
    select id, queue, kind, payload, 'Pending', 0, 1, now(), 0, '' from restored)
    insert into";
const COPY_MANY: &str = "copy as (
    insert into apalis.jobs (id, job_type, kind, job, status, attempts, max_attempts, run_at, priority, metadata)
    select id, queue, kind, payload, 'Pending', 0, 1, now(), 0, '' from restored),
    history as (";

pub(super) const VARIANTS: &[Variant] = &[
    (3, "a redriven job has no attempt", Redrive, "attempts, attempts + 1, now()", "attempts, attempts, now()"),
    (
        3,
        "a redriven job may fail as often as before",
        Redrive,
        "attempts, attempts + 1, now()",
        "attempts, max_attempts + max_attempts, now()",
    ),
    (3, "a redriven job forgets its attempts", Redrive, "attempts, attempts + 1, now()", "0, attempts + 1, now()"),
    (
        3,
        "a redriven job is dead as well",
        Redrive,
        "delete from jobs.dead_letters where id = any($1) and discarded_at is null and archived_at is null\n    returning *",
        "select * from jobs.dead_letters where id = any($1) and discarded_at is null",
    ),
    (24, "discarded jobs are redriven", Redrive, "and discarded_at is null", ""),
    (36, "a redriven job lets a later one pass", Redrive, "ordering_key is not null\n", "false\n"),
    (3, "redriving leaves no history", Redrive, "    from dead\n)", "    from dead where false\n)"),
    (
        3,
        "redriven jobs come last",
        Redrive,
        "seq, ordering_key, subject, tenant_id",
        "seq + 1000, ordering_key, subject, tenant_id",
    ),
    (1, "discarded twice", Discard, "and discarded_at is null", ""),
    (62, "archived jobs are redriven", Redrive, "and archived_at is null", ""),
    (1, "archived twice", Archive, "and archived_at is null", ""),
    (75, "what was discarded is archived", Archive, "and discarded_at is null", ""),
    (200, "what was archived is discarded", Discard, "and archived_at is null", ""),
    (126, "an archived job holds its key", Archive, ", holds_key = false", ""),
    (62, "a discarded job holds its key", Discard, ", holds_key = false", ""),
    (62, "archiving leaves no history", Archive, "now() from kept", "now() from kept where false"),
    (
        62,
        "archived jobs vanish",
        Archive,
        "update jobs.dead_letters\n             \
         set archived_at = now(), archived_by = $2, archive_reason = $3, holds_key = false",
        "delete from jobs.dead_letters",
    ),
    (
        24,
        "discarded jobs vanish",
        Discard,
        "update jobs.dead_letters\n             \
         set discarded_at = now(), discarded_by = $2, discard_reason = $3, holds_key = false",
        "delete from jobs.dead_letters",
    ),
    (128, "of several only the first is archived", ArchiveMany, "id = any($1)", "id = ($1)[1]"),
    (1, "several are archived twice", ArchiveMany, "and archived_at is null", ""),
    (1, "archiving several leaves no history", ArchiveMany, "from kept order by seq", "from kept where false"),
    (36, "several are discarded twice", DiscardMany, "and discarded_at is null", ""),
    (359, "of several that were archived, all are discarded", DiscardMany, "and archived_at is null", ""),
    (36, "discarding several leaves no history", DiscardMany, "from dropped order by seq", "from dropped where false"),
    (27, "what is dead is restored", Restore, "and (discarded_at is not null or archived_at is not null)", ""),
    (62, "only what was archived is restored", Restore, "discarded_at is not null or ", ""),
    (
        62,
        "a restored job holds its key again",
        Restore,
        "discard_reason = null",
        "discard_reason = null, holds_key = true",
    ),
    (62, "restoring leaves no history", Restore, "now() from restored", "now() from restored where false"),
    (62, "a restored job runs as well", Restore, ")\n         insert into", COPY_ONE),
    (36, "several restored jobs run as well", RestoreMany, "history as (", COPY_MANY),
    (36, "restoring several leaves no history", RestoreMany, "from restored order by seq", "from restored where false"),
    (
        36,
        "what was corrected is restored",
        RestoreMany,
        "and not exists (select from jobs.edits e where e.job_id = d.id and e.correction is not null)",
        "",
    ),
    (3, "an edit changes nothing", SetPayload, "set payload = $2", "set payload = coalesce(payload, $2)"),
    (266, "an edit changes all of them", SetPayload, "where id = $1", "where $1 is not null"),
    (
        3,
        "an edit drops the history",
        SetPayload,
        "update jobs.dead_letters",
        "with forgotten as (delete from jobs.attempts where job_id = $1) update jobs.dead_letters",
    ),
    (
        3,
        "an edit writes the history anew",
        SetPayload,
        "update jobs.dead_letters",
        "with forgotten as (update jobs.attempts set error = null where job_id = $1) update jobs.dead_letters",
    ),
    (1, "what a payload was is not kept", KeepEdit, "$6, $7, $8, $9", "$6, $8, $8, $9"),
    (
        266,
        "an edit drops those before",
        KeepEdit,
        "insert into",
        "with forgotten as (delete from jobs.edits where job_id = $2) insert into",
    ),
    (261, "several edits are not kept", EditMany, "before, after from edited", "before, after from edited where false"),
    (
        261,
        "several get the payload of the first",
        EditMany,
        "set payload = e.after",
        "set payload = (select a.after from edited a order by a.id limit 1)",
    ),
    (
        261,
        "several edits drop the history",
        EditMany,
        "with edited as",
        "with forgotten as (delete from jobs.attempts where job_id = any($1)), edited as",
    ),
    (
        1,
        "what was corrected is left to do",
        Correct,
        "set discarded_at = now(), discarded_by = $2::text, discard_reason = $3::text, holds_key = false",
        "set holds_key = false",
    ),
    (
        1,
        "what was corrected vanishes",
        Correct,
        "update jobs.dead_letters\n    \
         set discarded_at = now(), discarded_by = $2::text, discard_reason = $3::text, holds_key = false",
        "delete from jobs.dead_letters",
    ),
    (1, "a correction comes last", Correct, "now(), 0, '', seq,", "now(), 0, '', seq + 1000,"),
    (59, "a correction lets a later one pass", Correct, "ordering_key is not null,", "false,"),
    (1, "correcting leaves no history", Correct, "now() from handled\n", "now() from handled where false\n"),
];
