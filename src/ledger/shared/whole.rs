//! All of a shared ledger, put together from its registers.

use std::path::PathBuf;

use super::store::{Register, Store, Stored, Version};
use super::text::{Head, Odd, Segment};
use crate::keel::record::Record;
use crate::ledger::codec::{End, Header, NoHeader};
use crate::ledger::fault::{Corrupt, OpenError};

/// So often a ledger is read again because it was compacted meanwhile.
const TRIES: usize = 3;

/// A ledger as it was at one moment.
#[derive(Debug)]
pub(super) struct Whole {
    /// Of the head.
    pub(super) version: Version,
    /// `None` where there never was a ledger.
    pub(super) known: Option<Known>,
}

/// What a head leads to.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) head: Head,
    pub(super) header: Header,
    /// What follows the first line of the head.
    pub(super) tail: Vec<u8>,
    pub(super) records: Vec<Record>,
}

impl Whole {
    /// Reads it.
    pub(super) fn read(store: &mut dyn Store) -> Result<Self, OpenError> {
        let head = get(store, Register::Head)?;
        Self::behind(head, store)
    }

    /// Reads what is behind this head. Whoever leads may compact it meanwhile: then that is read.
    pub(super) fn behind(mut head: Stored, store: &mut dyn Store) -> Result<Self, OpenError> {
        let mut tries = 1;
        loop {
            let Stored { value, version } = head;
            if value.is_empty() {
                return Ok(Self { version, known: None });
            }
            match known(store, &value) {
                Ok(known) => return Ok(Self { version, known: Some(known) }),
                Err(OpenError::Corrupt(corrupt)) => {
                    head = get(store, Register::Head)?;
                    if head.version == version || tries == TRIES {
                        return Err(corrupt.into());
                    }
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn known(store: &mut dyn Store, value: &[u8]) -> Result<Known, OpenError> {
    let (head, start) = Head::read(value).map_err(|odd| of_no_head(store, odd))?;
    let tail = value.get(start..).unwrap_or_default().to_vec();
    let mut text = Vec::new();
    for Segment { number, length } in &head.segments {
        let register = Register::Segment(*number);
        let part = get(store, register)?.value;
        if part.len() != *length {
            let what = format!("{register} has {} bytes, and should have {length}", part.len());
            return Err(corrupt(store, 1, 0, what));
        }
        text.extend_from_slice(&part);
    }
    text.extend_from_slice(&tail);
    let (header, start) = Header::read(&text).map_err(|none| match none {
        NoHeader::Newer(found) => OpenError::Newer { path: path(store), found },
        NoHeader::Empty | NoHeader::Foreign(_) | NoHeader::Damaged => {
            corrupt(store, 1, 0, "its header is damaged".to_owned())
        }
    })?;
    let mut records = Vec::new();
    match header.records(&text, start, |record| records.push(record)) {
        End::Whole { next } if next == head.next => Ok(Known { head, header, tail, records }),
        End::Whole { next } => {
            let what = format!("it ends before record {next}, and should before {}", head.next);
            Err(corrupt(store, 1, 0, what))
        }
        // An engine writes a value whole or not at all.
        End::Torn { next, offset, .. } => {
            let what = format!("record {next} and all behind it is damaged");
            Err(corrupt(store, next, offset, what))
        }
        End::Bad { line, offset, what } => Err(corrupt(store, line, offset, what)),
    }
}

/// Reads a register.
pub(super) fn get(store: &mut dyn Store, register: Register) -> Result<Stored, OpenError> {
    store.read(register).map_err(|source| OpenError::Engine { path: path(store), source })
}

/// What is in the place of a head.
pub(super) fn of_no_head(store: &dyn Store, odd: Odd) -> OpenError {
    let path = path(store);
    match odd {
        Odd::Foreign(first) => OpenError::NotShared { path, first },
        Odd::Newer(found) => OpenError::Newer { path, found },
        Odd::Damaged => corrupt(store, 1, 0, "its first line is damaged".to_owned()),
    }
}

fn corrupt(store: &dyn Store, line: u64, offset: usize, what: String) -> OpenError {
    Corrupt { path: path(store), line, offset: offset as u64, what, copy: None }.into()
}

/// The ledger's place, as messages name it.
pub(super) fn path(store: &dyn Store) -> PathBuf {
    store.place().into()
}
