//! Server and client with a driver of their owner's: what holds with tokio holds
//! with another one that takes the connections over.

#![cfg(unix)]

#[path = "endpoints.rs"]
mod endpoints;
