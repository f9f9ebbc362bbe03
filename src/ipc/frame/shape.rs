//! What can be told of a JSON text in one pass without parsing it: enough to know that it
//! could stand in an array beside others without reaching into them.

/// Texts up to this length are looked at: with longer ones it costs more than it is good for.
/// What is counted below then fits a byte.
pub const MAX_LOOKED_AT: usize = 256;

const ONES: u64 = 0x0101_0101_0101_0101;
const CASE: u64 = 0x20 * ONES;
const LOW: u64 = 0x7f * ONES;
const HIGH: u64 = 0x80 * ONES;

/// What a text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// No byte above 0x7F.
    pub ascii: bool,
    /// Every string that begins in it ends in it, and so many brackets are closed outside of
    /// strings as are opened. Certain when true; false as well of a text that is not ASCII,
    /// is long, or has a backslash.
    pub closed: bool,
}

/// Looks at a text. Several that are `closed` may be parsed at once, as elements of one
/// array: if that succeeds with as many elements as there are texts, each text is the JSON of
/// its element. For before and after each of them no string is open, and no bracket but the
/// array's: the commas between them are its own. A text that closes the array leaves bytes
/// behind its end, which is an error of syntax, and so is one that adds no element; then none
/// can add two.
pub fn shape(text: &[u8]) -> Shape {
    if text.len() > MAX_LOOKED_AT {
        return Shape {
            ascii: text.is_ascii(),
            closed: false,
        };
    }
    let (words, rest) = text.as_chunks::<8>();
    let mut look = Look {
        seen: 0,
        plain: HIGH,
        inside: 0,
        opened: 0,
        closed: 0,
    };
    for word in words {
        look.at(u64::from_le_bytes(*word));
    }
    look.at(word_of(text, rest));
    let ascii = look.seen & HIGH == 0;
    let level = sum(look.opened) == sum(look.closed);
    Shape {
        ascii,
        closed: ascii && level && look.plain & HIGH == HIGH && look.inside & ONES == 0,
    }
}

/// The bytes of `rest`, which ends `text` and is shorter than a word. Read with those before
/// it where there are some: a word that is made byte by byte is waited for.
fn word_of(text: &[u8], rest: &[u8]) -> u64 {
    match (text.last_chunk(), rest) {
        (_, []) => 0,
        (Some(last), _) => u64::from_le_bytes(*last) >> (64 - 8 * rest.len()),
        (None, _) => rest
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// Eight bytes at a time, each with a bit or a count of its own. Right for ASCII alone, where
/// no sum of two bytes runs into the next one.
struct Look {
    /// All bytes, one upon the other.
    seen: u64,
    /// What of them are no backslashes, by their highest bits.
    plain: u64,
    /// A string is open, in each byte.
    inside: u64,
    opened: u64,
    closed: u64,
}

impl Look {
    fn at(&mut self, word: u64) {
        self.seen |= word;
        self.plain &= differs(word, b'\\');
        let quotes = (!differs(word, b'"') & HIGH) >> 7;
        // In each byte, how many there are up to it.
        let quotes = quotes.wrapping_mul(ONES);
        let outside = !(quotes ^ self.inside) & ONES;
        self.inside ^= ((quotes >> 56) & 1).wrapping_neg();
        // Square brackets and braces differ by the bit of small letters.
        let folded = word | CASE;
        self.opened = self
            .opened
            .wrapping_add((!differs(folded, b'{') >> 7) & outside);
        self.closed = self
            .closed
            .wrapping_add((!differs(folded, b'}') >> 7) & outside);
    }
}

/// The highest bit of each byte says whether it is another than `byte`.
fn differs(word: u64, byte: u8) -> u64 {
    (word ^ ONES.wrapping_mul(u64::from(byte))).wrapping_add(LOW)
}

fn sum(counts: u64) -> u32 {
    counts.to_le_bytes().iter().map(|it| u32::from(*it)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Byte by byte.
    fn closed(text: &[u8]) -> bool {
        let (mut inside, mut depth) = (false, 0);
        for byte in text {
            match byte {
                b'\\' | 0x80.. => return false,
                b'"' => inside = !inside,
                b'[' | b'{' if !inside => depth += 1,
                b']' | b'}' if !inside => depth -= 1,
                _ => {}
            }
        }
        !inside && depth == 0
    }

    #[test]
    fn what_is_closed() {
        for text in [
            "",
            "1",
            "\"\"",
            "{\"a\":[1,{}]}",
            "{\"brackets\":\"}]{[[\"}",
            "[[[[[[[[[[]]]]]]]]]]",
        ] {
            assert!(shape(text.as_bytes()).closed, "{text}");
        }
        for text in [
            "[",
            "}",
            "\"",
            "{\"a\":\"}\"",
            "{\"a\":\"\\\"\"}",
            "\"å\"",
            "[1,2,3,4,5,6,7,8,9,\"",
        ] {
            assert!(!shape(text.as_bytes()).closed, "{text}");
        }
    }

    #[test]
    fn brackets_are_counted_to_the_last() {
        let half = MAX_LOOKED_AT / 2;
        for open in 1..=half {
            let text = |close| "[".repeat(open) + &"]".repeat(close);
            assert!(shape(text(open).as_bytes()).closed, "{open}");
            assert!(!shape(text(open - 1).as_bytes()).closed, "{open}");
        }
        let all = |bracket: &str| shape(bracket.repeat(MAX_LOOKED_AT).as_bytes());
        assert!(!all("[").closed && !all("]").closed);
    }

    #[test]
    fn long_texts_are_not_looked_at() {
        let text = |length| format!("\"{}\"", "a".repeat(length - 2));
        assert!(shape(text(MAX_LOOKED_AT).as_bytes()).closed);
        let longer = shape(text(MAX_LOOKED_AT + 1).as_bytes());
        assert!(longer.ascii && !longer.closed);
        assert!(!shape("å".repeat(MAX_LOOKED_AT).as_bytes()).ascii);
    }

    /// Texts of which most parts are the bytes that count.
    fn texts() -> impl Strategy<Value = Vec<u8>> {
        let bytes = prop_oneof![
            8 => prop::sample::select(b"[]{}\"\",:1 a|^`~z@\x00\x7f".to_vec()),
            1 => prop::sample::select(b"\\".to_vec()),
            1 => 0x80u8..,
        ];
        prop_oneof![
            prop::collection::vec(bytes, 0..40),
            prop::collection::vec(
                prop::sample::select(vec!["[", "]", "{\"a\":", "}", "\"]\"", "1", ","]),
                0..40
            )
            .prop_map(|parts| parts.concat().into_bytes()),
        ]
    }

    proptest! {
        #[test]
        fn is_what_a_look_at_each_byte_says(text in texts()) {
            let shape = shape(&text);
            prop_assert_eq!(shape.ascii, text.is_ascii());
            prop_assert_eq!(shape.closed, closed(&text));
        }
    }

    /// All texts of up to three bytes out of these.
    fn short_texts() -> Vec<String> {
        let mut texts = vec![String::new()];
        for from in [0, 1, 6] {
            for at in from..texts.len() {
                let longer = ["[", "]", "\"", ",", "1"].map(|it| format!("{}{it}", texts[at]));
                texts.extend(longer);
            }
        }
        texts
    }

    /// Whether three texts in an array are three elements although one of them is no JSON.
    fn deceive(texts: [&str; 3]) -> bool {
        let joined = format!("[{}]", texts.join(","));
        let together = serde_json::from_str::<Vec<serde_json::Value>>(&joined);
        let Some(values) = together.ok().filter(|it| it.len() == texts.len()) else {
            return false;
        };
        let alone = texts.map(|text| serde_json::from_str(text).ok());
        alone != values.into_iter().map(Some).collect::<Vec<_>>()[..]
    }

    #[test]
    fn closed_texts_that_parse_together_parse_alone() {
        let texts = short_texts();
        assert_eq!(texts.len(), 156);
        let closed: Vec<&str> = texts
            .iter()
            .map(String::as_str)
            .filter(|text| shape(text.as_bytes()).closed)
            .collect();
        for first in &closed {
            for second in &closed {
                for third in &closed {
                    let texts = [*first, *second, *third];
                    assert!(!deceive(texts), "{texts:?}");
                }
            }
        }
        // Others do.
        assert!(deceive(["[1", "1]", "1,1"]));
    }
}
