//! `check --network`: are the trunks found by their names, can our addresses be listened on? Looked at once; nothing is sent to a trunk, nothing
//! stays open.

use std::net::{SocketAddr, TcpListener, UdpSocket};

use tokio::runtime::Builder;

use super::dns;
use super::run::{RunError, Service};
use crate::sip::api::Transport;

/// What a service that is made so would run into, in French; empty when all is well.
pub fn wrong(service: &Service) -> Vec<String> {
    let sip = service.listen.iter().filter_map(|(transport, address)| taken(*transport, *address));
    let web = service.web_listen.iter().filter_map(|address| taken(Transport::Tcp, *address));
    sip.chain(web).chain(unknown(service)).collect()
}

fn taken(transport: Transport, address: SocketAddr) -> Option<String> {
    let (scheme, bound) = match transport {
        Transport::Udp => ("udp", UdpSocket::bind(address).map(drop)),
        Transport::Tcp => ("tcp", TcpListener::bind(address).map(drop)),
    };
    bound.err().map(|error| RunError::Bind(format!("{scheme}:{address}"), error).to_string())
}

/// Trunks whose name leads nowhere.
fn unknown(service: &Service) -> Vec<String> {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return vec![RunError::Io(error).to_string()],
    };
    let ask = |target: &str, transport| runtime.block_on(dns::found(target, transport));
    let lost = service.trunks.iter().filter(|(trunk, _)| ask(&trunk.target, trunk.transport).is_empty());
    let sentence = |target: &str, name: &str| {
        format!("Aucune adresse ne répond au nom {target} (ligne « {name} ») : vérifiez le nom, ou l'accès au DNS.")
    };
    lost.map(|(trunk, _)| sentence(&trunk.target, &trunk.name)).collect()
}
