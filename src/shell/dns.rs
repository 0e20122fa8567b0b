//! The resolver: where each trunk is, asked again and again, never on the signalling thread (RFC 3263 with SRV and A/AAAA).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use tokio::sync::mpsc;

use crate::sip::api::Transport;
use crate::sip::uri::split_host_port;

use super::signalling::Inbox;

/// A name is asked again after that time; the last good addresses stay in use meanwhile.
const AGAIN: Duration = Duration::from_secs(60);
/// After a failure sooner.
const AFTER_FAILURE: Duration = Duration::from_secs(10);
const DEFAULT_PORT: u16 = 5060;
/// Targets of one SRV record set that are looked at.
const MAX_TARGETS: usize = 8;

/// Follows one trunk's name for ever; an address ([`literal`]) needs nobody to follow it.
pub async fn follow(trunk: usize, target: String, transport: Transport, inbox: mpsc::Sender<Inbox>) {
    if literal(&target).is_some() {
        return;
    }
    let resolver = match TokioResolver::builder_tokio().and_then(|b| b.build()) {
        Ok(resolver) => resolver,
        Err(error) => {
            tracing::error!(%error, "no resolver: trunks are reached by address only");
            return;
        }
    };
    loop {
        let addresses = locate(&resolver, &target, transport).await;
        let pause = if addresses.is_empty() { AFTER_FAILURE } else { AGAIN };
        if addresses.is_empty() {
            tracing::warn!(target, "the trunk's name is not resolved; the last good addresses are kept");
        } else if inbox.send(Inbox::Located(trunk, addresses)).await.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

/// The address itself, where the target is `ip` or `ip:port`.
pub fn literal(target: &str) -> Option<SocketAddr> {
    if let Ok(address) = target.parse::<SocketAddr>() {
        return Some(address);
    }
    target.trim_matches(['[', ']']).parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, DEFAULT_PORT))
}

/// An explicit port means A/AAAA; without one SRV comes first (RFC 3263 4.2).
async fn locate(resolver: &TokioResolver, target: &str, transport: Transport) -> Vec<SocketAddr> {
    let Some((host, port)) = split_host_port(target) else { return Vec::new() };
    if port.is_none() {
        let service = match transport {
            Transport::Udp => "_sip._udp",
            Transport::Tcp => "_sip._tcp",
        };
        let found = by_srv(resolver, &format!("{service}.{host}")).await;
        if !found.is_empty() {
            return found;
        }
    }
    by_name(resolver, host, port.unwrap_or(DEFAULT_PORT)).await
}

async fn by_srv(resolver: &TokioResolver, name: &str) -> Vec<SocketAddr> {
    let Ok(lookup) = resolver.srv_lookup(name).await else { return Vec::new() };
    let mut targets: Vec<(u16, std::cmp::Reverse<u16>, String, u16)> = lookup
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::SRV(srv) => Some((srv.priority, std::cmp::Reverse(srv.weight), srv.target.to_string(), srv.port)),
            _ => None,
        })
        .collect();
    targets.sort();
    let mut found = Vec::new();
    for (_, _, host, port) in targets.into_iter().take(MAX_TARGETS) {
        found.extend(by_name(resolver, &host, port).await);
    }
    found
}

async fn by_name(resolver: &TokioResolver, host: &str, port: u16) -> Vec<SocketAddr> {
    match resolver.lookup_ip(host).await {
        Ok(lookup) => lookup.iter().map(|ip| SocketAddr::new(ip, port)).collect(),
        Err(_) => Vec::new(),
    }
}
