//! The desktop board.
fn main() {}
