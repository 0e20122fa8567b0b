//! The relay by its outside: exact packets in and out with a virtual clock, hostile bytes, and the real sockets once.

mod corpus;
mod hostile;
mod io;
mod keys;
mod line;
mod rig;
mod source;
