//! The text of the registers. A head:
//!
//! ```text
//! evenkeel-shared 1 7 node-a/4f1c09ab 18 1:524288,2:1093 0e1c8ef2
//! 17 61 0e1c8ef2 {"t":"settled","at":{"m":1,"w":2},"id":3,"fate":"unanswered"}
//! ```
//!
//! Format, epoch, holder, the sequence number of the next record, the segments with their lengths
//! (`-`: none), a checksum of all that. What the segments hold and what follows the first line is,
//! one after the other, the same text that a file has, with the same checks of its own.
//!
//! A lease: `evenkeel-lease 1 node-a/4f1c09ab 15000 341`: the holder (`-`: handed over), for how
//! many milliseconds from its last change others leave it alone, and how often it was written.

use std::time::Duration;

/// The format that this version writes and reads.
const FORMAT: u32 = 1;

const HEAD: &str = "evenkeel-shared";
const LEASE: &str = "evenkeel-lease";

/// A first line longer than this is none; 4,000 segments of half a MiB fit.
const LINE_MAX: usize = 64 * 1024;

/// A part of the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Its register.
    pub(super) number: u16,
    /// Its length, in bytes.
    pub(super) length: usize,
}

/// The first line of a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) epoch: u64,
    pub(super) holder: String,
    /// The sequence number of the next record.
    pub(super) next: u64,
    pub(super) segments: Vec<Segment>,
}

/// Why a text is none of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Odd {
    Foreign(String),
    Newer(u32),
    Damaged,
}

impl Head {
    /// The line, newline included.
    pub(super) fn line(&self) -> String {
        let Self { epoch, holder, next, segments } = self;
        let segments: Vec<_> =
            segments.iter().map(|one| format!("{}:{}", one.number, one.length)).collect();
        let segments = if segments.is_empty() { "-".to_owned() } else { segments.join(",") };
        let head = format!("{HEAD} {FORMAT} {epoch} {holder} {next} {segments} ");
        format!("{head}{:08x}\n", crc32fast::hash(head.as_bytes()))
    }

    /// Reads the first line; also tells where the second begins.
    pub(super) fn read(text: &[u8]) -> Result<(Self, usize), Odd> {
        let (line, end) = first_line(text, HEAD)?;
        let head = Self::fields(&line).ok_or(Odd::Damaged)?;
        // Writing what was understood and comparing the text catches the rest.
        if text.get(..end) == Some(head.line().as_bytes()) {
            return Ok((head, end));
        }
        Err(Odd::Damaged)
    }

    fn fields(line: &str) -> Option<Self> {
        let mut fields = line.split(' ').skip(2);
        let epoch = fields.next()?.parse().ok()?;
        let holder = fields.next()?.to_owned();
        let next = fields.next()?.parse().ok()?;
        let segment = |text: &str| {
            let (number, length) = text.split_once(':')?;
            Some(Segment { number: number.parse().ok()?, length: length.parse().ok()? })
        };
        let segments = match fields.next()? {
            "-" => Some(Vec::new()),
            list => list.split(',').map(segment).collect(),
        };
        Some(Self { epoch, holder, next, segments: segments? })
    }
}

/// What a lease says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    /// `None`: handed over.
    pub(super) holder: Option<String>,
    /// For how long after it was last seen to change others leave it alone.
    pub(super) length: Duration,
    /// How often it was written.
    pub(super) count: u64,
}

impl Lease {
    pub(super) fn line(&self) -> String {
        let holder = self.holder.as_deref().unwrap_or("-");
        format!("{LEASE} {FORMAT} {holder} {} {}\n", self.length.as_millis(), self.count)
    }

    pub(super) fn read(text: &[u8]) -> Result<Self, Odd> {
        let (line, _) = first_line(text, LEASE)?;
        let mut fields = line.split(' ').skip(2);
        let mut lease = || {
            let holder = Some(fields.next()?.to_owned()).filter(|holder| holder != "-");
            let length = Duration::from_millis(fields.next()?.parse().ok()?);
            Some(Self { holder, length, count: fields.next()?.parse().ok()? })
        };
        lease().ok_or(Odd::Damaged)
    }
}

/// The first line, without its end, and where the second begins.
fn first_line(text: &[u8], magic: &str) -> Result<(String, usize), Odd> {
    let end = text.iter().take(LINE_MAX).position(|&byte| byte == b'\n');
    let line = String::from_utf8_lossy(&text[..end.unwrap_or(text.len().min(LINE_MAX))]);
    let mut fields = line.split(' ');
    if fields.next() != Some(magic) {
        return Err(Odd::Foreign(line.chars().take(40).collect()));
    }
    match (fields.next().and_then(|format| format.parse::<u32>().ok()), end) {
        (Some(format), _) if format > FORMAT => Err(Odd::Newer(format)),
        (Some(FORMAT), Some(end)) => Ok((line.into_owned(), end + 1)),
        (Some(_) | None, _) => Err(Odd::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let segments =
            vec![Segment { number: 1, length: 524_288 }, Segment { number: 3, length: 7 }];
        for segments in [segments, vec![]] {
            let head = Head { epoch: 7, holder: "node-a/4f1c09ab".into(), next: 18, segments };
            let text = format!("{}17 more\n", head.line());
            let (read, second) = Head::read(text.as_bytes()).unwrap();
            assert_eq!((read, &text[second..]), (head.clone(), "17 more\n"));
            for bit in 0..head.line().len() * 8 {
                let mut bytes = text.clone().into_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert!(Head::read(&bytes).is_err(), "bit {bit}");
            }
        }
        for (text, odd) in [
            ("", Odd::Foreign(String::new())),
            ("hello\n", Odd::Foreign("hello".to_owned())),
            ("evenkeel-shared 2 whatever follows\n", Odd::Newer(2)),
            ("evenkeel-shared 1 7 a 18 -\n", Odd::Damaged),
            ("evenkeel-shared 1 07 a 18 - 00000000\n", Odd::Damaged),
            ("evenkeel-shared 1", Odd::Damaged),
        ] {
            assert_eq!(Head::read(text.as_bytes()), Err(odd), "{text:?}");
        }
    }

    #[test]
    fn leases() {
        for holder in [Some("node-a/4f1c09ab".to_owned()), None] {
            let lease = Lease { holder, length: Duration::from_secs(15), count: 3 };
            assert_eq!(Lease::read(lease.line().as_bytes()), Ok(lease));
        }
        assert_eq!(Lease::read(b"evenkeel-lease 2 a b c\n"), Err(Odd::Newer(2)));
        assert_eq!(Lease::read(b"evenkeel-lease 1 a b c\n"), Err(Odd::Damaged));
        assert_eq!(Lease::read(b"lease"), Err(Odd::Foreign("lease".to_owned())));
    }
}
