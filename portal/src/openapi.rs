//! `portal openapi`: the API's description as a file, and whether a file still is that.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Prints it, or compares it with a file.
pub(crate) fn run(check: Option<&Path>) -> Result<(), Failure> {
    let current = document()?;
    let Some(path) = check else {
        let failed = |source| Failure::File { path: PathBuf::from("standard output"), source };
        return std::io::stdout().write_all(current.as_bytes()).map_err(failed);
    };
    let committed = std::fs::read_to_string(path).map_err(|source| Failure::File { path: path.to_owned(), source })?;
    if committed == current { Ok(()) } else { Err(Failure::StaleOpenApi(path.to_owned())) }
}

fn document() -> Result<String, Failure> {
    let json = api::openapi().to_pretty_json().map_err(Failure::system("writing the OpenAPI description"))?;
    Ok(json + "\n")
}
