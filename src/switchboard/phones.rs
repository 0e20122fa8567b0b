//! What is known of the phones besides their calls: registered or not, to be disturbed or not.

use crate::domain::call::{CallId, Extension, LegId};
use crate::domain::now::Now;

use super::call::{Call, State};
use super::effect::{Effect, Refuse};
use super::input::Refusal;
use super::line::Line;

impl Line {
    pub(super) fn phone(&mut self, extension: &Extension, registered: bool) {
        let Some(desk) = self.legs.desk_mut(extension) else { return };
        desk.registered = registered;
        self.legs.moved = true;
        if registered {
            for call in &self.searching {
                if let Some(hunt) = self.calls.get_mut(call).and_then(Call::hunt_mut) {
                    hunt.back(extension);
                }
            }
        }
    }

    /// Turned on while it rings, it is a refusal (row 5).
    pub(super) fn do_not_disturb(&mut self, now: Now, extension: &Extension, on: bool, out: &mut Vec<Effect>) {
        let Some(desk) = self.legs.desk_mut(extension) else { return };
        desk.do_not_disturb = on;
        self.legs.moved = true;
        let ringing: Vec<(CallId, LegId)> = (self.calls.values())
            .filter_map(|call| match &call.state {
                State::Hunting(hunt) => hunt.attempts().find(|a| a.extension == *extension).map(|a| (call.id, a.leg)),
                State::Calling(_) | State::Speaking(_) | State::Talking(_) | State::Transferring(_) | State::Held(_) => None,
            })
            .collect();
        if on && !self.emergency {
            for (call, leg) in ringing {
                self.legs.close(leg, Refuse::Busy, out);
                self.said_no(now, leg, call, Refusal::Busy, out);
            }
        }
    }
}
