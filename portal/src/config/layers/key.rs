//! The name of a setting, in each way it can be written.

use std::fmt;

use toml::{Table, Value};

use super::DEFAULTS;
use crate::config::error::Error;

/// `http.addr`, `queues.outbox.batch`: the section, for a queue its name, and the setting.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::config) struct Key(Vec<String>);

/// Where a value came from.
#[derive(Debug, Clone)]
pub(in crate::config) enum Origin {
    /// `config/portal.toml`.
    Default,
    /// The file of this path.
    File(String),
    /// The environment variable of this name.
    Variable(String),
}

impl Key {
    pub(super) fn root(name: String) -> Self {
        Self(vec![name])
    }

    pub(super) fn child(&self, name: String) -> Self {
        Self(self.0.iter().cloned().chain([name]).collect())
    }

    /// Of its dotted form; only for keys without a dot in a part.
    pub(in crate::config) fn parse(dotted: &str) -> Self {
        Self(dotted.split('.').map(str::to_owned).collect())
    }

    /// Of a variable without `PORTAL_`. A queue's name may have signs that a variable's cannot: one
    /// of `known` that differs only in these is meant.
    pub(super) fn from_variable<'a>(rest: &str, mut known: impl Iterator<Item = &'a Self>) -> Self {
        let mut parts: Vec<String> = rest.split("__").map(str::to_lowercase).collect();
        if let [section, queue, _] = parts.as_mut_slice()
            && section == "queues"
            && let Some(Self(other)) = known.find(|key| key.0.get(1).is_some_and(|name| plain(name) == *queue))
        {
            queue.clone_from(&other[1]);
        }
        Self(parts)
    }

    /// The key under which `config/portal.toml` documents it.
    pub(super) fn documented(&self) -> Self {
        match self.0.as_slice() {
            [section, _, setting] if section == "queues" => {
                Self(vec!["queues".into(), "outbox".into(), setting.clone()])
            }
            _ => self.clone(),
        }
    }

    /// `PORTAL_HTTP__ADDR`.
    pub(in crate::config) fn variable(&self) -> String {
        let parts: Vec<String> = self.0.iter().map(|part| plain(part).to_uppercase()).collect();
        format!("PORTAL_{}", parts.join("__"))
    }

    /// As one would write it there.
    pub(super) fn written(&self, origin: &Origin) -> String {
        match origin {
            Origin::Variable(_) => self.variable(),
            Origin::Default | Origin::File(_) => self.to_string(),
        }
    }

    /// As the user did write it.
    pub(super) fn as_given(&self, origin: &Origin) -> String {
        match origin {
            Origin::Variable(name) => name.clone(),
            Origin::File(path) => format!("{path}: {self}"),
            Origin::Default => self.to_string(),
        }
    }

    /// The known key that this one is most likely meant to be.
    pub(super) fn nearest<'a>(&self, known: impl Iterator<Item = &'a Self>) -> Option<Self> {
        let name = self.documented().to_string();
        let distance = |key: &Self| strsim::damerau_levenshtein(&name, &key.to_string());
        let (_, nearest) = known.map(|key| (distance(key), key)).filter(|(d, _)| *d <= 4).min_by_key(|(d, _)| *d)?;
        let mut nearest = nearest.clone();
        if let ([_, queue, _], [own_section, own_queue, _]) = (nearest.0.as_mut_slice(), self.0.as_slice())
            && own_section == "queues"
        {
            queue.clone_from(own_queue);
        }
        Some(nearest)
    }

    pub(super) fn wrong(&self, origin: &Origin, problem: String) -> Error {
        Error::Wrong { setting: self.as_given(origin), problem, example: self.example(origin) }
    }

    /// A line that sets it to something sensible: what a comment "Example: …" above the key in
    /// `config/portal.toml` says, or its default.
    pub(in crate::config) fn example(&self, origin: &Origin) -> Option<String> {
        let value = self.documented_example()?;
        let variable = |name: &str| format!("{name}={}", value.replace(['"', '[', ']', ' '], ""));
        match origin {
            Origin::Variable(name) => Some(variable(name)),
            Origin::File(_) => Some(format!("{} = {value}", self.0.last()?)),
            // a default is wrong only beside something else
            Origin::Default => None,
        }
    }

    fn documented_example(&self) -> Option<String> {
        let Self(parts) = self.documented();
        let (setting, section) = parts.split_last()?;
        let header = format!("[{}]", section.join("."));
        let mut example = None;
        for line in DEFAULTS.lines().skip_while(|line| *line != header).skip(1) {
            if let Some(text) = line.strip_prefix("# Example: ") {
                example = Some(if text.starts_with('[') { text.to_owned() } else { format!("\"{text}\"") });
            } else if let Some((name, value)) = line.split_once(" = ") {
                if name == setting {
                    return example.or_else(|| Some(value.to_owned()));
                }
                example = None;
            }
        }
        None
    }

    /// Puts the value where it belongs in a TOML document.
    pub(super) fn insert_into(&self, root: &mut Table, value: Value) {
        let Some((setting, sections)) = self.0.split_last() else { return };
        let mut table = root;
        for section in sections {
            let inner = table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(inner) = inner else { return };
            table = inner;
        }
        table.insert(setting.clone(), value);
    }

    /// The range table's name for it: `queues.*.batch`.
    pub(in crate::config) fn pattern(&self) -> String {
        match self.0.as_slice() {
            [section, _, setting] if section == "queues" => format!("queues.*.{setting}"),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// Lower case, and `_` for what a variable's name cannot have.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}
