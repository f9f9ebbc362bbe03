//! Options as JavaScript passes them. What is left out takes the core's default;
//! types and bounds have been checked by the facade.

use std::time::Duration;

use napi_derive::napi;

use crate::ipc::options::{
    ClientOptions, ConnectRetry, Heartbeat, Limits, Reconnect, ServerOptions, SessionConfig,
    SlowConsumer,
};
use crate::ipc::tls::{Certificates, ClientTls, OptionError, ServerTls};
use crate::ipc::Address;

/// Options that servers and clients share. Times in ms.
#[napi(object)]
pub struct JsCommonOptions {
    pub socket_path: Option<String>,
    pub host: Option<String>,
    pub port: Option<u32>,
    pub auth_token: Option<String>,
    pub no_delay: Option<bool>,
    pub max_message_size: Option<u32>,
    pub max_concurrent_streams: Option<u32>,
    pub heartbeat: Option<bool>,
    pub heartbeat_interval: Option<f64>,
    pub heartbeat_timeout: Option<f64>,
    pub heartbeat_grace: Option<f64>,
    pub heartbeat_close: Option<bool>,
    /// In µs.
    pub busy_poll: Option<f64>,
    pub clone_version: u32,
    pub json_only: Option<bool>,
    pub tls: Option<JsTlsOptions>,
}

/// Certificates as PEM texts. `servername` is set for a client only, and
/// `request_cert` counts for a server only.
#[napi(object)]
pub struct JsTlsOptions {
    pub cert: Option<String>,
    pub key: Option<String>,
    pub ca: Vec<String>,
    pub request_cert: bool,
    pub servername: Option<String>,
}

/// Options of a server.
#[napi(object)]
pub struct JsServerOptions {
    pub common: JsCommonOptions,
    pub max_clients: Option<u32>,
    pub max_clients_per_uid: Option<u32>,
    pub idle_timeout: Option<f64>,
    pub cleanup: Option<bool>,
    pub socket_mode: Option<u32>,
    pub slow_consumer: Option<String>,
    pub write_timeout: Option<f64>,
    pub handshake_timeout: Option<f64>,
    pub frame_timeout: Option<f64>,
    pub allowed_uids: Option<Vec<u32>>,
    pub allowed_gids: Option<Vec<u32>>,
}

/// Options of a client.
#[napi(object)]
pub struct JsClientOptions {
    pub common: JsCommonOptions,
    pub client_id: String,
    pub metadata: Option<String>,
    pub client_only: Option<bool>,
    pub socket_mode: Option<u32>,
    pub register_timeout: Option<f64>,
    pub expect_server_uid: Option<u32>,
    pub retry_enabled: Option<bool>,
    pub retry_initial_delay: Option<f64>,
    pub retry_max_delay: Option<f64>,
    pub retry_max_attempts: Option<u32>,
    pub retry_total_timeout: Option<f64>,
    pub reconnect: Option<bool>,
    pub reconnect_delay: Option<f64>,
    pub reconnect_max_delay: Option<f64>,
    pub reconnect_multiplier: Option<f64>,
    pub reconnect_max_attempts: Option<u32>,
}

/// A year: longer waits are meant as "for ever", and must not overflow a clock.
const LONGEST: f64 = 365.0 * 24.0 * 3600.0 * 1000.0;

fn millis(value: f64) -> Duration {
    Duration::from_secs_f64(value.clamp(0.0, LONGEST) / 1000.0)
}

fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

fn set_time(target: &mut Duration, value: Option<f64>) {
    set(target, value.map(millis));
}

impl JsCommonOptions {
    fn address(&self) -> Address {
        match (&self.socket_path, &self.host, self.port) {
            (Some(path), _, _) => Address::Path(path.into()),
            (None, host, port) => Address::Tcp {
                host: host.clone().unwrap_or_else(|| "127.0.0.1".to_owned()),
                port: port.and_then(|port| u16::try_from(port).ok()).unwrap_or(0),
            },
        }
    }

    /// For how long the event loop is to look for traffic before it sleeps.
    pub(super) fn busy_poll(&self) -> Option<Duration> {
        self.busy_poll
            .filter(|micros| *micros > 0.0)
            .map(|micros| millis(micros / 1000.0))
    }

    fn session(&self) -> SessionConfig {
        let mut limits = Limits::at(&self.address());
        if let Some(bytes) = self.max_message_size {
            limits = limits.with_max_message_size(bytes as usize);
        }
        set(
            &mut limits.streams,
            self.max_concurrent_streams.map(|count| count as usize),
        );
        let mut heartbeat = Heartbeat::default();
        set(&mut heartbeat.enabled, self.heartbeat);
        set(&mut heartbeat.close_on_timeout, self.heartbeat_close);
        set_time(&mut heartbeat.interval, self.heartbeat_interval);
        set_time(&mut heartbeat.timeout, self.heartbeat_timeout);
        set_time(&mut heartbeat.grace, self.heartbeat_grace);
        SessionConfig {
            limits,
            heartbeat,
            clone_version: self.clone_version,
            json_only: self.json_only.unwrap_or(false),
            ..SessionConfig::default()
        }
    }
}

impl JsTlsOptions {
    fn split(self) -> (Certificates, bool, Option<String>) {
        let certificates = Certificates {
            cert: self.cert,
            key: self.key,
            ca: self.ca,
        };
        (certificates, self.request_cert, self.servername)
    }

    fn server(self) -> Result<ServerTls, OptionError> {
        let (certificates, request_cert, _) = self.split();
        ServerTls::new(&certificates, request_cert)
    }

    fn client(self) -> Result<ClientTls, OptionError> {
        let (certificates, _, servername) = self.split();
        ClientTls::new(&certificates, &servername.unwrap_or_default())
    }
}

impl TryFrom<JsServerOptions> for ServerOptions {
    type Error = OptionError;

    fn try_from(js: JsServerOptions) -> Result<Self, OptionError> {
        let mut options = ServerOptions::new(js.common.address());
        options.session = js.common.session();
        options.auth_token = js.common.auth_token;
        let limits = &mut options.session.limits;
        limits.idle_timeout = js.idle_timeout.map(millis);
        set_time(&mut limits.write_timeout, js.write_timeout);
        set_time(&mut limits.handshake_timeout, js.handshake_timeout);
        set_time(&mut limits.frame_timeout, js.frame_timeout);
        limits.slow_consumer = match js.slow_consumer.as_deref() {
            Some("drop-oldest") => SlowConsumer::DropOldest,
            Some("wait") => SlowConsumer::Wait,
            _ => SlowConsumer::Disconnect,
        };
        set(&mut options.no_delay, js.common.no_delay);
        set(
            &mut options.max_clients,
            js.max_clients.map(|count| count as usize),
        );
        set(
            &mut options.max_clients_per_uid,
            js.max_clients_per_uid.map(|count| count as usize),
        );
        set(&mut options.cleanup, js.cleanup);
        set(&mut options.socket_mode, js.socket_mode);
        options.allowed_uids = js.allowed_uids;
        options.allowed_gids = js.allowed_gids;
        #[cfg(target_os = "linux")]
        {
            options.groups_of = Some(super::peer_groups::of);
        }
        options.tls = js.common.tls.map(JsTlsOptions::server).transpose()?;
        Ok(options)
    }
}

impl TryFrom<JsClientOptions> for ClientOptions {
    type Error = OptionError;

    fn try_from(js: JsClientOptions) -> Result<Self, OptionError> {
        let mut options = ClientOptions::new(js.common.address(), js.client_id);
        options.session = js.common.session();
        options.auth_token = js.common.auth_token;
        options.metadata = js.metadata;
        options.expect_server_uid = js.expect_server_uid;
        set(&mut options.client_only, js.client_only);
        set(&mut options.socket_mode, js.socket_mode);
        set(&mut options.no_delay, js.common.no_delay);
        set_time(&mut options.register_timeout, js.register_timeout);
        let mut retry = ConnectRetry {
            max_attempts: js.retry_max_attempts,
            ..ConnectRetry::default()
        };
        set(&mut retry.enabled, js.retry_enabled);
        set_time(&mut retry.initial_delay, js.retry_initial_delay);
        set_time(&mut retry.max_delay, js.retry_max_delay);
        set_time(&mut retry.total_timeout, js.retry_total_timeout);
        options.retry = retry;
        let mut reconnect = Reconnect {
            max_attempts: js.reconnect_max_attempts,
            ..Reconnect::default()
        };
        set(&mut reconnect.enabled, js.reconnect);
        set_time(&mut reconnect.delay, js.reconnect_delay);
        set_time(&mut reconnect.max_delay, js.reconnect_max_delay);
        set(&mut reconnect.multiplier, js.reconnect_multiplier);
        options.reconnect = reconnect;
        options.tls = js.common.tls.map(JsTlsOptions::client).transpose()?;
        Ok(options)
    }
}
