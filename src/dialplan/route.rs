//! From dialled digits to a decision (RULES 7).

/// The right to send one call to the trunk. Made only by the grammar of this module, from an authenticated phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundPermit {
    _made_here: (),
}
