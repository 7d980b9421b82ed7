//! Every test of the crate in one program: each file would else be compiled and linked with all of the crate again.

mod answers_are_applied;
mod captured_descriptions_are_read;
mod codecs_are_matched;
mod common;
mod hostile_text_is_refused;
mod offers_are_answered;
