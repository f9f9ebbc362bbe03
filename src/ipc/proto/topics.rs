//! Topics: dot-separated names, patterns, and who gets what.

mod pattern;

use std::collections::{HashMap, HashSet};

use crate::ipc::options::MAX_NAME;

pub use pattern::Pattern;
use pattern::{is_wildcard, Automaton, Words};

/// Segments a topic or pattern may have; one less than the bits of a state word.
pub const MAX_SEGMENTS: usize = 127;

/// Why a topic can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Empty.
    #[error("a topic must not be empty")]
    Empty,
    /// More than [`MAX_NAME`] bytes or [`MAX_SEGMENTS`] segments.
    #[error("a topic must have at most 256 bytes and 127 segments")]
    TooLong,
    /// A wildcard where a plain topic is needed.
    #[error("a published topic must not contain the wildcards * and **")]
    Wildcard,
}

/// Whether `topic` may be published to.
///
/// # Errors
/// If it is empty, too long, or has a segment that is `*` or `**`.
pub fn check_topic(topic: &str) -> Result<(), TopicError> {
    check_pattern(topic)?;
    if topic.split('.').any(is_wildcard) {
        return Err(TopicError::Wildcard);
    }
    Ok(())
}

/// Whether `pattern` may be subscribed to.
///
/// # Errors
/// If it is empty or too long.
pub fn check_pattern(pattern: &str) -> Result<(), TopicError> {
    if pattern.is_empty() {
        return Err(TopicError::Empty);
    }
    if pattern.len() > MAX_NAME || pattern.split('.').count() > MAX_SEGMENTS {
        return Err(TopicError::TooLong);
    }
    Ok(())
}

/// Subscriptions of many subscribers. `S` names a subscriber.
#[derive(Debug)]
pub struct Topics<S> {
    exact: HashMap<Box<str>, HashSet<S>>,
    patterns: HashMap<Box<str>, (Automaton, HashSet<S>)>,
    /// What the patterns consist of.
    words: Words,
    held: HashMap<S, HashSet<Box<str>>>,
}

impl<S: Copy + Eq + Ord + std::hash::Hash> Topics<S> {
    /// No subscriptions.
    pub fn new() -> Self {
        Self {
            exact: HashMap::new(),
            patterns: HashMap::new(),
            words: Words::default(),
            held: HashMap::new(),
        }
    }

    /// Subscribes; false if `limit` topics are held already. Twice is once.
    pub fn subscribe(&mut self, subscriber: S, topic: &str, limit: usize) -> bool {
        let held = self.held.entry(subscriber).or_default();
        if held.contains(topic) {
            return true;
        }
        if held.len() >= limit {
            return false;
        }
        held.insert(topic.into());
        let subscribers = if topic.split('.').any(is_wildcard) {
            let entry = self.patterns.entry(topic.into());
            let words = &mut self.words;
            &mut entry
                .or_insert_with(|| (Automaton::new(topic, words), HashSet::new()))
                .1
        } else {
            self.exact.entry(topic.into()).or_default()
        };
        subscribers.insert(subscriber);
        true
    }

    /// Unsubscribes; unknown is fine.
    pub fn unsubscribe(&mut self, subscriber: S, topic: &str) {
        if let Some(held) = self.held.get_mut(&subscriber) {
            held.remove(topic);
            if held.is_empty() {
                self.held.remove(&subscriber);
            }
        }
        self.forget(subscriber, topic);
    }

    /// Ends all subscriptions of one subscriber.
    pub fn remove(&mut self, subscriber: S) {
        for topic in self.held.remove(&subscriber).unwrap_or_default() {
            self.forget(subscriber, &topic);
        }
    }

    fn forget(&mut self, subscriber: S, topic: &str) {
        if let Some(subscribers) = self.exact.get_mut(topic) {
            subscribers.remove(&subscriber);
            if subscribers.is_empty() {
                self.exact.remove(topic);
            }
        }
        if let Some((_, subscribers)) = self.patterns.get_mut(topic) {
            subscribers.remove(&subscriber);
            if subscribers.is_empty() {
                self.patterns.remove(topic);
                self.words.release(topic);
            }
        }
    }

    /// Everybody who gets a message of `topic`, once each.
    pub fn receivers(&self, topic: &str) -> Vec<S> {
        let mut receivers: Vec<S> = self
            .exact
            .get(topic)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        let mut sources = usize::from(!receivers.is_empty());
        if self.patterns.is_empty() {
            return receivers;
        }
        let read = self.words.read(topic);
        for (pattern, subscribers) in self.patterns.values() {
            if pattern.matches(&read) {
                receivers.extend(subscribers);
                sources += 1;
            }
        }
        if sources > 1 {
            receivers.sort_unstable();
            receivers.dedup();
        }
        receivers
    }

    /// Whether nobody subscribes to anything.
    pub fn is_empty(&self) -> bool {
        let none = self.exact.is_empty() && self.patterns.is_empty();
        none && self.held.is_empty() && self.words.is_empty()
    }
}

impl<S: Copy + Eq + Ord + std::hash::Hash> Default for Topics<S> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    /// The rules, written down naïvely.
    fn oracle(pattern: &[&str], topic: &[&str]) -> bool {
        match (pattern.split_first(), topic.split_first()) {
            (None, None) => true,
            (Some((&"**", rest)), _) => {
                oracle(rest, topic)
                    || topic
                        .split_first()
                        .is_some_and(|(_, tail)| oracle(pattern, tail))
            }
            (Some((&"*", rest)), Some((_, tail))) => oracle(rest, tail),
            (Some((literal, rest)), Some((segment, tail))) => {
                literal == segment && oracle(rest, tail)
            }
            _ => false,
        }
    }

    #[test]
    fn the_documented_examples() {
        let cases = [
            ("user.*", "user.login", true),
            ("user.*", "user", false),
            ("user.*", "user.login.failed", false),
            ("user.**", "user", true),
            ("user.**", "user.login.failed", true),
            ("**", "anything.at.all", true),
            ("a.*.c", "a.b.c", true),
            ("a.**.c", "a.c", true),
            ("us*r", "user", false),
            ("us*r", "us*r", true),
        ];
        for (pattern, topic, expected) in cases {
            assert_eq!(
                Pattern::new(pattern).matches(topic),
                expected,
                "{pattern} ~ {topic}"
            );
        }
    }

    #[test]
    fn a_subscriber_gets_a_message_once() {
        let mut topics = Topics::new();
        for topic in ["user.login", "user.*", "**"] {
            assert!(topics.subscribe(1, topic, 10));
        }
        assert!(topics.subscribe(2, "user.login", 10));
        assert!(topics.subscribe(2, "user.login", 10));
        assert_eq!(topics.receivers("user.login"), [1, 2]);
        topics.unsubscribe(1, "user.login");
        topics.unsubscribe(1, "never.subscribed");
        assert_eq!(topics.receivers("user.login"), [1, 2]);
        topics.remove(1);
        topics.remove(2);
        assert!(topics.is_empty());
    }

    #[test]
    fn a_word_is_known_as_long_as_a_pattern_has_it() {
        let mut topics = Topics::new();
        for pattern in ["*.a", "a.*.a", "b.**"] {
            assert!(topics.subscribe(1, pattern, 10));
        }
        topics.unsubscribe(1, "*.a");
        topics.unsubscribe(1, "b.**");
        assert!(topics.receivers("x.a").is_empty() && topics.receivers("b").is_empty());
        assert_eq!(topics.receivers("a.x.a"), [1]);
        // It may have the number that another one had.
        assert!(topics.subscribe(2, "c.**", 10));
        assert_eq!(topics.receivers("c"), [2]);
        assert!(topics.receivers("b").is_empty());
        assert_eq!(topics.receivers("a.c.a"), [1]);
        topics.remove(1);
        topics.remove(2);
        assert!(topics.is_empty());
    }

    #[test]
    fn the_limit_counts_distinct_topics() {
        let mut topics = Topics::new();
        assert!(topics.subscribe(1, "a", 2) && topics.subscribe(1, "b", 2));
        assert!(topics.subscribe(1, "a", 2));
        assert!(!topics.subscribe(1, "c", 2));
    }

    #[test]
    fn wildcards_are_for_subscribers() {
        assert_eq!(check_topic("a.*"), Err(TopicError::Wildcard));
        assert_eq!(check_topic(""), Err(TopicError::Empty));
        assert_eq!(check_topic(&"x".repeat(257)), Err(TopicError::TooLong));
        assert_eq!(check_pattern(&"*.".repeat(127)), Err(TopicError::TooLong));
        assert!(check_topic("a.b").is_ok());
        assert!(check_pattern("**").is_ok());
    }

    #[test]
    fn p12_no_pattern_takes_long_to_match() {
        let longest = |unit: &str| {
            let repeated = unit.repeat((MAX_NAME - 2) / unit.len());
            repeated.trim_end_matches('.').to_owned()
        };
        let patterns = ["*a", "*.", "**.a.", "a.**.", "**.*.", "(.*)+$"].map(longest);
        let topics = ["a", "a.", "b.", ".", "aa."].map(longest);
        for pattern in &patterns {
            assert!(check_pattern(pattern).is_ok(), "{pattern}");
            for topic in &topics {
                let took = || {
                    let begun = Instant::now();
                    std::hint::black_box(Pattern::new(pattern).matches(topic));
                    begun.elapsed()
                };
                // The shortest of several, for others use the machine too.
                let shortest = (0..5).map(|_| took()).min().unwrap();
                assert!(
                    shortest <= Duration::from_millis(1),
                    "{pattern} ~ {topic}: {shortest:?}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_oracle(
            pattern in proptest::collection::vec("[ab]|\\*|\\*\\*", 1..7),
            topic in proptest::collection::vec("[ab]", 1..9),
        ) {
            let pattern: Vec<&str> = pattern.iter().map(String::as_str).collect();
            let topic: Vec<&str> = topic.iter().map(String::as_str).collect();
            let fast = Pattern::new(&pattern.join(".")).matches(&topic.join("."));
            prop_assert_eq!(fast, oracle(&pattern, &topic));
        }
    }
}
