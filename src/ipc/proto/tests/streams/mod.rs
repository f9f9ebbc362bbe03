//! Streams between two sessions.

mod credit;
mod direct;
mod ends;
mod limits;
mod memory;
mod outside;
mod turns;

use super::*;
use crate::ipc::proto::Read;

const KIB: usize = 1024;
const CHUNK: usize = 64 * KIB;

/// Bytes that tell where they belong.
fn pattern(size: usize) -> Bytes {
    (0..size).map(|at| (at % 251) as u8).collect()
}

/// The head of a chunk of stream 7 in the binary profile.
fn head(count: usize) -> Vec<u8> {
    let size = u32::try_from(count + 2).unwrap();
    [&size.to_be_bytes()[..], &[0x12, 7]].concat()
}

/// A sender's limits are nobody's but its own.
fn receiving(profile: Profile, change: impl FnOnce(&mut Limits)) -> Pair {
    Pair::open_with(config(profile), limited(profile, change))
}

impl Pair {
    /// Opens a stream that is named after its number.
    fn stream(&mut self, from: Role, number: u32) -> Result<(), Error> {
        self.stream_of(from, number, CHUNK)
    }

    fn stream_of(&mut self, from: Role, number: u32, chunk: usize) -> Result<(), Error> {
        let now = self.now;
        let name = Bytes::from(format!("s{number}"));
        self.end(from)
            .open_stream(number, name, Body::none(), chunk, now)
    }

    fn write(&mut self, from: Role, number: u32, data: Bytes) -> Sent {
        let now = self.now;
        self.end(from).write_stream(number, data, now)
    }

    fn finish_writing(&mut self, from: Role, number: u32) {
        let now = self.now;
        self.end(from).end_stream(number, now);
    }

    fn abort(&mut self, from: Role, number: u32) -> bool {
        let now = self.now;
        self.end(from).abort_stream(number, reason("gone"), now)
    }

    fn read(&mut self, at: Role, id: u32) -> Read {
        let now = self.now;
        self.end(at).read_stream(id, now)
    }

    /// All that can be read now, and what then stands in the way.
    fn read_all(&mut self, at: Role, id: u32) -> (Vec<u8>, Read) {
        let mut all = Vec::new();
        loop {
            match self.read(at, id) {
                Read::Data(data) => all.extend_from_slice(&data),
                other => return (all, other),
            }
        }
    }

    fn finish(&mut self, at: Role, id: u32) {
        let now = self.now;
        self.end(at).finish_stream(id, now);
    }

    fn cancel_incoming(&mut self, at: Role, id: u32) {
        let now = self.now;
        self.end(at).cancel_stream(id, reason("enough"), now);
    }

    /// Opens a stream and gives the id under which its receiver knows it.
    fn opened(&mut self, from: Role, number: u32) -> u32 {
        self.stream(from, number).unwrap();
        self.shuttle();
        let (id, name) = self.announced(other(from));
        assert_eq!(name, format!("s{number}"));
        id
    }

    /// The one stream of which this end has been told.
    fn announced(&mut self, at: Role) -> (u32, Bytes) {
        match &self.events(at)[..] {
            [Event::StreamOpen { id, name, .. }] => (*id, name.clone()),
            other => panic!("no stream but {other:?}"),
        }
    }

    fn counts(&self) -> [usize; 2] {
        [self.client.open_streams(), self.server.open_streams()]
    }

    /// Whatever one end says until it is silent, with nobody there to listen.
    fn all_spoken(&mut self, role: Role) -> Vec<Frame> {
        let mut frames = Vec::new();
        while self.end(role).output_len() > 0 {
            frames.extend(self.spoken(role));
        }
        frames
    }
}

fn bytes_arrive_in_order_from_either_end(profile: Profile) {
    for from in BOTH {
        let mut pair = Pair::open(profile);
        let to = other(from);
        let id = pair.opened(from, 7);
        assert_eq!(pair.counts(), [1, 1]);
        let data = pattern(90_010);
        for range in [0..10, 10..20_010, 20_010..90_010] {
            assert_eq!(pair.write(from, 7, data.slice(range)), Sent::Accepted);
            pair.shuttle();
        }
        assert!(matches!(pair.events(to)[..], [Event::StreamReadable { id: told }] if told == id));
        assert_eq!(pair.read_all(to, id), (data.to_vec(), Read::Nothing));
        pair.finish_writing(from, 7);
        pair.shuttle();
        assert!(matches!(pair.events(to)[..], [Event::StreamReadable { id: told }] if told == id));
        assert_eq!(pair.read(to, id), Read::End);
        pair.shuttle();
        assert!(pair.events(from).is_empty(), "done before the owner is");
        pair.finish(to, id);
        pair.shuttle();
        assert!(matches!(
            pair.events(from)[..],
            [Event::StreamDone { id: 7 }]
        ));
        assert_eq!(pair.counts(), [0, 0]);
        assert_eq!(pair.read(to, id), Read::Gone);
        let opened = BOTH.map(|role| pair.end(role).counters().streams_opened);
        assert_eq!(opened, [1, 1]);
    }
}

fn the_receiver_learns_name_metadata_and_headers(profile: Profile) {
    let mut pair = Pair::open(profile);
    let body = Body {
        headers: Some(Bytes::from_static(br#"{"a":1}"#)),
        ..Body::json(r#"{"size":3}"#)
    };
    let now = pair.now;
    let opened = pair
        .client
        .open_stream(1, name("file \"x\""), body.clone(), CHUNK, now);
    assert_eq!(opened.map_err(|error| error.code), Ok(()));
    pair.shuttle();
    match pair.events(Role::Server).pop() {
        Some(Event::StreamOpen {
            name, body: told, ..
        }) => {
            assert_eq!((&name[..], told), (&b"file \"x\""[..], body));
        }
        other => panic!("{other:?}"),
    }
}

fn a_stream_without_bytes_ends_too(profile: Profile) {
    let mut pair = Pair::open(profile);
    let id = pair.opened(Role::Client, 1);
    assert_eq!(pair.read(Role::Server, id), Read::Nothing);
    // Nothing is no frame.
    pair.write(Role::Client, 1, Bytes::new());
    assert_eq!(pair.client.output_len(), 0);
    pair.finish_writing(Role::Client, 1);
    pair.shuttle();
    assert_eq!(pair.read(Role::Server, id), Read::End);
    pair.finish(Role::Server, id);
    pair.shuttle();
    assert!(matches!(
        pair.events(Role::Client)[..],
        [Event::StreamDone { id: 1 }]
    ));
}

fn both_directions_have_ids_of_their_own(profile: Profile) {
    let mut pair = Pair::open(profile);
    let at_server = pair.opened(Role::Client, 1);
    let at_client = pair.opened(Role::Server, 1);
    assert_eq!(pair.counts(), [2, 2]);
    pair.write(Role::Client, 1, Bytes::from_static(b"up"));
    pair.write(Role::Server, 1, Bytes::from_static(b"down"));
    pair.shuttle();
    let up = pair.read(Role::Server, at_server);
    assert_eq!(up, Read::Data(Bytes::from_static(b"up")));
    let down = pair.read(Role::Client, at_client);
    assert_eq!(down, Read::Data(Bytes::from_static(b"down")));
    pair.abort(Role::Client, 1);
    pair.shuttle();
    assert_eq!(pair.counts(), [1, 1]);
    assert_eq!(pair.read(Role::Client, at_client), Read::Nothing);
}

fn bytes_in_small_pieces_are_the_same_bytes(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.chunk = 7;
    let id = pair.opened(Role::Server, 1);
    let data = pattern(50_000);
    pair.write(Role::Server, 1, data.clone());
    pair.finish_writing(Role::Server, 1);
    pair.shuttle();
    assert_eq!(pair.read_all(Role::Client, id), (data.to_vec(), Read::End));
}

both_profiles!(
    bytes_arrive_in_order_from_either_end,
    the_receiver_learns_name_metadata_and_headers,
    a_stream_without_bytes_ends_too,
    both_directions_have_ids_of_their_own,
    bytes_in_small_pieces_are_the_same_bytes,
);
