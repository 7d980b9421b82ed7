//! The tests of the crate, in one program.

mod answers_are_applied;
mod bundled_descriptions;
mod captured_descriptions_are_read;
mod codecs_are_matched;
mod errors_name_the_rule;
mod hostile_text_is_refused;
mod oddities;
mod offers_are_answered;
mod repair_formats;
#[cfg(feature = "simulcast")]
mod simulcast;
mod structured;
mod support;
