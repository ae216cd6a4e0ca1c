//! Nothing may wait for a handler that does not exist.

use std::path::Path;
use std::sync::Arc;

use domain::operations::{EventKind, JobKind};
use jobs::bus::{ContentMode, Embedded};
use jobs::runtime::Kinds;

fn kinds() -> Kinds {
    let bus = Arc::new(Embedded::new(ContentMode::Structured));
    let reactions = Arc::new(jobs::registry::reactions());
    jobs::registry::kinds(bus, Arc::default(), reactions, Arc::default(), Arc::default())
}

#[test]
fn every_kind_that_the_domain_declares_is_executed() {
    let kinds = kinds();
    let declared = declared_kinds(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../domain/src")));
    assert!(declared.contains(&"publish-event.v1".to_owned()), "the search finds kinds: {declared:?}");
    for kind in declared {
        assert!(kinds.knows(&kind), "{kind} is declared in domain, but jobs/src/registry.rs has no line for it");
    }
}

#[test]
fn every_definition_of_a_job_is_executed() {
    let kinds = kinds();
    for definition in &domain::schedules::DEFINITIONS {
        let name = definition.about.name;
        assert!(kinds.knows(definition.kind), "{name}: jobs/src/registry.rs has no line for {}", definition.kind);
        assert!(kinds.queues().contains(definition.queue), "{name}: nobody serves {}", definition.queue);
    }
}

#[test]
fn auditors_find_the_events_of_every_module() {
    for event_type in jobs::registry::reactions().subscriptions().into_iter().flat_map(|s| s.event_types) {
        let module = event_type.strip_prefix("com.offgrid.portal.").and_then(|rest| rest.split('.').next()).unwrap();
        assert!(domain::audit::ENTITIES.contains(&module), "{module} is not among domain::audit::ENTITIES");
    }
}

#[test]
fn what_is_run_can_be_checked_when_it_is_edited() {
    let kinds = declared_kinds(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../domain/src")));
    for kind in kinds {
        assert!(JobKind::named(&kind).is_some(), "domain/src/operations/model/kind.rs has no line for {kind}");
    }
    let reactions = jobs::registry::reactions();
    for event_type in reactions.subscriptions().into_iter().flat_map(|s| s.event_types) {
        let groups = reactions.groups();
        for version in groups.iter().flat_map(|group| reactions.versions(group, &event_type)) {
            let known = EventKind::named(&event_type, i64::from(version)).is_some();
            assert!(known, "domain/src/operations/model/kind.rs has no line for {event_type} in version {version}");
        }
    }
}

/// The text of every `const KIND: &'static str = "…"`.
fn declared_kinds(folder: &Path) -> Vec<String> {
    let mut kinds = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            kinds.extend(declared_kinds(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let source = std::fs::read_to_string(&path).unwrap();
            let constants = source.split("const KIND: &'static str = \"").skip(1);
            kinds.extend(constants.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
    }
    kinds
}
