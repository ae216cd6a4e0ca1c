use std::collections::BTreeSet;
use std::path::PathBuf;

use domain::kernel::policy::{OnUnavailable, QueuePolicy};
use serde::de::{self, Deserializer, Visitor};

use super::layers::DEFAULTS;
use super::ranges::RANGES;
use super::*;

type Loaded = Result<Config, Error>;

fn load(variables: &[(&str, &str)]) -> Loaded {
    Config::load(None, variables.iter().map(|(name, value)| (name.into(), value.into())))
}

fn load_file(name: &str, text: &str, variables: &[(&str, &str)]) -> Loaded {
    let path = std::env::temp_dir().join(format!("portal-{}-{name}.toml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    let loaded = Config::load(Some(&path), variables.iter().map(|(name, value)| (name.into(), value.into())));
    std::fs::remove_file(&path).unwrap();
    loaded
}

/// One message per line, without the directory of temporary files.
fn messages(results: impl IntoIterator<Item = Loaded>) -> String {
    let here = format!("{}/portal-{}-", std::env::temp_dir().display(), std::process::id());
    let lines: Vec<String> = results.into_iter().map(|r| r.unwrap_err().to_string().replace(&here, "")).collect();
    assert!(lines.iter().all(|line| !line.contains('\n')), "a message has more than one line: {lines:?}");
    lines.join("\n")
}

/// Every field of a struct is in the file, or it would not decode: no field has a default. Every key
/// of the file is a field, or it would be refused. Only queue policies have defaults.
#[test]
fn the_file_has_every_key_and_no_other() {
    let config = load(&[]).unwrap();
    assert_eq!(config.http.addr.to_string(), "127.0.0.1:8080");

    let mut fields = FieldsOf::default();
    let _ = QueuePolicy::deserialize(&mut fields);
    let outbox = DEFAULTS.split("[queues.outbox]").nth(1).unwrap().split("\n[").next().unwrap();
    for field in fields.0 {
        assert!(
            outbox.contains(&format!("\n{field} = ")),
            "config/portal.toml does not document queues.outbox.{field}"
        );
    }
}

/// Catches the names of a struct's fields.
#[derive(Default)]
struct FieldsOf(&'static [&'static str]);

impl<'de> Deserializer<'de> for &mut FieldsOf {
    type Error = de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        self.0 = fields;
        Err(de::Error::custom("only the names were wanted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("not a struct"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[test]
fn the_file_says_what_the_kernel_and_the_others_default_to() {
    let config = load(&[]).unwrap();
    let outbox = config.queues.of("outbox");
    let expected = QueuePolicy { concurrency: 500, batch: 500, keep_payload: false, ..QueuePolicy::default() };
    assert_eq!(outbox, expected);
    assert_eq!(config.queues.of("stock"), QueuePolicy { max_attempts: 4, ..QueuePolicy::default() });
    assert_eq!(format!("{:?}", config.http.settings()), format!("{:?}", ::api::Settings::default()));
    assert_eq!(format!("{:?}", config.worker.settings()), format!("{:?}", jobs::runtime::Settings::default()));
    let notifications = config.notifications.settings();
    assert_eq!(format!("{notifications:?}"), format!("{:?}", jobs::notifications::Settings::default()));
    let webhooks = config.webhooks.settings();
    assert_eq!(format!("{webhooks:?}"), format!("{:?}", jobs::webhooks::Settings::default()));
    let bus = jobs::bus::Settings::default();
    let ours = crate::worker::bus_settings(&load(&[("AMQP_URL", &bus.url)]).unwrap()).unwrap();
    assert_eq!(format!("{ours:?}"), format!("{bus:?}"));
    let auth = load(&[("PORTAL_AUTH__ISSUER", "https://id")]).unwrap().auth.settings().unwrap();
    assert_eq!(format!("{auth:?}"), format!("{:?}", ::api::auth::Settings::new("https://id", "portal-api")));
}

#[test]
fn every_key_has_a_comment_and_every_number_its_range_in_it() {
    let (mut section, mut comment, mut ranges) = ("", String::new(), BTreeSet::new());
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some(text) = line.strip_prefix('#') {
            comment.push_str(text);
            continue;
        } else if let Some((key, value)) = line.split_once(" = ") {
            assert!(!comment.is_empty(), "{section}.{key} has no comment");
            let pattern = format!("{}.{key}", if section.starts_with("queues.") { "queues.*" } else { section });
            let range = RANGES.iter().find(|(name, ..)| *name == pattern);
            assert_eq!(
                range.is_some(),
                value.parse::<f64>().is_ok(),
                "{pattern} is a number without a range, or the reverse"
            );
            if let Some((_, low, high)) = range {
                assert!(
                    comment.ends_with(&format!("{low} to {high}")),
                    "the comment of {pattern} must end in {low} to {high}"
                );
                ranges.insert(pattern.clone());
            }
            assert!(value != "\"\"" || comment.contains("Example: "), "{pattern} is empty and has no example");
        }
        comment.clear();
    }
    assert_eq!(ranges.len(), RANGES.len(), "a range for a key that does not exist");
}

#[test]
fn a_variable_wins_over_the_plain_one_and_that_over_the_file() {
    let file =
        "[database]\nurl = 'postgres://file/x'\n[http]\nbody_limit_bytes = 2048\n[queues.mail]\nbackoff_factor = 3";
    let config = load_file("order", file, &[("DATABASE_URL", "postgres://plain/x"), ("AMQP_URL", "")]).unwrap();
    assert_eq!(config.database.url.expose(), "postgres://plain/x");
    assert_eq!(config.http.body_limit_bytes, 2048);
    assert!(config.amqp.url.is_empty());
    // A section for another queue starts from the kernel's defaults, not from the outbox's.
    assert_eq!(config.queues.of("mail"), QueuePolicy { backoff_factor: 3.0, ..QueuePolicy::default() });

    let both = [("DATABASE_URL", "postgres://plain/x"), ("PORTAL_DATABASE__URL", "postgres://ours/x")];
    assert_eq!(load(&both).unwrap().database.url.expose(), "postgres://ours/x");
}

#[test]
fn variables_are_read_as_the_type_of_the_default() {
    let config = load(&[
        ("PORTAL_WORKER__QUEUES", "outbox, mail"),
        ("PORTAL_WORKER__HEALTH_ADDR", "127.0.0.1:9"),
        ("PORTAL_QUEUES__OUTBOX__BACKOFF_JITTER", "0.25"),
        ("PORTAL_QUEUES__OUTBOX__ON_UNAVAILABLE", "count"),
        ("PORTAL_QUEUES__OUTBOX__KEEP_PAYLOAD", "true"),
        ("PORTAL_QUEUES__MAIL__MAX_ATTEMPTS", "2"),
        ("PORTAL_QUEUES__MAIL__BACKOFF_WAITS_MS", "1000, 2000"),
        // not ours
        ("PORTAL_SERVICE_HOST", "10.0.0.1"),
        ("PORTAL_PORT", "tcp://10.0.0.1:80"),
        ("PORTAL_TEST_AMQP_URL", "x"),
        ("SOMETHING__ELSE", "x"),
    ])
    .unwrap();
    assert_eq!(config.worker.queues, ["outbox", "mail"]);
    assert_eq!(config.worker.health_addr.unwrap().port(), 9);
    let outbox = config.queues.of("outbox");
    assert_eq!((outbox.backoff_jitter, outbox.on_unavailable, outbox.keep_payload), (0.25, OnUnavailable::Count, true));
    let mail = config.queues.of("mail");
    assert_eq!((mail.max_attempts, mail.backoff_waits_ms.as_slice()), (2, [1000, 2000].as_slice()));
}

#[test]
fn webhooks_are_tried_16_times_within_five_and_a_half_days() {
    let policy = load(&[]).unwrap().queues.of("deliveries");
    let minutes: Vec<u64> = (1..policy.max_attempts).map(|n| policy.backoff(n, 0.0).as_secs() / 60).collect();
    let hours = |hours: &[u64]| hours.iter().map(|hours| hours * 60).collect::<Vec<_>>();
    assert_eq!(minutes, [vec![1, 5, 15, 30], hours(&[1, 2, 4, 6, 8, 12, 12, 12, 24, 24, 24])].concat());
    assert_eq!(policy.backoff_jitter, 0.1);
    let too_long = load(&[("PORTAL_QUEUES__DELIVERIES__BACKOFF_WAITS_MS", "1000,604800001")]).unwrap_err();
    assert!(too_long.to_string().contains("604800001 is not within 0 to 604800000"), "{too_long}");
}

#[test]
fn a_queue_whose_name_no_variable_can_have_is_found_by_what_it_can() {
    let file = "[queues.'offgrid.mail-out']\nbatch = 7";
    let variable = [("PORTAL_QUEUES__OFFGRID_MAIL_OUT__MAX_ATTEMPTS", "2")];
    let policy = load_file("queue", file, &variable).unwrap().queues.of("offgrid.mail-out");
    assert_eq!((policy.batch, policy.max_attempts), (7, 2));
}

#[test]
fn a_wrong_variable_is_named_with_an_example() {
    let wrong = [
        ("PORTAL_HTTP__ADDR", "localhost"),
        ("PORTAL_HTTP__ADR", "127.0.0.1:8080"),
        ("PORTAL_HTTP_ADDR", "127.0.0.1:8080"),
        ("PORTAL_QUEUES__OUTBOX__MAX_ATEMPTS", "1"),
        ("PORTAL_QUEUES__MAIL__MAX_ATEMPTS", "1"),
        ("PORTAL_NONSENSE__WHATEVER", "1"),
        ("PORTAL_HTTP__BODY_LIMIT_BYTES", "1 MiB"),
        ("PORTAL_DATABASE__MAX_CONNECTIONS", "1"),
        ("PORTAL_DATABASE__MAX_CONNECTIONS", "-5"),
        ("PORTAL_DATABASE__URL", "mysql://u:s3cret@h/x"),
        ("DATABASE_URL", "postgres://u:s3cret@h:port/x"),
        ("AMQP_URL", "u:s3cret@mq"),
        ("PORTAL_AUTH__ISSUER", "login.example.com"),
        ("PORTAL_AUTH__DISCOVERY_URL", "keycloak:8080"),
        ("PORTAL_AUTH__ALGORITHMS", "RS256,HS256"),
        ("PORTAL_AUTH__TENANT_CLAIM", ""),
        ("PORTAL_AMQP__CONTENT_MODE", "json"),
        ("PORTAL_AMQP__EXCHANGE", "amq.topic"),
        ("PORTAL_WORKER__HEALTH_ADDR", "8081"),
        ("PORTAL_WORKER__HEARTBEAT_MS", "6000"),
        ("PORTAL_QUEUES__OUTBOX__BACKOFF_JITTER", "1.5"),
        ("PORTAL_QUEUES__OUTBOX__BACKOFF_FACTOR", "inf"),
        ("PORTAL_QUEUES__OUTBOX__KEEP_PAYLOAD", "yes"),
        ("PORTAL_QUEUES__OUTBOX__ON_UNAVAILABLE", "ignore"),
        ("PORTAL_NOTIFICATIONS__CUSTOMER_SOURCE_URL", "https://u:s3cret@crm"),
        ("PORTAL_NOTIFICATIONS__CUSTOMER_ATTEMPTS", "7"),
        ("PORTAL_NOTIFICATIONS__SMTP_URL", "http://u:s3cret@mail"),
        ("PORTAL_NOTIFICATIONS__SMTP_TIMEOUT_MS", "60000"),
        ("PORTAL_NOTIFICATIONS__FROM", "nobody"),
        ("PORTAL_LOG__FORMAT", "xml"),
        ("PORTAL_LOG__FILTER", "info,[[["),
    ];
    let shown = messages(wrong.map(|variable| load(&[variable])));
    assert!(!shown.contains("s3cret"), "{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn a_wrong_file_is_named_with_an_example() {
    let wrong = [
        "[http]\nadr = '127.0.0.1:1'",
        "[htp]\naddr = '127.0.0.1:1'",
        "[http]\naddr = 8080",
        "[http]\naddr = ':8080'",
        "http = 1",
        "[http\naddr = 1",
        "[http]\naddr = '127.0.0.1:1'\naddr = '127.0.0.1:2'",
        "[worker]\nqueues = 'outbox'",
        "[worker]\nqueues = [1]",
        "[queues.outbox]\nmax_attempts = 0",
        "[queues.mail]\nconcurrency = 'many'",
        "[queues]\nbatch = 1",
        "[database]\nowner_url = 'u:s3cret@h'",
    ];
    let shown = messages(wrong.map(|text| load_file("my", text, &[])));
    assert!(!shown.contains("s3cret"), "{shown}");
    let missing = Config::load(Some(&PathBuf::from("/nowhere/my.toml")), []);
    insta::assert_snapshot!(format!("{shown}\n{}", messages([missing])));
}

#[test]
fn what_a_command_needs_is_named_with_an_example() {
    let needed = "the API accepts no token without an issuer";
    assert_eq!(
        Error::missing("auth.issuer", needed).to_string(),
        "auth.issuer is not set, and the API accepts no token without an issuer; \
         for example PORTAL_AUTH__ISSUER=https://login.example.com/realms/offgrid"
    );
}

#[test]
fn no_password_is_in_the_debug_output() {
    let secret = |url: &str| format!("{url}://user:s3cret@host/x");
    let config = load(&[
        ("DATABASE_URL", &secret("postgres")),
        ("AMQP_URL", &secret("amqps")),
        ("PORTAL_NOTIFICATIONS__SMTP_URL", &secret("smtps")),
        ("PORTAL_NOTIFICATIONS__CUSTOMER_SOURCE_URL", &format!("{}/{{id}}", secret("https"))),
    ])
    .unwrap();
    let shown = format!("{config:?}");
    assert!(shown.contains("postgres://user:***@host/x") && shown.contains("amqps://user:***@host/x"), "{shown}");
    assert!(shown.contains("smtps://user:***@host/x"), "{shown}");
    assert!(!shown.contains("s3cret"));
}
