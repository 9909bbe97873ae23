//! The text of a ledger: a header, then one record a line.
//!
//! ```text
//! evenkeel-ledger 1 4f1c09ab 17 b68a6b75
//! 17 61 0e1c8ef2 {"t":"settled","at":{"m":1,"w":2},"id":3,"fate":"unanswered"}
//! ```
//!
//! The header: format, the ledger's own name, the sequence number of the first record, and a
//! checksum of all that. A line: sequence, length of the JSON in bytes, checksum, JSON.
//!
//! - Sequence numbers run on through compactions, so a line of an older file at the same place
//!   cannot pass for one of this file. That is why the header must say where they begin.
//! - The checksum covers the ledger's name, too: a line of another ledger is as bad as a flipped
//!   bit.
//! - A line's numbers are never parsed: what they must be is known or computed from the JSON's
//!   bytes, and the exact text is compared. A lax parser (`+7`, `007`, `0B1C…`) missed 108 of
//!   20,000 flipped bits.
//! - The JSON is not serialised again for comparison: CRC-32 sees every burst of up to 32 bits, so
//!   the bytes are those that were written.

use std::fmt::Write as _;
use std::path::PathBuf;

use memchr::{memchr, memchr_iter};

use crate::keel::record::Record;

/// The format that this version writes and reads.
pub(super) const FORMAT: u32 = 1;

/// What a header looks like, for messages.
pub(super) const HEADER_EXAMPLE: &str = "evenkeel-ledger 1 4f1c09ab 1 60ffbdfe";

const MAGIC: &str = "evenkeel-ledger ";

/// A header is some 50 bytes; a first line longer than this is none.
const HEADER_MAX: usize = 128;

/// No reservation takes fewer bytes than this, not even in one line with others, so a torn tail
/// held at most one for so many bytes. `codec::tests` holds it against the shortest.
const RESERVATION_MIN: u64 = 18;

/// What was found when a ledger was opened, beside its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The ledger's own name: 8 hexadecimal digits, the same through every compaction.
    pub id: String,
    /// No record is in it: nothing is known of calls in the past.
    pub fresh: bool,
    /// The end of it was torn off by a crash.
    pub torn: Option<Torn>,
}

/// The end of a ledger that a crash left half-written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Its length.
    pub bytes: u64,
    /// The most calls that can have been reserved in it; each counts as unanswered in every scope.
    pub calls: u32,
    /// Where the bytes are kept, unless the disk had no room for them.
    pub kept: Option<PathBuf>,
}

/// What a ledger's lines have in common.
#[derive(Clone, Debug)]
pub(super) struct Header {
    /// 8 hexadecimal digits.
    pub(super) id: String,
    /// The sequence number of the first line.
    pub(super) base: u64,
}

/// Why the first line is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoHeader {
    Empty,
    Foreign(String),
    Newer(u32),
    Damaged,
}

/// Where reading ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With the last line, which bears the number before this one.
    Whole { next: u64 },
    /// At a tail without one good line.
    Torn { next: u64, offset: usize, calls: u32 },
    /// At a bad line with good lines behind it, or at a good line that says nothing we know.
    Bad { line: u64, offset: usize, what: String },
}

impl Header {
    /// The line, newline included.
    pub(super) fn line(&self) -> String {
        let head = format!("{MAGIC}{FORMAT} {} {} ", self.id, self.base);
        let checksum = crc32fast::hash(head.as_bytes());
        format!("{head}{checksum:08x}\n")
    }

    /// Reads the first line; also tells where the second begins.
    pub(super) fn read(text: &[u8]) -> Result<(Self, usize), NoHeader> {
        if text.is_empty() {
            return Err(NoHeader::Empty);
        }
        let end = text.iter().take(HEADER_MAX).position(|&b| b == b'\n');
        let line = String::from_utf8_lossy(&text[..end.unwrap_or(text.len().min(HEADER_MAX))]);
        let Some(fields) = line.strip_prefix(MAGIC) else {
            return Err(NoHeader::Foreign(line.chars().take(40).collect()));
        };
        let mut fields = fields.split(' ');
        let format = fields.next().and_then(|format| format.parse::<u32>().ok());
        match (format, end) {
            (Some(format), _) if format > FORMAT => return Err(NoHeader::Newer(format)),
            (Some(FORMAT), Some(end)) => {
                let id = fields.next().unwrap_or_default().to_owned();
                let base = fields.next().and_then(|base| base.parse().ok()).unwrap_or_default();
                let header = Self { id, base };
                // Writing what was understood and comparing the text catches the rest.
                if header.line().as_bytes() == &text[..=end] {
                    return Ok((header, end + 1));
                }
            }
            (Some(_) | None, _) => (),
        }
        Err(NoHeader::Damaged)
    }

    /// Appends the line of `record` to `out`.
    pub(super) fn encode(
        &self,
        sequence: u64,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        let json = serde_json::to_vec(record)?;
        out.extend_from_slice(self.prefix(sequence, &json).as_bytes());
        out.extend_from_slice(&json);
        out.push(b'\n');
        Ok(())
    }

    /// All of a line before its JSON.
    fn prefix(&self, sequence: u64, json: &[u8]) -> String {
        // Two numbers of at most 20 digits, 8 of a checksum, three blanks.
        let mut prefix = String::with_capacity(51);
        // Writing to a string cannot fail.
        let _ = write!(prefix, "{sequence} {} ", json.len());
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(self.id.as_bytes());
        checksum.update(prefix.as_bytes());
        checksum.update(json);
        let _ = write!(prefix, "{:08x} ", checksum.finalize());
        prefix
    }

    /// The JSON of `line`, if it is line number `sequence` to the letter.
    fn json<'a>(&self, sequence: u64, line: &'a [u8]) -> Option<&'a [u8]> {
        // Sequence, length and checksum have no blank inside.
        let blank = memchr_iter(b' ', line).nth(2)?;
        let (prefix, json) = line.split_at(blank + 1);
        (prefix == self.prefix(sequence, json).as_bytes()).then_some(json)
    }

    /// Whether `line` is good in itself, whatever its place.
    fn is_line(&self, line: &[u8]) -> bool {
        let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&line[..digits]).ok().and_then(|n| n.parse().ok());
        number.is_some_and(|sequence| self.json(sequence, line).is_some())
    }

    /// Hands the records of `text` from `start` on to `each`, in order, up to the first bad line.
    pub(super) fn records(&self, text: &[u8], start: usize, mut each: impl FnMut(Record)) -> End {
        let (mut offset, mut sequence, mut number) = (start, self.base, 2);
        while offset < text.len() {
            let rest = &text[offset..];
            let end = memchr(b'\n', rest);
            let Some((json, end)) =
                end.and_then(|end| Some((self.json(sequence, &rest[..end])?, end)))
            else {
                return self.bad(text, offset, sequence, number);
            };
            match Record::read(json) {
                Ok(record) => each(record),
                Err(error) => {
                    let what =
                        format!("it is whole, but no record that this version knows ({error})");
                    return End::Bad { line: number, offset, what };
                }
            }
            offset += end + 1;
            sequence += 1;
            number += 1;
        }
        End::Whole { next: sequence }
    }

    /// A crash tears off an end; good lines behind a bad one mean that something else happened.
    fn bad(&self, text: &[u8], offset: usize, next: u64, line: u64) -> End {
        let rest = &text[offset..];
        let good = |(at, line): (u64, &[u8])| {
            // Without its end it is no line: the crash may have come just before it.
            line.strip_suffix(b"\n").is_some_and(|line| self.is_line(line)).then_some(at)
        };
        let lines = rest.split_inclusive(|&byte| byte == b'\n');
        if let Some(good) = (line..).zip(lines).find_map(good) {
            let what = if good == line {
                format!("it is not record {next}, which must follow here")
            } else {
                format!("its numbers or its checksum do not fit, and line {good} behind it is good")
            };
            return End::Bad { line, offset, what };
        }
        let calls = (rest.len() as u64).div_ceil(RESERVATION_MIN);
        End::Torn { next, offset, calls: u32::try_from(calls).unwrap_or(u32::MAX) }
    }
}

/// All of a ledger: the header and one line a record.
pub(super) fn encode_all(header: &Header, records: &[Record]) -> serde_json::Result<Vec<u8>> {
    let mut out = header.line().into_bytes();
    for (sequence, record) in (header.base..).zip(records) {
        header.encode(sequence, record, &mut out)?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keel::bundle::bundle;
    use crate::keel::call::{Call, CallId, Request};
    use crate::keel::deployment::{AccountId, DeploymentId};
    use crate::keel::record::Stamp;

    #[test]
    fn the_shortest_reservation_is_no_shorter_than_assumed() {
        let read = |number| {
            let (account, request) =
                (AccountId::new(""), Request::Status(DeploymentId::parse("a").unwrap()));
            let call = Call { account, request };
            Record::Reserved { at: Stamp::default(), id: CallId(number), call, cause: None }
        };
        let length = |records: &[Record]| {
            let header = Header { id: String::new(), base: 0 };
            (encode_all(&header, &bundle(records)).unwrap().len() - header.line().len()) as u64
        };
        let many: Vec<_> = (0..256).map(read).collect();
        assert_eq!(bundle(&many).len(), 1);
        for reserved in [1, 2, 3, 10, 100, 256] {
            let length = length(&many[..reserved]);
            assert!(length >= RESERVATION_MIN * reserved as u64, "{reserved}: {length}");
        }
    }

    #[test]
    fn headers() {
        let header = Header { id: "4f1c09ab".to_owned(), base: 1 };
        let line = header.line();
        assert_eq!(line.trim_end(), HEADER_EXAMPLE);
        let (read, second) = Header::read(line.as_bytes()).unwrap();
        assert_eq!((read.id.as_str(), read.base, second), ("4f1c09ab", 1, line.len()));
        for (text, wrong) in [
            ("", NoHeader::Empty),
            ("\n", NoHeader::Foreign(String::new())),
            ("deployments:\n", NoHeader::Foreign("deployments:".to_owned())),
            ("evenkeel-ledger", NoHeader::Foreign("evenkeel-ledger".to_owned())),
            ("evenkeel-ledger 2 whatever follows\n", NoHeader::Newer(2)),
            ("evenkeel-ledger 0 4f1c09ab 1 60ffbdfe\n", NoHeader::Damaged),
            ("evenkeel-ledger +1 4f1c09ab 1 60ffbdfe\n", NoHeader::Damaged),
            ("evenkeel-ledger 1 4f1c09ab 1 00000000\n", NoHeader::Damaged),
            ("evenkeel-ledger 1 4f1c09ab 01 60ffbdfe\n", NoHeader::Damaged),
            (HEADER_EXAMPLE, NoHeader::Damaged),
        ] {
            assert_eq!(Header::read(text.as_bytes()).map(|_| ()), Err(wrong), "{text:?}");
        }
    }
}
