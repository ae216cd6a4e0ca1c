//! Keyset pages: a page ends with an opaque cursor that names its last row, so that rows inserted
//! meanwhile neither repeat nor hide others, and the hundredth page costs what the first does.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::{FieldError, Rejection};
use super::input;

/// Rows per page, 1–200; 50 if the caller does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(u16);

/// A page of rows.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows, in the order asked for.
    pub data: Vec<T>,
    /// Where the next page starts; none on the last page.
    pub next: Option<String>,
}

/// The order of a list. Rows that are alike in it are ordered by id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sort {
    /// `created_at`: oldest first.
    #[serde(rename = "created_at")]
    Oldest,
    /// `-created_at`: newest first.
    #[default]
    #[serde(rename = "-created_at")]
    Newest,
    /// `name`: in the database's collation.
    #[serde(rename = "name")]
    Name,
    /// `-name`: the other way round.
    #[serde(rename = "-name")]
    NameBackwards,
}

/// Text that rows are searched for, ignoring case: 1–100 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText(String);

/// Which page of a list that can be sorted in any [`Sort`].
#[derive(Debug, Clone, Default)]
pub struct Listing {
    pub(crate) sort: Sort,
    pub(crate) after: After,
    pub(crate) size: PageSize,
}

/// The last row of the page before; of the keys only the one that `sort` needs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct After {
    sort: Sort,
    pub(crate) id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

impl Default for PageSize {
    fn default() -> Self {
        Self(50)
    }
}

impl PageSize {
    /// # Errors
    /// A rejection that names the parameter `limit`.
    pub fn new(rows: u16) -> Result<Self, Rejection> {
        if (1..=200).contains(&rows) {
            Ok(Self(rows))
        } else {
            Err(Rejection::invalid_field("limit_invalid", "limit", "limit is a number from 1 to 200"))
        }
    }

    /// How many rows to ask the database for: one more than the page, to know whether it is the last.
    pub fn rows_to_fetch(self) -> i64 {
        i64::from(self.0) + 1
    }
}

impl<T> Page<T> {
    /// Cuts what was fetched with [`PageSize::rows_to_fetch`] into a page; `key` is what the
    /// cursor must remember of a row.
    pub fn new<K: Serialize>(mut rows: Vec<T>, size: PageSize, key: impl Fn(&T) -> K) -> Self {
        let more = rows.len() > usize::from(size.0);
        rows.truncate(usize::from(size.0));
        let next = if more { rows.last().and_then(|row| encode(&key(row))) } else { None };
        Self { data: rows, next }
    }
}

impl Sort {
    /// All of them, as callers write them.
    pub const NAMES: [&str; 4] = ["created_at", "-created_at", "name", "-name"];

    /// # Errors
    /// Names the parameter `sort` and says what is allowed; code `sort_invalid`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        [Self::Oldest, Self::Newest, Self::Name, Self::NameBackwards]
            .into_iter()
            .find(|sort| sort.as_str() == text)
            .ok_or_else(|| input::wrong("sort", "sort_invalid", format!("sort is one of {}", Self::NAMES.join(", "))))
    }

    /// As callers write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oldest => "created_at",
            Self::Newest => "-created_at",
            Self::Name => "name",
            Self::NameBackwards => "-name",
        }
    }

    /// As [`parse`](Self::parse), for a list whose rows have no name.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_time(text: &str) -> Result<Self, FieldError> {
        Self::parse(text).ok().filter(|sort| !sort.by_name()).ok_or_else(|| {
            let allowed = format!("sort is one of {}", Self::NAMES[..2].join(", "));
            input::wrong("sort", "sort_invalid", allowed)
        })
    }

    fn by_name(self) -> bool {
        matches!(self, Self::Name | Self::NameBackwards)
    }
}

impl SearchText {
    /// # Errors
    /// Names `parameter` and says what is allowed.
    pub fn parse(text: &str, parameter: &str) -> Result<Self, FieldError> {
        input::line(text, parameter, 100).map(Self)
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Listing {
    /// `cursor` is `next` of the page before; without it the list starts at its beginning.
    ///
    /// # Errors
    /// A rejection that names the parameter `cursor`, also for the cursor of another sort.
    pub fn new(sort: Sort, cursor: Option<&str>, size: PageSize) -> Result<Self, Rejection> {
        let after = match cursor {
            None => After::default(),
            Some(cursor) => decode_cursor(cursor)?,
        };
        if cursor.is_some() && !after.fits(sort) {
            return Err(foreign_cursor());
        }
        Ok(Self { sort, after, size })
    }

    /// Cuts what was fetched with [`PageSize::rows_to_fetch`] into a page; `key` gives a row's time
    /// of creation, name and id.
    pub(crate) fn page<T>(&self, rows: Vec<T>, key: impl Fn(&T) -> (DateTime<Utc>, &str, Uuid)) -> Page<T> {
        Page::new(rows, self.size, |row| {
            let (created_at, name, id) = key(row);
            let by_name = self.sort.by_name();
            After {
                sort: self.sort,
                id: Some(id),
                created_at: (!by_name).then_some(created_at),
                name: by_name.then(|| name.to_owned()),
            }
        })
    }
}

impl After {
    /// Whether it is a position in a list of this sort, and one that PostgreSQL can read.
    fn fits(&self, sort: Sort) -> bool {
        let key = match (&self.name, self.created_at) {
            (Some(name), None) => sort.by_name() && !name.contains('\0'),
            (None, Some(at)) => !sort.by_name() && at >= DateTime::UNIX_EPOCH,
            _ => false,
        };
        self.sort == sort && self.id.is_some() && key
    }
}

fn encode<K: Serialize>(key: &K) -> Option<String> {
    serde_json::to_vec(key).ok().map(|json| URL_SAFE_NO_PAD.encode(json))
}

/// Reads a cursor that came back from a caller.
///
/// # Errors
/// A rejection that names the parameter `cursor`.
pub fn decode_cursor<K: DeserializeOwned>(cursor: &str) -> Result<K, Rejection> {
    let json = URL_SAFE_NO_PAD.decode(cursor).ok();
    json.and_then(|json| serde_json::from_slice(&json).ok()).ok_or_else(foreign_cursor)
}

/// For a cursor that is none of this list's.
pub(crate) fn foreign_cursor() -> Rejection {
    Rejection::invalid_field(
        "cursor_invalid",
        "cursor",
        "this is not a cursor of this list; use `next` of the previous page with the same sort, or leave it out",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_has_no_cursor() {
        let size = PageSize::new(2).unwrap();
        assert_eq!(Page::new(vec![1, 2], size, |n| *n).next, None);
        let page = Page::new(vec![1, 2, 3], size, |n| *n);
        assert_eq!(page.data, [1, 2]);
        assert_eq!(decode_cursor::<i32>(&page.next.unwrap()).unwrap(), 2);
    }

    #[test]
    fn a_foreign_cursor_is_refused_by_name() {
        for bad in ["", "###", "aGFsbG8", "eyJ4IjoxfQ"] {
            assert_eq!(decode_cursor::<(i64, uuid::Uuid)>(bad).unwrap_err().fields[0].pointer, "cursor", "{bad}");
        }
    }

    fn cursor_of(sort: Sort) -> String {
        let size = PageSize::new(1).unwrap();
        let listing = Listing::new(sort, None, size).unwrap();
        let row = (DateTime::UNIX_EPOCH, "Ada", Uuid::nil());
        listing.page(vec![row, row], |row| *row).next.unwrap()
    }

    #[test]
    fn a_cursor_belongs_to_its_sort() {
        for made in Sort::NAMES {
            for used in Sort::NAMES {
                let cursor = cursor_of(Sort::parse(made).unwrap());
                let listing = Listing::new(Sort::parse(used).unwrap(), Some(&cursor), PageSize::default());
                assert_eq!(listing.is_ok(), made == used, "{made} used for {used}");
            }
        }
    }

    #[test]
    fn a_forged_cursor_never_reaches_the_database() {
        let id = Uuid::nil();
        for forged in [
            format!(r#"{{"sort":"name","id":"{id}","name":"\u0000"}}"#),
            format!(r#"{{"sort":"name","id":"{id}","name":"a","created_at":"2026-01-01T00:00:00Z"}}"#),
            format!(r#"{{"sort":"name","id":"{id}"}}"#),
            r#"{"sort":"name","id":null,"name":"a"}"#.to_owned(),
        ] {
            let cursor = URL_SAFE_NO_PAD.encode(&forged);
            assert!(Listing::new(Sort::Name, Some(&cursor), PageSize::default()).is_err(), "{forged}");
        }
    }

    #[test]
    fn what_has_no_name_is_sorted_by_time_only() {
        assert_eq!(
            ["created_at", "-created_at"].map(|text| Sort::parse_time(text).unwrap()),
            [Sort::Oldest, Sort::Newest]
        );
        for bad in ["name", "-name", "email"] {
            assert_eq!(Sort::parse_time(bad).unwrap_err().detail, "sort is one of created_at, -created_at", "{bad}");
        }
    }

    #[test]
    fn an_unknown_sort_is_refused_with_the_known_ones() {
        let error = Sort::parse("email").unwrap_err();
        assert_eq!((error.pointer.as_str(), error.code), ("sort", "sort_invalid"));
        assert_eq!(error.detail, "sort is one of created_at, -created_at, name, -name");
    }
}
