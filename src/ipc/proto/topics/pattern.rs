//! Matching. A pattern is matched with one pass over the topic: its states are the
//! bits of one word (the Shift-And method of Baeza-Yates and Gonnet, 1992, with a
//! self-loop for `**`), so no pattern, however hostile, costs more than its length
//! in segments. Segments are compared by number: of many patterns, each looks up
//! numbers, and only the topic's own segments are looked up as texts, once.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::MAX_SEGMENTS;
use crate::ipc::faults;
use crate::ipc::proto::requests::IdHasher;

/// The number of a segment that is no pattern's literal.
const UNKNOWN: u32 = 0;

pub(super) fn is_wildcard(segment: &str) -> bool {
    segment == "*" || segment == "**"
}

/// The literal segments of patterns, by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// Number, and how often patterns have the word.
    known: HashMap<Box<str>, (u32, usize)>,
    /// Numbers that were given back.
    free: Vec<u32>,
}

impl Words {
    fn hold(&mut self, word: &str) -> u32 {
        if let Some((number, uses)) = self.known.get_mut(word) {
            *uses += 1;
            return *number;
        }
        let next = self.known.len() + 1;
        let number = self.free.pop();
        let number = number.unwrap_or_else(|| u32::try_from(next).unwrap_or(UNKNOWN));
        self.known.insert(word.into(), (number, 1));
        number
    }

    /// The words of a pattern are held once less.
    pub(super) fn release(&mut self, pattern: &str) {
        for word in segments(pattern).filter(|it| !is_wildcard(it)) {
            let Some((number, uses)) = self.known.get_mut(word) else {
                continue;
            };
            *uses -= 1;
            if *uses == 0 {
                self.free.push(*number);
                self.known.remove(word);
            }
        }
    }

    /// A topic as numbers.
    pub(super) fn read(&self, topic: &str) -> Vec<u32> {
        let number = |word| self.known.get(word).map_or(UNKNOWN, |(number, _)| *number);
        topic.split('.').map(number).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

/// Those that count: one less than the bits of a state word.
fn segments(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.split('.').take(MAX_SEGMENTS)
}

/// A pattern as states.
#[derive(Clone, Debug, Default)]
pub(super) struct Automaton {
    /// Per literal segment, the states that it leads on from.
    literals: HashMap<u32, u128, BuildHasherDefault<IdHasher>>,
    /// States that any one segment leads on from: `*`.
    any: u128,
    /// States that stay, and may be skipped: `**`.
    many: u128,
    /// The state after the last segment.
    end: u32,
}

impl Automaton {
    /// Compiles a pattern, whose words are held until they are released.
    pub(super) fn new(pattern: &str, words: &mut Words) -> Self {
        let mut compiled = Self::default();
        let mut after_many = false;
        for segment in segments(pattern) {
            faults::step();
            // `**.**` means what `**` means; one of them keeps skipping simple.
            if segment == "**" && after_many {
                continue;
            }
            after_many = segment == "**";
            let state = 1u128 << compiled.end;
            match segment {
                "**" => compiled.many |= state,
                "*" => compiled.any |= state,
                word => *compiled.literals.entry(words.hold(word)).or_default() |= state,
            }
            compiled.end += 1;
        }
        compiled
    }

    /// Whether a topic matches, as [`Words::read`] gives it.
    pub(super) fn matches(&self, topic: &[u32]) -> bool {
        let mut states = self.skip(1);
        for word in topic {
            faults::step();
            let literal = match *word {
                UNKNOWN => 0,
                word => self.literals.get(&word).copied().unwrap_or(0),
            };
            let on = self.any | literal;
            states = self.skip(((states & on) << 1) | (states & self.many));
            if states == 0 {
                return false;
            }
        }
        states & (1u128 << self.end) != 0
    }

    /// `**` may stand for nothing.
    fn skip(&self, states: u128) -> u128 {
        states | ((states & self.many) << 1)
    }
}

/// A compiled pattern that stands alone.
#[derive(Clone, Debug)]
pub struct Pattern {
    words: Words,
    automaton: Automaton,
}

impl Pattern {
    /// Compiles a pattern that [`check_pattern`](super::check_pattern) accepts;
    /// segments beyond the limit are ignored.
    pub fn new(pattern: &str) -> Self {
        let mut words = Words::default();
        let automaton = Automaton::new(pattern, &mut words);
        Self { words, automaton }
    }

    /// Whether the topic matches.
    pub fn matches(&self, topic: &str) -> bool {
        self.automaton.matches(&self.words.read(topic))
    }
}
