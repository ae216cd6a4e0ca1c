//! Lists: `{"data": [...], "next": "…" | null}`, where `next` is the `cursor` of the next page.

use domain::FieldError;
use domain::kernel::page::{Listing, Page, PageSize, Sort};
use serde::Serialize;
use utoipa::ToSchema;

use crate::body::Wrong;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// In the order asked for.
    pub(crate) data: Vec<T>,
    /// Send it as `cursor` for the next page; null on the last one.
    #[schema(required = true)]
    pub(crate) next: Option<String>,
}

impl<U, T: From<U>> From<Page<U>> for List<T> {
    fn from(page: Page<U>) -> Self {
        Self { data: page.data.into_iter().map(T::from).collect(), next: page.next }
    }
}

/// The orders of a list.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what Sort::parse reads")]
pub(crate) enum SortOrder {
    #[schema(rename = "created_at")]
    Oldest,
    #[schema(rename = "-created_at")]
    Newest,
    #[schema(rename = "name")]
    Name,
    #[schema(rename = "-name")]
    NameBackwards,
}

/// The orders of a list whose rows have no name.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what Sort::parse_time reads")]
pub(crate) enum TimeOrder {
    #[schema(rename = "created_at")]
    Oldest,
    #[schema(rename = "-created_at")]
    Newest,
}

/// `limit`, or the default. What is no number is refused like a number that is too large.
pub(crate) fn size(limit: Option<&str>, wrong: &mut Wrong) -> Option<PageSize> {
    limit.map_or(Some(PageSize::default()), |rows| wrong.take_checked(PageSize::new(rows.parse().unwrap_or(u16::MAX))))
}

/// `sort`, `cursor` and `limit` of a list that can be sorted.
pub(crate) fn listing(
    sort: Option<&str>,
    cursor: Option<&str>,
    limit: Option<&str>,
    wrong: &mut Wrong,
) -> Option<Listing> {
    paged(sort.map(Sort::parse), cursor, limit, wrong)
}

/// As [`listing`], of a list whose rows have no name.
pub(crate) fn listing_by_time(
    sort: Option<&str>,
    cursor: Option<&str>,
    limit: Option<&str>,
    wrong: &mut Wrong,
) -> Option<Listing> {
    paged(sort.map(Sort::parse_time), cursor, limit, wrong)
}

fn paged(
    sort: Option<Result<Sort, FieldError>>,
    cursor: Option<&str>,
    limit: Option<&str>,
    wrong: &mut Wrong,
) -> Option<Listing> {
    let sort = wrong.take_optional(sort);
    let size = size(limit, wrong);
    wrong.take_checked(Listing::new(sort?.unwrap_or_default(), cursor, size?))
}
