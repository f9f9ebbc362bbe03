//! The registration: first frame of every connection, and its answer.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Version of the protocol in `docs/protocol.md`.
pub const VERSION: u32 = 1;
/// Feature: the sender reads and writes the binary profile.
pub const FEATURE_BINARY: &str = "binary";
/// Feature: the sender maps memory that its peer offers.
pub const FEATURE_MEMORY: &str = "memory";

/// What both sides say about themselves. A peer that leaves it out gets the
/// JSON profile and is trusted to know the defaults.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Protocol {
    /// Highest protocol version the sender speaks.
    pub version: u32,
    /// Named abilities; unknown ones are ignored.
    #[serde(default)]
    pub features: Vec<String>,
    /// Longest frame body the sender takes.
    pub max_message_size: u64,
    /// Messages it takes before it has granted more.
    pub window_messages: u32,
    /// Bytes it takes before it has granted more.
    pub window_bytes: u32,
    /// Bytes of each stream it takes before it has granted more.
    #[serde(default = "default_stream_window")]
    pub stream_window: u32,
    /// Version of the structured clone format it reads; 0 for none.
    #[serde(default)]
    pub clone_version: u32,
}

/// What a peer takes that says nothing about streams, as in `options::Limits`.
pub const STREAM_WINDOW: u32 = 1024 * 1024;

fn default_stream_window() -> u32 {
    STREAM_WINDOW
}

/// A client introduces itself.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// The name it wants; the server chooses one if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Anything, for the server's owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Box<RawValue>>,
    /// The shared secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What the server gave at the last registration under this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// Topics and patterns to subscribe to at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// Only looking whether a server answers; never appears in events or counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub probe: bool,
    /// With `probe`: a server wants the path, and a hub is to give it up.
    #[serde(default, rename = "yield", skip_serializing_if = "std::ops::Not::not")]
    pub give_way: bool,
    /// Version, abilities, limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
}

// By hand: a secret must not end up in a log.
impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("client_id", &self.client_id)
            .field("topics", &self.topics.len())
            .field("probe", &self.probe)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

/// The server accepts a client.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Welcome {
    /// The name under which the server knows the client.
    pub client_id: String,
    /// `server`, or `hub` if a client hosts it.
    #[serde(default = "default_role")]
    pub role: String,
    /// To be shown when coming back under the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// Version, abilities, limits of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
}

fn default_role() -> String {
    "server".to_owned()
}

/// The server refuses a client.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Refusal {
    /// A sentence for people.
    pub error: String,
    /// The close reason that follows, such as `unauthorized`.
    #[serde(default)]
    pub reason: String,
}
