//! The parsers that read what others wrote, for the fuzz targets of `tests/fuzz` and for the replay of their seeds: one
//! function a target, bytes in, nothing out. A panic or a hang is the finding.

use std::path::Path;

use bytes::Bytes;

use crate::credentials::grammar;
use crate::model::{Hint as _, RequestId};
use crate::oauth::callback::Callback;
use crate::oauth::token_response;
use crate::settings::Settings;
use crate::system::http::Answer;

/// `/root/.OneDesk`.
pub fn credentials(bytes: &[u8]) {
    let _ = grammar::parse(bytes);
}

/// `onedeskd.toml`: settings, or an error that can be shown.
pub fn settings(bytes: &[u8]) {
    if let Err(error) = Settings::parse_bytes(bytes, Path::new("onedeskd.toml")) {
        let _ = (error.to_string(), error.hint());
    }
}

/// What a browser brings back from the provider: a query or a form.
pub fn callback(bytes: &[u8]) {
    let _ = Callback::parse(&String::from_utf8_lossy(bytes));
}

/// What a token endpoint, or whatever stands in its place, answers.
pub fn token_response(bytes: &[u8]) {
    for status in [200, 400, 503] {
        let answer = Answer {
            status,
            content_type: "application/json".to_owned(),
            retry_after: None,
            date: None,
            body: Bytes::copy_from_slice(bytes),
            request_id: RequestId::new(),
        };
        let _ = token_response::parse(&answer);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    type Target = fn(&[u8]);

    #[test]
    fn every_seed_is_read_without_a_panic() {
        let targets: [(&str, Target); _] = [
            ("credentials", super::credentials),
            ("settings", super::settings),
            ("callback", super::callback),
            ("token_response", super::token_response),
        ];
        for (target, read) in targets {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(target);
            let seeds: Vec<_> = fs::read_dir(&folder).unwrap().map(|seed| seed.unwrap().path()).collect();
            assert!(!seeds.is_empty(), "{target} has no seeds");
            for seed in seeds {
                read(&fs::read(seed).unwrap());
            }
        }
    }
}
