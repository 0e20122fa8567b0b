//! Keys: what a phone presses is one key, whichever ways it says so.

use std::time::Duration;

use rappel::domain::call::LegId;
use rappel::media::command::{Command, Report};
use rappel::sip::message::{Message, Method};

use crate::rig::{PHONE, Site, TRUNK, phone_reply, phone_request, request, sdp, sdp_with};

const EVENTS: &str = "a=rtpmap:101 telephone-event/8000\r\n";

/// The phone talks with the caller; our INVITE to it, and the legs of both.
fn talking(site: &mut Site) -> (Message, LegId, LegId) {
    site.rings("c", &sdp("203.0.113.9"));
    let ring = site.next(PHONE, |m| m.method() == Some(Method::Invite));
    site.tell(PHONE, &phone_reply(&ring, &sdp_with("192.168.1.20", EVENTS).replace("AVP 8", "AVP 8 101")));
    let ours = site.reply(TRUNK, 200).to().tag().unwrap().to_owned();
    site.tell(TRUNK, &request("ACK", "sip:192.168.1.5", TRUNK, "c", 1, &ours));
    let leg = |address: &str| {
        let remote = format!("{address}:4000").parse().ok();
        let of = |command: &Command| match command {
            Command::Negotiated { leg, with } if with.remote == remote => Some(*leg),
            _ => None,
        };
        site.media.iter().find_map(of).unwrap()
    };
    (ring, leg("192.168.1.20"), leg("203.0.113.9"))
}

/// The keys that the far end was sent.
fn sent(site: &Site, far: LegId) -> String {
    let of = |command: &Command| match command {
        Command::Keys(leg, keys) if *leg == far => Some(String::from_utf8(keys.clone()).unwrap()),
        _ => None,
    };
    site.media.iter().filter_map(of).collect()
}

#[test]
fn a_key_sent_as_rfc_4733_and_as_info_counts_once_and_reaches_the_far_end_once() {
    for (by_info, by_sound, first) in [(true, true, 'i'), (true, true, 's'), (true, true, 'b'), (true, false, 'i'), (false, true, 's')] {
        let mut site = Site::new(&[]);
        let (ring, phone, far) = talking(&mut site);
        for (n, key) in (2..).zip("614422".bytes()) {
            let info = phone_request("INFO", &ring, n, "application/dtmf-relay", &format!("Signal={}\r\n", char::from(key)));
            let told = |site: &mut Site, way: char| match way {
                'i' if by_info => site.tell(PHONE, &info),
                // the INFO comes while the key is down
                'b' => {
                    site.hear(Report::KeyDown(phone, key));
                    site.tell(PHONE, &info);
                    site.hear(Report::Key(phone, key));
                }
                's' if by_sound => {
                    site.hear(Report::KeyDown(phone, key));
                    site.hear(Report::Key(phone, key));
                }
                _ => {}
            };
            told(&mut site, first);
            site.now.instant += Duration::from_millis(90);
            told(&mut site, if first == 'i' { 's' } else { 'i' });
            site.now.instant += Duration::from_millis(300);
        }
        assert_eq!(sent(&site, far), "4422", "info {by_info}, sound {by_sound}, first {first}");
    }
}
