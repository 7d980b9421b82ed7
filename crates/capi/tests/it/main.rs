//! The C interface, called as C would call it.

mod arguments;
mod growth;
mod handles;
mod pair;
