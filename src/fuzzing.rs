//! The parsers that read what others wrote, for the fuzz targets of `tests/fuzz` and for the replay of their seeds: one
//! function a target, bytes in, nothing out. A panic or a hang is the finding.

use crate::credentials::grammar;

/// `/root/.OneDesk`.
pub fn credentials(bytes: &[u8]) {
    let _ = grammar::parse(bytes);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    type Target = fn(&[u8]);

    #[test]
    fn every_seed_is_read_without_a_panic() {
        let targets: [(&str, Target); _] = [("credentials", super::credentials)];
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
