//! The desktop board.
mod guard;
mod net;
fn main() {}
