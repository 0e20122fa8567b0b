//! Kamailio as the operator: a registrar with digest through which calls come in and go out.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rappel::demo::service::NUMBER;
use rappel::demo::ua::sound::{CALLER, FAR_END, PHONE_11};
use rappel::demo::ua::{Agent, Dial, Identity, Reaction, eventually};

use crate::stage::{ONE, Process, SOON, TRUNK, TWO, ended_as, quiet, tool};

const PACKAGE: &str = "kamailio";
/// A registration that was sent before Kamailio stood is tried again after five seconds, ten, twenty.
const REGISTERED: Duration = Duration::from_secs(40);
const OPERATOR: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 6));
const PASSWORD: &str = "secret-operateur";
const REALM: &str = "operateur.test";

fn modules() -> Option<PathBuf> {
    let libraries = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    let all = libraries.chain([PathBuf::from("/usr/lib"), PathBuf::from("/usr/lib64"), PathBuf::from("/usr/local/lib64")]);
    all.map(|folder| folder.join("kamailio/modules")).find(|folder| folder.join("registrar.so").is_file())
}

/// A registrar and proxy: the line registers with digest; calls from the network side go to the registered line, calls of the line, once
/// authenticated, to the network side.
fn script(at: SocketAddr, network: SocketAddr, modules: &Path) -> String {
    let modules = modules.display();
    format!(
        r#"#!KAMAILIO
debug=1
log_stderror=yes
children=2
auto_aliases=no
disable_tcp=yes
listen=udp:{at}
mpath="{modules}/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("usrloc", "db_mode", 0)
modparam("auth", "nonce_expire", 120)

request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("OPTIONS") && uri==myself) {{ sl_send_reply("200", "OK"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
        sl_send_reply("404", "Not here");
        exit;
    }}
    t_check_trans();
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("{REALM}", "{PASSWORD}", "0")) {{ www_challenge("{REALM}", "1"); exit; }}
        save("location");
        exit;
    }}
    if (!is_method("INVITE")) {{ sl_send_reply("405", "Method Not Allowed"); exit; }}
    record_route();
    if ($si == "{TRUNK}") {{
        if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
        t_relay();
        exit;
    }}
    if (!pv_proxy_authenticate("{REALM}", "{PASSWORD}", "0")) {{ proxy_challenge("{REALM}", "1"); exit; }}
    consume_credentials();
    $du = "sip:{network}";
    t_relay();
}}
"#
    )
}

#[test]
fn through_kamailio_we_register_a_call_comes_in_and_one_goes_out() {
    let Some(program) = tool("kamailio", PACKAGE) else { return };
    let modules = modules().expect("kamailio is there but its modules are not");
    let operator = std::net::UdpSocket::bind((OPERATOR, 0)).unwrap().local_addr().unwrap();
    let network = Agent::open(TRUNK, 0, operator, Identity::new("reseau", None, FAR_END)).unwrap();
    let folder = std::env::temp_dir().join(format!("rappel-kamailio-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("kamailio.cfg");
    fs::write(&file, script(operator, network.address(), &modules)).unwrap();
    let mut command = Command::new(program);
    command.args(["-DD", "-E", "-m", "32", "-M", "4"]).arg("-f").arg(&file).arg("-Y").arg(&folder).current_dir(&folder);
    let proxy = Process::start(&mut command, &folder.join("log"));
    let changes = format!(
        "[trunk]\naddress = \"{operator}\"\npeers = [\"{OPERATOR}\"]\nregister = true\nusername = \"{NUMBER}\"\npassword = \"{PASSWORD}\"\n\
         realm = \"{REALM}\"\nexpires = 60\n"
    );
    let mut scene = quiet(&changes);
    let client = scene.service.client().unwrap();
    let registered = || client.get("/api/line").is_ok_and(|answer| answer.json()["trunks"][0]["state"] == "registered");
    assert!(eventually(REGISTERED, registered), "not registered at Kamailio: {} | {}", proxy.output(), scene.service.last_words());

    assert_eq!(scene.phone_11.register(60), 200);
    scene.phone_11.react(Reaction::Wait);
    let caller = network.call(NUMBER, Dial::from_number(ONE).pitch(CALLER)).unwrap();
    let leg =
        scene.phone_11.expect_call(SOON).unwrap_or_else(|| panic!("phone 11 did not ring: {:?} {}", caller.statuses(), proxy.output()));
    leg.ring();
    assert!(caller.wait_ringing(SOON));
    leg.answer();
    assert!(caller.wait_up(SOON) && caller.hears(PHONE_11, SOON) && leg.hears(CALLER, SOON), "{:?}", caller.statuses());
    caller.hang_up();
    assert!(leg.wait_ended(SOON));
    ended_as(&mut scene, ONE, "answered", None);

    let call = scene.phone_11.call(&format!("0{TWO}"), Dial::default()).unwrap();
    let far = network.expect_call(SOON).unwrap_or_else(|| panic!("the call did not go out: {:?} {}", call.statuses(), proxy.output()));
    far.ring().answer();
    assert!(call.wait_up(SOON) && call.hears(FAR_END, SOON) && far.hears(PHONE_11, SOON), "{:?}", call.statuses());
    call.hang_up();
    assert!(far.wait_ended(SOON));
    ended_as(&mut scene, TWO, "answered", None);
    drop(proxy);
    let _ = fs::remove_dir_all(&folder);
}
