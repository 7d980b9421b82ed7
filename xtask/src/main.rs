//! `cargo xtask help` lists the verbs.
fn main() {}
