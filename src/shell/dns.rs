//! The resolver: where each trunk is, asked again and again, never on the signalling thread. What to ask, in which order and how long to believe it is
//! `sip/locate`'s (RFC 3263).

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use tokio::sync::mpsc;

use crate::sip::api::Transport;
use crate::sip::locate::{self, LastGood, Plan, Srv};

use super::clock::{self, System};
use super::signalling::Inbox;

/// A name is asked again after that time; the last good addresses stay in use meanwhile.
const AGAIN: Duration = Duration::from_secs(60);
/// After a failure sooner.
const AFTER_FAILURE: Duration = Duration::from_secs(10);
/// Targets of one SRV record set that are looked at.
const MAX_TARGETS: usize = 8;

/// The address itself, where the target is one: known from the first moment on.
pub fn literal(target: &str, transport: Transport) -> Option<SocketAddr> {
    match locate::plan(target, transport) {
        Ok(Plan::Literal(address)) => Some(address),
        Ok(Plan::Ask { .. }) | Err(_) => None,
    }
}

/// Follows one trunk's name for ever; an address ([`literal`]) needs nobody to follow it.
pub async fn follow(trunk: usize, target: String, transport: Transport, inbox: mpsc::Sender<Inbox>) {
    let (srv, host, port) = match locate::plan(&target, transport) {
        Ok(Plan::Literal(_)) => return,
        Ok(Plan::Ask { srv, host, port }) => (srv, host, port),
        Err(error) => {
            tracing::error!(target, %error, "the trunk cannot be looked up");
            return;
        }
    };
    let resolver = match TokioResolver::builder_tokio().and_then(|b| b.build()) {
        Ok(resolver) => resolver,
        Err(error) => {
            tracing::error!(%error, "no resolver: trunks are reached by address only");
            return;
        }
    };
    let mut memory = LastGood::default();
    loop {
        let found = ask(&resolver, srv.as_deref(), &host, port).await;
        let now = clock::instant();
        memory.remember(now, &target, &found);
        let believed = memory.recall(now, &target).to_vec();
        if found.is_empty() {
            tracing::warn!(target, kept = believed.len(), "the trunk's name is not resolved");
        }
        if inbox.send(Inbox::Located(trunk, believed)).await.is_err() {
            return;
        }
        tokio::time::sleep(if found.is_empty() { AFTER_FAILURE } else { AGAIN }).await;
    }
}

/// Where a target is, asked once; empty when nobody knows.
pub async fn found(target: &str, transport: Transport) -> Vec<SocketAddr> {
    let (srv, host, port) = match locate::plan(target, transport) {
        Ok(Plan::Literal(address)) => return vec![address],
        Ok(Plan::Ask { srv, host, port }) => (srv, host, port),
        Err(_) => return Vec::new(),
    };
    match TokioResolver::builder_tokio().and_then(|b| b.build()) {
        Ok(resolver) => ask(&resolver, srv.as_deref(), &host, port).await,
        Err(_) => Vec::new(),
    }
}

async fn ask(resolver: &TokioResolver, srv: Option<&str>, host: &str, port: u16) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    if let Some(name) = srv {
        for target in by_srv(resolver, name).await.into_iter().take(MAX_TARGETS) {
            found.extend(by_name(resolver, &target.target, target.port).await);
        }
    }
    if found.is_empty() { by_name(resolver, host, port).await } else { found }
}

/// Drawn by weight at each look-up; the one in use stays while it is there.
async fn by_srv(resolver: &TokioResolver, name: &str) -> Vec<Srv> {
    let Ok(lookup) = resolver.srv_lookup(name).await else { return Vec::new() };
    let records = lookup.answers().iter().filter_map(|record| match &record.data {
        RData::SRV(srv) => Some(Srv { priority: srv.priority, weight: srv.weight, port: srv.port, target: srv.target.to_string() }),
        _ => None,
    });
    locate::order(records.collect(), &mut System::default())
}

/// A, or AAAA where there is none.
async fn by_name(resolver: &TokioResolver, host: &str, port: u16) -> Vec<SocketAddr> {
    match resolver.lookup_ip(host).await {
        Ok(lookup) => lookup.iter().map(|ip| SocketAddr::new(ip, port)).collect(),
        Err(_) => Vec::new(),
    }
}
