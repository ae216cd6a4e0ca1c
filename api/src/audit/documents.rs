//! `/v1/audit/documents`

use axum::extract::State;
use domain::Db;
use domain::audit::{GetDocument, ListDocuments};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::input::{DocumentParameters, PageParameters};
use super::output::{ComparedBody, DocumentBody};
use crate::answer::Found;
use crate::auth::Viewer;
use crate::list::List;
use crate::parameters::{Path, Query};
use crate::problem::Problem;
use crate::state;

pub(super) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new().routes(routes!(list_documents)).routes(routes!(get_document))
}

/// List the documents of an entity
///
/// What all of its kind look like now, the one changed last first. An event is in its document moments
/// after it happened.
#[utoipa::path(get, path = "/{entity}", tag = "audit",
    params(("entity" = String, Path, description = "`customers` or `products`.", example = "customers"), PageParameters),
    security(("bearer" = ["portal-viewer"])),
    responses(
        (status = 200, description = "A page of documents.", body = List<DocumentBody>),
        (status = 404, description = "`entity_unknown`"),
    ))]
async fn list_documents(
    Viewer(ctx): Viewer,
    State(db): State<Db>,
    Path(entity): Path<String>,
    Query(parameters): Query<PageParameters>,
) -> Result<Found<List<DocumentBody>>, Problem> {
    let (cursor, size) = parameters.parse()?;
    let page = domain::fetch(&db, &ctx, ListDocuments { entity, cursor, size }).await?;
    Ok(Found(List::from(page)))
}

/// Read a document
///
/// As it is now, or with `asOf` or `version` as it was then, which is found out from the events. With
/// `compareWith` also what is different in it from that version.
#[utoipa::path(get, path = "/{entity}/{id}", tag = "audit",
    params(
        ("entity" = String, Path, description = "`customers` or `products`.", example = "customers"),
        ("id" = Uuid, Path, description = "The id of the customer or product."),
        DocumentParameters,
    ),
    security(("bearer" = ["portal-viewer"])),
    responses(
        (status = 200, description = "The document.", body = ComparedBody),
        (status = 404, description = "`document_not_found`: there is none, was none then, or it has no such version. \
                                      `entity_unknown`"),
    ))]
async fn get_document(
    Viewer(ctx): Viewer,
    State(db): State<Db>,
    Path((entity, id)): Path<(String, Uuid)>,
    Query(parameters): Query<DocumentParameters>,
) -> Result<Found<ComparedBody>, Problem> {
    let (moment, compare_with) = parameters.parse()?;
    let document = domain::fetch(&db, &ctx, GetDocument { entity, id, moment, compare_with }).await?;
    Ok(Found(ComparedBody::from(document)))
}
