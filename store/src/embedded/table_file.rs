//! The engine's table files, checked by ourselves: blocks with checksums, which the engine compares
//! when it reads one, and a list of what is where.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};

use super::{
    bytes::Rest,
    damage::{Damage, Trouble},
    manifest::Listed,
    sections,
};

/// First bytes of a block.
const MAGIC: &[u8] = b"LSM\x03";
/// The block type of records.
const DATA: u8 = 0;
/// The block type of a table's properties.
pub(super) const META: u8 = 3;
/// Length of what stands before a block's data.
const HEADER_LEN: usize = 33;
/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// Looks at what the engine believes when it opens the file: is it there, can its list of sections
/// be trusted.
pub(super) fn check_list(listed: &Listed) -> Result<(), Trouble> {
    let mut file = open(&listed.file)?;
    let len = file.metadata()?.len();
    let end_len = len.min((sections::LIST_LEN_MAX + sections::TRAILER_LEN) as u64);
    file.seek(SeekFrom::Start(len - end_len))?;
    let mut end = Vec::new();
    file.take(end_len).read_to_end(&mut end)?;
    sections::list(&end, len).map(drop).map_err(|what| Damage::of(&listed.file, what).into())
}

/// Compares all bytes with the checksum in the manifest; `pause` is called between parts.
pub(super) fn check_all(listed: &Listed, mut pause: impl FnMut(usize)) -> Result<(), Trouble> {
    let mut file = open(&listed.file)?;
    let (mut hasher, mut chunk) = (Xxh3Default::new(), vec![0; CHUNK]);
    loop {
        let len = file.read(&mut chunk)?;
        let (read, _) = chunk.split_at(len);
        if len == 0 {
            break;
        }
        hasher.update(read);
        pause(len);
    }
    if hasher.digest128() == listed.sum { Ok(()) } else { Err(find(&listed.file)?.into()) }
}

fn open(path: &Path) -> Result<File, Trouble> {
    File::open(path).map_err(|why| match why.kind() {
        io::ErrorKind::NotFound => Damage::of(path, "it is not there").into(),
        _ => why.into(),
    })
}

/// Where a file that doesn't match its checksum is damaged.
fn find(path: &Path) -> io::Result<Damage> {
    let bytes = fs::read(path)?;
    let (blocks, bad) = blocks(&bytes);
    Ok(match bad.first() {
        Some(bad) => {
            let what = format!("a block of {} bytes doesn't match its checksum", bad.len());
            Damage::at(path, bad.start, what)
        }
        None => {
            let end = blocks.last().map_or(0, |block| block.end);
            Damage::at(path, end, "what follows its last block doesn't match its checksum")
        }
    })
}

/// A block that matches its checksum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) at: usize,
    pub(super) end: usize,
    pub(super) has_records: bool,
}

/// The whole blocks of a file, and the ranges between them that were blocks.
pub(super) fn blocks(bytes: &[u8]) -> (Vec<Block>, Vec<std::ops::Range<usize>>) {
    let (mut whole, mut bad, mut at) = (Vec::<Block>::new(), Vec::new(), 0);
    while let Some(next) = find_block(bytes, at) {
        // Something shorter than a block's header stands between some sections.
        if next.at - at >= HEADER_LEN {
            bad.push(at..next.at);
        }
        at = next.end;
        whole.push(next);
    }
    // Of what follows the last whole block, only a block's beginning can be told from a list.
    if bytes.get(at..).is_some_and(|rest| rest.starts_with(MAGIC)) || whole.is_empty() {
        bad.push(at..bytes.len());
    }
    (whole, bad)
}

fn find_block(bytes: &[u8], from: usize) -> Option<Block> {
    (from..bytes.len()).find_map(|at| parse_block(bytes, at))
}

fn parse_block(bytes: &[u8], at: usize) -> Option<Block> {
    let mut rest = Rest(bytes.get(at..)?);
    let header = Rest(rest.0).take(HEADER_LEN)?;
    rest.take(MAGIC.len()).filter(|magic| *magic == MAGIC)?;
    let (kind, sum, len) = (rest.u8()?, rest.u128()?, rest.u32()?);
    let (_, header_sum) = (rest.u32()?, rest.u32()?);
    let (summed, _) = header.split_at_checked(HEADER_LEN - 4)?;
    let data = rest.take(usize::try_from(len).ok()?)?;
    #[expect(clippy::cast_possible_truncation, reason = "the header keeps the lower half of it")]
    let is_whole = xxh3_128(summed) as u32 == header_sum && xxh3_128(data) == sum;
    let end = bytes.len() - rest.0.len();
    is_whole.then_some(Block { at, end, has_records: kind == DATA })
}
