//! Customers and customer groups.
//!
//! A customer is an aggregate: every change locks its row, raises its version by one and emits one
//! event with that version as sequence and the whole customer as it is afterwards. A change that
//! changes nothing (a patch with the present values, the group it already has) emits nothing and
//! keeps the version. Groups are plain lists to sort customers into; they emit no events.
//!
//! | code | kind | when |
//! |---|---|---|
//! | `customer_not_found` | not found | no such customer in this tenant |
//! | `customer_email_taken` | conflict | another customer of the tenant has the e-mail |
//! | `customer_already_suspended` | conflict | suspending a suspended customer |
//! | `customer_not_suspended` | conflict | reinstating an active customer |
//! | `customer_group_unknown` | invalid, `/groupId` | creating with, or assigning to, no group of this tenant |
//! | `customer_group_not_found` | not found | asking for no group of this tenant |
//! | `customer_group_name_taken` | conflict | another group of the tenant has the name |
//! | `version_conflict` | precondition failed | the caller's expected version is not the present one |

mod commands;
mod events;
mod model;
mod queries;
mod rules;
mod store;

pub use commands::{
    AssignCustomerGroup, ChangeCustomer, CreateCustomer, CreateCustomerGroup, ReinstateCustomer, SuspendCustomer,
};
pub use events::{
    CustomerChanged, CustomerCreated, CustomerField, CustomerReinstated, CustomerSnapshot, CustomerSuspended,
};
pub use model::{Customer, CustomerGroup, Email, GroupName, Name, Phone, Reason, Status, Suspension};
pub use queries::{GetCustomer, GetCustomerGroup, ListCustomerGroups, ListCustomers};
