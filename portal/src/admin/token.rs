//! The bearer token. It comes from a file or the environment, and goes into one header: it is never printed.

use std::path::Path;

use reqwest::header::HeaderValue;

use crate::failure::Failure;

const VARIABLE: &str = "PORTAL_ADMIN_TOKEN";
const FILE: &str = "--token-file";

/// The header `Authorization`.
pub(super) fn authorization(file: Option<&Path>) -> Result<HeaderValue, Failure> {
    match file {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|source| Failure::File { path: path.to_owned(), source })?;
            bearer(FILE, &text)
        }
        None => {
            let text = std::env::var_os(VARIABLE).unwrap_or_default();
            bearer(VARIABLE, text.to_str().unwrap_or("not UTF-8"))
        }
    }
}

fn bearer(from: &'static str, text: &str) -> Result<HeaderValue, Failure> {
    let token = text.trim();
    let wrong = |problem: &str| Failure::Usage { option: from, problem: problem.to_owned() };
    if token.is_empty() {
        return Err(wrong("there is no token: set PORTAL_ADMIN_TOKEN, or give --token-file with one in it"));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong("expected a token alone: no spaces, and no \"Bearer\" before it"));
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| wrong("expected a token"))?;
    // so that no log of a library shows it
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_alone_and_is_not_shown() {
        let value = bearer(FILE, " abc.def\n").unwrap();
        assert_eq!((value.to_str().unwrap(), format!("{value:?}").as_str()), ("Bearer abc.def", "Sensitive"));
        for (wrong, problem) in [("", "there is no token"), ("\n", "there is no token"), ("Bearer s3cret", "alone")] {
            let complaint = bearer(FILE, wrong).unwrap_err().to_string();
            assert!(complaint.contains(problem) && !complaint.contains("s3cret"), "{complaint}");
        }
    }
}
