//! The migrations are compiled in: a new one must recompile the crate.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
