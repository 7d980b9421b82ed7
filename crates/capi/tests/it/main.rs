//! The C interface, called as C would call it.

mod arguments;
mod buffers;
mod growth;
mod handles;
mod media;
mod pair;
