//! `/v1/customers`: the customers of the tenant.

mod dto;

use axum::extract::State;
use axum::response::Response;
use domain::Db;
use domain::customers::{
    AssignCustomerGroup, ChangeCustomer, Customer, GetCustomer, ReinstateCustomer, SuspendCustomer,
};
use dto::{CustomerBody, CustomerPatch, GroupChoice, ListParameters, NewCustomer, SuspensionReason};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::answer::{self, Found};
use crate::auth::{CustomerTeam, Viewer};
use crate::change::{Action, Change};
use crate::etag::IfNoneMatch;
use crate::list::List;
use crate::parameters::{Path, Query};
use crate::problem::Problem;
use crate::state;

/// What `/v1/customers` has.
pub(crate) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new()
        .routes(routes!(list_customers, create_customer))
        .routes(routes!(get_customer, change_customer))
        .routes(routes!(suspend_customer))
        .routes(routes!(reinstate_customer))
        .routes(routes!(assign_customer_group))
}

/// Create a customer
///
/// It is active. Emits `customer-created`.
#[utoipa::path(post, path = "", tag = "customers", request_body = NewCustomer,
    security(("bearer" = ["portal-customer-team"])),
    responses(
        (status = 201, description = "The new customer.", body = CustomerBody),
        (status = 409, description = "`customer_email_taken`: another customer has the e-mail address."),
        (status = 422, description = "`customer_group_unknown`"),
    ))]
async fn create_customer(
    CustomerTeam(ctx): CustomerTeam,
    State(db): State<Db>,
    Change { asked, once }: Change<NewCustomer>,
) -> Result<Response, Problem> {
    let created = |customer: Customer| {
        answer::created(format!("/v1/customers/{}", customer.id), customer.version, &CustomerBody::from(customer))
    };
    once.run(&db, &ctx, asked, created).await
}

/// Read a customer
#[utoipa::path(get, path = "/{id}", tag = "customers", params(("id" = Uuid, Path, description = "The customer's id.")),
    security(("bearer" = ["portal-viewer"])),
    responses(
        (status = 200, description = "The customer.", body = CustomerBody),
        (status = 304, description = "It is still the version that `If-None-Match` names."),
        (status = 404, description = "`customer_not_found`"),
    ))]
async fn get_customer(
    Viewer(ctx): Viewer,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let customer = domain::fetch(&db, &ctx, GetCustomer { id }).await?;
    Ok(known.answer(customer.version, CustomerBody::from(customer)))
}

/// List customers
///
/// Those for which every given filter holds, newest first unless `sort` says otherwise.
#[utoipa::path(get, path = "", tag = "customers", params(ListParameters),
    security(("bearer" = ["portal-viewer"])),
    responses((status = 200, description = "A page of customers.", body = List<CustomerBody>)))]
async fn list_customers(
    Viewer(ctx): Viewer,
    State(db): State<Db>,
    Query(parameters): Query<ListParameters>,
) -> Result<Found<List<CustomerBody>>, Problem> {
    let page = domain::fetch(&db, &ctx, parameters.query()?).await?;
    Ok(Found(List::from(page)))
}

/// Change a customer's details
///
/// A JSON merge patch: a field that is left out stays, `phone: null` removes the number. Emits
/// `customer-changed` if something has another value than before.
#[utoipa::path(patch, path = "/{id}", tag = "customers", params(("id" = Uuid, Path, description = "The customer's id.")),
    request_body(content((CustomerPatch = "application/merge-patch+json"), (CustomerPatch = "application/json"))),
    security(("bearer" = ["portal-customer-team"])),
    responses(
        (status = 200, description = "The customer as it is now.", body = CustomerBody),
        (status = 404, description = "`customer_not_found`"),
        (status = 409, description = "`customer_email_taken`: another customer has the e-mail address."),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names."),
    ))]
async fn change_customer(
    CustomerTeam(ctx): CustomerTeam,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Change { asked, once }: Change<CustomerPatch>,
) -> Result<Response, Problem> {
    let (name, email, phone) = asked;
    let command = ChangeCustomer { id, expected_version: once.expected_version(), name, email, phone };
    once.run(&db, &ctx, command, changed).await
}

/// Suspend a customer
///
/// Emits `customer-suspended`, with the reason.
#[utoipa::path(post, path = "/{id}/suspend", tag = "customers",
    params(("id" = Uuid, Path, description = "The customer's id.")), request_body = SuspensionReason,
    security(("bearer" = ["portal-customer-team"])),
    responses(
        (status = 200, description = "The customer as it is now.", body = CustomerBody),
        (status = 404, description = "`customer_not_found`"),
        (status = 409, description = "`customer_already_suspended`"),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names."),
    ))]
async fn suspend_customer(
    CustomerTeam(ctx): CustomerTeam,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Change { asked: reason, once }: Change<SuspensionReason>,
) -> Result<Response, Problem> {
    let command = SuspendCustomer { id, expected_version: once.expected_version(), reason };
    once.run(&db, &ctx, command, changed).await
}

/// Make a suspended customer active again
///
/// Needs no body. Emits `customer-reinstated`.
#[utoipa::path(post, path = "/{id}/reinstate", tag = "customers",
    params(("id" = Uuid, Path, description = "The customer's id.")),
    security(("bearer" = ["portal-customer-team"])),
    responses(
        (status = 200, description = "The customer as it is now.", body = CustomerBody),
        (status = 404, description = "`customer_not_found`"),
        (status = 409, description = "`customer_not_suspended`"),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names."),
    ))]
async fn reinstate_customer(
    CustomerTeam(ctx): CustomerTeam,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Action(once): Action,
) -> Result<Response, Problem> {
    let command = ReinstateCustomer { id, expected_version: once.expected_version() };
    once.run(&db, &ctx, command, changed).await
}

/// Put a customer into a group, or out of any
///
/// Emits `customer-changed` unless it is there already.
#[utoipa::path(put, path = "/{id}/group", tag = "customers",
    params(("id" = Uuid, Path, description = "The customer's id.")), request_body = GroupChoice,
    security(("bearer" = ["portal-customer-team"])),
    responses(
        (status = 200, description = "The customer as it is now.", body = CustomerBody),
        (status = 404, description = "`customer_not_found`"),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names."),
        (status = 422, description = "`customer_group_unknown`"),
    ))]
async fn assign_customer_group(
    CustomerTeam(ctx): CustomerTeam,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Change { asked: group_id, once }: Change<GroupChoice>,
) -> Result<Response, Problem> {
    let command = AssignCustomerGroup { id, expected_version: once.expected_version(), group_id };
    once.run(&db, &ctx, command, changed).await
}

fn changed(customer: Customer) -> domain::Answer {
    answer::changed(customer.version, &CustomerBody::from(customer))
}
