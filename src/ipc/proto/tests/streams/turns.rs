//! What leaves when, if more wants to leave than the socket takes.

use super::*;

/// What may wait for the socket when a chunk is added.
const SHARE: usize = 16 * KIB;

/// What a chunk makes of the output, at most.
fn frame_of(profile: Profile, chunk: usize) -> usize {
    match profile {
        Profile::Binary => chunk + 16,
        Profile::Json => chunk.div_ceil(3) * 4 + 160,
    }
}

fn a_message_waits_for_one_chunk_and_16_kib_at_most(profile: Profile) {
    for chunk in [1000, CHUNK] {
        let mut pair = Pair::open(profile);
        for number in 1..=4 {
            pair.stream_of(Role::Client, number, chunk).unwrap();
            pair.write(Role::Client, number, pattern(256 * KIB));
        }
        let most = SHARE + frame_of(profile, chunk);
        let mut messages = 0;
        // However much the socket takes at a time.
        for take in (1..1000).map(|at| at * 977 % 50_000) {
            let before = pair.client.output_len();
            assert!(before <= most, "{before} bytes before the message");
            if pair.client.queued() == before {
                break;
            }
            if messages < 100 {
                pair.message(Role::Client, 10).unwrap();
                messages += 1;
                assert!(pair.client.output_len() > before, "it waits elsewhere");
            }
            let now = pair.now;
            let take = take.min(pair.client.output_len());
            pair.client.wrote(take, now);
        }
        assert!(messages > 10, "{messages}");
        assert_eq!(pair.client.queued(), pair.client.output_len(), "stuck");
    }
}

fn streams_take_turns_on_the_wire(profile: Profile) {
    let mut pair = Pair::open(profile);
    for number in 1..=3 {
        pair.stream_of(Role::Client, number, 10_000).unwrap();
    }
    pair.all_spoken(Role::Client);
    // Nothing leaves meanwhile.
    pair.message(Role::Client, SHARE).unwrap();
    for number in 1..=3 {
        pair.write(Role::Client, number, pattern(30_000));
        pair.finish_writing(Role::Client, number);
    }
    let mut turns = Vec::new();
    for frame in pair.all_spoken(Role::Client) {
        match frame {
            Frame::StreamData { id, data } => turns.push((id, data.len())),
            Frame::StreamEnd { id } => turns.push((id, 0)),
            _ => {}
        }
    }
    let expected = [10_000, 10_000, 10_000, 0].map(|size| {
        [1, 2, 3].map(|number| match profile {
            Profile::Binary => (Id::Number(number), size),
            Profile::Json => (Id::Text(Bytes::from(number.to_string())), size),
        })
    });
    assert_eq!(turns, expected.concat());
}

fn every_frame_fits_a_small_peer(profile: Profile) {
    // What a chunk's frame needs matters at the least size, what base64 needs above.
    for (from, max) in BOTH
        .into_iter()
        .flat_map(|from| [(from, 1024), (from, 5000)])
    {
        let small = limited(profile, |limits| limits.max_message_size = max);
        let mut pair = match from {
            Role::Client => Pair::open_with(config(profile), small),
            Role::Server => Pair::open_with(small, config(profile)),
        };
        let now = pair.now;
        let worst = Bytes::from("\u{1}".repeat(130));
        pair.end(from)
            .open_stream(u32::MAX, worst, Body::none(), usize::MAX, now)
            .unwrap();
        pair.shuttle();
        let (id, _) = pair.announced(other(from));
        let data = pattern(100_000);
        pair.write(from, u32::MAX, data.clone());
        pair.finish_writing(from, u32::MAX);
        // A frame that were too long would be lost, or close the connection.
        pair.shuttle();
        assert_eq!(pair.read_all(other(from), id), (data.to_vec(), Read::End));
        assert_eq!(pair.end(from).counters().errors, 0);
    }
}

fn what_is_queued_is_counted_until_it_has_left(profile: Profile) {
    let mut pair = Pair::open(profile);
    for number in 1..=2 {
        pair.stream(Role::Client, number).unwrap();
    }
    pair.all_spoken(Role::Client);
    for number in 1..=2 {
        pair.write(Role::Client, number, pattern(250 * KIB));
    }
    let queued = pair.client.queued();
    assert!((500 * KIB..600 * KIB).contains(&queued), "{queued}");
    pair.abort(Role::Client, 2);
    let queued = pair.client.queued();
    assert!((250 * KIB..350 * KIB).contains(&queued), "{queued}");
    assert_eq!(pair.counts()[0], 1);
    pair.all_spoken(Role::Client);
    assert_eq!(pair.client.queued(), 0);
}

fn a_stream_that_ends_does_not_end_before_its_bytes(profile: Profile) {
    let mut pair = Pair::open(profile);
    pair.stream_of(Role::Client, 1, 100).unwrap();
    for size in [250, 1, 99] {
        pair.write(Role::Client, 1, pattern(size));
    }
    pair.finish_writing(Role::Client, 1);
    // After its end a source has nothing to say.
    pair.write(Role::Client, 1, pattern(10));
    pair.finish_writing(Role::Client, 1);
    let sizes: Vec<_> = pair
        .all_spoken(Role::Client)
        .iter()
        .map(|frame| match frame {
            Frame::StreamOpen { .. } => None,
            Frame::StreamData { data, .. } => Some(data.len()),
            Frame::StreamEnd { .. } => Some(0),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        None,
        Some(100),
        Some(100),
        Some(50),
        Some(1),
        Some(99),
        Some(0),
    ];
    assert_eq!(sizes, expected);
}

fn a_server_gives_up_a_client_that_takes_no_bytes_but_not_one_that_does_not_read(profile: Profile) {
    let mut pair = Pair::open(profile);
    let id = pair.opened(Role::Server, 1);
    pair.write(Role::Server, 1, pattern(4096 * KIB));
    pair.shuttle();
    // The whole window has left; the reader takes its time.
    pair.pass(60 * SECOND);
    assert!(pair.server.is_open());
    pair.read_all(Role::Client, id);
    pair.carry(Role::Client);
    assert!(pair.server.output_len() > 0);
    let until = pair.server.deadline().unwrap();
    pair.server.tick(until);
    let events = pair.events(Role::Server);
    assert_eq!(closed(&events), CloseReason::SlowConsumer);
}

both_profiles!(
    a_message_waits_for_one_chunk_and_16_kib_at_most,
    streams_take_turns_on_the_wire,
    every_frame_fits_a_small_peer,
    what_is_queued_is_counted_until_it_has_left,
    a_stream_that_ends_does_not_end_before_its_bytes,
    a_server_gives_up_a_client_that_takes_no_bytes_but_not_one_that_does_not_read,
);
