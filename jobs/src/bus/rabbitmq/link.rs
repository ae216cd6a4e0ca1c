//! One connection to the broker, and the means to cut it.

use std::io;
use std::net::Shutdown;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lapin::tcp::OwnedTLSConfig;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties};
use socket2::{SockRef, Socket};
use tokio::time::timeout;

use crate::bus::settings::{Settings, SettingsError, address};

/// Where the broker is and who we are to it.
#[derive(Clone)]
pub(in crate::bus) struct Endpoint {
    uri: AMQPUri,
    tls: OwnedTLSConfig,
}

/// An open connection. Dropping it resets the socket: what was not sent by then never is.
pub(in crate::bus) struct Link {
    pub(in crate::bus) connection: Connection,
    _cut: Cut,
}

/// Why there is no connection. Holds no password.
#[derive(Debug, thiserror::Error)]
pub(in crate::bus) enum LinkError {
    #[error("cannot connect to {address}: {error}")]
    Unreachable { address: String, error: io::Error },
    #[error("{address} did not answer within {} s", PATIENCE.as_secs())]
    Silent { address: String },
    #[error("{address} refused the connection: {error}")]
    Refused { address: String, error: lapin::Error },
}

/// For reaching the host, and again for the broker's greeting. With the longest wait between two attempts it says how
/// long a broker may be back before it is noticed: what was asked just before its return is not answered any more.
const PATIENCE: Duration = Duration::from_secs(6);

/// For a farewell; the connection is cut after it.
const FAREWELL: Duration = Duration::from_secs(2);

impl Endpoint {
    pub(in crate::bus) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let tls = OwnedTLSConfig { identity: None, cert_chain: settings.ca_certificates.clone() };
        Ok(Self { uri: settings.uri()?, tls })
    }

    /// `host:port`, and `/vhost` unless it is the usual one.
    pub(in crate::bus) fn address(&self) -> String {
        address(&self.uri)
    }

    /// Opens a connection. TLS uses rustls with the process's crypto provider; if none is
    /// installed, ring becomes it.
    pub(in crate::bus) async fn connect(&self) -> Result<Link, LinkError> {
        let address = self.address();
        let silent = || LinkError::Silent { address: address.clone() };
        let unreachable = |error| LinkError::Unreachable { address: address.clone(), error };
        let refused = |error| LinkError::Refused { address: address.clone(), error };
        let runtime = lapin::runtime::default_runtime().map_err(refused)?;

        // lapin would connect by itself, but on a thread of its own without any timeout, and we
        // would not get hold of the socket.
        let host = runtime.to_socket_addrs((self.uri.authority.host.clone(), self.uri.authority.port));
        let stream = timeout(PATIENCE, AsyncTcpStream::connect(&runtime, host)).await.map_err(|_| silent())?;
        let stream = stream.map_err(unreachable)?;
        let cut = match &stream {
            AsyncTcpStream::Plain(socket) => Cut::of(SockRef::from(socket.get_ref())).map_err(unreachable)?,
            _ => return Err(unreachable(io::Error::other("not a plain TCP connection"))),
        };
        let stream = match self.uri.scheme {
            AMQPScheme::AMQP => stream,
            AMQPScheme::AMQPS => {
                let handshake = timeout(PATIENCE, stream.into_tls(&self.uri.authority.host, self.tls.as_ref()));
                handshake.await.map_err(|_| silent())?.map_err(unreachable)?
            }
        };

        let stream = Mutex::new(Some(stream));
        let hand_over = async move |_, _| {
            let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
            stream.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected).into())
        };
        let properties = ConnectionProperties::default().with_connection_name("offgrid portal".into());
        let greeting = Connection::connector(self.uri.clone(), runtime, hand_over, properties);
        let connection = timeout(PATIENCE, greeting).await.map_err(|_| silent())?.map_err(refused)?;
        Ok(Link { connection, _cut: cut })
    }
}

impl Link {
    /// Says farewell, then cuts.
    pub(in crate::bus) async fn close(self) {
        // whether it was heard changes nothing
        let _ = timeout(FAREWELL, self.connection.close(200, "closing".into())).await;
    }
}

/// A second handle on a connection's socket. Dropping it resets the connection: both directions
/// end, and what the system still has to send is discarded instead of being sent for minutes.
/// That also ends lapin's thread for the connection, whatever it was waiting for.
struct Cut(Socket);

impl Cut {
    fn of(socket: SockRef<'_>) -> io::Result<Self> {
        Ok(Self(socket.try_clone()?))
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        // fails only when there is nothing left to cut
        let _ = self.0.set_linger(Some(Duration::ZERO));
        let _ = self.0.shutdown(Shutdown::Both);
    }
}
