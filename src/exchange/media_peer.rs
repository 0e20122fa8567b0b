//! A peer's description, read and judged: whose it is, and whether our packets may go where it says (`sip/media_address` holds the table).

use std::net::{IpAddr, SocketAddr};

use crate::domain::call::LegId;
use crate::media::command::Command as MediaCommand;
use crate::sip::media_address::{self, Forbidden, Known};
use crate::sip::sdp::{self, Description, Unusable};

use super::legs::Side;
use super::{Exchange, media_plan};

impl Exchange {
    /// Reads a description of the peer on that side. One whose sound may not go where it says is unusable; control packets that may not simply go nowhere.
    pub(super) fn read_description(&mut self, side: &Side, source: IpAddr, sdp: &[u8]) -> Result<Description, Unusable> {
        let mut description = sdp::read(sdp)?;
        if let Some(to) = description.remote()
            && let Err(why) = self.may_name(side, source, to)
        {
            tracing::info!(%source, %to, %why, "a description with this media address is refused");
            return Err(Unusable::Address);
        }
        description.control = description.control.filter(|to| self.may_name(side, source, *to).is_ok());
        Ok(description)
    }

    fn may_name(&mut self, side: &Side, source: IpAddr, to: SocketAddr) -> Result<(), Forbidden> {
        let ours = self.outside.is_ours(to);
        match side {
            Side::Trunk(trunk) => {
                let known = Known { ours, anothers: self.registrar.is_anothers(None, to.ip()) };
                media_address::check(media_address::Side::Trunk { media: self.lines.media(*trunk) }, source, to, known)
            }
            Side::Phone(extension) => {
                let anothers = self.registrar.is_anothers(Some(extension), to.ip()) || self.lines.is_a_trunks(to.ip());
                media_address::check(media_address::Side::Phone, source, to, Known { ours, anothers })
            }
        }
    }

    /// The peer's description for an offer of ours: agreed, and the relay told of it.
    pub(super) fn take_answer(&mut self, id: LegId, sdp: &[u8]) -> Result<(), Unusable> {
        let Some((side, source)) = self.legs.get(id).map(|leg| (leg.side.clone(), leg.source)) else { return Ok(()) };
        let remote = self.read_description(&side, source, sdp)?;
        let Some(leg) = self.legs.get_mut(id) else { return Ok(()) };
        // the 200 says again what the 18x said (RFC 3261 13.2.1): nothing new is agreed
        if !leg.media.offered && leg.media.remote.as_ref() == Some(&remote) {
            return Ok(());
        }
        let negotiated = media_plan::their_answer(&mut leg.media, source, matches!(side, Side::Phone(_)), remote);
        self.media(MediaCommand::Negotiated { leg: id, with: negotiated });
        Ok(())
    }
}
