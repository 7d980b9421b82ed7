//! The streaming application.
