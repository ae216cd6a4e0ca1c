//! Reads customers and groups, always of the transaction's tenant.

use uuid::Uuid;

use crate::kernel::command::Query;
use crate::kernel::error::{Error, Rejection};
use crate::kernel::page::{Listing, Page, PageSize, SearchText, decode_cursor};
use crate::kernel::tx::Tx;

use super::model::{Customer, CustomerGroup, Email, GroupName, Name, Phone, Reason, Status};
use super::rules;
use super::store::Row;

/// One customer. Rejected with `customer_not_found`.
#[derive(Debug, Clone, Copy)]
pub struct GetCustomer {
    /// Which.
    pub id: Uuid,
}

/// A page of customers for whom every given filter holds.
#[derive(Debug, Clone, Default)]
pub struct ListCustomers {
    /// Only those.
    pub status: Option<Status>,
    /// Only those in this group; an unknown one has no customers.
    pub group_id: Option<Uuid>,
    /// Only those with this in name or e-mail address.
    pub text: Option<SearchText>,
    /// Order, start and size.
    pub page: Listing,
}

/// One customer group. Rejected with `customer_group_not_found`.
#[derive(Debug, Clone, Copy)]
pub struct GetCustomerGroup {
    /// Which.
    pub id: Uuid,
}

/// A page of customer groups, ordered by name. Rejected with `cursor_invalid`.
#[derive(Debug, Clone, Default)]
pub struct ListCustomerGroups {
    /// `next` of the page before; none starts at the beginning.
    pub cursor: Option<String>,
    /// How many at most.
    pub size: PageSize,
}

impl Query for GetCustomer {
    type Output = Customer;

    async fn fetch(self, tx: &mut Tx) -> Result<Customer, Error> {
        let row = sqlx::query_as!(
            Row,
            r#"select id, name as "name: Name", email as "email: Email", phone as "phone: Phone",
                      suspend_reason as "suspend_reason: Reason", suspended_at, group_id, created_at, updated_at, version
               from customers.customers where id = $1"#,
            self.id
        )
        .fetch_optional(tx.conn())
        .await?;
        Ok(row.map(Customer::from).ok_or_else(rules::customer_not_found)?)
    }
}

impl Query for ListCustomers {
    type Output = Page<Customer>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<Customer>, Error> {
        let Listing { sort, after, size } = &self.page;
        let rows = sqlx::query_file_as!(
            Row,
            "src/customers/list.sql",
            self.status.map(Status::as_str),
            self.group_id,
            self.text.as_ref().map(SearchText::as_str),
            sort.as_str(),
            after.id,
            after.created_at,
            after.name.as_deref(),
            size.rows_to_fetch()
        )
        .fetch_all(tx.conn())
        .await?;
        let customers = rows.into_iter().map(Customer::from).collect();
        Ok(self.page.page(customers, |c: &Customer| (c.created_at, c.name.as_str(), c.id)))
    }
}

impl Query for GetCustomerGroup {
    type Output = CustomerGroup;

    async fn fetch(self, tx: &mut Tx) -> Result<CustomerGroup, Error> {
        let group = sqlx::query_as!(
            CustomerGroup,
            r#"select id, name as "name: GroupName", created_at, version from customers.customer_groups where id = $1"#,
            self.id
        )
        .fetch_optional(tx.conn())
        .await?;
        Ok(group.ok_or_else(rules::group_not_found)?)
    }
}

impl Query for ListCustomerGroups {
    type Output = Page<CustomerGroup>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<CustomerGroup>, Error> {
        let after = self.cursor.as_deref().map(group_cursor).transpose()?;
        let groups = sqlx::query_as!(
            CustomerGroup,
            r#"select id, name as "name: GroupName", created_at, version from customers.customer_groups
               where $1::text is null or name > $1 order by name limit $2"#,
            after.as_ref().map(GroupName::as_str),
            self.size.rows_to_fetch()
        )
        .fetch_all(tx.conn())
        .await?;
        Ok(Page::new(groups, self.size, |group| group.name.as_str().to_owned()))
    }
}

fn group_cursor(cursor: &str) -> Result<GroupName, Rejection> {
    let name: String = decode_cursor(cursor)?;
    GroupName::parse(&name, "cursor").map_err(|wrong| Rejection::invalid(vec![wrong]))
}
