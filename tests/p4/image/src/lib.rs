//! The flash of an ESP32-P4 as it is written: the application's image, the partition table, and the partitions.
//!
//! Sources: ESP-IDF's `esp_app_format/esp_image_format.h` and "Bootloader Image Format" of its documentation for the image; its
//! "Partition Tables" for the table. What comes out is compared with what espflash writes in `cargo xtask p4`.
#![allow(missing_docs)] // A test's tool; the names are the format's.
#![forbid(unsafe_code)]

mod partitions;

use anyhow::{Context as _, Result, bail, ensure};
use md5::Digest as _;
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use object::{Endianness, elf};

pub use partitions::{Partition, Table};

/// The first byte of an image.
pub const MAGIC: u8 = 0xe9;
/// The chip's number in an image's header.
pub const CHIP: u16 = 18;
/// Bytes of the headers of an image and of a segment.
pub const HEADER: usize = 24;
pub const SEGMENT: usize = 8;
/// What the checksum begins with.
pub const CHECKSUM: u8 = 0xef;
/// Bytes of a page of the flash's mapping.
pub const PAGE: usize = 64 << 10;
/// Where mapped flash is.
pub const MAPPED: std::ops::Range<u32> = 0x4000_0000..0x4400_0000;
/// Revisions that the bootloader starts it on, as major × 100 + minor; what espflash writes.
const FROM_REVISION: u16 = 300;
const TO_REVISION: u16 = 399;

/// A piece of the program.
struct Segment {
    address: u32,
    data: Vec<u8>,
}

impl Segment {
    fn is_mapped(&self) -> bool {
        MAPPED.contains(&self.address)
    }
}

/// The application's image, made of the program as it is linked.
pub fn application(program: &[u8]) -> Result<Vec<u8>> {
    let (entry, segments) = segments(program)?;
    let (mut mapped, mut loaded): (Vec<Segment>, Vec<Segment>) = segments.into_iter().partition(Segment::is_mapped);
    if let Some(place) = mapped.first_mut().and_then(|segment| descriptor_hash(&mut segment.data)) {
        place.copy_from_slice(&sha2::Sha256::digest(program));
    }
    loaded.reverse();
    let mut image = vec![0; HEADER];
    let mut count = 0_u8;
    let mut checksum = CHECKSUM;
    let mut put = |image: &mut Vec<u8>, address: u32, data: &[u8]| {
        image.extend(address.to_le_bytes());
        image.extend((data.len() as u32).to_le_bytes());
        image.extend(data);
        checksum = data.iter().fold(checksum, |sum, byte| sum ^ byte);
        count += 1;
    };
    for segment in &mapped {
        // Mapped data is in the flash's page where it is in memory's. What is loaded fills the room before it.
        loop {
            let at = image.len() + SEGMENT;
            let room = (segment.address as usize).wrapping_sub(at) % PAGE;
            if room == 0 {
                break;
            }
            let room = if room < SEGMENT { room + PAGE } else { room } - SEGMENT;
            match loaded.pop() {
                Some(mut piece) => {
                    let rest = piece.data.split_off(room.min(piece.data.len()));
                    put(&mut image, piece.address, &piece.data);
                    if !rest.is_empty() {
                        loaded.push(Segment { address: piece.address + piece.data.len() as u32, data: rest });
                    }
                }
                None => put(&mut image, 0, &vec![0; room]),
            }
        }
        put(&mut image, segment.address, &segment.data);
    }
    for piece in loaded.iter().rev() {
        put(&mut image, piece.address, &piece.data);
    }
    // The checksum is the last byte of sixteen.
    image.resize((image.len() + 1).next_multiple_of(16), 0);
    if let Some(last) = image.last_mut() {
        *last = checksum;
    }
    ensure!(count <= 16, "{count} segments are more than an image can have");
    let header = [
        &[MAGIC, count, 2, 0x40][..],
        &entry.to_le_bytes(),
        &[0xee, 0, 0, 0],
        &CHIP.to_le_bytes(),
        &[0],
        &FROM_REVISION.to_le_bytes(),
        &TO_REVISION.to_le_bytes(),
        &[0, 0, 0, 0, 1],
    ];
    image[..HEADER].copy_from_slice(&header.concat());
    let hash = sha2::Sha256::digest(&image);
    image.extend(hash);
    Ok(image)
}

/// Where the application's descriptor, which comes first, has the SHA-256 of the program as it is linked (`esp_app_desc.h`).
fn descriptor_hash(data: &mut [u8]) -> Option<&mut [u8]> {
    const DESCRIPTOR: [u8; 4] = 0xabcd_5432_u32.to_le_bytes();
    if data.starts_with(&DESCRIPTOR) { data.get_mut(144..176) } else { None }
}

/// Entry and pieces of a program, in order of their addresses, with those that follow each other joined.
fn segments(program: &[u8]) -> Result<(u32, Vec<Segment>)> {
    let header = elf::FileHeader32::<Endianness>::parse(program).context("no ELF program")?;
    let endian = header.endian().context("no ELF program")?;
    let mut segments: Vec<Segment> = Vec::new();
    let mut headers: Vec<_> = header.program_headers(endian, program)?.iter().collect();
    headers.retain(|header| header.p_type(endian) == elf::PT_LOAD && header.p_filesz(endian) > 0);
    headers.sort_by_key(|header| header.p_vaddr(endian));
    for header in headers {
        let (address, Ok(data)) = (header.p_vaddr(endian), header.data(endian, program)) else {
            bail!("a segment is not in the file");
        };
        let mut data = data.to_vec();
        data.resize(data.len().next_multiple_of(4), 0);
        match segments.last_mut() {
            Some(last)
                if (last.address as usize + last.data.len()).next_multiple_of(16) >= address as usize
                    && last.is_mapped() == MAPPED.contains(&address) =>
            {
                last.data.resize((address - last.address) as usize, 0);
                last.data.append(&mut data);
            }
            _ => segments.push(Segment { address, data }),
        }
    }
    ensure!(!segments.is_empty(), "the program has nothing to load");
    Ok((header.e_entry.get(endian), segments))
}

/// A whole flash: the table, the application, and what other partitions hold.
pub fn flash(table: &Table, application: &[u8], parts: &[(&str, &[u8])]) -> Result<Vec<u8>> {
    let mut flash = vec![0xff; table.end() as usize];
    let mut put = |offset: u32, len: u32, name: &str, data: &[u8]| {
        ensure!(data.len() <= len as usize, "{name}: {} bytes do not fit into {len}", data.len());
        flash[offset as usize..offset as usize + data.len()].copy_from_slice(data);
        Ok(())
    };
    let binary = table.binary()?;
    put(partitions::OFFSET, partitions::LEN, "the partition table", &binary)?;
    let place = table.application().context("no partition for the application")?;
    put(place.offset, place.len, "the application", application)?;
    for (name, data) in parts {
        let place = table.get(name)?;
        put(place.offset, place.len, name, data)?;
    }
    Ok(flash)
}
