//! The page's side of the service: HTTP, the control socket, the commands' way into the signalling thread, the resolver's tasks.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::domain::status::LineStatus;
use crate::exchange::LadderOf;
use crate::screen::{self, Asked, LadderWanted, Plan, ScreenParts, ScreenState, SignIn};
use crate::sip::api::Transport;
use crate::store::{Readers, Writer};

use super::clock::{self, System};
use super::control::{Behind, Control};
use super::dns;
use super::run::RunError;
use super::signalling::Inbox;

/// Commands of the page on their way to the signalling thread.
const MAX_ASKED: usize = 64;

/// What the pages call the agency, its people and its places.
#[derive(Clone)]
pub struct Agency {
    pub name: String,
    pub staff: Vec<String>,
    pub places: Vec<String>,
}

pub struct Web {
    pub listen: Vec<SocketAddr>,
    pub hosts: Vec<String>,
    pub agency: Agency,
    pub sign_in: SignIn,
    pub state: PathBuf,
    pub readers: Readers,
    pub writer: Writer,
    pub status: watch::Receiver<Arc<LineStatus>>,
    pub plan: watch::Receiver<Arc<Plan>>,
    pub inbox: mpsc::Sender<Inbox>,
    /// Each trunk's name and transport, to be followed by the resolver.
    pub targets: Vec<(String, Transport)>,
}

impl Web {
    /// Starts everything; must run inside the page's runtime.
    pub async fn start(self) -> Result<(), RunError> {
        for (trunk, (target, transport)) in self.targets.into_iter().enumerate() {
            tokio::spawn(dns::follow(trunk, target, transport, self.inbox.clone()));
        }
        let (commands, asked) = mpsc::channel(MAX_ASKED);
        tokio::spawn(forward(asked, self.inbox.clone()));
        let (ladders, wanted) = mpsc::channel(MAX_ASKED);
        tokio::spawn(forward_ladders(wanted, self.inbox.clone()));
        let control = Control::bind(&self.state)?;
        let (writer, line, dir) = (self.writer.clone(), self.inbox, self.state);
        tokio::spawn(control.serve(Behind { writer, clock: Arc::new(|| clock::now().wall), line, dir }));
        let state = ScreenState::new(ScreenParts {
            readers: self.readers,
            writer: self.writer,
            status: self.status,
            commands,
            ladders,
            hosts: self.hosts,
            listen: self.listen.clone(),
            sign_in: self.sign_in,
            agency: self.agency.name,
            staff: self.agency.staff,
            places: self.agency.places,
            plan: self.plan,
            clock: Box::new(clock::now),
            entropy: Box::new(System::default()),
            metrics: Arc::new(Registry::default()),
        });
        let router = screen::router(state);
        for address in self.listen {
            let listener = TcpListener::bind(address).await.map_err(|error| RunError::Bind(address.to_string(), error))?;
            tokio::spawn(screen::serve::serve(listener, router.clone(), std::future::pending()));
        }
        Ok(())
    }
}

async fn forward_ladders(mut wanted: mpsc::Receiver<LadderWanted>, inbox: mpsc::Sender<Inbox>) {
    while let Some((call, answer)) = wanted.recv().await {
        if inbox.send(Inbox::Ladder(LadderOf::Call(call), answer)).await.is_err() {
            return;
        }
    }
}

async fn forward(mut asked: mpsc::Receiver<Asked>, inbox: mpsc::Sender<Inbox>) {
    while let Some((command, answer)) = asked.recv().await {
        if inbox.send(Inbox::Command(Box::new(command), answer)).await.is_err() {
            return;
        }
    }
}
