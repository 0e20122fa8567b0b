//! rappel: the call-handling service of a small agency, a SIP B2BUA between its operator and its phones.
//!
//! The map. A layer may name only the layers listed on its line (`tests/tidy.rs` holds it to that).
//!
//! | layer | what it is | may name |
//! |---|---|---|
//! | [`domain`] | numbers, callers, outcomes, hours, time and entropy as arguments | nothing |
//! | [`dialplan`] | what dialled digits mean | domain |
//! | [`sip`] | messages, transactions, dialogs, registrar, trunk: no socket, no clock | domain |
//! | [`media`] | RTP, G.711, keys, tones, the relay: no socket, no clock | domain |
//! | [`switchboard`] | the rules of the line as pure machines; knows no SIP word | domain, dialplan |
//! | [`exchange`] | maps SIP sessions to switchboard inputs and effects to SIP; holds no rule | all above |
//! | [`store`] | the records: SQLite and the journal, one writer | domain |
//! | [`screen`] | HTTP and the pages | domain, dialplan, store, switchboard |
//! | [`shell`] | sockets, clock, entropy, threads | everything above |
//! | [`demo`] | a trunk and phones that speak real SIP | domain, sip, media, shell |
//! | [`cli`], [`config`] | commands; the file, and each layer's own plain configuration | everything |

pub mod cli;
pub mod config;
pub mod demo;
pub mod dialplan;
pub mod domain;
pub mod exchange;
pub mod media;
pub mod screen;
pub mod shell;
pub mod sip;
pub mod store;
pub mod switchboard;
