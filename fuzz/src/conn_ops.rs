//! Two sessions, or one with a peer that says anything: see the two modules.
//!
//! Input: a byte for the mode, profile and policy; a byte that says when closes
//! begin; operations.

use arbitrary::{Arbitrary, Unstructured};
use smartipc_native::ipc::frame::Profile;
use smartipc_native::ipc::options::SlowConsumer;
use smartipc_native::ipc::proto::Role;

use crate::hostile;
use crate::world::{Op, World};

/// Operations of one input. After so many nothing new happens.
const MOST: usize = 200;

pub fn run(data: &[u8]) {
    let [mode, quiet, ops @ ..] = data else {
        return;
    };
    let profile = if mode & 1 == 0 {
        Profile::Json
    } else {
        Profile::Binary
    };
    let policies = [
        SlowConsumer::Disconnect,
        SlowConsumer::DropOldest,
        SlowConsumer::Wait,
    ];
    let policy = policies[usize::from(mode >> 1) % policies.len()];
    let mut u = Unstructured::new(ops);
    if *mode >= 0x80 {
        let role = if mode & 0x40 == 0 {
            Role::Server
        } else {
            Role::Client
        };
        return hostile::run(role, profile, policy, &mut u);
    }
    let mut ops = Vec::new();
    while let (true, Ok(op)) = (ops.len() < MOST && !u.is_empty(), Op::arbitrary(&mut u)) {
        ops.push(op);
    }
    let quiet = ops.len() * usize::from(*quiet) / 255;
    World::new(profile, policy).live(ops, quiet);
}
