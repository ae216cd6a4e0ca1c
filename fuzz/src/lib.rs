//! Fuzzing on the stable toolchain, inside of ordinary tests.
//!
//! A target is a test that calls [`target`] with a property: a function of bytes that panics when
//! something is wrong. It is given every file of the target's corpus, `fuzz/<name>/` in the crate's
//! folder, and then inputs made of these by cutting, repeating, mixing and slipping in what parsers
//! stumble over ([`mutate`]). `make test` runs each target for a moment, `make fuzz` for as long as
//! one likes.
//!
//! An input that fails is made smaller and written into the corpus: from then on it is tried first,
//! so running the test again reproduces the failure. Committed, it is a regression test.

mod mutate;

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

/// Inputs between two looks at the clock; all there are in an ordinary test run.
const ROUND: u32 = 500;

/// Tries `property` on the corpus of `name`, and on what comes out of it. `crate_folder` is
/// `env!("CARGO_MANIFEST_DIR")`.
///
/// `FUZZ_SECONDS` says for how long, `FUZZ_SEED` which inputs; both are printed.
///
/// # Panics
/// When the property does, naming the file that holds the input; or when there is no corpus.
pub fn target(crate_folder: &str, name: &str, property: impl Fn(&[u8])) {
    let folder = Path::new(crate_folder).join("fuzz").join(name);
    let corpus = corpus(&folder);
    for (path, input) in &corpus {
        let outcome = catch_unwind(AssertUnwindSafe(|| property(input)));
        assert!(outcome.is_ok(), "fuzz target {name} fails on {}: {}", path.display(), shown(input));
    }
    let seed = number("FUZZ_SEED").unwrap_or_else(|| DefaultHasher::new().finish() ^ now());
    let (begun, time) = (Instant::now(), number("FUZZ_SECONDS").map(Duration::from_secs));
    let seeds: Vec<Vec<u8>> = corpus.into_iter().map(|(_, input)| input).collect();
    let tried = Cell::new(0_u64);
    let mut round = 0;
    loop {
        if let Err((input, why)) = play(&seeds, seed.wrapping_add(round), &tried, &property) {
            let path = keep(&folder, &input);
            panic!("fuzz target {name} fails on {}, kept as {}: {why}", shown(&input), path.display());
        }
        round += 1;
        if time.is_none_or(|time| begun.elapsed() >= time) {
            break;
        }
    }
    println!("fuzz {name}: {} inputs kept, {} tried, FUZZ_SEED={seed}: ok", seeds.len(), tried.get());
}

/// One round; the smallest input found that fails, and what the property said.
fn play(seeds: &[Vec<u8>], seed: u64, tried: &Cell<u64>, property: &impl Fn(&[u8])) -> Result<(), (Vec<u8>, String)> {
    let config = Config {
        cases: ROUND,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 5000,
        ..Config::default()
    };
    let run = TestRunner::new(config).run(&mutate::inputs(seeds.to_vec()), |input| {
        tried.set(tried.get() + 1);
        property(&input);
        Ok::<(), TestCaseError>(())
    });
    match run {
        Ok(()) => Ok(()),
        Err(TestError::Fail(why, input)) => Err((input, why.to_string())),
        Err(TestError::Abort(why)) => Err((Vec::new(), why.to_string())),
    }
}

/// Every kept input, by name.
fn corpus(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(folder).unwrap_or_else(|error| panic!("no corpus at {}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = files.filter_map(|file| file.ok().map(|file| file.path())).collect();
    paths.sort();
    let read = |path: PathBuf| fs::read(&path).ok().map(|input| (path, input));
    let corpus: Vec<(PathBuf, Vec<u8>)> = paths.into_iter().filter_map(read).collect();
    assert!(!corpus.is_empty(), "the corpus at {} is empty", folder.display());
    corpus
}

fn keep(folder: &Path, input: &[u8]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let path = folder.join(format!("found-{:016x}", hasher.finish()));
    // the panic that follows shows the input as well
    let _ = fs::write(&path, input);
    path
}

fn shown(input: &[u8]) -> String {
    input.iter().take(2000).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{}", byte.escape_ascii());
        text
    })
}

#[allow(clippy::disallowed_methods, reason = "for tests only; the product reads no such variable")]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::from(since.subsec_nanos()) ^ since.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A corpus of its own in a folder that goes away.
    fn fails(name: &str, property: impl Fn(&[u8])) -> (String, Vec<Vec<u8>>) {
        let root = std::env::temp_dir().join(format!("fuzz-{}-{name}", std::process::id()));
        let folder = root.join("fuzz").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("seed"), r#"{"name":"Ada"}"#).unwrap();
        let outcome = catch_unwind(AssertUnwindSafe(|| target(root.to_str().unwrap(), name, property)));
        let kept = corpus(&folder).into_iter().map(|(_, input)| input).collect();
        fs::remove_dir_all(&root).unwrap();
        let message = outcome.err().and_then(|panic| panic.downcast::<String>().ok());
        (message.map_or_else(String::new, |message| *message), kept)
    }

    #[test]
    fn what_fails_is_kept_and_shown() {
        let (message, kept) = fails("stumbles", |input| assert!(!input.contains(&0), "a zero"));
        assert!(message.contains("fuzz target stumbles fails on") && message.contains("a zero"), "{message}");
        assert!(kept.len() == 2 && kept.iter().any(|input| input.contains(&0)), "{kept:?}");
    }

    #[test]
    fn what_is_kept_is_tried_first() {
        let (message, kept) = fails("seed", |input| assert!(!input.starts_with(b"{\"name\":\"Ada\"}")));
        assert!(message.ends_with(r#"seed: {\"name\":\"Ada\"}"#), "{message}");
        assert_eq!(kept.len(), 1);
    }

    #[test]
    fn what_holds_passes() {
        assert_eq!(fails("holds", |_| ()).0, "");
    }
}
