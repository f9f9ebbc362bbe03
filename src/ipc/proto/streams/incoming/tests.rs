use super::*;

fn of(size: usize) -> Bytes {
    Bytes::from(vec![7; size])
}

fn one(window: u32) -> (Incoming, Id) {
    let mut incoming = Incoming::default();
    assert_eq!(incoming.add(Id::Number(9), window), Some(9));
    (incoming, Id::Number(9))
}

#[test]
fn tells_once_until_everything_was_read() {
    let (mut incoming, id) = one(1000);
    assert_eq!(incoming.data(&id, &of(10)), Ok(Some(9)));
    assert_eq!(incoming.data(&id, &of(10)), Ok(None));
    assert_eq!(incoming.read(9).0, Read::Data(of(20)));
    assert_eq!(incoming.data(&id, &of(1)), Ok(None));
    assert_eq!(incoming.read(9).0, Read::Data(of(1)));
    assert_eq!(incoming.read(9).0, Read::Nothing);
    assert_eq!(incoming.end(&id), Ok(Some(9)));
    assert_eq!(incoming.read(9).0, Read::End);
}

#[test]
fn keeps_small_and_large_pieces_in_order() {
    let (mut incoming, id) = one(u32::MAX);
    let pieces = [vec![1; 5], vec![2; SMALL], vec![3; 5], vec![4; 5]];
    for piece in &pieces {
        incoming
            .data(&id, &Bytes::from(piece.clone()))
            .expect("in order");
    }
    let mut all = Vec::new();
    while let (Read::Data(piece), _) = incoming.read(9) {
        all.extend_from_slice(&piece);
    }
    assert_eq!(all, pieces.concat());
}

#[test]
fn grants_by_quarters_and_nothing_after_the_end() {
    let (mut incoming, id) = one(100);
    incoming.data(&id, &of(24)).expect("granted");
    assert_eq!(incoming.read(9).1, None);
    incoming.data(&id, &of(1)).expect("granted");
    assert_eq!(incoming.read(9).1, Some((id.clone(), 125)));
    incoming.data(&id, &of(90)).expect("granted");
    incoming.end(&id).expect("first end");
    assert_eq!(incoming.read(9).1, None);
}

#[test]
fn small_pieces_are_joined_up_to_the_size_of_a_chunk() {
    let (mut incoming, id) = one(1024 * 1024);
    for _ in 0..20 {
        incoming.data(&id, &of(SMALL - 1)).expect("granted");
    }
    let lengths: Vec<_> = std::iter::from_fn(|| match incoming.read(9).0 {
        Read::Data(data) => Some(data.len()),
        _ => None,
    })
    .collect();
    assert_eq!(lengths, [4 * (SMALL - 1); 5]);
}

#[test]
fn of_a_window_of_two_grants_half_is_granted() {
    for (window, step) in [(256 * 1024, 128 * 1024), (1024 * 1024, 256 * 1024)] {
        let (mut incoming, id) = one(window);
        incoming.data(&id, &of(step - 1)).expect("granted");
        assert_eq!(incoming.read(9).1, None);
        incoming.data(&id, &of(1)).expect("granted");
        let limit = u64::from(window) + step as u64;
        assert_eq!(incoming.read(9).1, Some((id, limit)));
    }
}

#[test]
fn a_sender_that_breaks_the_rules_is_found() {
    let (mut incoming, id) = one(10);
    assert!(incoming.data(&id, &of(11)).is_err());
    let (mut incoming, id) = one(10);
    incoming.end(&id).expect("first end");
    assert!(incoming.data(&id, &of(1)).is_err());
    assert!(incoming.end(&id).is_err());
    // One that is gone is none of that.
    assert_eq!(incoming.data(&Id::Number(4), &of(99)), Ok(None));
}

#[test]
fn a_stream_that_failed_counts_until_it_is_let_go() {
    let (mut incoming, id) = one(10);
    assert_eq!(incoming.fail(&id), Some(9));
    assert_eq!(incoming.fail(&id), None);
    assert_eq!((incoming.len(), incoming.live()), (1, 0));
    assert_eq!(incoming.read(9).0, Read::Gone);
    assert_eq!(incoming.remove(9), None);
    assert_eq!((incoming.len(), incoming.live()), (0, 0));
}
