//! The main job without any equipment: a trunk and two phones that speak real SIP and RTP to the service on loopback, and a story they play.
//!
//! [`ua`] is a SIP user agent of its own, [`service`] the service as a child process, [`http`] what a browser would ask of it, [`scene`]
//! all of them together, [`double_call`] two callers and one phone, [`story`] the script and `facts` what it found, [`recordings`] what was
//! heard, `stay` the calls that keep arriving afterwards with [`control`], the page whose buttons play more. The loopback tests use all but
//! the story. Nothing here is part of the line: a peer has its own sockets and its own clock.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod control;
pub mod double_call;
mod facts;
pub mod http;
pub mod recordings;
pub mod scene;
pub mod service;
mod stay;
pub mod story;
pub mod ua;

pub use self::story::run;
