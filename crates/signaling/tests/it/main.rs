//! Every test of the crate in one program: each file would else be compiled and linked with all of the crate again.

mod a_forwarder_connects_both;
mod a_page_talks_to_the_streamer;
mod a_server_speaks_at_once;
mod support;
mod whep_sessions_come_and_go;
mod whip_publishes;
mod whip_servers_as_they_are;
