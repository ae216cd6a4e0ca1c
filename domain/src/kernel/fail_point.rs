//! Places where the fault suite (`chaos/`) ends the process, as `kill -9` would.
//!
//! Compiled in with the feature `fail-points` only; without it [`fail_point!`](crate::fail_point)
//! is nothing at all. `FAILPOINTS='fail-point:committing=3*off->return'` ends the process when it
//! comes by for the fourth time.

/// Marks a place by a name that begins with `fail-point:`; one that counts only `if` something holds.
#[cfg(not(feature = "fail-points"))]
#[macro_export]
macro_rules! fail_point {
    ($name:literal $(, if $condition:expr)?) => {{}};
}

/// Marks a place by a name that begins with `fail-point:`; one that counts only `if` something holds.
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
}

/// Ends the process if the environment says so.
#[cfg(feature = "fail-points")]
pub fn reached(name: &'static str) {
    static ARM: std::sync::Once = std::sync::Once::new();
    // dropping the scenario would disarm everything
    ARM.call_once(|| std::mem::forget(fail::FailScenario::setup()));
    fail::eval(name, |_| rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL));
}
