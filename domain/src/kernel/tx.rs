//! The business transaction a command works in.

use std::collections::BTreeSet;

use chrono::{DateTime, SubsecRound, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::connection::Borrowed;
use super::ctx::{Ctx, Scope, TenantId};
use super::db::{Access, Db};
use super::error::Error;
use super::event::{self, CollapsingEvent, Draft, Envelope, Event};
use super::idempotency::{self, Kept};
use super::job::{Job, NewJob};
use super::record::{self, Record};
use super::{outbox, queue};

/// An open transaction with its circumstances. Only [`run`](super::command::run) and its
/// relatives begin and commit one.
pub struct Tx {
    inner: Borrowed,
    db: Db,
    ctx: Ctx,
    now: DateTime<Utc>,
    replay: Option<Uuid>,
    recorded: bool,
    events: Vec<Envelope>,
    queues: BTreeSet<String>,
}

impl Tx {
    pub(crate) async fn begin(db: &Db, ctx: &Ctx, access: Access) -> Result<Self, Error> {
        let inner = db.begin(&ctx.scope, access).await?;
        Ok(Self {
            inner,
            db: db.clone(),
            ctx: ctx.clone(),
            // what PostgreSQL stores: microseconds
            now: Utc::now().trunc_subsecs(6),
            replay: None,
            recorded: false,
            events: Vec::new(),
            queues: BTreeSet::new(),
        })
    }

    /// The connection, for a module's `store` and `queries`.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.inner
    }

    /// Who asks, and as part of what.
    pub fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    /// The command's one instant, in microseconds.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The replay that the event belongs to which is handled here; none of an event that just arrived.
    pub fn replay(&self) -> Option<Uuid> {
        self.replay
    }

    pub(crate) fn mark_replay(&mut self, replay: Option<Uuid>) {
        self.replay = replay;
    }

    /// The tenant whose rows this transaction sees.
    ///
    /// # Errors
    /// [`Error::Internal`] in a transaction over the whole installation.
    pub fn tenant(&self) -> Result<TenantId, Error> {
        match &self.ctx.scope {
            Scope::Tenant(tenant) => Ok(tenant.clone()),
            Scope::Installation | Scope::Process => {
                Err(Error::Internal("a business command ran without a tenant".into()))
            }
        }
    }

    /// Records an event; it and its outbox job are written when the command returns.
    ///
    /// # Errors
    /// [`Error::Internal`] when it does not serialize, or without a tenant.
    pub fn emit<E: Event>(&mut self, event: &E) -> Result<(), Error> {
        let draft = Draft::of(event).map_err(|e| Error::Internal(format!("{}: {e}", E::TYPE)))?;
        self.emit_draft(draft).map(drop)
    }

    /// The same for an event whose type is known at run time only; returns its id.
    pub(crate) fn emit_draft(&mut self, draft: Draft) -> Result<Uuid, Error> {
        let id = Uuid::now_v7();
        self.events.push(Envelope {
            id,
            event_type: draft.event_type.to_owned(),
            source: event::source(draft.module),
            subject: event::subject(draft.module, draft.aggregate_id),
            time: self.now,
            sequence: draft.sequence,
            tenant_id: self.tenant()?,
            actor: self.ctx.actor.clone(),
            correlation_id: self.ctx.correlation_id.clone(),
            causation_id: self.ctx.causation_id.clone(),
            traceparent: self.ctx.traceparent.clone(),
            data_version: draft.data_version,
            data: draft.data,
        });
        Ok(id)
    }

    /// Records an event that collapses with the one before of the same aggregate in this command, if that is
    /// of the same type: see [`CollapsingEvent`]. Its version comes from [`next_version`](Self::next_version).
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn emit_collapsing<E: CollapsingEvent>(&mut self, event: E) -> Result<(), Error> {
        let Some(earlier) = self.last_of::<E>(event.aggregate_id()) else { return self.emit(&event) };
        let failed = |e| Error::Internal(format!("{}: {e}", E::TYPE));
        let before: E = serde_json::from_str(earlier.data.get()).map_err(failed)?;
        earlier.data = serde_json::value::to_raw_value(&before.collapse(event)).map_err(failed)?;
        Ok(())
    }

    /// The version of an aggregate once it is changed as `E` will say: the next one, or that which it has got in
    /// this command already by a change that `E` collapses with.
    pub fn next_version<E: CollapsingEvent>(&mut self, aggregate: Uuid, version: i64) -> i64 {
        if self.last_of::<E>(aggregate).is_some() { version } else { version + 1 }
    }

    /// The last event of the aggregate in this command, if it is of this type.
    fn last_of<E: Event>(&mut self, aggregate: Uuid) -> Option<&mut Envelope> {
        let subject = event::subject(E::MODULE, aggregate);
        let last = self.events.iter_mut().rfind(|event| event.subject == subject)?;
        (last.event_type == E::TYPE).then_some(last)
    }

    /// Adds a job to this transaction: it exists if and only if the transaction commits.
    ///
    /// # Errors
    /// [`Error::Internal`] when the arguments do not serialize; [`Error::Database`].
    pub async fn enqueue<J: Job>(&mut self, args: &J) -> Result<(), Error> {
        let job = NewJob::new(args).map_err(|e| Error::Internal(format!("{}: {e}", J::KIND)))?;
        self.enqueue_all(vec![job]).await
    }

    /// Adds jobs with key, priority or delay, in the order given, with one statement.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn enqueue_all(&mut self, jobs: Vec<NewJob>) -> Result<(), Error> {
        queue::insert(&mut self.inner, &self.db, &self.ctx, &jobs).await?;
        self.queues.extend(jobs.iter().map(|job| job.queue.to_owned()));
        Ok(())
    }

    /// Writes down what an operator's command did, for the auditors. Each command over the installation does it
    /// once, last of all.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn record(&mut self, what: Record<'_>) -> Result<(), Error> {
        record::write(self, what).await?;
        self.recorded = true;
        Ok(())
    }

    /// Refuses to end a command over the installation that changed something without recording it: nobody could
    /// say later who did it.
    pub(super) async fn ensure_recorded(&mut self) -> Result<(), Error> {
        if self.recorded || self.ctx.scope != Scope::Installation || !record::has_written(self).await? {
            return Ok(());
        }
        Err(Error::Internal("a command over the installation left no record of what it did: see Tx::record".into()))
    }

    /// The same by an operator or a schedule, whose transaction is not that of the tenant the jobs are for; none: for
    /// the installation.
    pub(crate) async fn enqueue_for(&mut self, tenant: Option<&TenantId>, jobs: Vec<NewJob>) -> Result<(), Error> {
        let scope = tenant.cloned().map_or(Scope::Process, Scope::Tenant);
        let ctx = Ctx { scope, ..self.ctx.clone() };
        queue::insert(&mut self.inner, &self.db, &ctx, &jobs).await?;
        self.queues.extend(jobs.iter().map(|job| job.queue.to_owned()));
        Ok(())
    }

    /// Where it runs.
    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    /// Wakes this queue's workers after the commit.
    pub(crate) fn ring_after_commit(&mut self, queue: String) {
        self.queues.insert(queue);
    }

    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        if !self.events.is_empty() {
            let events = std::mem::take(&mut self.events);
            outbox::write(&mut self, events, None).await?;
        }
        self.end().await
    }

    /// Commits the answer with the rest, in the statement that writes the events if there are any.
    pub(crate) async fn commit_answered(mut self, kept: Kept<'_>) -> Result<(), Error> {
        if self.events.is_empty() {
            idempotency::store(&mut self, kept).await?;
        } else {
            let events = std::mem::take(&mut self.events);
            outbox::write(&mut self, events, Some(kept)).await?;
        }
        self.end().await
    }

    async fn end(mut self) -> Result<(), Error> {
        crate::fail_point!("fail-point:committing");
        self.inner.commit().await?;
        crate::fail_point!("fail-point:committed");
        self.db.ring(self.queues);
        Ok(())
    }

    /// Undoes everything. Dropping the transaction does so, too, but nobody knows when.
    pub(crate) async fn rollback(mut self) -> Result<(), Error> {
        self.inner.rollback().await?;
        Ok(())
    }
}
