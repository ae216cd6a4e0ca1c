//! Jobs and dead letters as tables: both lists and both details have the same fields.

use super::table::Column;
use super::view::View;

/// Of a job in a list.
pub(super) const JOBS: &[Column] = &[
    ("ID", "/id"),
    ("QUEUE", "/queue"),
    ("KIND", "/kind"),
    ("STATE", "/state"),
    ("TENANT", "/tenant"),
    ("SUBJECT", "/subject"),
    ("ATTEMPTS", "/attempts"),
    ("CREATED", "/createdAt"),
    ("NEXT RUN", "/nextRunAt"),
    ("ERROR", "/error"),
];

/// Of a dead letter in a list.
pub(super) const DEAD_LETTERS: &[Column] = &[
    ("ID", "/id"),
    ("QUEUE", "/queue"),
    ("KIND", "/kind"),
    ("REASON", "/reason"),
    ("TENANT", "/tenant"),
    ("SUBJECT", "/subject"),
    ("ATTEMPTS", "/attempts"),
    ("DIED", "/endedAt"),
    ("FINGERPRINT", "/fingerprint"),
    ("ERROR", "/error"),
];

/// Of a job after a change.
pub(super) const CHANGED: &[Column] = &[
    ("id", "/id"),
    ("queue", "/queue"),
    ("kind", "/kind"),
    ("state", "/state"),
    ("attempts", "/attempts"),
    ("redrives", "/redrives"),
    ("next run", "/nextRunAt"),
    ("ended", "/endedAt"),
];

/// Everything there is to know about one.
pub(super) const JOB: View = View {
    fields: &[
        ("id", "/id"),
        ("queue", "/queue"),
        ("kind", "/kind"),
        ("state", "/state"),
        ("tenant", "/tenant"),
        ("subject", "/subject"),
        ("ordering key", "/orderingKey"),
        ("correlation id", "/correlationId"),
        ("causation id", "/causationId"),
        ("attempts", "/attempts"),
        ("at most", "/maxAttempts"),
        ("redrives", "/redrives"),
        ("crashes", "/crashes"),
        ("created", "/createdAt"),
        ("next run", "/nextRunAt"),
        ("started", "/startedAt"),
        ("ended", "/endedAt"),
        ("worker", "/worker"),
        ("waiting for", "/waitingFor"),
        ("blocked by", "/blockedBy"),
        ("reason", "/reason"),
        ("error", "/error"),
        ("fingerprint", "/fingerprint"),
        ("holds its key", "/deadLetter/holdsKey"),
        ("archived", "/deadLetter/archivedAt"),
        ("archived by", "/deadLetter/archivedBy"),
        ("because", "/deadLetter/archiveReason"),
        ("discarded", "/deadLetter/discardedAt"),
        ("discarded by", "/deadLetter/discardedBy"),
        ("because", "/deadLetter/discardReason"),
    ],
    lists: &[
        (
            "HISTORY",
            "/history",
            &[
                ("ATTEMPT", "/attempt"),
                ("OUTCOME", "/outcome"),
                ("ENDED", "/endedAt"),
                ("WHO", "/actor"),
                ("CLASS", "/errorClass"),
                ("ERROR", "/error"),
                ("REASON", "/reason"),
                ("NEXT RUN", "/nextRunAt"),
            ],
        ),
        (
            "EDITS",
            "/edits",
            &[("AT", "/at"), ("BY", "/by"), ("REASON", "/reason"), ("PATCH", "/patch"), ("CORRECTION", "/correction")],
        ),
    ],
    documents: &[("PAYLOAD", "/payload"), ("PAYLOAD IN BASE64", "/payloadRaw")],
};
