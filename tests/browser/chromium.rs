//! Chromium and its driver: processes of this test that end with it, profile and all.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rappel::demo::ua::eventually;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::common::capabilities::chromium::ChromiumLikeCapabilities;
use thirtyfour::{Capabilities, DesiredCapabilities, WebDriver};
use tokio::runtime::{Builder, Runtime};

use crate::screen::Screen;
use crate::stage::tool;

/// How long the driver may take to stand.
const UP: Duration = Duration::from_secs(20);
/// Root may not use the sandbox; nothing may be asked of the network.
const ARGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--lang=fr-FR",
];

/// The driver; each [`Screen`] is a Chromium of its own.
pub struct Chromium {
    browser: PathBuf,
    driver: Child,
    port: u16,
    runtime: Arc<Runtime>,
    /// Profiles and sockets; removed with the rest.
    _folder: TempDir,
}

impl Chromium {
    /// `None`, with the reason said, where Chromium or its driver is missing.
    pub fn start() -> Option<Chromium> {
        let (browser, program) = (tool("chromium", "chromium")?, tool("chromedriver", "chromium-driver")?);
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("driver.log");
        let output = std::fs::File::create(&log).unwrap();
        // a group of its own: whatever it starts ends with it
        let driver = Command::new(program)
            .arg("--port=0")
            .env("TMPDIR", folder.path())
            .env("HOME", folder.path())
            .env("TZ", "Europe/Paris")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .process_group(0)
            .spawn()
            .unwrap();
        let mut port = None;
        let up = eventually(UP, || {
            port = port_of(&std::fs::read_to_string(&log).unwrap_or_default());
            port.is_some()
        });
        assert!(up, "chromedriver did not start: {}", std::fs::read_to_string(&log).unwrap_or_default());
        let runtime = Arc::new(Builder::new_current_thread().enable_all().build().unwrap());
        Some(Chromium { browser, driver, port: port.unwrap(), runtime, _folder: folder })
    }

    /// A browser with nothing in it.
    pub fn screen(&self, base: String) -> Screen {
        self.open(base, &json!({}))
    }

    /// One whose owner turned scripts off in its settings.
    pub fn screen_without_script(&self, base: String) -> Screen {
        self.open(base, &json!({ "profile.managed_default_content_settings.javascript": 2 }))
    }

    fn open(&self, base: String, prefs: &Value) -> Screen {
        let mut wishes = DesiredCapabilities::chrome();
        wishes.set_binary(&self.browser.to_string_lossy()).unwrap();
        ARGS.iter().for_each(|arg| wishes.add_arg(arg).unwrap());
        wishes.add_experimental_option("prefs", prefs.clone()).unwrap();
        let mut wishes: Capabilities = wishes.into();
        wishes.set("goog:loggingPrefs", json!({ "browser": "ALL" })).unwrap();
        let driver = self.runtime.block_on(async { WebDriver::new(format!("http://127.0.0.1:{}", self.port), wishes).await });
        Screen::new(Arc::clone(&self.runtime), driver.expect("Chromium did not start"), base)
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.driver.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.driver.wait();
    }
}

/// "ChromeDriver was started successfully on port 40123."
fn port_of(log: &str) -> Option<u16> {
    let rest = log.split("started successfully on port ").nth(1)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
