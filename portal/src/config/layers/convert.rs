//! A value must have the type of its default; a variable's text is read as that type.

use toml::Value;

/// From a file. A whole number will do for a number.
pub(super) fn value(default: &Value, given: Value) -> Result<Value, String> {
    match (default, given) {
        (Value::Float(_), Value::Integer(number)) => Ok(Value::Float(number as f64)),
        (default, given) if default.same_type(&given) => Ok(given),
        (default, given) => Err(format!("expected {}, got {}", name(default), name(&given))),
    }
}

/// From a variable. A list's items are separated by commas.
pub(super) fn text(default: &Value, given: &str) -> Result<Value, String> {
    let parsed = match default {
        Value::Integer(_) => given.trim().parse().ok().map(Value::Integer),
        Value::Float(_) => given.trim().parse().ok().filter(|n: &f64| n.is_finite()).map(Value::Float),
        Value::Boolean(_) => given.trim().parse().ok().map(Value::Boolean),
        Value::Array(_) => {
            let items = given.split(',').map(str::trim).filter(|item| !item.is_empty());
            // an empty default does not say what it is a list of
            let item = |item: &str| item.parse().map_or_else(|_| Value::String(item.to_owned()), Value::Integer);
            Some(items.map(item).collect::<Vec<_>>().into())
        }
        _ => Some(Value::String(given.to_owned())),
    };
    parsed.ok_or_else(|| format!("expected {}, got \"{given}\"", name(default)))
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::String(_) => "a text in quotes",
        Value::Array(_) => "a list of texts",
        Value::Datetime(_) => "a date",
        Value::Table(_) => "a section",
    }
}
