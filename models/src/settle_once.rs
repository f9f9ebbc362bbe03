//! A request that is answered, times out and loses its connection in one moment
//! settles once. The table is the session's, under a lock as in `Link`.

use std::time::{Duration, Instant};

use bytes::Bytes;
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::requests::{Pending, Requests};

const ID: u32 = 7;

#[test]
fn a_request_settles_once_whatever_comes_first() {
    let now = Instant::now();
    let late = now + Duration::from_secs(1);
    loom::model(move || {
        let mut table = Requests::default();
        table.insert(
            ID,
            Pending {
                name: Bytes::from_static(b"ask"),
                deadline: Some(late),
                sent: true,
            },
        );
        let table = Arc::new(Mutex::new(table));
        let settled = |call: fn(&mut Requests, Instant) -> usize| {
            let table = table.clone();
            thread::spawn(move || call(&mut table.lock().unwrap(), late))
        };
        let others = [
            settled(|table, _| usize::from(table.remove(ID).is_some())),
            settled(|table, late| table.expire(late).len()),
        ];
        let closed = table.lock().unwrap().drain().len();
        let settled: usize = others.into_iter().map(|it| it.join().unwrap()).sum();
        assert_eq!(settled + closed, 1);
        let table = table.lock().unwrap();
        assert_eq!((table.len(), table.deadline()), (0, None));
    });
}
