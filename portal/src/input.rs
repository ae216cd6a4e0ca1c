//! Values that may be too long for a command line.

use std::io::{self, Read};
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::failure::Failure;

/// The text itself, `@file`, or `-` for standard input.
pub(crate) fn text(given: &str) -> Result<String, Failure> {
    match given.strip_prefix('@') {
        Some(path) => file(path),
        None if given == "-" => file("-"),
        None => Ok(given.to_owned()),
    }
}

/// What is in a file; `-` is standard input.
pub(crate) fn file(path: &str) -> Result<String, Failure> {
    let (path, read) = match path {
        "-" => {
            let mut text = String::new();
            (PathBuf::from("standard input"), io::stdin().read_to_string(&mut text).map(|_| text))
        }
        path => (PathBuf::from(path), std::fs::read_to_string(path)),
    };
    read.map_err(|source| Failure::File { path, source })
}

/// A JSON object, given as [`text`] is.
pub(crate) fn object(option: &'static str, given: &str) -> Result<Map<String, Value>, Failure> {
    let text = text(given)?;
    let wrong = |error| Failure::Usage { option, problem: format!("expected a JSON object: {error}") };
    serde_json::from_str(&text).map_err(wrong)
}
