//! Looking without touching: what is known of clients, addresses, counters and topics.

use napi::bindgen_prelude::Result;
use napi_derive::napi;
use serde_json::json;

use super::control::find;
use super::endpoint::Handle;
use crate::ipc::proto::topics::Pattern;
use crate::ipc::stats::Stats;
use crate::ipc::Address;

/// What a server knows of a client, as JSON text.
#[napi(catch_unwind)]
pub fn client_info(endpoint: u32, conn: u32) -> Result<Option<String>> {
    let endpoint = find(endpoint)?;
    let Handle::Server(server) = &endpoint.handle else {
        return Ok(None);
    };
    Ok(server.client_info(conn).map(|info| {
        json!({
            "connectedAt": info.connected_at,
            "lastActivity": info.last_activity,
            "peer": { "pid": info.peer.pid, "uid": info.peer.uid, "gid": info.peer.gid },
        })
        .to_string()
    }))
}

/// Where a server listens, as JSON text.
#[napi(catch_unwind)]
pub fn address(endpoint: u32) -> Result<Option<String>> {
    let endpoint = find(endpoint)?;
    let Handle::Server(server) = &endpoint.handle else {
        return Ok(None);
    };
    Ok(server.address().map(|address| {
        match address {
            Address::Path(path) => json!(path.to_string_lossy()),
            Address::Tcp { host, port } => json!({ "address": host, "port": port }),
        }
        .to_string()
    }))
}

/// Counters, as JSON text.
#[napi(catch_unwind)]
pub fn stats(endpoint: u32) -> Result<String> {
    let stats = match &find(endpoint)?.handle {
        Handle::Server(server) => server.stats(),
        Handle::Client(client) => client.stats(),
    };
    Ok(describe_stats(&stats))
}

fn describe_stats(stats: &Stats) -> String {
    let closes: serde_json::Map<String, serde_json::Value> = stats
        .closes
        .iter()
        .map(|(reason, count)| (reason.as_str().to_owned(), json!(count)))
        .collect();
    let counters = &stats.counters;
    json!({
        "messagesSent": counters.messages_sent,
        "messagesReceived": counters.messages_received,
        "bytesSent": counters.bytes_sent,
        "bytesReceived": counters.bytes_received,
        "heartbeatTimeouts": counters.heartbeat_timeouts,
        "requestTimeouts": counters.request_timeouts,
        "errors": counters.errors,
        "streamsOpened": counters.streams_opened,
        "requestsPending": stats.requests_pending,
        "queuedBytes": stats.queued_bytes,
        "closeReasons": closes,
        "connected": stats.connected,
        "totalConnections": stats.total_connections,
        "reachable": stats.reachable,
        "reconnects": stats.reconnects,
        "reconnectAttempts": stats.reconnect_attempts,
        "connectedAt": stats.connected_at,
    })
    .to_string()
}

/// Whether a topic matches a pattern.
#[napi(catch_unwind)]
pub fn topic_matches(pattern: String, topic: String) -> bool {
    Pattern::new(&pattern).matches(&topic)
}
