//! Shows answers on standard output. What is not an answer goes to standard error.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use console::Term;
use serde_json::Value;

use super::server::Answer;
use super::table::{self, Column};
use super::view::View;
use crate::failure::Failure;

/// `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    Table,
    Json,
}

/// Shows in one of these ways.
pub(super) struct Printer {
    output: Output,
    /// Of the terminal, if it is one.
    width: Option<u16>,
}

impl Printer {
    pub(super) fn new(output: Output) -> Self {
        Self { output, width: Term::stdout().size_checked().map(|(_, columns)| columns) }
    }

    /// A page of a list, and how to get the next one.
    pub(super) fn list(&self, answer: &Answer, columns: &[Column]) -> Result<(), Failure> {
        let rows = answer.body["data"].as_array().map_or(&[][..], Vec::as_slice);
        self.either(answer, || if rows.is_empty() { String::new() } else { table::rows(columns, rows, self.width) })?;
        if rows.is_empty() {
            self.note("there is none");
        }
        if let Some(next) = answer.body["next"].as_str() {
            self.note(&format!("there are more: --cursor {next}"));
        }
        Ok(())
    }

    /// One thing with everything about it.
    pub(super) fn full(&self, answer: &Answer, view: &View) -> Result<(), Failure> {
        self.either(answer, || view.full(&answer.body, self.width))
    }

    /// One thing after a change, in short.
    pub(super) fn changed(&self, answer: &Answer, fields: &[Column]) -> Result<(), Failure> {
        self.either(answer, || table::fields(fields, &answer.body, self.width))
    }

    /// Something made of an answer, which is no answer itself.
    pub(super) fn made(&self, value: &Value, text: impl FnOnce() -> String) -> Result<(), Failure> {
        match self.output {
            Output::Json => print(&format!("{value}\n")),
            Output::Table => print(&text()),
        }
    }

    /// What stands before a table.
    pub(super) fn table(&self, text: impl FnOnce(Option<u16>) -> String) -> Result<(), Failure> {
        match self.output {
            Output::Json => Ok(()),
            Output::Table => print(&text(self.width)),
        }
    }

    /// The answer as it came, or a text.
    fn either(&self, answer: &Answer, text: impl FnOnce() -> String) -> Result<(), Failure> {
        match self.output {
            Output::Json => print(&format!("{}\n", answer.text.trim_end())),
            Output::Table => print(&text()),
        }
    }

    /// Says something to whoever reads tables. In JSON it is there anyway.
    pub(super) fn note(&self, text: &str) {
        if self.output == Output::Table {
            eprintln!("{}", table::clean(text));
        }
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // `portal admin … | head`
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|source| Failure::File { path: PathBuf::from("standard output"), source }),
    }
}
