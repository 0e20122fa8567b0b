//! How the page is looked at (light, dark, a narrow telephone, zoomed to twice its size) and what must hold however it is looked at:
//! nothing for axe to say, no scrolling to the side, nothing too small for a finger.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::screen::Screen;

#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub name: &'static str,
    pub scheme: &'static str,
    pub width: u32,
    pub height: u32,
    /// Pixels of the screen to one of the page.
    pub scale: u32,
}

pub const LIGHT: Look = Look { name: "light", scheme: "light", width: 1280, height: 900, scale: 1 };
pub const DARK: Look = Look { name: "dark", scheme: "dark", ..LIGHT };
pub const NARROW: Look = Look { name: "360 px", width: 360, height: 740, ..LIGHT };
/// What a zoom to 200 % leaves of 1280 pixels.
const ZOOMED: Look = Look { name: "200 %", width: 640, height: 450, scale: 2, ..LIGHT };
pub const LOOKS: [Look; 4] = [DARK, NARROW, ZOOMED, LIGHT];

/// The smallest side of what is clicked, in CSS pixels; half a pixel is rounding.
const TARGET: f64 = 43.5;

/// The release that `./check` fetches, and the sum of its file.
const AXE: &str = "target/tools/axe-core-4.14.1.min.js";
const AXE_SUM: &str = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c";
const RUN: &str = "axe.run(document, { resultTypes: ['violations'], runOnly: { type: 'tag', values:
    ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] } }).then(
    ({ violations, passes }) => done({ passed: passes.length, found: violations.flatMap(({ id, help, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id}: ${help}\\n  ${target.join(' ')}\\n  ${failureSummary}`)) }),
    (error) => done({ passed: 0, found: [String(error)] }));";

/// What can be clicked or typed into, with its size. A field in a label is as large as the label.
const TARGETS: &str = "return [...document.querySelectorAll('a[href], button, summary, input:not([type=hidden]), select, textarea')]
    .filter((e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !e.closest('.invisible, .saut'))
    .map((e) => { const box = (e.type === 'checkbox' && e.closest('label') || e).getBoundingClientRect();
                  return [e.outerHTML.slice(0, 120), Math.min(box.width, box.height)]; });";

/// axe's text, where it was fetched and is what it should be; said once when it is missing.
pub fn axe() -> Option<&'static str> {
    static AXE_TEXT: OnceLock<Option<String>> = OnceLock::new();
    let read = || {
        let text = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(AXE)).ok()?;
        let sum: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sum, AXE_SUM, "{AXE} is not the file that was published; remove it and run ./check");
        Some(text)
    };
    AXE_TEXT.get_or_init(read).as_deref()
}

/// Without axe the test says that it is skipped; where it could have been fetched, it fails.
pub fn axe_or_skip() -> bool {
    let there = axe().is_some();
    if !there {
        use std::io::Write;
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{AXE} is missing: ./check fetches it");
        let _ = writeln!(std::io::stderr(), "\nskipped: axe-core was not fetched (./check does it)");
    }
    there
}

impl Screen {
    pub fn look(&self, look: Look) {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": look.scheme }] });
        self.devtools("Emulation.setEmulatedMedia", media);
        let size = json!({ "width": look.width, "height": look.height, "deviceScaleFactor": look.scale, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size);
        let width = look.width;
        self.until(
            &format!("the page in {}", look.name),
            &format!("innerWidth === {width} && matchMedia('(prefers-color-scheme: {})').matches", look.scheme),
        );
    }

    /// That state in every look, and nothing went wrong unseen.
    pub fn inspect(&self, state: &str) {
        self.in_every_look(state);
        self.quiet();
    }

    /// The last one is light and wide, as everything else is played.
    pub fn in_every_look(&self, state: &str) {
        for look in LOOKS {
            self.look(look);
            self.fits(state, look);
            self.clean(state, look);
            // for a person to look at: each inspected state in each look
            if let Some(folder) = std::env::var_os("RAPPEL_LOOKS") {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(std::path::Path::new(&folder).join(format!("{state}, {}.png", look.name)), self.picture()).unwrap();
            }
        }
    }

    fn fits(&self, state: &str, look: Look) {
        let wide = self.value("[document.documentElement.scrollWidth, innerWidth]");
        assert!(wide[0].as_u64() <= wide[1].as_u64(), "{state}, {}: the page is {} wide, the screen {}", look.name, wide[0], wide[1]);
        let targets = self.js(TARGETS);
        let small: Vec<&Value> = targets.as_array().unwrap().iter().filter(|t| t[1].as_f64().is_none_or(|side| side < TARGET)).collect();
        assert!(small.is_empty(), "{state}, {}: too small for a finger: {small:#?}", look.name);
    }

    /// axe finds nothing. Colours that are fading in are judged as they end.
    fn clean(&self, state: &str, look: Look) {
        let Some(text) = axe() else { return };
        if !self.holds("window.axe") {
            self.js(text);
        }
        self.until("nothing moves", "document.getAnimations().every((a) => a.playState !== 'running')");
        let result = self.js_async(RUN);
        let found: Vec<&str> = result["found"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(found.is_empty(), "{state}, {}: {}", look.name, found.join("\n"));
        assert!(result["passed"].as_u64() > Some(5), "{state}, {}: axe looked at nothing", look.name);
    }
}
