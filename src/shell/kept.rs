//! What the records hold for the line when it starts, and what is to be written of it at once. Decides nothing.

use std::collections::VecDeque;

use crate::domain::call::Record;
use crate::domain::callback::{Callback, CallbackId};
use crate::domain::names::Names;
use crate::domain::now::Now;
use crate::store::Opened;
use crate::store::callbacks::Stranded;
use crate::switchboard::effect::Effect;
use crate::switchboard::input::Input;
use crate::switchboard::line::Line;

pub(super) struct Kept {
    pub(super) first_call: i64,
    callbacks: Vec<Callback>,
    next_callback: CallbackId,
    stranded: Vec<Stranded>,
    names: Names,
}

impl Kept {
    pub(super) fn of(opened: &mut Opened) -> Kept {
        Kept {
            first_call: opened.greatest.0 + 1,
            callbacks: opened.callbacks.clone(),
            next_callback: opened.next_callback,
            stranded: opened.stranded.clone(),
            names: std::mem::take(&mut opened.names),
        }
    }

    /// Gives the line its ledger. Calls that the last process left without their callbacks open them; what is to be written of it.
    pub(super) fn load(self, now: Now, line: &mut Line) -> VecDeque<(u64, Record)> {
        let mut out = Vec::new();
        line.load(self.callbacks, self.next_callback, &mut out);
        line.know(self.names);
        for Stranded { call, at, party, name, outcome, form } in self.stranded {
            line.handle(now, Input::Stranded { call, at, caller: party, name, outcome, form: Box::new(form) }, &mut out);
        }
        let record = |effect| match effect {
            Effect::Record(seq, record) => Some((seq.0, record)),
            _ => None,
        };
        out.into_iter().filter_map(record).collect()
    }
}
