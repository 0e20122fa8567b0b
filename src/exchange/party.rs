//! Who a phone hears, told to it in the dialog: UPDATE, or a re-INVITE where the phone does not take UPDATE (RULES 4; RFC 3311, 3325).

use crate::domain::call::LegId;
use crate::domain::now::Now;
use crate::sip::message::Message;

use super::{Exchange, media_plan};

impl Exchange {
    /// A refusal changes nothing.
    pub(super) fn tell_party(&mut self, now: Now, id: LegId, number: &str, name: &str) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        let Some(session) = leg.sessions.first().copied() else { return };
        let host = leg.media.local.ip().to_string();
        let headers = self.asserted(number, name, &host);
        let Some(leg) = self.legs.get_mut(id) else { return };
        if leg.takes_update {
            self.endpoint.update(now.instant, session, headers);
        } else if !leg.held {
            // one that holds would be taken off hold by an offer of ours
            let offer = media_plan::our_offer(&mut leg.media);
            self.endpoint.reoffer(now.instant, session, offer, headers);
        }
    }

    /// What the peer of that leg says it takes.
    pub(super) fn note_allowed(&mut self, id: LegId, message: &Message) {
        if let Some(leg) = self.legs.get_mut(id) {
            leg.takes_update = takes_update(message);
        }
    }
}

/// RFC 3261 20.5: without an Allow nothing is known.
pub(super) fn takes_update(message: &Message) -> bool {
    message.all("Allow").any(|line| line.split(',').any(|method| method.trim() == "UPDATE"))
}
