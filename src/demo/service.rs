//! The service as a process of its own: a temporary folder, a configuration, `serve`, a person who may sign in, and the rows read back.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use toml::Table;

use super::http::Client;
use super::ua::eventually;

pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// The agency's own number.
pub const NUMBER: &str = "0199000000";
/// Extensions, and whose phone it is.
pub const PHONES: [(&str, &str); 2] = [("11", "MEL"), ("12", "MO")];
/// How long `serve` may take to be up, and to be gone after SIGTERM.
const UP: Duration = Duration::from_secs(30);
/// Ports of one instance's media range.
const MEDIA_PORTS: u16 = 200;
const FIRST_MEDIA_PORT: u16 = 20_000;
const MEDIA_RANGES: u32 = 60;
/// Behind them, and below what systems hand out by themselves to whoever connects: ports that a service can have again after it was killed.
const FIRST_SERVICE_PORT: u16 = 32_000;
const SERVICE_PORTS: u32 = 760;
/// From the ports of one instance of this process to those of the next.
const APART: u32 = 8;
const PERSON: &str = "MEL";

pub fn phone_password(extension: &str) -> String {
    format!("poste-{extension}-secret")
}

/// What an instance is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    pub binary: PathBuf,
    /// Where the operator is, and the addresses it calls from.
    pub trunk: SocketAddr,
    pub peers: Vec<String>,
    /// Networks phones come from.
    pub phones: Vec<String>,
    /// The page's port; 0: any free one. A port that was chosen is for a person to look at: that page asks no password.
    pub web_port: u16,
    /// TOML laid over the configuration, table by table. A `[trunk]` table is laid over the one trunk.
    pub changes: String,
}

/// A running instance; dropping it ends the process and removes the folder.
pub struct Service {
    setup: Setup,
    folder: PathBuf,
    child: Option<Child>,
    pub sip: SocketAddr,
    pub http: SocketAddr,
    client: Option<Client>,
    /// First port of its media range.
    media: u16,
}

impl Service {
    pub fn start(setup: Setup) -> io::Result<Service> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("rappel-demo-{process}-{count}"));
        // below the range that systems hand out by themselves, and another one for each instance of this process
        let media = FIRST_MEDIA_PORT + u16::try_from(process.wrapping_add(count) % MEDIA_RANGES).unwrap_or(0) * MEDIA_PORTS;
        fs::create_dir_all(folder.join("var"))?;
        let first = process.wrapping_add(count.wrapping_mul(APART));
        let sip = free_port(first)?;
        let http = if setup.web_port == 0 { free_port(first.wrapping_add(APART / 2))? } else { free_web_port(setup.web_port)? };
        let mut service = Service { setup, folder, child: None, sip, http, client: None, media };
        fs::write(service.config(), service.configuration()?)?;
        private(&service.config())?;
        service.serve()?;
        Ok(service)
    }

    /// Starts `serve` (again).
    pub fn serve(&mut self) -> io::Result<()> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let open: &[&str] = if self.setup.web_port == 0 { &["serve"] } else { &["serve", "--open-as", PERSON] };
        let mut command = self.command(open);
        self.child = Some(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?);
        let probe = Client::new(self.http);
        if eventually(UP, || probe.get("/healthz").is_ok_and(|answer| answer.status == 200)) {
            return Ok(());
        }
        Err(io::Error::other(format!("serve did not come up; its last words: {}", self.last_words())))
    }

    /// Lays more over the configuration, for the next start.
    pub fn change(&mut self, changes: &str) -> io::Result<()> {
        let mut table = table(&self.setup.changes)?;
        lay_over(&mut table, self::table(changes)?);
        self.setup.changes = table.to_string();
        fs::write(self.config(), self.configuration()?)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Another command of the binary, with this configuration.
    pub fn run(&self, args: &[&str], input: &str) -> io::Result<Output> {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        child.wait_with_output()
    }

    /// A signed-in person; added at the first use.
    pub fn client(&mut self) -> io::Result<Client> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let password = self.password();
        let added = self.run(&["person", "add", PERSON], &format!("{password}\n{password}\n"))?;
        if !added.status.success() {
            return Err(io::Error::other(format!("person add: {}", String::from_utf8_lossy(&added.stderr))));
        }
        let mut client = Client::new(self.http);
        match client.sign_in(PERSON, &password)? {
            200..=399 => Ok(self.client.insert(client).clone()),
            status => Err(io::Error::other(format!("sign-in answered {status}"))),
        }
    }

    /// Rows of GET /api/calls, newest first as the service orders them.
    pub fn calls(&mut self) -> io::Result<Vec<Value>> {
        let answer = self.client()?.get("/api/calls")?;
        match answer.json().get("calls") {
            Some(Value::Array(rows)) => Ok(rows.clone()),
            _ => Err(io::Error::other(format!("GET /api/calls: {} {}", answer.status, answer.text()))),
        }
    }

    /// Waits for a row that is as wanted; `None` when none came in time.
    pub fn row(&mut self, within: Duration, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let mut found = None;
        eventually(within, || {
            found = self.calls().ok().and_then(|rows| rows.into_iter().find(|row| wanted(row)));
            found.is_some()
        });
        found
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn last_words(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.setup.binary);
        command.args(args).arg("--config").arg(self.config()).current_dir(&self.folder);
        command.env("STATE_DIRECTORY", self.folder.join("var")).env("TZ", "Europe/Paris");
        command
    }

    fn config(&self) -> PathBuf {
        self.folder.join("agence.toml")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Good for this folder only.
    fn password(&self) -> String {
        format!("essai-{}-{}", self.http.port(), self.sip.port())
    }

    fn configuration(&self) -> io::Result<String> {
        let (sip, http, trunk) = (self.sip, self.http, self.setup.trunk);
        let list = |items: &[String]| items.iter().map(|i| format!("{i:?}")).collect::<Vec<_>>().join(", ");
        let phones: String = PHONES
            .iter()
            .map(|(e, owner)| {
                format!("[[phone]]\nextension = {e:?}\nname = {owner:?}\nowner = {owner:?}\npassword = {:?}\n", phone_password(e))
            })
            .collect();
        let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let hours: String = days.iter().map(|day| format!("{day} = [\"00:00-24:00\"]\n")).collect();
        let first = self.media;
        let text = format!(
            "[agency]\nname = \"Agence d'essai\"\n[hours]\n{hours}holidays = \"none\"\n\
             [sip]\nlisten = [\"udp:{sip}\", \"tcp:{sip}\"]\nphones = [{}]\n\
             [[trunk]]\nname = \"operateur\"\naddress = \"{trunk}\"\npeers = [{}]\nregister = false\nnumbers = [\"{NUMBER}\"]\n{phones}\
             [line]\nring_seconds = 10\n[attendant]\nenabled = false\n[media]\nports = \"{first}-{}\"\n\
             [limits]\ncalls_per_second = 200\nrequests_per_second = 2000\n[web]\nlisten = [\"{http}\"]\n[log]\nlevel = \"debug\"\n",
            list(&self.setup.phones),
            list(&self.setup.peers),
            first + MEDIA_PORTS - 1
        );
        let mut table = table(&text)?;
        lay_over(&mut table, self::table(&self.setup.changes)?);
        Ok(table.to_string())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // one that runs to its end lets its calls end first; here nobody waits for them
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn table(text: &str) -> io::Result<Table> {
    text.parse().map_err(io::Error::other)
}

/// Tables are merged, everything else replaced; a table over a list of tables is laid over each of them.
fn lay_over(base: &mut Table, changes: Table) {
    for (key, change) in changes {
        match (base.get_mut(&key), change) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => lay_over(old, new),
            (Some(toml::Value::Array(old)), toml::Value::Table(new)) => {
                old.iter_mut().filter_map(toml::Value::as_table_mut).for_each(|each| lay_over(each, new.clone()));
            }
            (_, change) => {
                base.insert(key, change);
            }
        }
    }
}

/// One that nobody has, by UDP or by TCP; the search begins there.
fn free_port(from: u32) -> io::Result<SocketAddr> {
    let nth = |n: u32| FIRST_SERVICE_PORT + u16::try_from(from.wrapping_add(n) % SERVICE_PORTS).unwrap_or(0);
    let free = |port: &u16| UdpSocket::bind((LOOPBACK, *port)).is_ok() && TcpListener::bind((LOOPBACK, *port)).is_ok();
    let port = (0..SERVICE_PORTS).map(nth).find(free).ok_or(io::ErrorKind::AddrInUse)?;
    Ok(SocketAddr::from((LOOPBACK, port)))
}

/// The port asked for, or the next ones if it is taken.
fn free_web_port(wanted: u16) -> io::Result<SocketAddr> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for port in wanted..=wanted.saturating_add(100) {
        match TcpListener::bind((LOOPBACK, port)) {
            Ok(listener) => return listener.local_addr(),
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// It holds passwords.
fn private(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_laid_over_tables_and_lists_of_tables() {
        let mut base: Table = "[line]\nring = 1\nkeep = 2\n[[trunk]]\nname = \"a\"\n".parse().unwrap();
        lay_over(&mut base, "[line]\nring = 3\n[trunk]\nchannels = 1\n[new]\nx = 1".parse().unwrap());
        assert_eq!(base["line"]["ring"].as_integer(), Some(3));
        assert_eq!(base["line"]["keep"].as_integer(), Some(2));
        assert_eq!(base["trunk"][0]["channels"].as_integer(), Some(1));
        assert_eq!(base["new"]["x"].as_integer(), Some(1));
    }
}
