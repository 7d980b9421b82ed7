//! Metadata pairs: two blocks, each a log of commits, of which the newer whole one counts. A directory is a chain of them.
//!
//! A commit is a row of tags with content, closed by a checksum. Each tag stands there xored with the one before, most
//! significant byte first: 1 bit that is 0 in a valid tag, 11 bits type, 10 bits id, 10 bits length (littlefs' SPEC.md).

use crate::blocks::{Blocks, Flash};
use crate::error::Error;
use crate::words::words;

/// The two blocks of a metadata pair.
pub(crate) type Pair = [u32; 2];

/// A superblock's name tag.
pub(crate) const SUPERBLOCK: u32 = 0x0ff;
const REGULAR: u32 = 0x001;
const DIRECTORY: u32 = 0x002;
const DIRECTORY_STRUCT: u32 = 0x200;
const INLINE_STRUCT: u32 = 0x201;
const CHAIN_STRUCT: u32 = 0x202;
const CREATE: u32 = 0x401;
const DELETE: u32 = 0x4ff;
/// The checksum that closes a commit: 0x500 to 0x57f, the last bit being what the next tag's valid bit is xored with.
const CHECKSUM: u32 = 0x500;
const TAIL: u32 = 0x600;
/// A tail of the same directory, not of the next one.
const HARD: u32 = 1;

/// How many pairs are looked at from the one on that was right last, before a directory is read from its beginning.
const NEAR: u32 = 3;

/// Where the content of a name is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content {
    Directory(Pair),
    Inline { block: u32, offset: u32, len: u32 },
    Chain { head: u32, size: u32 },
}

/// What a metadata pair says about a name, and where the directory goes on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    /// The id that the name has at this point of the log; ids move when names before it come and go.
    id: Option<u32>,
    pub content: Option<Content>,
    next: Option<Pair>,
}

#[derive(Clone, Copy)]
struct Tag(u32);

impl Tag {
    fn is_valid(self) -> bool {
        self.0 >> 31 == 0
    }

    fn kind(self) -> u32 {
        self.0 >> 20 & 0x7ff
    }

    fn group(self) -> u32 {
        self.kind() & 0x700
    }

    fn is_checksum(self) -> bool {
        self.kind() & 0x780 == CHECKSUM
    }

    fn id(self) -> u32 {
        self.0 >> 10 & 0x3ff
    }

    /// Bytes behind the tag; all ones is the mark of something deleted, and no bytes.
    fn len(self) -> u32 {
        let len = self.0 & 0x3ff;
        if len == 0x3ff { 0 } else { len }
    }
}

/// Where in long directories something was found last: names are in order there, so what is wanted next is mostly near.
#[derive(Default)]
pub(crate) struct Recent {
    /// The pair that a directory begins with, and the one of it that was the right one.
    places: [Option<(Pair, Pair)>; 4],
    /// Which place is the next to be forgotten.
    oldest: usize,
}

impl Recent {
    fn get(&self, directory: Pair) -> Option<Pair> {
        self.places.iter().flatten().find(|(of, _)| *of == directory).map(|(_, pair)| *pair)
    }

    fn put(&mut self, directory: Pair, pair: Pair) {
        let known = self.places.iter().position(|place| place.is_some_and(|(of, _)| of == directory));
        let at = known.unwrap_or(self.oldest);
        if known.is_none() {
            self.oldest = self.oldest.saturating_add(1).checked_rem(self.places.len()).unwrap_or(0);
        }
        if let Some(place) = self.places.get_mut(at) {
            *place = Some((directory, pair));
        }
    }
}

/// The file or directory called `name` in the directory that begins with `pair`.
pub(crate) async fn find<F: Flash>(
    blocks: &mut Blocks<'_, F>,
    recent: &mut Recent,
    directory: Pair,
    name: &[u8],
) -> Result<Option<Content>, Error<F::Error>> {
    let mut near = recent.get(directory);
    for _ in 0..NEAR {
        let Some(pair) = near else { break };
        let found = fetch(blocks, pair, REGULAR, name).await?;
        if let Some(content) = found.content {
            recent.put(directory, pair);
            return Ok(Some(content));
        }
        near = found.next;
    }
    let mut pair = directory;
    // A chain that bites its own tail comes by a mark again, which is set anew after 1, 2, 4, … steps.
    let (mut mark, mut steps, mut until) = (pair, 0_u32, 1_u32);
    loop {
        let found = fetch(blocks, pair, REGULAR, name).await?;
        if found.id.is_some() {
            if pair != directory {
                recent.put(directory, pair);
            }
            let [block, _] = pair;
            return found.content.map(Some).ok_or(Error::Corrupt { block, rule: "name without content" });
        }
        let Some(next) = found.next else { return Ok(None) };
        if next.iter().any(|block| mark.contains(block)) {
            return Err(Error::Corrupt { block: next[0], rule: "directory has no end" });
        }
        steps = steps.saturating_add(1);
        if steps == until {
            (mark, steps, until) = (next, 0, until.saturating_mul(2));
        }
        pair = next;
    }
}

/// What the newer whole block of `pair` says about `name`, of kind `kind` (a regular file stands for a directory as well).
pub(crate) async fn fetch<F: Flash>(
    blocks: &mut Blocks<'_, F>,
    pair: Pair,
    kind: u32,
    name: &[u8],
) -> Result<Found, Error<F::Error>> {
    let [a, b] = pair;
    let (ra, rb) = (revision(blocks, a).await?, revision(blocks, b).await?);
    // Revisions are compared as sequence numbers.
    let a_is_newer = matches!((ra, rb), (Some(ra), Some(rb)) if (ra.wrapping_sub(rb) as i32) > 0);
    let order = if a_is_newer || rb.is_none() { [(a, ra), (b, rb)] } else { [(b, rb), (a, ra)] };
    for (block, revision) in order {
        if revision.is_some()
            && let Some(found) = scan(blocks, block, kind, name).await?
        {
            return Ok(found);
        }
    }
    Err(Error::Corrupt { block: a, rule: "neither block of a metadata pair is whole" })
}

/// A block's revision; `None` for one that isn't there.
async fn revision<F: Flash>(blocks: &mut Blocks<'_, F>, block: u32) -> Result<Option<u32>, Error<F::Error>> {
    let mut bytes = [0; 4];
    match blocks.read(block, 0, &mut bytes).await {
        Ok(()) => Ok(Some(u32::from_le_bytes(bytes))),
        Err(Error::Corrupt { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

/// Reads the log in `block` up to its last whole commit; `None` when there is none.
async fn scan<F: Flash>(
    blocks: &mut Blocks<'_, F>,
    block: u32,
    kind: u32,
    name: &[u8],
) -> Result<Option<Found>, Error<F::Error>> {
    let mut bytes = [0; 4];
    blocks.read_cached(block, 0, &mut bytes).await?;
    let mut crc = crc(u32::MAX, &bytes);
    let (mut offset, mut before) = (4_u32, u32::MAX);
    let (mut found, mut whole) = (Found::default(), None);
    // The room for another tag, and for what is behind it, decide where the log ends at the latest.
    while offset.saturating_add(4) <= blocks.block_size() {
        blocks.read_cached(block, offset, &mut bytes).await?;
        crc = self::crc(crc, &bytes);
        let tag = Tag(u32::from_be_bytes(bytes) ^ before);
        let content_at = offset.saturating_add(4);
        let end = content_at.saturating_add(tag.len());
        if !tag.is_valid() || end > blocks.block_size() {
            break;
        }
        before = tag.0;
        offset = end;
        if tag.is_checksum() {
            if tag.len() < 4 {
                break;
            }
            blocks.read_cached(block, content_at, &mut bytes).await?;
            if u32::from_le_bytes(bytes) != crc {
                break;
            }
            before ^= (tag.kind() & 1) << 31;
            whole = Some(found);
            crc = u32::MAX;
            continue;
        }
        let is_name;
        let first;
        (crc, is_name, first) = content(blocks, block, content_at, tag.len(), crc, name).await?;
        found.apply(tag, kind, is_name, first, block, content_at);
    }
    Ok(whole)
}

/// Reads what is behind a tag: the checksum with it, whether it is `name`, and its first two words.
async fn content<F: Flash>(
    blocks: &mut Blocks<'_, F>,
    block: u32,
    offset: u32,
    len: u32,
    mut crc: u32,
    name: &[u8],
) -> Result<(u32, bool, [u32; 2]), Error<F::Error>> {
    let (mut is_name, mut first) = (len as usize == name.len(), [0; 8]);
    let mut done = 0;
    while done < len {
        let mut piece = [0; 32];
        let take = len.saturating_sub(done).min(32) as usize;
        let piece = piece.get_mut(..take).unwrap_or_default();
        blocks.read_cached(block, offset.saturating_add(done), piece).await?;
        crc = self::crc(crc, piece);
        is_name = is_name && name.get(done as usize..).is_some_and(|rest| rest.starts_with(piece));
        if done == 0 {
            first.iter_mut().zip(&*piece).for_each(|(to, from)| *to = *from);
        }
        done = done.saturating_add(take as u32);
    }
    Ok((crc, is_name, words(&first)))
}

impl Found {
    /// Follows the log by one tag.
    fn apply(&mut self, tag: Tag, kind: u32, is_name: bool, first: [u32; 2], block: u32, offset: u32) {
        let wanted = tag.kind() == kind || (kind == REGULAR && tag.kind() == DIRECTORY);
        let same = self.id == Some(tag.id());
        match tag.kind() {
            CREATE => self.id = self.id.map(|id| if tag.id() <= id { id.saturating_add(1) } else { id }),
            DELETE if same => (self.id, self.content) = (None, None),
            DELETE => self.id = self.id.map(|id| if tag.id() < id { id.saturating_sub(1) } else { id }),
            DIRECTORY_STRUCT if same => self.content = (tag.len() == 8).then_some(Content::Directory(first)),
            INLINE_STRUCT if same => self.content = Some(Content::Inline { block, offset, len: tag.len() }),
            CHAIN_STRUCT if same => {
                let [head, size] = first;
                self.content = (tag.len() == 8).then_some(Content::Chain { head, size });
            }
            _ if tag.group() == TAIL => self.next = (tag.kind() & HARD != 0 && tag.len() == 8).then_some(first),
            _ if wanted && is_name => (self.id, self.content) = (Some(tag.id()), None),
            _ if tag.group() == 0 && same => (self.id, self.content) = (None, None),
            _ => {}
        }
    }
}

/// CRC-32 with the polynomial 0x04c11db7, bits reflected, as littlefs has it: nothing is inverted at the end.
fn crc(mut crc: u32, bytes: &[u8]) -> u32 {
    // What four bits shifted out of the register do to it.
    const NIBBLES: [u32; 16] = [
        0x0000_0000,
        0x1db7_1064,
        0x3b6e_20c8,
        0x26d9_30ac,
        0x76dc_4190,
        0x6b6b_51f4,
        0x4db2_6158,
        0x5005_713c,
        0xedb8_8320,
        0xf00f_9344,
        0xd6d6_a3e8,
        0xcb61_b38c,
        0x9b64_c2b0,
        0x86d3_d2d4,
        0xa00a_e278,
        0xbdbd_f21c,
    ];
    let step = |crc: u32| crc >> 4 ^ NIBBLES.get((crc & 15) as usize).copied().unwrap_or(0);
    for byte in bytes {
        crc = step(step(crc ^ u32::from(*byte)));
    }
    crc
}
