//! SQL that writes or locks customers, and the shape of their rows.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::kernel::error::{Error, on_constraint};
use crate::kernel::tx::Tx;

use super::model::{Customer, CustomerGroup, Email, Name, Phone, Reason, Suspension};
use super::rules;

/// A row of `customers.customers`.
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) name: Name,
    pub(super) email: Email,
    pub(super) phone: Option<Phone>,
    pub(super) suspend_reason: Option<Reason>,
    pub(super) suspended_at: Option<DateTime<Utc>>,
    pub(super) group_id: Option<Uuid>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) version: i64,
}

impl From<Row> for Customer {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            email: row.email,
            phone: row.phone,
            // both or neither, by the constraint customers_suspension_complete
            suspension: row.suspend_reason.zip(row.suspended_at).map(|(reason, since)| Suspension { reason, since }),
            group_id: row.group_id,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

/// Reads a customer and keeps others from changing it until the transaction ends. Rows that refer
/// to it may still be inserted meanwhile.
pub(super) async fn lock(tx: &mut Tx, id: Uuid) -> Result<Option<Customer>, Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, name as "name: Name", email as "email: Email", phone as "phone: Phone",
                  suspend_reason as "suspend_reason: Reason", suspended_at, group_id, created_at, updated_at, version
           from customers.customers where id = $1 for no key update"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(Customer::from))
}

pub(super) async fn insert(tx: &mut Tx, customer: &Customer) -> Result<(), Error> {
    let tenant = tx.tenant()?;
    let suspension = customer.suspension.as_ref();
    sqlx::query!(
        "insert into customers.customers (id, tenant_id, name, email, phone, status, suspend_reason, suspended_at,
             group_id, created_at, updated_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        customer.id,
        tenant.as_str(),
        customer.name.as_str(),
        customer.email.as_str(),
        customer.phone.as_ref().map(Phone::as_str),
        customer.status().as_str(),
        suspension.map(|s| s.reason.as_str()),
        suspension.map(|s| s.since),
        customer.group_id,
        customer.created_at,
        customer.updated_at,
        customer.version
    )
    .execute(tx.conn())
    .await
    .map_err(refused)?;
    Ok(())
}

/// Writes every field that can change.
pub(super) async fn update(tx: &mut Tx, customer: &Customer) -> Result<(), Error> {
    let suspension = customer.suspension.as_ref();
    sqlx::query!(
        "update customers.customers set name = $2, email = $3, phone = $4, status = $5, suspend_reason = $6,
             suspended_at = $7, group_id = $8, updated_at = $9, version = $10
         where id = $1",
        customer.id,
        customer.name.as_str(),
        customer.email.as_str(),
        customer.phone.as_ref().map(Phone::as_str),
        customer.status().as_str(),
        suspension.map(|s| s.reason.as_str()),
        suspension.map(|s| s.since),
        customer.group_id,
        customer.updated_at,
        customer.version
    )
    .execute(tx.conn())
    .await
    .map_err(refused)?;
    Ok(())
}

pub(super) async fn insert_group(tx: &mut Tx, group: &CustomerGroup) -> Result<(), Error> {
    let tenant = tx.tenant()?;
    sqlx::query!(
        "insert into customers.customer_groups (id, tenant_id, name, created_at, version) values ($1, $2, $3, $4, $5)",
        group.id,
        tenant.as_str(),
        group.name.as_str(),
        group.created_at,
        group.version
    )
    .execute(tx.conn())
    .await
    .map_err(|e| on_constraint(e, "customer_groups_name_key", rules::group_name_taken))?;
    Ok(())
}

/// What the constraints of a customer's row stand for.
fn refused(error: sqlx::Error) -> Error {
    match on_constraint(error, "customers_email_key", rules::email_taken) {
        Error::Database(error) => on_constraint(error, "customers_group_fkey", rules::group_unknown),
        rejected => rejected,
    }
}
