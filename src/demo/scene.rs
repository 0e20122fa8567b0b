//! Everybody who takes part: the service, an operator that it knows by address, and phones 11 and 12.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::service::{NUMBER, Service, Setup, phone_password};
use super::ua::sound::{CALLER, FAR_END, PHONE_11, PHONE_12, Pitch};
use super::ua::{Agent, Call, Dial, Identity, eventually};

/// Registrations of the phones, in seconds.
pub const EXPIRES: u32 = 300;
/// The operator and the phones have addresses of their own: the service tells them apart by address.
pub const TRUNK: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
pub const PHONES: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3)), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 4))];
/// How long a row may take to stand on the page.
const WRITTEN: Duration = Duration::from_secs(10);

/// What is played on, and what the configuration says beyond the usual.
#[derive(Clone, Debug)]
pub struct Plan {
    pub binary: PathBuf,
    /// 0: any free one.
    pub web_port: u16,
    /// See [`Setup::changes`]; may name `{trunk}`, the operator's address.
    pub changes: String,
}

/// Agents stand before the service: they go first.
pub struct Scene {
    pub phone_11: Agent,
    pub phone_12: Agent,
    pub trunk: Agent,
    pub service: Service,
}

impl Scene {
    /// Starts the service and opens the agents; nobody is registered yet.
    pub fn set(plan: Plan) -> io::Result<Scene> {
        // the service must know the trunk's port and the trunk the service's: this one stands first
        let socket = UdpSocket::bind((TRUNK, 0))?;
        let trunk = socket.local_addr()?;
        let service = Service::start(Setup {
            binary: plan.binary,
            trunk,
            peers: vec![TRUNK.to_string()],
            phones: PHONES.iter().map(|ip| format!("{ip}/32")).collect(),
            web_port: plan.web_port,
            changes: plan.changes.replace("{trunk}", &trunk.to_string()),
        })?;
        let [ip_11, ip_12] = PHONES;
        Ok(Scene {
            phone_11: phone(ip_11, service.sip, "11", PHONE_11)?,
            phone_12: phone(ip_12, service.sip, "12", PHONE_12)?,
            trunk: Agent::on(socket, service.sip, Identity::new(NUMBER, None, FAR_END))?,
            service,
        })
    }

    /// Both phones register; whether both may.
    pub fn register(&self) -> bool {
        [&self.phone_11, &self.phone_12].into_iter().all(|phone| phone.register(EXPIRES) == 200)
    }

    /// A client calls.
    pub fn caller(&self, number: &str) -> io::Result<Call> {
        self.trunk.call(NUMBER, Dial::from_number(number).pitch(CALLER))
    }

    /// The finished row of that national number, null when there is none in time.
    pub fn row(&mut self, number: &str) -> Value {
        let e164 = e164(number);
        self.row_where(|row| row["number"] == e164.as_str())
    }

    /// A callback as `GET /api/callbacks?view=all` shows it, once it is as wanted; null when none is in time.
    pub fn callback_where(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let Ok(client) = self.service.client() else { return Value::Null };
        let mut found = Value::Null;
        eventually(WRITTEN, || {
            let all = client.get("/api/callbacks?view=all").map(|answer| answer.json()).unwrap_or_default();
            found = all["callbacks"].as_array().into_iter().flatten().find(|entry| wanted(entry)).cloned().unwrap_or_default();
            !found.is_null()
        });
        found
    }

    /// The newest finished row that is as wanted.
    pub fn row_where(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.service.row(WRITTEN, |row| !row["outcome"].is_null() && wanted(row)).unwrap_or(Value::Null)
    }
}

/// A national number as rows and callbacks hold it.
pub fn e164(number: &str) -> String {
    format!("+33{}", number.trim_start_matches('0'))
}

fn phone(ip: IpAddr, server: SocketAddr, extension: &str, pitch: Pitch) -> io::Result<Agent> {
    Agent::open(ip, 0, server, Identity::new(extension, Some(&phone_password(extension)), pitch))
}
