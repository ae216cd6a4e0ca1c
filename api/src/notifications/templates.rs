//! `/v1/notifications/templates`.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use domain::Db;
use domain::notifications::{
    Channel, GetTemplate, Language, ListTemplates, NotificationEvent, PreviewTemplate, Rendered, SaveTemplate,
    Template, TemplateKey,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::dto::{PreviewBody, PreviewDraft, TemplateBody, TemplateDraft, TemplateList, VersionParameter};
use crate::answer::{self, Found};
use crate::auth::Staff;
use crate::change::Change;
use crate::etag::IfNoneMatch;
use crate::parameters::{self, Path, Query};
use crate::problem::Problem;
use crate::state;

pub(super) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new()
        .routes(routes!(list_notification_templates))
        .routes(routes!(get_notification_template, save_notification_template))
        .routes(routes!(preview_notification_template))
}

/// The three words in a path.
struct Which(TemplateKey);

impl<S: Send + Sync> FromRequestParts<S> for Which {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path((event, channel, language)) =
            Path::<(String, String, String)>::from_request_parts(parts, state).await?;
        Ok(Self(TemplateKey {
            event: NotificationEvent::parse(&event, "event").map_err(parameters::path_invalid)?,
            channel: Channel::parse(&channel, "channel").map_err(parameters::path_invalid)?,
            language: Language::parse(&language, "language").map_err(parameters::path_invalid)?,
        }))
    }
}

/// List templates
///
/// Each in its present version, without its text: the tenant's, and the program's where the tenant has none of its own.
#[utoipa::path(get, path = "", tag = "notifications", security(("bearer" = ["portal-staff"])),
    responses((status = 200, description = "Every template, by event and language.", body = TemplateList)))]
async fn list_notification_templates(Staff(ctx): Staff, State(db): State<Db>) -> Result<Found<TemplateList>, Problem> {
    Ok(Found(domain::fetch(&db, &ctx, ListTemplates).await?.into()))
}

/// Read a template
///
/// The tenant's, or else the program's.
#[utoipa::path(get, path = "/{event}/{channel}/{language}", tag = "notifications",
    params(
        ("event" = String, Path, description = "`order-confirmed` or `order-cancelled`.", pattern = "^order-(confirmed|cancelled)$"),
        ("channel" = String, Path, description = "`email`.", pattern = "^email$"),
        ("language" = String, Path, description = "As in BCP 47: `en`, `pt-BR`.", pattern = "^[a-z]{2,3}(-[A-Z]{2})?$"),
        VersionParameter),
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "The template.", body = TemplateBody),
        (status = 304, description = "It is still the version that `If-None-Match` names."),
        (status = 404, description = "`notification_template_not_found`: there is none in this language, or no such version."),
    ))]
async fn get_notification_template(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Which(key): Which,
    Query(parameters): Query<VersionParameter>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let template = domain::fetch(&db, &ctx, GetTemplate { key, version: parameters.version()? }).await?;
    Ok(known.answer(template.version, TemplateBody::from(template)))
}

/// Edit a template
///
/// Writes a new version; the old ones stay. A template that does not compile, or names what there is not,
/// is refused. There are `if`, `for line in order.lines`, and the filters `upper`, `lower`, `title`, `trim`,
/// `length`, `first`, `last`; and in `order` `id`, `currency`, `total`, `lines` (`sku`, `name`, `quantity`,
/// `price`, `total`), if it was cancelled also `cancellation` (`cause`, `reason`, `lines`), in `customer`
/// `name` and `email`.
#[utoipa::path(put, path = "/{event}/{channel}/{language}", tag = "notifications",
    params(
        ("event" = String, Path, description = "`order-confirmed` or `order-cancelled`.", pattern = "^order-(confirmed|cancelled)$"),
        ("channel" = String, Path, description = "`email`.", pattern = "^email$"),
        ("language" = String, Path, description = "As in BCP 47: `en`, `pt-BR`.", pattern = "^[a-z]{2,3}(-[A-Z]{2})?$")),
    request_body = TemplateDraft,
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "The template as it is now.", body = TemplateBody),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names, or somebody else edited it at the same time."),
        (status = 422, description = "In `errors`: `template_invalid`, with the line."),
    ))]
async fn save_notification_template(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Which(key): Which,
    Change { asked: draft, once }: Change<TemplateDraft>,
) -> Result<Response, Problem> {
    let command = SaveTemplate { key, expected_version: once.expected_version(), draft };
    let changed = |template: Template| answer::changed(template.version, &TemplateBody::from(template));
    once.run(&db, &ctx, command, changed).await
}

/// Preview a template
///
/// With sample data. `{}` shows the present text, `subject` and `body` show another one before it is saved.
#[utoipa::path(post, path = "/{event}/{channel}/{language}/preview", tag = "notifications",
    params(
        ("event" = String, Path, description = "`order-confirmed` or `order-cancelled`.", pattern = "^order-(confirmed|cancelled)$"),
        ("channel" = String, Path, description = "`email`.", pattern = "^email$"),
        ("language" = String, Path, description = "As in BCP 47: `en`, `pt-BR`.", pattern = "^[a-z]{2,3}(-[A-Z]{2})?$")),
    request_body = PreviewDraft,
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "What it becomes.", body = PreviewBody),
        (status = 404, description = "`notification_template_not_found`: there is none in this language."),
        (status = 422, description = "In `errors`: `template_invalid`, with the line."),
    ))]
async fn preview_notification_template(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Which(key): Which,
    Change { asked: draft, once }: Change<PreviewDraft>,
) -> Result<Response, Problem> {
    let shown = |rendered: Rendered| answer::done(200, &PreviewBody::from(rendered));
    once.run(&db, &ctx, PreviewTemplate { key, draft }, shown).await
}
