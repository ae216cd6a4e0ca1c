//! Versions as entity tags: `ETag: "3"` on a resource, `If-Match` before a change, `If-None-Match`
//! before reading again. Tags are strong: a version has one representation.

use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, HeaderValue};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::answer::Found;
use crate::headers;
use crate::problem::Problem;

/// `"3"` for version 3.
pub(crate) fn of(version: i64) -> String {
    format!("\"{version}\"")
}

/// Tags as the caller sent them.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    /// The header was not sent.
    Unsent,
    /// `*`: any version, as long as there is one.
    Any,
    /// One of these.
    OneOf(Vec<Tag>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    weak: bool,
    text: String,
}

/// `If-Match`: which versions the caller wants to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IfMatch(Tags);

/// `If-None-Match`: which versions the caller has already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IfNoneMatch(Tags);

impl IfMatch {
    /// # Errors
    /// 400 `header_invalid` when it is not a list of entity tags.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self(tags(headers, "If-Match")?))
    }

    /// Whether the caller says anything.
    pub(crate) fn was_sent(&self) -> bool {
        self.0 != Tags::Unsent
    }

    /// The version that may be changed; none if any may.
    ///
    /// Of a list it is the highest: who has seen version 4 knows that 3 is gone. Weak tags and tags
    /// we did not make match nothing, which version 0 stands for: no resource has it.
    pub(crate) fn version(&self) -> Option<i64> {
        match &self.0 {
            Tags::Unsent | Tags::Any => None,
            Tags::OneOf(tags) => {
                let version = |tag: &Tag| tag.text.parse::<i64>().ok().filter(|v| v.to_string() == tag.text);
                Some(tags.iter().filter(|tag| !tag.weak).filter_map(version).max().unwrap_or(0))
            }
        }
    }
}

impl IfNoneMatch {
    /// # Errors
    /// 400 `header_invalid` when it is not a list of entity tags.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self(tags(headers, "If-None-Match")?))
    }

    /// 200 with the resource and its `ETag`, or 304 if the caller has this version.
    pub(crate) fn answer<T: Serialize>(&self, version: i64, body: T) -> Response {
        let current = of(version).trim_matches('"').to_owned();
        let known = match &self.0 {
            Tags::Unsent => false,
            Tags::Any => true,
            // Reading compares weakly: a proxy may have weakened the tag.
            Tags::OneOf(tags) => tags.iter().any(|tag| tag.text == current),
        };
        let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { Found(body).into_response() };
        if let Ok(tag) = HeaderValue::try_from(of(version)) {
            response.headers_mut().insert(ETAG, tag);
        }
        response
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::read(&parts.headers)
    }
}

/// The header may be sent more than once; it is one list then.
fn tags(headers: &HeaderMap, name: &'static str) -> Result<Tags, Problem> {
    let malformed = || headers::invalid(name, format!("{name} is * or a list of entity tags, for example \"3\""));
    let mut list = Vec::new();
    for value in headers.get_all(name) {
        list.push(value.to_str().map_err(|_| malformed())?.trim());
    }
    match list.as_slice() {
        [] => Ok(Tags::Unsent),
        ["*"] => Ok(Tags::Any),
        _ => parse_list(&list.join(",")).map(Tags::OneOf).ok_or_else(malformed),
    }
}

/// `"a", W/"b"`: a comma may stand inside of the quotes.
fn parse_list(list: &str) -> Option<Vec<Tag>> {
    let mut tags = Vec::new();
    let mut rest = list.trim();
    loop {
        let (weak, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let (text, after) = quoted.strip_prefix('"')?.split_once('"')?;
        tags.push(Tag { weak, text: text.to_owned() });
        rest = after.trim_start();
        if rest.is_empty() {
            return Some(tags);
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::IF_MATCH;

    use super::*;

    fn if_match(value: &str) -> Result<IfMatch, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, value.parse().unwrap());
        IfMatch::read(&headers)
    }

    #[test]
    fn lists_stars_and_absence_are_understood() {
        let unsent = IfMatch::read(&HeaderMap::new()).unwrap();
        assert_eq!((unsent.version(), unsent.was_sent()), (None, false));
        let any = if_match("*").unwrap();
        assert_eq!((any.version(), any.was_sent()), (None, true));
        assert_eq!(if_match("\"3\"").unwrap().version(), Some(3));
        assert_eq!(if_match("\"4\", \"3\"").unwrap().version(), Some(4));
    }

    #[test]
    fn weak_and_foreign_tags_match_nothing() {
        assert_eq!(if_match("W/\"3\"").unwrap().version(), Some(0));
        assert_eq!(if_match("\"a,b\", \"03\"").unwrap().version(), Some(0));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["3", "\"3", "", "\"3\" \"4\"", "\"3\",", "*, \"3\"", "w/\"3\""] {
            assert!(if_match(bad).is_err(), "{bad}");
        }
    }
}
