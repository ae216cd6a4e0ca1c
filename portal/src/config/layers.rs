//! Defaults, file and environment, one on top of the other, each value with where it came from.
//!
//! The defaults are also the schema: a key that they do not have is unknown, and a value must have
//! the type of the default. `queues.<any name>` takes the keys of `queues.outbox`.

mod convert;
mod key;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::error::Error;
pub(super) use key::{Key, Origin};

/// `config/portal.toml`, compiled in.
pub(super) const DEFAULTS: &str = include_str!("../../../config/portal.toml");

/// Variables that many tools know, and what they set here.
const PLAIN_VARIABLES: [(&str, &str); 2] = [("DATABASE_URL", "database.url"), ("AMQP_URL", "amqp.url")];

/// All values, and where each came from.
pub(super) struct Layers {
    schema: BTreeMap<Key, Value>,
    values: BTreeMap<Key, (Value, Origin)>,
}

impl Layers {
    pub(super) fn defaults() -> Result<Self, Error> {
        let schema = flatten(parse("config/portal.toml", DEFAULTS)?);
        let values = schema.iter().map(|(key, value)| (key.clone(), (value.clone(), Origin::Default))).collect();
        Ok(Self { schema, values })
    }

    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), Error> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| Error::Unreadable { path: name.clone(), source })?;
        let origin = Origin::File(name.clone());
        for (key, value) in flatten(parse(&name, &text)?) {
            let Some(default) = self.default_of(&key) else { return Err(self.unknown(&key, &origin)) };
            let value = convert::value(default, value).map_err(|problem| key.wrong(&origin, problem))?;
            self.values.insert(key, (value, origin.clone()));
        }
        Ok(())
    }

    /// In an order of its own, so that the same environment always gives the same complaint.
    pub(super) fn add_environment(
        &mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(), Error> {
        let variables: BTreeMap<String, OsString> =
            variables.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect();
        for (name, key) in PLAIN_VARIABLES {
            if let Some(value) = variables.get(name).filter(|value| !value.is_empty()) {
                self.add_variable(name, Key::parse(key), value)?;
            }
        }
        for (name, value) in &variables {
            if let Some(key) = self.key_of(name)? {
                self.add_variable(name, key, value)?;
            }
        }
        Ok(())
    }

    fn add_variable(&mut self, name: &str, key: Key, value: &OsString) -> Result<(), Error> {
        let origin = Origin::Variable(name.to_owned());
        let text = value.to_str().ok_or_else(|| key.wrong(&origin, "the value is not UTF-8".into()))?;
        let Some(default) = self.default_of(&key) else { return Err(self.unknown(&key, &origin)) };
        let value = convert::text(default, text).map_err(|problem| key.wrong(&origin, problem))?;
        self.values.insert(key, (value, origin));
        Ok(())
    }

    /// Which setting a variable is about; none for somebody else's variable.
    ///
    /// Without `__` a variable is somebody else's even if it begins with `PORTAL_`: Kubernetes sets
    /// PORTAL_PORT and its like for a service called "portal". Unless it only lacks an underscore.
    fn key_of(&self, name: &str) -> Result<Option<Key>, Error> {
        let Some(rest) = name.strip_prefix("PORTAL_") else { return Ok(None) };
        if rest.contains("__") {
            return Ok(Some(Key::from_variable(rest, self.values.keys())));
        }
        let squeezed = |variable: &str| variable.replace('_', "");
        match self.schema.keys().map(Key::variable).find(|known| squeezed(known) == squeezed(name)) {
            Some(known) => Err(Error::Unknown { setting: name.to_owned(), nearest: Some(known) }),
            None => Ok(None),
        }
    }

    fn default_of(&self, key: &Key) -> Option<&Value> {
        self.schema.get(&key.documented())
    }

    fn unknown(&self, key: &Key, origin: &Origin) -> Error {
        let nearest = key.nearest(self.schema.keys()).map(|known| known.written(origin));
        Error::Unknown { setting: key.as_given(origin), nearest }
    }

    /// The complaint about a known key, named the way it was set.
    pub(super) fn wrong(&self, key: &str, problem: String) -> Error {
        let found = self.values.iter().find(|(known, _)| {
            let known = known.to_string();
            key == known || key.strip_prefix(&known).is_some_and(|rest| rest.starts_with('['))
        });
        match found {
            Some((key, (_, origin))) => key.wrong(origin, problem),
            None => Key::parse(key).wrong(&Origin::Default, problem),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Value)> {
        self.values.iter().map(|(key, (value, _))| (key, value))
    }

    pub(super) fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let mut root = Table::new();
        for (key, value) in self.iter() {
            key.insert_into(&mut root, value.clone());
        }
        serde_path_to_error::deserialize(Value::Table(root))
            .map_err(|error| self.wrong(&error.path().to_string(), error.inner().message().trim().to_owned()))
    }
}

fn parse(name: &str, text: &str) -> Result<Table, Error> {
    text.parse::<Table>().map_err(|error| Error::Syntax {
        path: name.to_owned(),
        line: 1 + error.span().map_or(0, |span| text[..span.start].matches('\n').count()),
        problem: error.message().replace('\n', ", "),
    })
}

/// No setting is a table, so every table is a section.
fn flatten(table: Table) -> BTreeMap<Key, Value> {
    let mut flat = BTreeMap::new();
    let mut rest: Vec<(Key, Value)> = table.into_iter().map(|(name, value)| (Key::root(name), value)).collect();
    while let Some((key, value)) = rest.pop() {
        match value {
            Value::Table(inner) => rest.extend(inner.into_iter().map(|(name, value)| (key.child(name), value))),
            value => {
                flat.insert(key, value);
            }
        }
    }
    flat
}
