//! Objects that packs keep as differences from others: made once each where they are asked for in a good order.
//!
//! The format is that of `gitformat-pack`, "Deltified representation". What does not follow it is nobody's object here; gix
//! says what is wrong with it.

use std::io::BufRead;

use flate2::{Decompress, FlushDecompress, Status};

use super::open_packs::Place;

/// Bytes of an object, and of all that it is made from, that are held at a time.
const MAX_HELD_BYTES: usize = 4 * 1024 * 1024;

/// An object and what it was made from, the first base first: what comes next is often made from one of them.
#[derive(Default)]
pub(super) struct Bases {
    held: Vec<(Place, Vec<u8>)>,
}

impl Bases {
    /// Says whether an object is here, and forgets what was made from it.
    pub(super) fn has(&mut self, place: Place) -> bool {
        let found = self.held.iter().rposition(|(held, _)| *held == place);
        if let Some(at) = found {
            self.held.truncate(at + 1);
        }
        found.is_some()
    }

    /// Starts anew with an object that is made from nothing.
    pub(super) fn start(&mut self, place: Place, whole: Vec<u8>) {
        self.held.clear();
        self.held.push((place, whole));
    }

    /// Makes an object from the last one; `None` if it would be too much, or the delta is not one of the last object.
    pub(super) fn make(&mut self, place: Place, delta: &[u8]) -> Option<()> {
        let (_, base) = self.held.last()?;
        let held: usize = self.held.iter().map(|(_, bytes)| bytes.len()).sum();
        let made = apply(base, delta, MAX_HELD_BYTES.checked_sub(held)?)?;
        self.held.push((place, made));
        Some(())
    }

    /// Returns the object that was made last.
    pub(super) fn last(&self) -> Option<&[u8]> {
        self.held.last().map(|(_, bytes)| bytes.as_slice())
    }
}

/// Says whether a base or a delta of that many bytes is to be held at all.
pub(super) fn is_small(size: u64) -> bool {
    size <= MAX_HELD_BYTES as u64
}

/// Makes an object of at most `most` bytes from its base.
fn apply(base: &[u8], mut delta: &[u8], most: usize) -> Option<Vec<u8>> {
    if number(&mut delta)? != base.len() {
        return None;
    }
    let size = number(&mut delta).filter(|size| *size <= most)?;
    let mut made = Vec::with_capacity(size);
    while let Some((instruction, rest)) = delta.split_first() {
        delta = rest;
        let part = if instruction & 0x80 == 0 {
            let (new, rest) = delta.split_at_checked(usize::from(*instruction)).filter(|(new, _)| !new.is_empty())?;
            delta = rest;
            new
        } else {
            let start = field(&mut delta, *instruction, 0..4)?;
            let length = field(&mut delta, *instruction, 4..7)?;
            let length = if length == 0 { 0x1_0000 } else { length };
            base.get(start..start.checked_add(length)?)?
        };
        if part.len() > size - made.len() {
            return None;
        }
        made.extend_from_slice(part);
    }
    (made.len() == size).then_some(made)
}

/// Reads a number that says in each byte whether another follows, the lowest seven bits first.
fn number(delta: &mut &[u8]) -> Option<usize> {
    let mut value = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let (byte, rest) = delta.split_first()?;
        *delta = rest;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Reads those bytes of a number that the bits of an instruction announce, the lowest first.
fn field(delta: &mut &[u8], instruction: u8, bits: std::ops::Range<u32>) -> Option<usize> {
    let mut value = 0;
    for (place, bit) in bits.enumerate() {
        if instruction >> bit & 1 == 1 {
            let (byte, rest) = delta.split_first()?;
            *delta = rest;
            value |= usize::from(*byte) << (8 * place);
        }
    }
    Some(value)
}

/// Inflates all of a zlib stream in the place of what `out` holds; false if that is more or less than `size`, or it is damaged.
pub(super) fn inflate(state: &mut Decompress, content: &mut impl BufRead, size: u64, out: &mut Vec<u8>) -> bool {
    state.reset(true);
    out.clear();
    let Ok(length) = usize::try_from(size) else { return false };
    out.reserve_exact(length);
    loop {
        let before = (state.total_in(), out.len());
        let Ok(input) = content.fill_buf() else { return false };
        // `Finish` even where more input follows: then the state copies nothing of a stream that is here as a whole.
        let status = state.decompress_vec(input, out, FlushDecompress::Finish);
        let used = usize::try_from(state.total_in() - before.0).unwrap_or(usize::MAX);
        content.consume(used);
        match status {
            Ok(Status::StreamEnd) => return out.len() == length,
            Ok(_) if used > 0 || out.len() > before.1 => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &[u8] = b"0123456789";

    #[test]
    fn copies_and_new_bytes_make_an_object() {
        // 10 -> 9 bytes: four from place 2, "new", two from place 8.
        let delta = [10, 9, 0b1001_0001, 2, 4, 3, b'n', b'e', b'w', 0b1001_0001, 8, 2];
        assert_eq!(apply(BASE, &delta, 9).as_deref(), Some(&b"2345new89"[..]));
        assert_eq!(apply(BASE, &delta, 8), None, "more than allowed");
        let large = [7; 0x1_0000];
        // No length means 65,536, and no place the start.
        let all = [0x80, 0x80, 4, 0x80, 0x80, 4, 0x80];
        assert_eq!(apply(&large, &all, usize::MAX).as_deref(), Some(&large[..]));
        assert_eq!(apply(BASE, &[10, 0], 0).as_deref(), Some(&b""[..]));
    }

    #[test]
    fn a_delta_that_breaks_the_format_makes_nothing() {
        let cases: [(&str, &[u8]); 12] = [
            ("no sizes", &[]),
            ("one size", &[10]),
            ("of another base", &[9, 0]),
            ("a size without end", &[10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            ("less than it says", &[10, 2, 1, b'a']),
            ("more than it says", &[10, 1, 2, b'a', b'b']),
            ("a copy of more than it says", &[10, 1, 0b1001_0001, 0, 2]),
            ("the instruction that is reserved", &[10, 1, 0, b'a']),
            ("cut in what is new", &[10, 2, 2, b'a']),
            ("cut in a copy", &[10, 2, 0b1001_0001, 0]),
            ("a copy beyond the end", &[10, 2, 0b1001_0001, 9, 2]),
            ("a copy from far away", &[10, 2, 0b1001_1111, 0xff, 0xff, 0xff, 0xff, 2]),
        ];
        for (what, delta) in cases {
            assert_eq!(apply(BASE, delta, usize::MAX), None, "{what}");
        }
    }

    #[test]
    fn what_is_held_is_bounded_and_goes_back_to_a_base() {
        let mut bases = Bases::default();
        let place = |offset| Place { pack: 0, offset };
        bases.start(place(12), BASE.to_vec());
        for offset in 13..20 {
            bases.make(place(offset), &[10, 10, 0b1001_0000, 10]).expect("the same again");
        }
        assert!(bases.has(place(15)) && !bases.has(place(16)) && !bases.has(Place { pack: 1, offset: 15 }));
        assert_eq!((bases.held.len(), bases.last()), (4, Some(BASE)));
        bases.start(place(12), vec![0; MAX_HELD_BYTES - 5]);
        let size = MAX_HELD_BYTES - 5;
        let head = [size as u8 | 0x80, (size >> 7) as u8 | 0x80, (size >> 14) as u8 | 0x80, (size >> 21) as u8];
        assert_eq!(bases.make(place(13), &[&head[..], &[6, 6, 1, 2, 3, 4, 5, 6]].concat()), None, "one byte too much");
        bases.make(place(13), &[&head[..], &[5, 5, 1, 2, 3, 4, 5]].concat()).expect("just enough");
    }

    #[test]
    fn a_stream_is_inflated_to_its_end_or_not_at_all() {
        use std::io::{BufReader, Write as _};
        let text = b"the same, the same, the same, and something else".repeat(100);
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&text).expect("memory takes all");
        let stream = encoder.finish().expect("memory takes all");
        let mut state = Decompress::new(true);
        let mut out = Vec::new();
        for window in [1, 7, 10_000] {
            let mut try_one = |stream: &[u8], size: usize| {
                inflate(&mut state, &mut BufReader::with_capacity(window, stream), size as u64, &mut out)
                    .then(|| out.clone())
            };
            assert!(try_one(&stream, text.len()).is_some_and(|out| out == text), "{window}");
            assert_eq!(try_one(&stream, text.len() - 1), None, "longer than it says");
            assert_eq!(try_one(&stream, text.len() + 1), None, "shorter than it says");
            assert_eq!(try_one(&stream[..stream.len() - 1], text.len()), None, "cut");
            let mut damaged = stream.clone();
            *damaged.last_mut().expect("not empty") ^= 1;
            assert_eq!(try_one(&damaged, text.len()), None, "another sum");
        }
    }
}
