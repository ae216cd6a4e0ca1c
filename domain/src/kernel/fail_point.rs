//! Places where the fault suite (`chaos/`) ends the process, as `kill -9` would, or has an attempt fail.
//!
//! Compiled in with the feature `fail-points` only; without it [`fail_point!`](crate::fail_point)
//! is nothing at all. `FAILPOINTS='fail-point:committing=3*off->return'` ends the process when it
//! comes by for the fourth time; `FAILPOINTS='fail-point:handling=20%return'` fails every fifth attempt,
//! by chance.

/// Marks a place by a name that begins with `fail-point:`; one that counts only `if` something holds; one
/// that does not end the process but `returns` something.
#[cfg(not(feature = "fail-points"))]
#[macro_export]
macro_rules! fail_point {
    ($name:literal $(, if $condition:expr)?) => {{}};
    ($name:literal, returns $result:expr) => {{}};
}

/// Marks a place by a name that begins with `fail-point:`; one that counts only `if` something holds; one
/// that does not end the process but `returns` something.
#[cfg(feature = "fail-points")]
#[macro_export]
macro_rules! fail_point {
    ($name:literal) => {
        $crate::kernel::fail_point::reached($name)
    };
    ($name:literal, if $condition:expr) => {
        if $condition {
            $crate::kernel::fail_point::reached($name)
        }
    };
    ($name:literal, returns $result:expr) => {
        if $crate::kernel::fail_point::fails($name) {
            return $result;
        }
    };
}

/// Ends the process if the environment says so.
#[cfg(feature = "fail-points")]
pub fn reached(name: &'static str) {
    if fails(name) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Whether the environment says that this is where it fails.
#[cfg(feature = "fail-points")]
pub fn fails(name: &'static str) -> bool {
    static ARM: std::sync::Once = std::sync::Once::new();
    // dropping the scenario would disarm everything
    ARM.call_once(|| std::mem::forget(fail::FailScenario::setup()));
    fail::eval(name, |_| ()).is_some()
}
