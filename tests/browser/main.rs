//! The page as a person sees it: the real binary with real SIP around it, in Chromium, driven over WebDriver.
//!
//! [`chromium`] is the browser, [`screen`] one session of it and what a person does there, [`look`] light, dark, narrow and zoomed with what
//! must hold in each, [`agency`] the service with its people. The rest are stories. Nothing here looks into the service but by its API.
// a peer has its own clock, and a test that cannot go on stops
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod agency;
mod brief;
mod calling;
mod chromium;
mod demo;
mod double_call;
mod edit;
mod hostile;
mod keys;
mod live;
mod look;
mod pictures;
mod plain;
mod reach;
mod screen;
#[path = "../loopback/stage.rs"]
#[allow(dead_code, unused_imports, reason = "part of it is for the peers of the loopback tests")]
mod stage;
