//! `Debug` and `defmt::Format` of types that hold media and no figures.

use barertc_arena::Allocator;

use crate::annexb::AnnexB;
use crate::directory::Directory;
use crate::ivf::Ivf;
use crate::live::{AccessUnits, IvfFrames, OggPackets, Pictures, PrefixedPackets};
use crate::ogg::Ogg;
use crate::packed::Packed;
use crate::sound::{Intercom, Playout};
use crate::source::Source;
use crate::storage::Storage;

barertc_wire::opaque! {
    [A: Allocator] AccessUnits<A>;
    [S: Storage, A: Allocator] AnnexB<S, A>;
    [A: Allocator] Directory<A>;
    [C, A: Allocator] Intercom<C, A>;
    [S: Storage, A: Allocator] Ivf<S, A>;
    [A: Allocator] IvfFrames<A>;
    [S: Storage, A: Allocator] Ogg<S, A>;
    [A: Allocator] OggPackets<A>;
    [S: Storage, A: Allocator] Packed<S, A>;
    [A: Allocator] Pictures<A>;
    [A: Allocator] Playout<A>;
    [A: Allocator] PrefixedPackets<A>;
    [S: Storage, A: Allocator] Source<S, A>;
}
