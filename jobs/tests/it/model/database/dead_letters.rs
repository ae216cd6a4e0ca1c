//! What operators do with dead letters: one as the commands of [`domain::operations`] do it, several as its operations
//! do. The rules that stand in Rust there are asked here, too.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::types::Json;
use uuid::Uuid;

use super::Database;
use crate::model::ops::Away;
use crate::model::queue::{OPERATOR, edited, successor};
use crate::model::statements::Name;
use crate::support::QUEUE;

/// Of an operator that changes one, and of a worker that does what one has ordered.
const ONE: &str = "portal_admin";
const MANY: &str = "portal_worker";

impl Database<'_> {
    pub async fn redrive(&mut self, ids: &[String]) -> sqlx::Result<Vec<String>> {
        let redrive = self.query(Name::Redrive).bind(ids.to_vec()).bind(OPERATOR).bind("because");
        self.ids(role(ids), redrive).await
    }

    pub async fn put_away(&mut self, how: Away, ids: &[String]) -> sqlx::Result<Vec<String>> {
        let names = match how {
            Away::Archived => (Name::Archive, Name::ArchiveMany),
            Away::Discarded => (Name::Discard, Name::DiscardMany),
        };
        self.change(names, ids).await
    }

    pub async fn restore(&mut self, ids: &[String]) -> sqlx::Result<Vec<String>> {
        if let [id] = ids
            && self.is_corrected(id).await?
        {
            return Ok(Vec::new());
        }
        self.change((Name::Restore, Name::RestoreMany), ids).await
    }

    pub async fn edit(&mut self, ids: &[String]) -> sqlx::Result<Vec<String>> {
        let mut edits = Vec::new();
        for id in ids {
            if let Some(payload) = self.payload(id).await? {
                edits.push((id.clone(), payload.clone(), edited(&payload)));
            }
        }
        let ids: Vec<String> = edits.iter().map(|(id, ..)| id.clone()).collect();
        match edits.as_slice() {
            [] => return Ok(ids),
            [(id, before, after)] => {
                let set = self.query(Name::SetPayload).bind(id.clone()).bind(after.clone().into_bytes());
                self.rows(ONE, set).await?;
                let redriven = self.redrive(&ids).await?;
                self.keep_edit(id, (before.as_str(), after.as_str()), None).await?;
                return Ok(redriven);
            }
            _ => {}
        }
        let payloads: Vec<Vec<u8>> = edits.into_iter().map(|(.., after)| after.into_bytes()).collect();
        let rows: Vec<Uuid> = ids.iter().map(|_| Uuid::now_v7()).collect();
        let edit = self.query(Name::EditMany).bind(ids.clone()).bind(payloads).bind(rows);
        self.rows(MANY, edit.bind(OPERATOR).bind("because").bind(Json(json!({})))).await?;
        self.redrive(&ids).await
    }

    /// Answers with the dead letter. Here no event is logged, as there was none.
    pub async fn correct(&mut self, id: &str, max_attempts: i32) -> sqlx::Result<Vec<String>> {
        let Some(before) = self.payload(id).await? else { return Ok(Vec::new()) };
        let (after, event) = (edited(&before), Uuid::now_v7());
        let correct = self.query(Name::Correct).bind(id.to_owned()).bind(OPERATOR).bind("because").bind(event);
        let correct = correct.bind(DateTime::<Utc>::UNIX_EPOCH).bind("{}").bind(successor(id));
        let correct = correct.bind(after.clone().into_bytes()).bind(max_attempts).bind(Uuid::nil());
        let queues = self.ids(ONE, correct).await?;
        self.keep_edit(id, (before.as_str(), after.as_str()), Some(event)).await?;
        Ok(queues.into_iter().map(|_| id.to_owned()).collect())
    }

    /// Those that were changed. One by the first statement, several by the second one.
    async fn change(&mut self, (one, many): (Name, Name), ids: &[String]) -> sqlx::Result<Vec<String>> {
        match ids {
            [id] => {
                let changed = self.operate(one, id).await?;
                Ok((0..changed).map(|_| id.clone()).collect())
            }
            _ => {
                let change = self.query(many).bind(ids.to_vec()).bind(OPERATOR).bind("because");
                self.ids(MANY, change).await
            }
        }
    }

    async fn keep_edit(&mut self, id: &str, payloads: (&str, &str), event: Option<Uuid>) -> sqlx::Result<()> {
        let keep = self.query(Name::KeepEdit).bind(Uuid::now_v7()).bind(id.to_owned()).bind(QUEUE);
        let keep = keep.bind(OPERATOR).bind("because").bind(Json(json!({})));
        let keep = keep.bind(payloads.0.to_owned().into_bytes()).bind(payloads.1.to_owned().into_bytes());
        self.rows(ONE, keep.bind(event)).await.map(drop)
    }

    /// Of a dead letter that is left to do.
    async fn payload(&mut self, id: &str) -> sqlx::Result<Option<String>> {
        let payload = sqlx::query_scalar(
            "select encode(payload, 'escape') from jobs.overview where place = 'dead' and id = $1 and state = 'dead'",
        );
        self.as_role(ONE).await?;
        payload.bind(id.to_owned()).fetch_optional(&mut *self.conn).await
    }

    async fn is_corrected(&mut self, id: &str) -> sqlx::Result<bool> {
        let corrected =
            sqlx::query_scalar("select exists (select from jobs.edits where job_id = $1 and correction is not null)");
        self.as_role(ONE).await?;
        corrected.bind(id.to_owned()).fetch_one(&mut *self.conn).await
    }
}

fn role(ids: &[String]) -> &'static str {
    if ids.len() == 1 { ONE } else { MANY }
}
