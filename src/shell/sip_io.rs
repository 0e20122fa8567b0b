//! The SIP sockets: datagrams and streams in, bytes out. Reads no message: framing is `sip/wire`'s, meaning the exchange's.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;

use crate::sip::api::{Flow, Transmit, Transport};
use crate::sip::wire::Framer;

use super::faces::Faces;

/// Bursts wait in the kernel, not in the network (measured: the default fails first).
const SOCKET_BUFFER: usize = 8 << 20;
/// Connections at once, of all phones and trunks together.
const MAX_CONNECTIONS: usize = 256;
/// Messages waiting for one slow connection; past it the connection is closed.
const MAX_QUEUED: usize = 64;
/// Messages of all streams waiting for the signalling thread.
pub const MAX_STREAM_QUEUE: usize = 1024;
const READ_BLOCK: usize = 16 * 1024;
/// A peer that does not take a connection within that time has no TCP for us: a large INVITE still goes by UDP before its caller gives up.
const CONNECT: std::time::Duration = std::time::Duration::from_secs(2);

/// What a stream brings to the signalling thread.
pub enum StreamEvent {
    Opened { connection: u64, flow: Flow, writer: mpsc::Sender<Vec<u8>> },
    Message { flow: Flow, bytes: Vec<u8> },
    Closed { connection: u64 },
}

pub struct SipIo {
    pub udp: Vec<(UdpSocket, SocketAddr)>,
    tcp_listeners: Vec<SocketAddr>,
    connections: HashMap<u64, (mpsc::Sender<Vec<u8>>, Flow)>,
    by_remote: HashMap<SocketAddr, u64>,
    events: mpsc::Sender<StreamEvent>,
    next: u64,
    faces: Faces,
}

impl SipIo {
    /// Binds every `listen` address; must run inside a tokio runtime.
    ///
    /// # Errors
    /// The address that cannot be had, and why.
    pub fn bind(
        listen: &[(Transport, SocketAddr)],
        advertise: Option<IpAddr>,
        events: mpsc::Sender<StreamEvent>,
    ) -> Result<SipIo, (Transport, SocketAddr, io::Error)> {
        let mut io = SipIo {
            udp: Vec::new(),
            tcp_listeners: Vec::new(),
            connections: HashMap::new(),
            by_remote: HashMap::new(),
            events,
            next: 0,
            faces: Faces::new(advertise),
        };
        for (transport, address) in listen {
            let bound = match transport {
                Transport::Udp => bind_udp(*address).map(|socket| io.udp.push((socket, *address))),
                Transport::Tcp => io.listen_tcp(*address),
            };
            bound.map_err(|error| (*transport, *address, error))?;
        }
        Ok(io)
    }

    fn listen_tcp(&mut self, address: SocketAddr) -> io::Result<()> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(128)?;
        let listener = TcpListener::from_std(socket.into())?;
        self.tcp_listeners.push(address);
        let events = self.events.clone();
        let advertise = self.faces.advertise();
        tokio::task::spawn_local(async move {
            let mut next = 0u64;
            loop {
                let Ok((stream, remote)) = listener.accept().await else {
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                };
                next += 1;
                let Ok(local) = stream.local_addr() else { continue };
                let local = SocketAddr::new(advertise.unwrap_or(local.ip()), address.port());
                // accepted connections are even, opened ones odd: the two never meet
                let connection = next << 1;
                serve(stream, Flow { transport: Transport::Tcp, local, remote, connection: Some(connection) }, connection, events.clone());
            }
        });
        Ok(())
    }

    /// Our own address on that socket as `peer` reaches it; asked of the routing table once a peer at most.
    pub fn facing(&mut self, bound: SocketAddr, peer: IpAddr) -> IpAddr {
        self.faces.facing(bound.ip(), peer)
    }

    /// The signalling thread learns of a connection; false when there are too many, and it is dropped.
    pub fn opened(&mut self, connection: u64, flow: Flow, writer: mpsc::Sender<Vec<u8>>) -> bool {
        if self.connections.len() >= MAX_CONNECTIONS {
            return false;
        }
        self.by_remote.insert(flow.remote, connection);
        self.connections.insert(connection, (writer, flow));
        true
    }

    /// Forgets a connection; gives whom it was with.
    pub fn closed(&mut self, connection: u64) -> Option<SocketAddr> {
        let (_, flow) = self.connections.remove(&connection)?;
        if self.by_remote.get(&flow.remote) == Some(&connection) {
            self.by_remote.remove(&flow.remote);
        }
        Some(flow.remote)
    }

    /// Sends, or gives back the connection that is lost.
    pub fn send(&mut self, transmit: Transmit) -> Option<u64> {
        match transmit.flow.transport {
            Transport::Udp => {
                self.send_udp(&transmit);
                None
            }
            Transport::Tcp => self.send_tcp(transmit),
        }
    }

    fn send_udp(&self, transmit: &Transmit) {
        let port = transmit.flow.local.port();
        let by_port = self.udp.iter().find(|(_, bound)| bound.port() == port);
        if let Some((socket, _)) = by_port.or(self.udp.first())
            && let Err(error) = socket.try_send_to(&transmit.bytes, transmit.flow.remote)
        {
            // a full buffer is loss like any other: the transaction sends again
            tracing::debug!(remote = %transmit.flow.remote, %error, "datagram not sent");
        }
    }

    fn send_tcp(&mut self, transmit: Transmit) -> Option<u64> {
        let known = transmit.flow.connection.filter(|c| self.connections.contains_key(c));
        let connection = known.or_else(|| self.by_remote.get(&transmit.flow.remote).copied());
        match connection {
            Some(connection) => {
                let (writer, _) = self.connections.get(&connection)?;
                writer.try_send(transmit.bytes).is_err().then_some(connection)
            }
            None => {
                self.connect(transmit);
                None
            }
        }
    }

    fn connect(&mut self, transmit: Transmit) {
        if self.connections.len() >= MAX_CONNECTIONS {
            return;
        }
        self.next += 1;
        let connection = (self.next << 1) | 1;
        let flow = Flow { connection: Some(connection), ..transmit.flow };
        let (writer, reader) = mpsc::channel(MAX_QUEUED);
        let _ = writer.try_send(transmit.bytes);
        self.opened(connection, flow, writer);
        let events = self.events.clone();
        tokio::task::spawn_local(async move {
            match tokio::time::timeout(CONNECT, TcpStream::connect(flow.remote))
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            {
                Ok(stream) => run(stream, flow, connection, reader, events).await,
                Err(error) => {
                    tracing::debug!(remote = %flow.remote, %error, "no connection");
                    let _ = events.send(StreamEvent::Closed { connection }).await;
                }
            }
        });
    }
}

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // the system may grant less; that is fine
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

fn serve(stream: TcpStream, flow: Flow, connection: u64, events: mpsc::Sender<StreamEvent>) {
    let (writer, reader) = mpsc::channel(MAX_QUEUED);
    tokio::task::spawn_local(async move {
        if events.send(StreamEvent::Opened { connection, flow, writer }).await.is_ok() {
            run(stream, flow, connection, reader, events).await;
        }
    });
}

/// One connection until either side closes it. It is closed too when its writer is dropped.
async fn run(mut stream: TcpStream, flow: Flow, connection: u64, mut queue: mpsc::Receiver<Vec<u8>>, events: mpsc::Sender<StreamEvent>) {
    let mut framer = Framer::default();
    let mut block = vec![0; READ_BLOCK];
    let (mut read, mut write) = stream.split();
    loop {
        tokio::select! {
            got = read.read(&mut block) => {
                let Ok(n @ 1..) = got else { break };
                if framer.push(&block[..n]).is_err() { break }
                let mut broken = false;
                while let Some(frame) = framer.next() {
                    match frame {
                        Ok(bytes) => {
                            if events.send(StreamEvent::Message { flow, bytes }).await.is_err() { return }
                        }
                        Err(_) => { broken = true; break }
                    }
                }
                if broken { break }
            }
            bytes = queue.recv() => {
                let Some(bytes) = bytes else { break };
                if write.write_all(&bytes).await.is_err() { break }
            }
        }
    }
    let _ = events.send(StreamEvent::Closed { connection }).await;
}
