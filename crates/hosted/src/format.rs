//! `Debug` and `defmt::Format` of handles on the driver's state.

use barertc_arena::Allocator;

use crate::buffer::Buffer;
use crate::control::Control;
use crate::driver::{Driver, RxToken, TxToken};
use crate::runner::Runner;
use crate::transport::{Lent, Room, Sdio, Spi, SpiLines};

barertc_wire::opaque! {
    [A: Allocator] Buffer<A>;
    [A: Allocator + Clone] Control<A>;
    [A: Allocator + Clone] Driver<A>;
    [A: Allocator] Lent<'_, A>;
    [A: Allocator] Room<A>;
    [T, C, A: Allocator + Clone] Runner<T, C, A>;
    [A: Allocator + Clone] RxToken<'_, A>;
    [B] Sdio<B>;
    [B] Spi<B>;
    [D, H, R, P] SpiLines<D, H, R, P>;
    [A: Allocator + Clone] TxToken<'_, A>;
}
