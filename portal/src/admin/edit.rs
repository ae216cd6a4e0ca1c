//! `portal admin dead-letters edit`: nobody changes what he has not seen.

use clap::Args;
use reqwest::header::HeaderValue;
use serde_json::{Map, Value, json};

use super::Session;
use super::changes::{self, Difference};
use super::filter::Id;
use super::job_view::CHANGED;
use super::table;
use crate::failure::Failure;
use crate::input;

/// Which one, and what of it.
#[derive(Debug, Args)]
pub(super) struct Edit {
    /// As the list shows it
    id: Id,
    /// A JSON merge patch (RFC 7396) of the payload: what is given replaces what was there, null removes it. JSON,
    /// @FILE, or - for standard input
    #[arg(long, value_name = "JSON")]
    patch: String,
    /// Why, in one line; it stays with the edit, and in the audit
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    reason: Option<String>,
    /// Only as long as nothing has happened to it since: the ETag that `show` printed. Without this the dead letter is
    /// read, what will change is printed, and it is changed if it still is as it was read
    #[arg(long, value_name = "ETAG", value_parser = tag)]
    if_match: Option<HeaderValue>,
    /// Only print what would change, and the ETag of what was read
    #[arg(long, conflicts_with = "if_match")]
    dry_run: bool,
}

/// `"3"`, which a shell makes 3 of.
fn tag(text: &str) -> Result<HeaderValue, String> {
    let bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = if bare { format!("\"{text}\"") } else { text.to_owned() };
    HeaderValue::try_from(text).map_err(|_| "expected an ETag as `show` prints it".to_owned())
}

pub(super) async fn run(session: &Session, edit: &Edit) -> Result<(), Failure> {
    let patch = input::object("--patch", &edit.patch)?;
    let etag = match &edit.if_match {
        Some(tag) => tag.clone(),
        None => {
            let read = read(session, edit, &patch).await?;
            if edit.dry_run {
                return read.show(session);
            }
            for difference in &read.differences {
                session.printer.note(&difference.line());
            }
            read.tag()?
        }
    };
    let body = json!({"patch": patch, "reason": edit.reason});
    let path = ["dead-letters", edit.id.as_str(), "edit-and-retry"];
    session.printer.changed(&session.server.post_if(&path, &body, Some(etag)).await?, CHANGED)
}

/// A dead letter as it was read.
struct Read {
    etag: Option<String>,
    /// What the patch would make of its payload.
    differences: Vec<Difference>,
}

async fn read(session: &Session, edit: &Edit, patch: &Map<String, Value>) -> Result<Read, Failure> {
    let letter = session.server.get(&["dead-letters", edit.id.as_str()], &Vec::new()).await?;
    // what has no such payload, the API refuses
    let before = letter.body["payload"].as_object().cloned().unwrap_or_default();
    let mut after = before.clone();
    changes::merge(&mut after, patch);
    Ok(Read { etag: letter.etag, differences: changes::differences(&before, &after) })
}

impl Read {
    fn show(&self, session: &Session) -> Result<(), Failure> {
        let value = json!({"etag": self.etag, "changes": self.differences});
        session.printer.made(&value, || {
            let mut text: String = self.differences.iter().map(|one| table::clean(&one.line()) + "\n").collect();
            text.push_str(&format!("its ETag, for --if-match: {}\n", self.etag.as_deref().unwrap_or("none")));
            text
        })
    }

    fn tag(&self) -> Result<HeaderValue, Failure> {
        let problem = || "the answer has no ETag, which a proxy may have taken away: give the one to go by".to_owned();
        let tag = self.etag.as_deref().and_then(|tag| HeaderValue::try_from(tag).ok());
        tag.ok_or_else(|| Failure::Usage { option: "--if-match", problem: problem() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_may_have_lost_its_quotes_to_the_shell() {
        assert_eq!([tag("3").unwrap(), tag("\"3\"").unwrap(), tag("*").unwrap()], ["\"3\"", "\"3\"", "*"]);
        assert!(tag("3\n").is_err());
    }
}
