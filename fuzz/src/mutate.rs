//! New inputs out of kept ones.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What parsers stumble over.
#[rustfmt::skip]
const STUMBLING_BLOCKS: &[&str] = &[
    "\"", "\\", "\0", "\u{feff}", "{", "}", "[", "]", "null", "true", "-1", "0", "1e999", "99999999999999999999", "1.5",
    "%00", "%2f", "%", "\\u0000", "\\ud800", "=", ",", ";", ":", "//", "?", "#", "@", "&", "é", "\u{202e}", "\r\n", "\n",
    " ", "\t", "W/", "*", "__", ".", "..", "'", "-", "+", "{}", "[]", "\"\"", "A", "ß", "~0", "~1", "[[", "\"\"\"",
];

#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat {
        at: Index,
        length: usize,
        times: usize,
    },
    /// A piece of another input.
    Mix {
        other: Index,
        from: Index,
        length: usize,
        at: Index,
    },
    Cut(Index),
}

/// One of the inputs with up to six changes, and now and then plain noise.
pub(crate) fn inputs(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changed = (any::<Index>(), vec(change(), 0..6)).prop_map(move |(seed, changes)| {
        let mut input = seed.get(&seeds).clone();
        changes.iter().for_each(|change| apply(change, &mut input, &seeds));
        input
    });
    prop_oneof![15 => changed, 1 => vec(any::<u8>(), 0..64)]
}

fn change() -> impl Strategy<Value = Change> {
    let block = select(STUMBLING_BLOCKS).prop_map(|text| text.as_bytes().to_vec());
    let at = any::<Index>;
    prop_oneof![
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        6 => (at(), prop_oneof![4 => block, 1 => vec(any::<u8>(), 1..5)]).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        3 => (at(), 1..8_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        1 => (at(), 1..16_usize, 1..200_usize).prop_map(|(at, length, times)| Change::Repeat { at, length, times }),
        3 => (at(), at(), 1..40_usize, at())
            .prop_map(|(other, from, length, at)| Change::Mix { other, from, length, at }),
        1 => at().prop_map(Change::Cut),
    ]
}

fn apply(change: &Change, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let place = |at: &Index, length: usize| at.index(length + 1);
    match change {
        Change::Set(at, byte) if !input.is_empty() => {
            let at = at.index(input.len());
            input[at] = *byte;
        }
        Change::Set(..) => {}
        Change::Insert(at, bytes) => {
            let at = place(at, input.len());
            input.splice(at..at, bytes.iter().copied());
        }
        Change::Remove(at, length) => {
            let at = place(at, input.len());
            input.drain(at..(at + length).min(input.len()));
        }
        Change::Repeat { at, length, times } => {
            let at = place(at, input.len());
            let piece = input[at..(at + length).min(input.len())].repeat(*times);
            input.splice(at..at, piece);
        }
        Change::Mix { other, from, length, at } => {
            let other = other.get(seeds);
            let from = place(from, other.len());
            let at = place(at, input.len());
            input.splice(at..at, other[from..(from + length).min(other.len())].iter().copied());
        }
        Change::Cut(at) => input.truncate(place(at, input.len())),
    }
}
