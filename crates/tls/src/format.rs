//! `Debug` and `defmt::Format` of what holds keys: the names alone.

use barertc_arena::Allocator;
use barertc_crypto::Provider;

use crate::client::{Client, Receiver, Sender};
use crate::connector::{Connector, Stream, StreamRead, StreamWrite};
use crate::stream::{TlsRead, TlsStream, TlsWrite};

barertc_wire::opaque! {
    [A: Allocator, P: Provider] Client<'_, A, P>;
    [T, A, P, R, C] Connector<'_, T, A, P, R, C>;
    [A: Allocator, P: Provider] Receiver<A, P>;
    [A: Allocator, P: Provider] Sender<A, P>;
    [S, A: Allocator, P: Provider] Stream<S, A, P>;
    [S, A: Allocator, P: Provider] StreamRead<'_, S, A, P>;
    [S, A: Allocator, P: Provider] StreamWrite<'_, S, A, P>;
    [S, A: Allocator, P: Provider] TlsRead<'_, S, A, P>;
    [S, A: Allocator, P: Provider] TlsStream<S, A, P>;
    [S, A: Allocator, P: Provider] TlsWrite<'_, S, A, P>;
}
