//! Connections to the page: a bound on their number, on the time their heads take, and an orderly end.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// Connections at a time. One that says nothing leaves after [`HEAD`].
const CONNECTIONS: usize = 1024;
/// How long a request line and headers may take, and an idle connection stay.
const HEAD: Duration = Duration::from_secs(10);
/// Request line and headers, in bytes.
const HEAD_MAX: usize = 16 * 1024;
/// The pause after a failed accept (out of descriptors).
const PAUSE: Duration = Duration::from_millis(100);
/// How long open answers may go on after the end was asked.
const LAST: Duration = Duration::from_secs(2);

/// Serves until `stop` is over, then lets running answers end.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let (ending, ended) = watch::channel(());
    let mut stop = std::pin::pin!(stop);
    loop {
        let place = tokio::select! {
            () = &mut stop => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let Ok(place) = place else { break };
        let (stream, peer) = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "accept on the page's socket");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        let (router, ended) = (router.clone(), ended.clone());
        tokio::spawn(async move {
            one(stream, peer, router, ended).await;
            drop(place);
        });
    }
    drop(listener);
    drop(ending);
    let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(LAST, places.acquire_many(all)).await;
}

async fn one(stream: TcpStream, peer: SocketAddr, router: Router, mut ended: watch::Receiver<()>) {
    let _ = stream.set_nodelay(true);
    let router = TowerToHyperService::new(router);
    // the router is told who is at the other end
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        _ = ended.changed() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(LAST, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a page connection ended");
    }
}
