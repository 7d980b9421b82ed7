//! Copies that cannot panic, whatever their positions and lengths are.

use core::cell::Cell;
use core::fmt;
use core::ops::Range;

/// The output has no room for the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoRoom;

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("output has no room for the field")
    }
}

impl core::error::Error for NoRoom {}

/// Writes `bytes` into `out` at the index `at`.
///
/// # Errors
/// [`NoRoom`] when `bytes` do not fit. Then nothing is written.
pub fn put_at(out: &mut [u8], at: usize, bytes: &[u8]) -> Result<(), NoRoom> {
    let (_, room) = out.split_at_mut_checked(at).ok_or(NoRoom)?;
    let (room, _) = room.split_at_mut_checked(bytes.len()).ok_or(NoRoom)?;
    room.copy_from_slice(bytes);
    Ok(())
}

/// Moves the bytes in the range `from` to the index `to`, which must not be above the start of the range. Bytes out of bounds
/// are not moved.
pub fn move_down(bytes: &mut [u8], from: Range<usize>, to: usize) {
    let cells = Cell::from_mut(bytes).as_slice_of_cells();
    let (source, target) = (cells.get(from).unwrap_or_default(), cells.get(to..).unwrap_or_default());
    for (target, source) in target.iter().zip(source) {
        target.set(source.get());
    }
}

/// Moves the bytes in the range `from` to the index `to`, which must not be below the start of the range. Bytes out of bounds
/// are not moved: all of them stay where the target has no room for all.
pub fn move_up(bytes: &mut [u8], from: Range<usize>, to: usize) {
    let cells = Cell::from_mut(bytes).as_slice_of_cells();
    let source = cells.get(from).unwrap_or_default();
    let target = cells.get(to..to.saturating_add(source.len())).unwrap_or_default();
    for (target, source) in target.iter().zip(source).rev() {
        target.set(source.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_put_where_there_is_room() {
        let mut out = [0; 4];
        assert_eq!(put_at(&mut out, 1, &[1, 2]), Ok(()));
        assert_eq!(out, [0, 1, 2, 0]);
        assert_eq!(put_at(&mut out, 3, &[1, 2]), Err(NoRoom));
        assert_eq!(put_at(&mut out, 9, &[]), Err(NoRoom));
        assert_eq!(out, [0, 1, 2, 0]);
    }

    #[test]
    fn bytes_move_up_over_themselves() {
        let mut bytes = [0, 1, 2, 3, 4, 5];
        move_up(&mut bytes, 1..4, 2);
        assert_eq!(bytes, [0, 1, 1, 2, 3, 5]);
        move_up(&mut bytes, 1..4, 4);
        move_up(&mut bytes, 1..9, 2);
        assert_eq!(bytes, [0, 1, 1, 2, 3, 5]);
    }

    #[test]
    fn bytes_move_down_over_themselves() {
        let mut bytes = [0, 1, 2, 3, 4, 5];
        move_down(&mut bytes, 2..6, 1);
        assert_eq!(bytes, [0, 2, 3, 4, 5, 5]);
        move_down(&mut bytes, 4..9, 0);
        move_down(&mut bytes, 0..1, 9);
        assert_eq!(bytes, [0, 2, 3, 4, 5, 5]);
    }
}
