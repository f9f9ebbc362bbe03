//! Patterns against topics, and the table of subscribers against a list.
//!
//! - A pattern matches what the rules, written down naïvely, say, in no more steps
//!   than both have segments.
//! - The table delivers to whom a list of subscriptions says, once each.
//! - Once everybody is gone it is empty.
//!
//! Input: lines. The first is the topic; each other one is a command of one
//! letter (subscribe, unsubscribe, remove), the subscriber, and a pattern. Or,
//! after a byte that no text begins with, the same in a few words, so that
//! topics and patterns meet.

use std::collections::{BTreeMap, BTreeSet};

#[cfg(feature = "faults")]
use smartipc_native::ipc::faults;
use smartipc_native::ipc::proto::topics::{
    check_pattern, check_topic, Pattern, Topics, MAX_SEGMENTS,
};

/// Topics that one subscriber may hold.
const LIMIT: usize = 3;

pub fn run(data: &[u8]) {
    match data {
        [0xff, words @ ..] => deliver(of_words(words).as_bytes()),
        text => deliver(text),
    }
}

/// A line is a head and segments, each of one byte.
fn of_words(words: &[u8]) -> String {
    let mut text = String::new();
    let mut first = true;
    for word in words {
        let segment = match word % 8 {
            0 => {
                text.push('\n');
                text.push(char::from(b'0' + word / 8 % 4));
                text.push(char::from(b'a' + word / 32 % 4));
                first = true;
                continue;
            }
            1 => "*",
            2 | 3 => "**",
            4 => "",
            5 => "b",
            _ => "a",
        };
        if !std::mem::take(&mut first) {
            text.push('.');
        }
        text.push_str(segment);
    }
    text
}

fn deliver(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.lines();
    let topic = lines.next().unwrap_or_default();
    checks_by_the_rules(topic);
    let publishable = check_topic(topic).is_ok();
    let mut topics = Topics::new();
    // With whether the pattern matches, which takes most of the time.
    let mut list: BTreeMap<(u8, &str), bool> = BTreeMap::new();
    for line in lines.take(64) {
        let Some((head, pattern)) = line.split_at_checked(2) else {
            continue;
        };
        checks_by_the_rules(pattern);
        if check_pattern(pattern).is_err() {
            continue;
        }
        let mut expected = false;
        if publishable {
            expected = matches(pattern, topic);
            assert_eq!(counted(pattern, topic), expected, "{pattern} ~ {topic}");
        }
        let subscriber = head.as_bytes()[1] % 4;
        match head.as_bytes()[0] % 4 {
            0 => topics.unsubscribe(subscriber, pattern),
            1 => topics.remove(subscriber),
            _ => {
                let held = list.keys().filter(|(who, _)| *who == subscriber).count();
                let room = held < LIMIT || list.contains_key(&(subscriber, pattern));
                assert_eq!(topics.subscribe(subscriber, pattern, LIMIT), room);
                if room {
                    list.insert((subscriber, pattern), expected);
                }
            }
        }
        match head.as_bytes()[0] % 4 {
            0 => {
                list.remove(&(subscriber, pattern));
            }
            1 => list.retain(|(who, _), _| *who != subscriber),
            _ => {}
        }
        if publishable {
            let mut receivers = topics.receivers(topic);
            receivers.sort_unstable();
            let expected: BTreeSet<u8> = list
                .iter()
                .filter(|(_, matches)| **matches)
                .map(|((who, _), _)| *who)
                .collect();
            assert!(
                receivers.iter().eq(&expected),
                "{receivers:?} but {expected:?}"
            );
        }
    }
    assert_eq!(topics.is_empty(), list.is_empty());
    for subscriber in 0..4 {
        topics.remove(subscriber);
    }
    assert!(topics.is_empty(), "what nobody holds is kept");
}

/// Matches in the steps that are allowed.
fn counted(pattern: &str, topic: &str) -> bool {
    #[cfg(feature = "faults")]
    faults::take_steps();
    let matches = Pattern::new(pattern).matches(topic);
    #[cfg(feature = "faults")]
    {
        let (steps, segments) = (faults::take_steps(), |text: &str| text.split('.').count());
        let most = segments(pattern) + segments(topic);
        assert!(steps <= most, "{steps} steps for {pattern} ~ {topic}");
        assert!(steps > 0, "nobody counts");
    }
    matches
}

fn checks_by_the_rules(text: &str) {
    let fits = text.len() <= 256 && text.split('.').count() <= MAX_SEGMENTS;
    let good = !text.is_empty() && fits;
    let wild = text.split('.').any(|segment| matches!(segment, "*" | "**"));
    assert_eq!(check_pattern(text).is_ok(), good);
    assert_eq!(check_topic(text).is_ok(), good && !wild);
}

/// The rules as a table: which ends of the pattern match which ends of the topic.
fn matches(pattern: &str, topic: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('.').collect();
    let topic: Vec<&str> = topic.split('.').collect();
    // `row[at]`: the rest of the pattern matches the topic from `at` on.
    let mut row = vec![false; topic.len() + 1];
    row[topic.len()] = true;
    for segment in pattern.iter().rev() {
        let mut next = vec![false; topic.len() + 1];
        if *segment == "**" {
            next[topic.len()] = row[topic.len()];
        }
        for at in (0..topic.len()).rev() {
            next[at] = match *segment {
                "**" => row[at] || next[at + 1],
                "*" => row[at + 1],
                literal => literal == topic[at] && row[at + 1],
            };
        }
        row = next;
    }
    row[0]
}
