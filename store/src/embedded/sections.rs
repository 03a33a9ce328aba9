//! The form that manifests and table files share: sections, a list of them, a trailer. The list has
//! a checksum, which the engine compares only after it has believed the numbers inside.

use xxhash_rust::xxh3::xxh3_128;

use super::bytes::Rest;

/// `SFA!`, version, kind of checksum, the list's checksum, where it is, its length.
pub(super) const TRAILER_LEN: usize = 38;
const TRAILER: &[u8] = b"SFA!\x01\x00";
const LIST: &[u8] = b"TOC!";
/// Bytes that the list has at most, by far.
pub(super) const LIST_LEN_MAX: usize = 4096;

/// A named part of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: Vec<u8>,
    pub(super) at: u64,
    pub(super) len: u64,
}

/// The sections of a file of `file_len` bytes of which `end` are the last ones. The error says what
/// is wrong.
pub(super) fn list(end: &[u8], file_len: u64) -> Result<Vec<Section>, &'static str> {
    let (front, trailer) =
        end.len().checked_sub(TRAILER_LEN).map(|at| end.split_at(at)).ok_or("cut short")?;
    let trailer = trailer.strip_prefix(TRAILER).ok_or("its trailer is not one")?;
    let mut trailer = Rest(trailer);
    let (sum, at) = (trailer.u128(), trailer.u64());
    let (sum, at) = sum.zip(at).ok_or("cut short")?;
    let before = file_len - end.len() as u64;
    let list = at.checked_sub(before).and_then(|at| front.get(usize::try_from(at).ok()?..));
    let list = list.filter(|list| xxh3_128(list) == sum);
    let list = list.ok_or("its list of sections doesn't match its checksum")?;
    let list = list.strip_prefix(LIST).and_then(|list| sections(Rest(list)));
    list.ok_or("its list of sections can't be read")
}

fn sections(mut list: Rest<'_>) -> Option<Vec<Section>> {
    let count = list.u32()?;
    let section = |_| {
        let (at, len, name_len) = (list.u64()?, list.u64()?, list.u16()?);
        let name = list.take(usize::from(name_len))?.to_vec();
        Some(Section { name, at, len })
    };
    (0..count).map(section).collect()
}
