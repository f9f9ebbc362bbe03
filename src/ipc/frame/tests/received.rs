//! What a receiver is told of a frame: its fields, as its profile carries them.
//! Also used by the fuzz targets.

use bytes::Bytes;

use crate::ipc::frame::{Frame, Id, Profile};

fn as_text(id: Id) -> Id {
    match id {
        Id::Number(number) => Id::Text(Bytes::from(number.to_string())),
        text => text,
    }
}

/// What the receiver is told of it, in this profile.
pub(super) fn received(frame: Frame, profile: Profile) -> Frame {
    if profile == Profile::Binary {
        return match frame {
            // Answers don't repeat the type.
            Frame::Response { id, body, .. } => Frame::Response {
                id,
                name: Bytes::new(),
                body,
            },
            Frame::Failed { id, failure, .. } => Frame::Failed {
                id,
                name: Bytes::new(),
                failure,
            },
            Frame::Subscribe { id, topic } => Frame::Subscribe {
                id: id.or(Some(Id::Number(0))),
                topic,
            },
            Frame::Unsubscribe { id, topic } => Frame::Unsubscribe {
                id: id.or(Some(Id::Number(0))),
                topic,
            },
            other => other,
        };
    }
    match frame {
        Frame::Request {
            id,
            timeout,
            name,
            body,
        } => Frame::Request {
            id: as_text(id),
            timeout,
            name,
            body,
        },
        Frame::Cancel { id } => Frame::Cancel { id: as_text(id) },
        Frame::Subscribe { id, topic } => Frame::Subscribe {
            id: id.map(as_text),
            topic,
        },
        Frame::Unsubscribe { id, topic } => Frame::Unsubscribe {
            id: id.map(as_text),
            topic,
        },
        Frame::Ping(id) => Frame::Ping(as_text(id)),
        Frame::Credit { .. } | Frame::StreamMemory { .. } | Frame::StreamShared { .. } => {
            Frame::Ignored
        }
        Frame::StreamOpen { id, name, body } => Frame::StreamOpen {
            id: as_text(id),
            name,
            body,
        },
        Frame::StreamData { id, data } => Frame::StreamData {
            id: as_text(id),
            data,
        },
        Frame::StreamEnd { id } => Frame::StreamEnd { id: as_text(id) },
        Frame::StreamError { id, failure } => Frame::StreamError {
            id: as_text(id),
            failure,
        },
        Frame::StreamCancel { id, failure } => Frame::StreamCancel {
            id: as_text(id),
            failure,
        },
        Frame::StreamCredit { id, bytes } => Frame::StreamCredit {
            id: as_text(id),
            bytes,
        },
        Frame::StreamDone { id } => Frame::StreamDone { id: as_text(id) },
        other => other,
    }
}
