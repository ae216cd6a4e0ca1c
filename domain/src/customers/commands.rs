//! What can be done to customers: each command loads and locks, asks a rule, saves and emits.

use uuid::Uuid;

use crate::kernel::command::Command;
use crate::kernel::error::{Error, Rejection};
use crate::kernel::patch::replace;
use crate::kernel::tx::Tx;

use super::events::{CustomerChanged, CustomerCreated, CustomerField, CustomerReinstated, CustomerSuspended};
use super::model::{Customer, CustomerGroup, Email, GroupName, Name, Phone, Reason, Suspension};
use super::{rules, store};

/// Creates an active customer. Emits [`CustomerCreated`].
///
/// Rejected with `customer_email_taken` or `customer_group_unknown`.
#[derive(Debug, Clone)]
pub struct CreateCustomer {
    /// Its name.
    pub name: Name,
    /// Not that of another customer of the tenant.
    pub email: Email,
    /// If known.
    pub phone: Option<Phone>,
    /// A customer group of the tenant.
    pub group_id: Option<Uuid>,
}

/// Changes the details that are given; the others stay. Emits [`CustomerChanged`] if one of them
/// has another value than before.
///
/// Rejected with `customer_not_found`, `version_conflict` or `customer_email_taken`.
#[derive(Debug, Clone)]
pub struct ChangeCustomer {
    /// Which customer.
    pub id: Uuid,
    /// The version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
    /// Another name.
    pub name: Option<Name>,
    /// Another address.
    pub email: Option<Email>,
    /// Another number; `Some(None)` removes it.
    pub phone: Option<Option<Phone>>,
}

/// Suspends an active customer. Emits [`CustomerSuspended`].
///
/// Rejected with `customer_not_found`, `version_conflict` or `customer_already_suspended`.
#[derive(Debug, Clone)]
pub struct SuspendCustomer {
    /// Which customer.
    pub id: Uuid,
    /// The version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
    /// Why.
    pub reason: Reason,
}

/// Makes a suspended customer active again. Emits [`CustomerReinstated`].
///
/// Rejected with `customer_not_found`, `version_conflict` or `customer_not_suspended`.
#[derive(Debug, Clone)]
pub struct ReinstateCustomer {
    /// Which customer.
    pub id: Uuid,
    /// The version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
}

/// Puts a customer into a group, or out of any. Emits [`CustomerChanged`] unless it is there
/// already.
///
/// Rejected with `customer_not_found`, `version_conflict` or `customer_group_unknown`.
#[derive(Debug, Clone)]
pub struct AssignCustomerGroup {
    /// Which customer.
    pub id: Uuid,
    /// The version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
    /// The group; none takes the customer out of its group.
    pub group_id: Option<Uuid>,
}

/// Creates a customer group. Emits nothing.
///
/// Rejected with `customer_group_name_taken`.
#[derive(Debug, Clone)]
pub struct CreateCustomerGroup {
    /// Not that of another group of the tenant.
    pub name: GroupName,
}

impl Command for CreateCustomer {
    type Output = Customer;

    async fn handle(self, tx: &mut Tx) -> Result<Customer, Error> {
        self.handle_as(Uuid::now_v7(), tx).await
    }
}

impl CreateCustomer {
    /// As [`Command::handle`], under a given id: demo data has the ids that the API's description
    /// uses in its examples.
    ///
    /// # Errors
    /// As [`Command::handle`].
    pub async fn handle_as(self, id: Uuid, tx: &mut Tx) -> Result<Customer, Error> {
        let customer = Customer {
            id,
            name: self.name,
            email: self.email,
            phone: self.phone,
            suspension: None,
            group_id: self.group_id,
            created_at: tx.now(),
            updated_at: tx.now(),
            version: 1,
        };
        store::insert(tx, &customer).await?;
        tx.emit(&CustomerCreated { customer: (&customer).into() })?;
        Ok(customer)
    }
}

impl Command for ChangeCustomer {
    type Output = Customer;

    async fn handle(self, tx: &mut Tx) -> Result<Customer, Error> {
        let mut customer = load(tx, self.id, self.expected_version).await?;
        let changed = self.apply(&mut customer);
        save_changes(tx, customer, changed).await
    }
}

impl ChangeCustomer {
    /// Sets what is given; says which fields have another value now.
    fn apply(self, customer: &mut Customer) -> Vec<CustomerField> {
        let mut changed = Vec::new();
        let mut note = |is_new: bool, field| {
            if is_new {
                changed.push(field)
            }
        };
        note(replace(&mut customer.name, self.name), CustomerField::Name);
        note(replace(&mut customer.email, self.email), CustomerField::Email);
        note(replace(&mut customer.phone, self.phone), CustomerField::Phone);
        changed
    }
}

impl Command for SuspendCustomer {
    type Output = Customer;

    async fn handle(self, tx: &mut Tx) -> Result<Customer, Error> {
        let mut customer = load(tx, self.id, self.expected_version).await?;
        rules::can_be_suspended(&customer)?;
        let reason = self.reason.as_str().to_owned();
        customer.suspension = Some(Suspension { reason: self.reason, since: tx.now() });
        let customer = save(tx, customer).await?;
        tx.emit(&CustomerSuspended { reason, customer: (&customer).into() })?;
        Ok(customer)
    }
}

impl Command for ReinstateCustomer {
    type Output = Customer;

    async fn handle(self, tx: &mut Tx) -> Result<Customer, Error> {
        let mut customer = load(tx, self.id, self.expected_version).await?;
        rules::can_be_reinstated(&customer)?;
        customer.suspension = None;
        let customer = save(tx, customer).await?;
        tx.emit(&CustomerReinstated { customer: (&customer).into() })?;
        Ok(customer)
    }
}

impl Command for AssignCustomerGroup {
    type Output = Customer;

    async fn handle(self, tx: &mut Tx) -> Result<Customer, Error> {
        let mut customer = load(tx, self.id, self.expected_version).await?;
        let moved = replace(&mut customer.group_id, Some(self.group_id));
        let changed = if moved { vec![CustomerField::GroupId] } else { Vec::new() };
        save_changes(tx, customer, changed).await
    }
}

impl Command for CreateCustomerGroup {
    type Output = CustomerGroup;

    async fn handle(self, tx: &mut Tx) -> Result<CustomerGroup, Error> {
        self.handle_as(Uuid::now_v7(), tx).await
    }
}

impl CreateCustomerGroup {
    /// As [`Command::handle`], under a given id; see [`CreateCustomer::handle_as`].
    ///
    /// # Errors
    /// As [`Command::handle`].
    pub async fn handle_as(self, id: Uuid, tx: &mut Tx) -> Result<CustomerGroup, Error> {
        let group = CustomerGroup { id, name: self.name, created_at: tx.now(), version: 1 };
        store::insert_group(tx, &group).await?;
        Ok(group)
    }
}

/// Locks the customer until the transaction ends, so that its versions, and with them its events,
/// follow one another.
async fn load(tx: &mut Tx, id: Uuid, expected_version: Option<i64>) -> Result<Customer, Error> {
    let customer = store::lock(tx, id).await?.ok_or_else(rules::customer_not_found)?;
    Rejection::unless_current(customer.version, expected_version)?;
    Ok(customer)
}

/// With a new version.
async fn save(tx: &mut Tx, customer: Customer) -> Result<Customer, Error> {
    let version = customer.version + 1;
    save_as(tx, customer, version).await
}

async fn save_as(tx: &mut Tx, mut customer: Customer, version: i64) -> Result<Customer, Error> {
    customer.version = version;
    customer.updated_at = tx.now();
    store::update(tx, &customer).await?;
    Ok(customer)
}

async fn save_changes(tx: &mut Tx, customer: Customer, changed: Vec<CustomerField>) -> Result<Customer, Error> {
    if changed.is_empty() {
        return Ok(customer);
    }
    let version = tx.next_version::<CustomerChanged>(customer.id, customer.version);
    let customer = save_as(tx, customer, version).await?;
    tx.emit_collapsing(CustomerChanged { changed, customer: (&customer).into() })?;
    Ok(customer)
}
