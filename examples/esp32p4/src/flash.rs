//! What the flash holds beside the program: settings, seed, media, each in a partition of its own.

use barertc_littlefs::Flash;
use embassy_futures::yield_now;
use esp_bootloader_esp_idf::partitions::{PARTITION_TABLE_MAX_LEN, read_partition_table};
use esp_hal::peripherals::FLASH;
use esp_storage::{FlashStorage, FlashStorageError};

/// Bytes that are read at a time: interrupts wait meanwhile.
const PIECE: usize = 1024;
const WORD: u32 = FlashStorage::WORD_SIZE;

/// Where a partition is, in bytes.
#[derive(Clone, Copy)]
pub struct Partition {
    start: u32,
    len: u32,
}

/// The flash and the partitions that the program knows.
pub struct Storage {
    flash: FlashStorage<'static>,
    pub settings: Partition,
    pub seed: Partition,
    pub media: Partition,
}

#[repr(align(4))]
struct Aligned([u8; PIECE]);

impl Storage {
    /// Looks up the partitions; `room` is needed for that alone.
    pub fn new(flash: FLASH<'static>, room: &mut [u8; PARTITION_TABLE_MAX_LEN]) -> Result<Self, &'static str> {
        let mut flash = FlashStorage::new(flash);
        let table = read_partition_table(&mut flash, room).map_err(|_| "no partition table: flash partitions.csv")?;
        let find = |name: &str| {
            let found = table.iter().find(|entry| entry.label_as_str() == name);
            found.map(|entry| Partition { start: entry.offset(), len: entry.len() })
        };
        let settings = find("settings").ok_or("no partition `settings`: flash partitions.csv")?;
        let seed = find("seed").ok_or("no partition `seed`: flash partitions.csv")?;
        let media = find("media").ok_or("no partition `media`: flash partitions.csv")?;
        Ok(Self { flash, settings, seed, media })
    }

    /// Reads from the beginning of `partition`, or from a sector further on.
    pub fn read(&mut self, partition: Partition, sector: u32, out: &mut [u8]) -> Result<(), FlashStorageError> {
        let offset = sector * FlashStorage::SECTOR_SIZE;
        if offset as usize + out.len() > partition.len as usize {
            return Err(FlashStorageError::OutOfBounds);
        }
        self.flash.read_nor(partition.start + offset, out)
    }

    /// Writes one sector, whose rest is erased; `bytes` are whole words.
    pub fn write(&mut self, partition: Partition, sector: u32, bytes: &[u8]) -> Result<(), FlashStorageError> {
        let offset = sector * FlashStorage::SECTOR_SIZE;
        if bytes.len() > FlashStorage::SECTOR_SIZE as usize || offset + FlashStorage::SECTOR_SIZE > partition.len {
            return Err(FlashStorageError::OutOfBounds);
        }
        let start = partition.start + offset;
        self.flash.erase(start, start + FlashStorage::SECTOR_SIZE)?;
        self.flash.write_nor(start, bytes)
    }

    /// The media, from now on the only thing that is read.
    pub fn into_media(self) -> Media {
        Media { flash: self.flash, partition: self.media, piece: Aligned([0; PIECE]) }
    }
}

/// The partition with the file system.
pub struct Media {
    flash: FlashStorage<'static>,
    partition: Partition,
    piece: Aligned,
}

impl Flash for Media {
    type Error = FlashStorageError;

    fn size(&self) -> u32 {
        self.partition.len
    }

    async fn read(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), FlashStorageError> {
        let mut at = self.partition.start + offset;
        let mut rest = buf;
        while !rest.is_empty() {
            // The flash is read in whole words, to whole words.
            let skip = (at % WORD) as usize;
            let len = rest.len().min(PIECE - skip);
            let words = &mut self.piece.0[..(skip + len).next_multiple_of(WORD as usize)];
            self.flash.read_nor(at - skip as u32, words)?;
            let (now, later) = rest.split_at_mut(len);
            now.copy_from_slice(&words[skip..skip + len]);
            rest = later;
            at += len as u32;
            // Network and timers have their turn between pieces.
            yield_now().await;
        }
        Ok(())
    }
}
