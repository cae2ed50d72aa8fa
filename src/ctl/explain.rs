//! `onedeskctl explain`: what an error of Microsoft means. Works without the daemon.

use std::io::{self, Read as _};
use std::path::Path;

use super::failure::Failure;
use super::output::{Output, Tone};
use crate::oauth::aadsts::{self, Explanation, Retry, Who};
use crate::settings::{DEFAULT_FILE, Settings};

/// Error pages are smaller; what comes behind is not read.
const MOST_INPUT: u64 = 64 * 1024;

/// Explains `what`, or standard input for `-`; 1 when the code is not known here.
pub fn run(what: String, config: Option<&Path>, output: Output) -> Result<(), Failure> {
    let text = if what == "-" { standard_input()? } else { what };
    if text.trim().is_empty() {
        return Err(Failure::found("there is nothing to explain").hint("give a code such as AADSTS50173, or the whole message"));
    }
    // Without settings, or with faulty ones, the usual place is as good a guess as any.
    let settings = Settings::load(config.unwrap_or(Path::new(DEFAULT_FILE))).ok();
    let explanation = aadsts::explain(&text);
    let explanation = settings.iter().fold(explanation, |explanation, loaded| explanation.naming(loaded.settings.credentials_path()));
    if output.is_json() {
        let json = serde_json::to_vec(&explanation).map_err(|error| Failure::found(error.to_string()))?;
        output.json(&json)?;
    } else {
        output.text(&render(&explanation, output))?;
    }
    if explanation.known { Ok(()) } else { Err(Failure::said()) }
}

fn standard_input() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(MOST_INPUT).read_to_end(&mut bytes);
    read.map_err(|error| Failure::found(format!("standard input: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn render(explanation: &Explanation, output: Output) -> String {
    let Explanation { code, title, meaning, who, steps, retry, known: _ } = explanation;
    let mut lines = vec![output.paint(Tone::Bold, &format!("{code}: {title}"))];
    if !meaning.is_empty() {
        lines.push(meaning.clone());
    }
    lines.push(String::new());
    lines.push(format!("Who can mend it   {}", person(*who)));
    lines.push(format!("Trying again      {}", chance(*retry)));
    lines.push(String::new());
    lines.extend(steps.iter().enumerate().map(|(index, step)| format!("{}. {step}", index + 1)));
    lines.join("\n")
}

const fn person(who: Who) -> &'static str {
    match who {
        Who::User => "the person who signs in",
        Who::Admin => "an administrator of the tenant",
        Who::Owner => "the owner of the app registration",
        Who::Developer => "the makers of OneDesk",
        Who::Microsoft => "Microsoft; it passes",
        Who::Nobody => "nobody need do anything",
    }
}

const fn chance(retry: Retry) -> &'static str {
    match retry {
        Retry::No => "does not help",
        Retry::BackOff => "helps after a while; OneDesk does it by itself",
        Retry::AfterSignIn => "helps once somebody has signed in again",
        Retry::AfterFix => "helps once the cause is mended",
    }
}
