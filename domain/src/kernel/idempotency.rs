//! `Idempotency-Key`: same key, same request, one effect, same answer.
//!
//! The key's row is inserted first, in the command's own transaction: a second request with the
//! same key waits at that insert until the first has committed, then replays its answer. If the
//! first fails, its row vanishes with its transaction and the second runs. A rejection is an
//! answer too: the command is undone, and the key commits with the rejection in a transaction of
//! its own. (A savepoint would save that one, and cost every accepted command a round trip.) If the
//! same request comes in between, it runs, and both get the answer that commits first.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::command::{self, Command};
use super::ctx::{Ctx, Scope};
use super::db::{Access, Db};
use super::error::{Error, Rejection};
use super::tx::Tx;

/// Keys are kept this long; the workers delete older ones.
pub const KEPT_HOURS: i32 = 24;

/// What a caller chose to make its request repeatable, within tenant, actor and route.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    key: String,
    route: String,
    fingerprint: Vec<u8>,
}

/// An HTTP answer as it is stored and replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers worth replaying, lower case names.
    pub headers: Vec<Header>,
    /// The body, as sent.
    pub body: Vec<u8>,
}

/// One header of an [`Answer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header(pub String, pub String);

/// Where an answer came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The command ran now.
    Fresh(Answer),
    /// It had run before; nothing happened now.
    Replayed(Answer),
}

impl IdempotencyKey {
    /// `key`: 1–255 visible ASCII characters. `route`: method and path as requested. `request`: the
    /// bytes that must be the same again.
    ///
    /// # Errors
    /// A rejection with code `idempotency_key_invalid`.
    pub fn new(key: &str, route: &str, request: &[u8]) -> Result<Self, Rejection> {
        if !(1..=255).contains(&key.len()) || !key.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
            return Err(Rejection::invalid_field(
                "idempotency_key_invalid",
                "Idempotency-Key",
                "an idempotency key is 1 to 255 printable ASCII characters, for example a UUID",
            ));
        }
        Ok(Self { key: key.to_owned(), route: route.to_owned(), fingerprint: Sha256::digest(request).to_vec() })
    }
}

/// Runs a command at most once for `key`.
///
/// `answer` turns the command's result into what the caller sees; it runs inside the transaction
/// and must be quick.
///
/// # Errors
/// [`Error::Rejected`] with `idempotency_key_reused` when the key came with another request before;
/// faults as [`run`](super::command::run), after which the key is free again.
pub async fn run_once<C, A>(db: &Db, ctx: &Ctx, key: &IdempotencyKey, command: C, answer: A) -> Result<Outcome, Error>
where
    C: Command,
    A: FnOnce(Result<C::Output, Rejection>) -> Answer + Send,
{
    db.answered(run_in_one_transaction(db, ctx, key, command, answer)).await
}

async fn run_in_one_transaction<C, A>(
    db: &Db,
    ctx: &Ctx,
    key: &IdempotencyKey,
    command: C,
    answer: A,
) -> Result<Outcome, Error>
where
    C: Command,
    A: FnOnce(Result<C::Output, Rejection>) -> Answer + Send,
{
    let mut tx = Tx::begin(db, ctx, Access::ReadWrite).await?;
    if let Some(stored) = reserve(&mut tx, key).await? {
        tx.commit().await?;
        return Ok(Outcome::Replayed(stored));
    }
    match command::handle(command, &mut tx).await {
        Ok(output) => {
            let answer = answer(Ok(output));
            tx.commit_answered(Kept::new(key, &answer)).await?;
            Ok(Outcome::Fresh(answer))
        }
        Err(Error::Rejected(rejection)) => {
            tx.rollback().await?;
            keep_rejection(db, ctx, key, answer(Err(rejection))).await
        }
        Err(fault) => Err(fault),
    }
}

/// Stores a rejection, unless the same request got another answer since.
async fn keep_rejection(db: &Db, ctx: &Ctx, key: &IdempotencyKey, answer: Answer) -> Result<Outcome, Error> {
    let mut tx = Tx::begin(db, ctx, Access::ReadWrite).await?;
    if let Some(stored) = reserve(&mut tx, key).await? {
        tx.commit().await?;
        return Ok(Outcome::Replayed(stored));
    }
    tx.commit_answered(Kept::new(key, &answer)).await?;
    Ok(Outcome::Fresh(answer))
}

/// Whose key it is: a tenant's, or the installation's, which no tenant can be called.
fn owner(tx: &Tx) -> String {
    match &tx.ctx().scope {
        Scope::Tenant(tenant) => tenant.to_string(),
        Scope::Installation | Scope::Process => "*".to_owned(),
    }
}

/// Inserts the key, or returns the answer that is stored under it.
async fn reserve(tx: &mut Tx, key: &IdempotencyKey) -> Result<Option<Answer>, Error> {
    let (owner, actor) = (owner(tx), tx.ctx().actor.clone());
    // A key past its time is as good as none, whether or not it was cleaned up yet.
    let inserted = sqlx::query_file!(
        "src/kernel/idempotency_reserve.sql",
        owner,
        actor.as_str(),
        key.route,
        key.key,
        key.fingerprint,
        KEPT_HOURS
    )
    .execute(tx.conn())
    .await?
    .rows_affected();
    if inserted == 1 {
        return Ok(None);
    }
    let row = sqlx::query!(
        r#"select fingerprint, status as "status!", headers as "headers!: sqlx::types::Json<Vec<Header>>", body as "body!"
           from kernel.idempotency_keys where tenant_id = $1 and actor = $2 and route = $3 and key = $4"#,
        owner,
        actor.as_str(),
        key.route,
        key.key
    )
    .fetch_one(tx.conn())
    .await?;
    if row.fingerprint != key.fingerprint {
        return Err(Error::Rejected(Rejection::invalid_field(
            "idempotency_key_reused",
            "Idempotency-Key",
            "this key was used with another request; choose a new key for a new request",
        )));
    }
    Ok(Some(Answer { status: row.status.unsigned_abs(), headers: row.headers.0, body: row.body }))
}

/// An answer and the key it is kept under, as columns.
pub(crate) struct Kept<'a> {
    pub(super) route: &'a str,
    pub(super) key: &'a str,
    pub(super) status: i16,
    pub(super) headers: &'a [Header],
    pub(super) body: &'a [u8],
}

impl<'a> Kept<'a> {
    fn new(key: &'a IdempotencyKey, answer: &'a Answer) -> Self {
        Self {
            route: &key.route,
            key: &key.key,
            status: i16::try_from(answer.status).unwrap_or(500),
            headers: &answer.headers,
            body: &answer.body,
        }
    }
}

/// Completes the row of a key that [`reserve`] inserted.
pub(super) async fn store(tx: &mut Tx, kept: Kept<'_>) -> Result<(), Error> {
    let (owner, actor) = (owner(tx), tx.ctx().actor.clone());
    sqlx::query!(
        "update kernel.idempotency_keys set status = $5, headers = $6, body = $7
         where tenant_id = $1 and actor = $2 and route = $3 and key = $4",
        owner,
        actor.as_str(),
        kept.route,
        kept.key,
        kept.status,
        sqlx::types::Json(kept.headers) as _,
        kept.body
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
