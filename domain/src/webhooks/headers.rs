//! What an endpoint wants to be sent along with every delivery.

use std::collections::BTreeMap;
use std::fmt;

use crate::kernel::error::FieldError;
use crate::kernel::input;

/// One header. Its value may be a password: it is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// In lower case.
    pub name: String,
    /// Visible ASCII, spaces and tabs.
    pub value: String,
}

/// At most 20, of different names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<Header>);

/// Those of the connection, and those that are ours. So are all that begin with `webhook-` or `proxy-`.
const RESERVED: [&str; 14] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: …", self.name)
    }
}

impl Header {
    /// # Errors
    /// Names `pointer`; codes `header_name_malformed`, `header_reserved`, `header_value_malformed`.
    pub fn parse(name: &str, value: &str, pointer: &str) -> Result<Self, FieldError> {
        let wrong = |code, detail: &str| Err(input::wrong(pointer, code, detail));
        let right = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if !(1..=100).contains(&name.len()) || !name.bytes().all(right) {
            return wrong("header_name_malformed", "a name is 1 to 100 characters of A-Z, a-z, 0-9, - and _");
        }
        let name = name.to_ascii_lowercase();
        if RESERVED.contains(&&*name) || name.starts_with("webhook-") || name.starts_with("proxy-") {
            return wrong("header_reserved", "this header is set by the program; choose another name");
        }
        let value = value.trim();
        let visible = |b: u8| b == b'\t' || (b' '..=b'~').contains(&b);
        if !(1..=1000).contains(&value.len()) || !value.bytes().all(visible) {
            return wrong("header_value_malformed", "a value is 1 to 1000 visible characters of ASCII");
        }
        Ok(Self { name, value: value.to_owned() })
    }
}

impl Headers {
    /// # Errors
    /// Names what is below `pointer`; codes as [`Header::parse`], `headers_too_many`, `header_repeated`.
    pub fn parse(given: &BTreeMap<String, String>, pointer: &str) -> Result<Self, FieldError> {
        if given.len() > 20 {
            return Err(input::wrong(pointer, "headers_too_many", "give at most 20 headers"));
        }
        let mut headers: Vec<Header> = Vec::with_capacity(given.len());
        for (name, value) in given {
            let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            let header = Header::parse(name, value, &pointer)?;
            if headers.iter().any(|other| other.name == header.name) {
                return Err(input::wrong(&pointer, "header_repeated", "is given twice: names are alike in any case"));
            }
            headers.push(header);
        }
        Ok(Self(headers))
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|header| header.name.clone()).collect()
    }

    /// Name and value, as they are stored.
    pub(super) fn to_map(&self) -> BTreeMap<&str, &str> {
        self.0.iter().map(|header| (header.name.as_str(), header.value.as_str())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Headers, FieldError> {
        let given = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Headers::parse(&given, "/headers")
    }

    #[test]
    fn a_header_is_kept_in_lower_case_and_never_shown() {
        let headers = parse(&[("X-Api-Key", " s3cret "), ("authorization", "Bearer s3cret")]).unwrap();
        assert_eq!(headers.names(), ["x-api-key", "authorization"]);
        assert_eq!(headers.to_map()["x-api-key"], "s3cret");
        assert!(!format!("{headers:?}").contains("s3cret"));
    }

    #[test]
    fn what_could_change_the_request_is_refused() {
        for (name, value, code) in [
            ("", "x", "header_name_malformed"),
            ("a b", "x", "header_name_malformed"),
            ("a:b", "x", "header_name_malformed"),
            ("a\r\nb", "x", "header_name_malformed"),
            ("é", "x", "header_name_malformed"),
            ("Host", "x", "header_reserved"),
            ("Content-Length", "0", "header_reserved"),
            ("transfer-encoding", "chunked", "header_reserved"),
            ("Webhook-Signature", "v1,x", "header_reserved"),
            ("webhook-anything", "x", "header_reserved"),
            ("Proxy-Authorization", "x", "header_reserved"),
            ("User-Agent", "x", "header_reserved"),
            ("x-a", "", "header_value_malformed"),
            ("x-a", "s3cret\r\nhost: x", "header_value_malformed"),
            ("x-a", "s3crét", "header_value_malformed"),
            ("x-a", &"x".repeat(1001), "header_value_malformed"),
        ] {
            let error = parse(&[(name, value)]).unwrap_err();
            assert_eq!(error.code, code, "{name}: {value}");
            assert!(error.pointer.starts_with("/headers/") && !error.detail.contains("s3cr"), "{error:?}");
        }
        assert_eq!(parse(&[("x-a", "1"), ("X-A", "2")]).unwrap_err().code, "header_repeated");
        let many: Vec<String> = (0..21).map(|n| format!("x-{n}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "x")).collect();
        assert_eq!(parse(&many).unwrap_err().code, "headers_too_many");
    }

    /// Lines of name and value: what is taken can stand in a request, and says nothing of the request itself.
    #[test]
    fn fuzz_webhook_headers() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "webhook_headers", |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let (name, value) = text.split_once(':').unwrap_or((&text, ""));
            match Header::parse(name, value, "/headers/x") {
                Ok(header) => {
                    assert!(!header.value.contains(['\r', '\n', '\0']) && header.name == header.name.to_lowercase());
                    assert!(!RESERVED.contains(&&*header.name) && !header.name.starts_with("webhook-"));
                    assert_eq!(Header::parse(&header.name, &header.value, "").unwrap(), header);
                }
                Err(error) => assert_eq!(error.pointer, "/headers/x"),
            }
        });
    }
}
