//! The words of the line that every layer shares. Names no other layer, touches no socket, file or clock.

pub mod call;
pub mod callback;
pub mod clip;
pub mod day;
pub mod entropy;
pub mod holidays;
pub mod hours;
pub mod identity;
pub mod key;
pub mod ladder;
pub mod names;
pub mod now;
pub mod number;
pub mod outcome;
pub mod status;
pub mod text;
