//! The content of a file that has blocks of its own: a list that is linked backwards, with pointers that skip. Block
//! number n (from 1 on) begins with one pointer more than n has trailing zeros; pointer i leads to block n − 2^i.

use crate::blocks::{Blocks, Flash};
use crate::error::Error;
use crate::words::words;

/// Fills `buf`, which is not empty, from byte `offset` on of a file of `size` bytes whose last block is `head`. The range
/// lies inside of the file. From its last block backwards every block is read once.
pub(crate) async fn read<F: Flash>(
    blocks: &mut Blocks<'_, F>,
    head: u32,
    size: u32,
    offset: u32,
    buf: &mut [u8],
) -> Result<(), Error<F::Error>> {
    let block_size = blocks.block_size();
    let len = u32::try_from(buf.len()).unwrap_or(u32::MAX);
    let (last, _) = position(block_size, size.saturating_sub(1));
    let (mut number, inside) = position(block_size, offset.saturating_add(len).saturating_sub(1));
    let mut end = inside.saturating_add(1);
    let mut block = walk(blocks, head, last, number).await?;
    let mut rest = buf;
    loop {
        let take = rest.len().min(end.saturating_sub(pointers(number)) as usize);
        let begin = end.saturating_sub(take as u32);
        let Some((left, to)) = rest.split_at_mut_checked(rest.len().saturating_sub(take)) else { return Ok(()) };
        blocks.read(block, begin, to).await?;
        rest = left;
        if rest.is_empty() || number == 0 {
            return Ok(());
        }
        block = pointer(blocks, block, 0).await?;
        number = number.saturating_sub(1);
        end = block_size;
    }
}

/// The block with number `to`, from `block`, which has number `number`, on.
async fn walk<F: Flash>(
    blocks: &mut Blocks<'_, F>,
    mut block: u32,
    mut number: u32,
    to: u32,
) -> Result<u32, Error<F::Error>> {
    while let Some(distance) = number.checked_sub(to).filter(|distance| *distance > 0) {
        let skip = distance.ilog2().min(number.trailing_zeros());
        block = pointer(blocks, block, skip).await?;
        number = number.saturating_sub(1_u32.checked_shl(skip).unwrap_or(1));
    }
    Ok(block)
}

async fn pointer<F: Flash>(blocks: &mut Blocks<'_, F>, block: u32, n: u32) -> Result<u32, Error<F::Error>> {
    let mut bytes = [0; 4];
    blocks.read(block, n.saturating_mul(4), &mut bytes).await?;
    let [to] = words(&bytes);
    Ok(to)
}

/// Bytes of pointers that block number `number` begins with.
fn pointers(number: u32) -> u32 {
    if number == 0 { 0 } else { number.trailing_zeros().saturating_add(1).saturating_mul(4) }
}

/// The number of the block that byte `at` of a file is in, and where in the block it is.
///
/// Blocks 0 to n hold (n + 1) * block_size bytes without their pointers, of which there are 2n − popcount(n): littlefs'
/// DESIGN.md, "CTZ skip-lists".
fn position(block_size: u32, at: u32) -> (u32, u32) {
    let net = block_size.saturating_sub(8);
    let pointers = |n: u32| n.count_ones().saturating_mul(4);
    let about = at.checked_div(net).unwrap_or(0);
    let Some(before) = about.checked_sub(1) else { return (0, at) };
    let number = at.saturating_sub(pointers(before).saturating_add(8)).checked_div(net).unwrap_or(0);
    (number, at.saturating_sub(net.saturating_mul(number)).saturating_sub(pointers(number)))
}

#[cfg(test)]
mod tests {
    use super::{pointers, position};

    #[test]
    fn every_byte_has_its_place() {
        for block_size in [128, 512, 4096] {
            let (mut number, mut inside) = (0, 0);
            for at in 0..600_000 {
                assert_eq!(position(block_size, at), (number, inside), "byte {at}, blocks of {block_size}");
                inside += 1;
                if inside == block_size {
                    number += 1;
                    inside = pointers(number);
                }
            }
        }
    }
}
