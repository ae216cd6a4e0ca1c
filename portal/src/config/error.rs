//! What is wrong with the configuration, in one line that a person can act on.

use super::layers::{Key, Origin};

/// A setting that is missing, unknown or wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file is not there, or not readable.
    #[error("{path}: cannot read the configuration file: {source}")]
    Unreadable {
        /// As given.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path}:{line}: {problem}")]
    Syntax {
        /// As given.
        path: String,
        /// From 1.
        line: usize,
        /// Without line breaks.
        problem: String,
    },
    /// No setting has this name.
    #[error("{setting}: there is no such setting{}", did_you_mean(.nearest.as_deref()))]
    Unknown {
        /// As the user wrote it: `PORTAL_HTTP__ADR`, or `my.toml: http.adr`.
        setting: String,
        /// The same way.
        nearest: Option<String>,
    },
    /// The value is not what the setting takes.
    #[error("{setting}: {problem}{}", for_example(.example.as_deref()))]
    Wrong {
        /// As the user wrote it.
        setting: String,
        /// What is wrong.
        problem: String,
        /// A line that would be right.
        example: Option<String>,
    },
    /// No kind of job waits in this queue.
    #[error("{key}: there is no queue \"{name}\"; there are: {known}")]
    UnknownQueue {
        /// `worker.queues`, `queues`, or `--queues`.
        key: &'static str,
        /// As configured.
        name: String,
        /// All of them.
        known: String,
    },
    /// A command needs a setting that has no default.
    #[error("{key} is not set, and {needed}{}", for_example(Some(.example)))]
    Missing {
        /// `database.url`.
        key: &'static str,
        /// What for.
        needed: &'static str,
        /// A variable that would set it.
        example: String,
    },
}

impl Error {
    /// `key` has to be set for what `needed` says: "`portal worker` publishes to it".
    pub(crate) fn missing(key: &'static str, needed: &'static str) -> Self {
        let example = Key::parse(key).example(&Origin::Variable(Key::parse(key).variable()));
        Self::Missing { key, needed, example: example.unwrap_or_default() }
    }

    /// With another user in the example of a database URL.
    pub(crate) fn with_user(mut self, user: &str) -> Self {
        if let Self::Missing { example, .. } = &mut self {
            *example = example.replace("portal_api", user);
        }
        self
    }

    /// The bus does not take one of its settings.
    pub(crate) fn from_bus(setting: &str, problem: String) -> Self {
        Self::Wrong { setting: format!("amqp.{setting}"), problem, example: None }
    }

    /// Notifications do not take one of their settings.
    pub(crate) fn from_notifications(setting: &str, problem: String) -> Self {
        Self::Wrong { setting: format!("notifications.{setting}"), problem, example: None }
    }

    /// The queue is named at `key`.
    pub(crate) fn unknown_queue(key: &'static str, name: &str, known: &str) -> Self {
        Self::UnknownQueue { key, name: name.to_owned(), known: known.to_owned() }
    }

    /// The event type is named at `key`.
    pub(crate) fn uncollapsible(key: &str, name: &str, known: &str) -> Self {
        let problem = format!("events of type \"{name}\" are never collapsed; there are: {known}");
        Self::Wrong { setting: key.to_owned(), problem, example: None }
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(|| "; config/portal.toml lists all".to_owned(), |nearest| format!("; did you mean {nearest}?"))
}

fn for_example(example: Option<&str>) -> String {
    example.map_or_else(String::new, |example| format!("; for example {example}"))
}
