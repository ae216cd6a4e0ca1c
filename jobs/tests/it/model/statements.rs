//! The product's own statements, word for word: files are included, statements that stand in Rust
//! sources are cut out of them, functions are read from the migrated database. A variant is one of
//! them with something replaced.

use std::collections::BTreeMap;

use sqlx::PgConnection;

/// Which statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    Insert,
    Claim,
    Rescue,
    Complete,
    Fail,
    StartAlone,
    Release,
    ReleaseUnknown,
    Retire,
    Redrive,
    Archive,
    ArchiveMany,
    Discard,
    DiscardMany,
    Restore,
    RestoreMany,
    SetPayload,
    EditMany,
    KeepEdit,
    Correct,
    Cancel,
    RunNow,
}

/// Those that are functions in the database.
const FUNCTIONS: &[(Name, &str)] =
    &[(Name::Claim, "jobs.claim"), (Name::Rescue, "jobs.rescue"), (Name::ReleaseUnknown, "jobs.release_unknown")];

/// The text of each, and the function that is not as it is in the database.
#[derive(Debug, Clone)]
pub struct Statements {
    texts: BTreeMap<Name, String>,
    function: Option<Name>,
}

/// The statement that begins with `beginning` in a Rust source: up to the end of the literal.
fn cut(source: &str, beginning: &str) -> String {
    let at = source.find(&format!("\"{beginning}")).unwrap_or_else(|| panic!("no statement begins with {beginning}"));
    source[at + 1..].split('"').next().unwrap_or_default().to_owned()
}

impl Statements {
    /// As the product has them.
    pub async fn load(conn: &mut PgConnection) -> Self {
        let claim_rs = include_str!("../../../src/runtime/claim.rs");
        let store_rs = include_str!("../../../../domain/src/operations/store.rs");
        let edits_rs = include_str!("../../../../domain/src/operations/store/edits.rs");
        let release_held = "update apalis.jobs\n         set lock_by = null, lock_at = null, alone = false,";
        let mut all = BTreeMap::from([
            (Name::Insert, include_str!("../../../../domain/src/kernel/queue_insert.sql").to_owned()),
            (Name::Complete, include_str!("../../../src/runtime/complete.sql").to_owned()),
            (Name::Fail, include_str!("../../../src/runtime/fail.sql").to_owned()),
            (Name::Redrive, include_str!("../../../../domain/src/kernel/queue_redrive.sql").to_owned()),
            (Name::Cancel, include_str!("../../../../domain/src/operations/cancel.sql").to_owned()),
            (Name::StartAlone, cut(claim_rs, "update apalis.jobs set alone = true")),
            (Name::Release, cut(claim_rs, "update apalis.jobs j\n")),
            (Name::Retire, cut(claim_rs, release_held)),
            (Name::Archive, cut(store_rs, "with kept as")),
            (Name::ArchiveMany, include_str!("../../../../domain/src/operations/bulk/act_archive.sql").to_owned()),
            (Name::Discard, cut(store_rs, "with dropped as")),
            (Name::DiscardMany, include_str!("../../../../domain/src/operations/bulk/act_discard.sql").to_owned()),
            (Name::Restore, cut(store_rs, "with restored as")),
            (Name::RestoreMany, include_str!("../../../../domain/src/operations/bulk/act_restore.sql").to_owned()),
            (Name::SetPayload, cut(edits_rs, "update jobs.dead_letters set payload")),
            (Name::EditMany, include_str!("../../../../domain/src/operations/bulk/edit.sql").to_owned()),
            (Name::KeepEdit, cut(edits_rs, "insert into jobs.edits")),
            (Name::Correct, include_str!("../../../../domain/src/kernel/queue_correct.sql").to_owned()),
            (Name::RunNow, cut(store_rs, "with due as")),
        ]);
        for (name, function) in FUNCTIONS {
            let definition = sqlx::query_scalar("select pg_get_functiondef($1::text::regproc)").bind(function);
            all.insert(*name, definition.fetch_one(&mut *conn).await.unwrap());
        }
        Self { texts: all, function: None }
    }

    pub fn get(&self, name: Name) -> &str {
        &self.texts[&name]
    }

    /// The same, but with `from` replaced by `to` wherever it stands in one of them.
    pub fn with(&self, name: Name, from: &str, to: &str) -> Self {
        let mut changed = self.clone();
        let text = self.get(name);
        assert!(
            text.contains(from),
            "{name:?} has no {from:?}: adapt the variant to the statement as it is now\n{text}"
        );
        changed.texts.insert(name, text.replace(from, to));
        changed.function = FUNCTIONS.iter().any(|(function, _)| *function == name).then_some(name);
        changed
    }

    /// Puts a changed function into the database, as its owner. The roles may do there what no statement of the
    /// product does: a wrong one is to be found out by what it does, and not by what it may not.
    pub async fn install(&self, conn: &mut PgConnection) -> sqlx::Result<()> {
        let rights = "grant update, delete on jobs.attempts, jobs.edits to portal_admin, portal_worker";
        sqlx::raw_sql(rights).execute(&mut *conn).await?;
        if let Some(name) = self.function {
            sqlx::raw_sql(sqlx::AssertSqlSafe(self.get(name))).execute(conn).await?;
        }
        Ok(())
    }
}
