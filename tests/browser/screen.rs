//! One browser in front of one person: what is looked at, clicked and typed, and how long anything may take to appear.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thirtyfour::common::types::WindowHandle;
use thirtyfour::error::WebDriverResult;
use thirtyfour::{By, WebDriver};
use tokio::runtime::Runtime;

use crate::stage::SOON;

/// Between two looks at the page.
const LOOK: Duration = Duration::from_millis(25);
/// Messages of the console that mean something is wrong.
const WRONG: &str = "SEVERE";
/// Runs before everything on every page: what goes wrong unseen is kept.
const WITNESS: &str = "window.seen = [];
    for (const kind of ['error', 'unhandledrejection', 'securitypolicyviolation'])
      addEventListener(kind, (e) => window.seen.push(`${kind}: ${e.message || e.reason || e.violatedDirective || e.target?.src}`), true);
    for (const kind of ['alert', 'confirm', 'prompt']) window[kind] = (text) => window.seen.push(`${kind}: ${text}`);";

pub struct Screen {
    runtime: Arc<Runtime>,
    driver: WebDriver,
    base: String,
}

impl Screen {
    pub fn new(runtime: Arc<Runtime>, driver: WebDriver, base: String) -> Screen {
        let screen = Screen { runtime, driver, base };
        screen.witness();
        screen
    }

    fn witness(&self) {
        self.devtools("Page.enable", json!({}));
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WITNESS }));
    }

    pub fn devtools(&self, method: &str, params: Value) -> Value {
        let cdp = self.driver.cdp();
        self.run(async { cdp.send_raw(method, params).await }).unwrap_or_else(|e| panic!("{method}: {e}"))
    }

    /// By the form, as anybody does.
    pub fn sign_in(&self, person: &str, password: &str) {
        self.go("/login");
        self.click("#person");
        self.keys(person);
        self.click("#password");
        self.keys(password);
        self.click(".connexion button");
        self.until("the queue after signing in", "location.pathname === '/'");
        self.ready();
    }

    /// The session is over, without a word to the page.
    pub fn sign_out(&self) {
        self.run(self.driver.delete_all_cookies()).unwrap();
    }

    pub fn go(&self, path: &str) {
        let address = format!("{}{path}", self.base);
        self.run(self.driver.goto(address.as_str())).unwrap_or_else(|e| panic!("{address}: {e}"));
    }

    pub fn reload(&self) {
        self.run(self.driver.refresh()).unwrap();
    }

    /// The page follows what happens: its link stands and everything was read once.
    pub fn ready(&self) {
        self.until("the page is complete", "document.readyState === 'complete' && !!window.htmx");
    }

    pub fn js(&self, script: &str) -> Value {
        self.try_js(script).unwrap_or_else(|e| panic!("{script}: {e}"))
    }

    fn try_js(&self, script: &str) -> WebDriverResult<Value> {
        self.run(self.driver.execute(script, Vec::new())).map(|result| result.json().clone())
    }

    /// A script that calls `done` with its answer.
    pub fn js_async(&self, script: &str) -> Value {
        let script = format!("const done = arguments[arguments.length - 1]; {script}");
        let result = self.run(self.driver.execute_async(script.as_str(), Vec::new())).unwrap_or_else(|e| panic!("{script}: {e}"));
        result.json().clone()
    }

    /// The value of an expression.
    pub fn value(&self, expression: &str) -> Value {
        self.js(&format!("return ({expression});"))
    }

    pub fn holds(&self, expression: &str) -> bool {
        self.value(&format!("!!({expression})")) == Value::Bool(true)
    }

    /// Waits for an expression to be true; says what was on the screen instead. One that cannot be asked, of a page that is on its way, is
    /// not true yet.
    pub fn until(&self, what: &str, expression: &str) {
        self.within(SOON, what, expression);
    }

    pub fn within(&self, limit: Duration, what: &str, expression: &str) {
        let end = Instant::now() + limit;
        let script = format!("return !!({expression});");
        loop {
            let found = self.try_js(&script);
            if matches!(found, Ok(Value::Bool(true))) {
                return;
            }
            assert!(Instant::now() < end, "not seen in {limit:?}: {what}\n{expression}\n{found:?}\n{}", self.words());
            std::thread::sleep(LOOK);
        }
    }

    /// What can be read on the page now.
    pub fn words(&self) -> String {
        let focus = "document.activeElement.outerHTML.slice(0, 120)";
        self.value(&format!("[location.href, document.title, {focus}, document.body.innerText].join('\\n')"))
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The text of the first such element, `None` without one.
    pub fn text(&self, css: &str) -> Option<String> {
        self.value(&format!("document.querySelector({css:?})?.innerText ?? null")).as_str().map(str::to_owned)
    }

    pub fn has(&self, css: &str) -> bool {
        self.holds(&format!("document.querySelector({css:?})"))
    }

    pub fn shows(&self, css: &str) -> bool {
        self.holds(&format!("document.querySelector({css:?})?.checkVisibility()"))
    }

    /// The text of the one that is wanted contains that, soon.
    pub fn reads(&self, css: &str, text: &str) {
        self.until(&format!("{css} reads {text:?}"), &format!("document.querySelector({css:?})?.innerText.includes({text:?})"));
    }

    /// A click where the element is: one that lies under another is refused by the driver.
    pub fn click(&self, css: &str) {
        let end = Instant::now() + SOON;
        loop {
            let clicked = self.run(async { self.driver.find(By::Css(css)).await?.click().await });
            match clicked {
                Ok(()) => return,
                Err(e) if Instant::now() >= end => panic!("{css} cannot be clicked: {e}\n{}", self.words()),
                Err(_) => std::thread::sleep(LOOK),
            }
        }
    }

    /// Keys to whatever has the focus, one by one.
    pub fn keys(&self, text: &str) {
        self.run(self.driver.action_chain_with_delay(Some(Duration::ZERO), Some(Duration::ZERO)).send_keys(text).perform()).unwrap();
    }

    /// Puts the focus there and replaces what stands in it.
    pub fn fill(&self, css: &str, text: &str) {
        self.click(css);
        self.js(&format!("document.querySelector({css:?}).select()"));
        self.keys(text);
    }

    /// The id of what has the focus; a class when it has none.
    pub fn focus(&self) -> String {
        self.value("document.activeElement.id || document.activeElement.className || document.activeElement.tagName")
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Tab until that has the focus: as often as a person would have to, `most` at most.
    pub fn tab_to(&self, css: &str, most: usize) {
        for _ in 0..=most {
            if self.holds(&format!("document.activeElement.matches({css:?})")) {
                return;
            }
            self.keys("\u{e004}");
        }
        panic!("{css} is not reached by {most} tabs; the focus is on {}\n{}", self.focus(), self.words());
    }

    /// Another tab, in front from now on; the page with it is open.
    pub fn new_tab(&self, path: &str) -> WindowHandle {
        let tab = self.run(self.driver.new_tab()).unwrap();
        self.front(&tab);
        self.witness();
        self.go(path);
        tab
    }

    pub fn tab(&self) -> WindowHandle {
        self.run(self.driver.window()).unwrap()
    }

    pub fn front(&self, tab: &WindowHandle) {
        self.run(self.driver.switch_to_window(tab.clone())).unwrap();
    }

    /// Without a script even the driver's own are not to be had: the document as it arrived.
    pub fn source(&self) -> String {
        self.run(self.driver.source()).unwrap()
    }

    /// Replaces what stands in a field, with the driver's own means.
    pub fn fill_plain(&self, css: &str, text: &str) {
        self.run(async {
            let field = self.driver.find(By::Css(css)).await?;
            field.clear().await?;
            field.send_keys(text).await
        })
        .unwrap_or_else(|e| panic!("{css}: {e}"));
    }

    /// A click, and the page that comes of it.
    pub fn press_plain(&self, css: &str) {
        self.run(async { self.driver.find(By::Css(css)).await?.click().await }).unwrap_or_else(|e| panic!("{css}: {e}"));
    }

    pub fn picture(&self) -> Vec<u8> {
        self.run(self.driver.screenshot_as_png()).unwrap()
    }

    /// No error, no refused script or style, no dialog since this page was loaded.
    pub fn quiet(&self) {
        assert_eq!(self.value("window.seen"), json!([]), "{}", self.words());
        let log = self.run(self.driver.browser_log()).unwrap();
        // a refusal of the service (422, 409) is told by the page; the console says it too
        let wrong = |text: &str| !text.contains("the server responded with a status of 4");
        let wrong: Vec<String> =
            log.iter().filter(|line| line.level == WRONG && wrong(&line.message)).map(|line| line.message.clone()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// What the console said while the service was away is no fault of the page.
    pub fn forget(&self) {
        self.run(self.driver.browser_log()).unwrap();
        self.js("window.seen = []");
    }

    pub fn run<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.runtime.block_on(self.driver.clone().quit());
    }
}
