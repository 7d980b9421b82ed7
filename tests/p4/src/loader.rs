//! What the second-stage bootloader does: finds the application, checks its image, loads and maps it.
//!
//! Sources: ESP-IDF's `bootloader_support` (`esp_image_format.c`, `bootloader_utility.c`) and "Bootloader Image Format"; `soc/ext_mem_defs.h`
//! for the pages.

use barertc_p4_image::{CHECKSUM, CHIP, HEADER, MAGIC, MAPPED, SEGMENT};
use sha2::Digest as _;

use crate::board::Board;
use crate::memory::{L2, L2_BYTES, Memory, PAGE};

/// Where the table of partitions is.
const TABLE: usize = 0x8000;

/// Loads the application from flash; gives the entry's address, or what is wrong with it.
pub fn load(flash: &[u8], board: &Board, memory: &mut Memory) -> Result<u32, String> {
    let start = application(flash)?;
    let image = flash.get(start..).unwrap_or_default();
    let byte = |at: usize| image.get(at).copied().ok_or("the image ends too early");
    let word = |at: usize| -> Result<u32, String> {
        let bytes = image.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        Ok(u32::from_le_bytes(bytes.ok_or("the image ends too early")?))
    };
    if byte(0)? != MAGIC {
        return Err(format!("no image at {start:#x}"));
    }
    let chip = u16::from_le_bytes([byte(12)?, byte(13)?]);
    if chip != CHIP {
        return Err(format!("the image is for chip {chip}, not {CHIP}"));
    }
    let revision = |at: usize| Ok::<_, String>(u32::from(u16::from_le_bytes([byte(at)?, byte(at + 1)?])));
    let (least, most) = (revision(15)?, revision(17)?);
    let is = board.revision.0 * 100 + board.revision.1;
    if !(least..=most).contains(&is) && !board.any_revision {
        return Err(format!("the image is for revisions {least} to {most}, the chip is of {is}"));
    }
    let (mut at, mut sum, mut mapped) = (HEADER, CHECKSUM, Vec::new());
    for _ in 0..byte(1)? {
        let (address, len) = (word(at)?, word(at + 4)? as usize);
        at += SEGMENT;
        let data = image.get(at..at.saturating_add(len)).ok_or("a segment ends behind the flash")?;
        sum = data.iter().fold(sum, |sum, byte| sum ^ byte);
        if MAPPED.contains(&address) {
            if (address as usize).wrapping_sub(start + at) % PAGE != 0 {
                return Err(format!("the segment for {address:#010x} is not where its page can be mapped"));
            }
            mapped.push((address, start + at, len));
        } else if address != 0 && len > 0 {
            let place = memory.slice_mut(address, len).filter(|_| address >= L2 && address < L2 + L2_BYTES as u32);
            place.ok_or_else(|| format!("a segment for {address:#010x}, where no memory is"))?.copy_from_slice(data);
        }
        at += len;
    }
    at = (at + 1).next_multiple_of(16);
    if byte(at - 1)? != sum {
        return Err("the image's checksum is wrong".into());
    }
    if byte(23)? == 1 && image.get(at..at + 32) != Some(&sha2::Sha256::digest(&image[..at])[..]) {
        return Err("the image's SHA-256 is wrong".into());
    }
    map(flash, &mapped, memory);
    memory.settle();
    word(4)
}

fn application(flash: &[u8]) -> Result<usize, String> {
    let entries = flash.get(TABLE..TABLE + 0xc00).unwrap_or_default().chunks(32);
    let mut apps = entries.take_while(|entry| entry.starts_with(&[0xaa, 0x50])).filter(|entry| entry[2] == 0);
    let entry = apps.next().ok_or("no partition for an application")?;
    Ok(u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]) as usize)
}

/// Whole pages are mapped, with what else is in them.
fn map(flash: &[u8], segments: &[(u32, usize, usize)], memory: &mut Memory) {
    let end = segments.iter().map(|(address, _, len)| (address - MAPPED.start) as usize + len).max().unwrap_or(0);
    memory.xip = vec![0; end.next_multiple_of(PAGE)];
    for (address, from, len) in segments {
        let first = (address - MAPPED.start) as usize / PAGE;
        let last = ((address - MAPPED.start) as usize + len - 1) / PAGE;
        for page in first..=last {
            let source = from / PAGE + page - first;
            let bytes = flash.get(source * PAGE..(source + 1) * PAGE).unwrap_or_default();
            memory.xip[page * PAGE..page * PAGE + bytes.len()].copy_from_slice(bytes);
        }
    }
}
