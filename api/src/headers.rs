//! Reads request headers of which there may be one.

use axum::http::{HeaderMap, StatusCode};
use domain::FieldError;

use crate::problem::Problem;

/// The header's text, if it was sent.
///
/// # Errors
/// 400 `header_invalid` when it was sent twice or is not visible ASCII: two proxies in a row could
/// otherwise disagree about which one counts.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid(name, format!("{name} was sent more than once; send it once")));
    }
    let text = value.to_str().map_err(|_| invalid(name, format!("{name} is not visible ASCII text")))?;
    Ok(Some(text.trim()))
}

/// 400 `header_invalid`, naming the header.
pub(crate) fn invalid(name: &'static str, detail: impl Into<String>) -> Problem {
    let detail = detail.into();
    let field = FieldError { pointer: name.to_owned(), code: "header_invalid", detail: detail.clone() };
    Problem::new(StatusCode::BAD_REQUEST, "header_invalid", detail).with_fields(vec![field])
}
