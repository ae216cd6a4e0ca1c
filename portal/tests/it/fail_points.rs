//! The fault suite's fail points are in its own builds only.

/// How the names of all of them begin.
const PREFIX: &[u8] = b"fail-point:";

#[test]
fn only_a_build_for_the_fault_suite_has_fail_points() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_portal")).unwrap();
    let found = program.windows(PREFIX.len()).any(|window| window == PREFIX);
    assert_eq!(found, cfg!(feature = "fail-points"));
}
