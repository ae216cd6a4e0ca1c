//! What commands have in common: ids, reasons, filters and pages.

use std::str::FromStr;

use clap::Args;

use super::server::Pairs;

/// The id or name of something, as a part of an address.
#[derive(Debug, Clone)]
pub(super) struct Id(String);

impl Id {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        // "." and ".." are steps in an address
        let named = text.bytes().all(allowed) && text.bytes().any(|byte| byte != b'.');
        if named { Ok(Self(text.to_owned())) } else { Err("expected an id as a list shows it".into()) }
    }
}

/// One of something, and why it is changed.
#[derive(Debug, Args)]
pub(super) struct Act {
    /// As the list shows it
    pub(super) id: Id,
    #[command(flatten)]
    pub(super) why: Why,
}

/// Why.
#[derive(Debug, Args)]
pub(super) struct Why {
    /// Why, in one line; it stays in the audit
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
}

/// Which jobs or dead letters; every given condition must hold.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filter")]
pub(super) struct Filter {
    /// Of this queue
    #[arg(long)]
    queue: Option<String>,
    /// Of this kind: publish-event.v1
    #[arg(long)]
    kind: Option<String>,
    /// Of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// About exactly this: customers/ID
    #[arg(long)]
    subject: Option<String>,
    /// Caused by the request with this correlation id
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// Whose last error contains this, ignoring case
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
    /// Whose last failure has this fingerprint: a group of `dead-letters groups`
    #[arg(long)]
    fingerprint: Option<String>,
    /// Given up for this reason
    #[arg(long, value_name = "REASON", value_parser = ["exhausted", "permanent", "undecodable", "crash_loop"])]
    dead_reason: Option<String>,
    /// Created then or later: 2026-01-31T08:00:00Z
    #[arg(long, value_name = "TIME")]
    created_from: Option<String>,
    /// Created before
    #[arg(long, value_name = "TIME")]
    created_to: Option<String>,
}

impl Filter {
    /// As the API names them.
    pub(super) fn pairs(&self) -> Pairs {
        given([
            ("queue", &self.queue),
            ("kind", &self.kind),
            ("tenant", &self.tenant),
            ("subject", &self.subject),
            ("correlationId", &self.correlation_id),
            ("error", &self.error),
            ("fingerprint", &self.fingerprint),
            ("reason", &self.dead_reason),
            ("createdFrom", &self.created_from),
            ("createdTo", &self.created_to),
        ])
    }
}

/// Which part of a long list.
#[derive(Debug, Args)]
#[command(next_help_heading = "Page")]
pub(super) struct Page {
    /// How many at most: 1 to 200 [default: 50]
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u16>,
    /// Those after the page that ended with this
    #[arg(long)]
    pub(super) cursor: Option<String>,
}

impl Page {
    /// As the API names them.
    pub(super) fn pairs(&self) -> Pairs {
        given([("limit", &self.limit.map(|rows| rows.to_string())), ("cursor", &self.cursor)])
    }
}

/// Those that were given.
pub(super) fn given<const N: usize>(options: [(&'static str, &Option<String>); N]) -> Pairs {
    options.into_iter().filter_map(|(name, value)| value.clone().map(|value| (name, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_no_way_to_another_address() {
        for id in ["01JGFJJZ00E008000000000103", "01941f29-7c00-7000-8000-000000000001", "clean-up", "a.b_c"] {
            assert_eq!(id.parse::<Id>().unwrap().as_str(), id);
        }
        for wrong in ["", ".", "..", "a/b", "a?b", "a b", "é"] {
            assert!(wrong.parse::<Id>().is_err(), "{wrong}");
        }
    }
}
