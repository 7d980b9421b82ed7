//! The crate as a stranger uses it.

mod keys;
mod points;
