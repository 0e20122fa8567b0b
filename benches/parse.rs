//! A typical INVITE read and written again, as the line does for each message it passes on.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rappel::sip::message::Message;
use rappel::sip::wire::{Framing, Read, read};

const INVITE: &str = "INVITE sip:0361910001@192.0.2.1:5060 SIP/2.0\r\n\
Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-524287-1---6f3b1f5e2a8c;rport\r\n\
Via: SIP/2.0/UDP 198.51.100.20:5060;branch=z9hG4bKac1234567\r\n\
Record-Route: <sip:198.51.100.7;lr>\r\n\
Max-Forwards: 68\r\n\
From: \"Dupont, Jean\" <sip:+33639980001@operator.example;user=phone>;tag=as5e1c2b7d\r\n\
To: <sip:0361910001@192.0.2.1>\r\n\
Call-ID: 5a1f0c7e2b@198.51.100.20\r\n\
CSeq: 102 INVITE\r\n\
Contact: <sip:+33639980001@198.51.100.20:5060>\r\n\
P-Asserted-Identity: <sip:+33639980001@operator.example>\r\n\
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, UPDATE, PRACK, INFO\r\n\
Supported: timer, 100rel\r\n\
Session-Expires: 1800\r\n\
User-Agent: operator\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 233\r\n\r\n\
v=0\r\no=- 20518 20518 IN IP4 198.51.100.21\r\ns=-\r\nc=IN IP4 198.51.100.21\r\nt=0 0\r\nm=audio 18002 RTP/AVP 8 0 101\r\n\
a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

fn message() -> Box<Message> {
    let (head, body) = INVITE.split_once("\r\n\r\n").expect("a head and a body");
    let text = format!("{}\r\n\r\n{body}", head.replace("233", &body.len().to_string()));
    match read(text.as_bytes(), Framing::Datagram) {
        Read::Message(message) => message,
        other => panic!("{other:?}"),
    }
}

fn parse(c: &mut Criterion) {
    let bytes = message().encode();
    let mut group = c.benchmark_group("invite");
    group.throughput(Throughput::Elements(1));
    group.bench_function("read", |b| b.iter(|| read(black_box(&bytes), Framing::Datagram)));
    group.bench_function("encode", |b| {
        let message = message();
        b.iter(|| black_box(&message).encode());
    });
    group.bench_function("read, look, encode", |b| {
        b.iter(|| match read(black_box(&bytes), Framing::Datagram) {
            Read::Message(m) => {
                black_box((m.via(), m.from(), m.to(), m.call_id().len(), m.cseq()));
                m.encode()
            }
            other => panic!("{other:?}"),
        });
    });
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
