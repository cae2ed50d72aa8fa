//! Lanes of a test run: each has a name, a time and an outcome; one that fails does not keep the others from running.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The lanes that ran, and those that did not.
#[derive(Default)]
pub struct Lanes {
    /// Part of the name of the lanes that were asked for; none: all of them.
    only: Option<String>,
    not_asked_for: usize,
    passed: Vec<(String, Duration)>,
    failed: Vec<(String, Duration)>,
    left_out: Vec<(String, String)>,
}

impl Lanes {
    /// Runs those lanes only whose name contains `only`.
    pub fn new(only: Option<String>) -> Self {
        Self { only, ..Self::default() }
    }

    /// Runs a lane and tells how it went.
    pub fn run(&mut self, name: &str, lane: impl FnOnce() -> Result<()>) {
        if self.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            self.not_asked_for += 1;
            return;
        }
        println!("==> {name}");
        let started = Instant::now();
        let outcome = lane();
        let took = started.elapsed();
        match outcome {
            Ok(()) => {
                println!("<== {name}: passed in {:.1} s", took.as_secs_f64());
                self.passed.push((name.into(), took));
            }
            Err(error) => {
                eprintln!("{error:#}");
                println!("<== {name}: FAILED after {:.1} s", took.as_secs_f64());
                self.failed.push((name.into(), took));
            }
        }
    }

    /// Notes a lane that cannot run here; the run as a whole fails for it.
    pub fn leave_out(&mut self, name: &str, why: &str) {
        println!("--- {name}: left out, {why}");
        self.left_out.push((name.into(), why.into()));
    }

    /// The closing lines.
    ///
    /// # Errors
    /// When a lane failed or was left out.
    pub fn finish(self) -> Result<()> {
        println!();
        for (name, took) in &self.passed {
            println!("{:>8.1} s  {name}", took.as_secs_f64());
        }
        for (name, took) in &self.failed {
            println!("{:>8.1} s  {name}: FAILED", took.as_secs_f64());
        }
        println!("lanes: {} passed, {} failed, {} skipped", self.passed.len(), self.failed.len(), self.left_out.len() + self.not_asked_for);
        if !self.failed.is_empty() {
            bail!("failed: {}", names(&self.failed));
        }
        if !self.left_out.is_empty() {
            bail!("left out: {}", self.left_out.iter().map(|(name, why)| format!("{name} ({why})")).collect::<Vec<_>>().join(", "));
        }
        Ok(())
    }
}

fn names(lanes: &[(String, Duration)]) -> String {
    lanes.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_lane_fails_the_run_and_is_named() {
        let mut lanes = Lanes::default();
        lanes.run("good", || Ok(()));
        lanes.run("bad", || bail!("broken"));
        assert_eq!(lanes.finish().unwrap_err().to_string(), "failed: bad");
    }

    #[test]
    fn only_the_lanes_that_were_asked_for_run() {
        let mut lanes = Lanes::new(Some("unit".into()));
        lanes.run("clippy", || bail!("never"));
        lanes.run("unit tests", || Ok(()));
        assert_eq!(lanes.not_asked_for, 1);
        assert!(lanes.finish().is_ok());
    }

    #[test]
    fn a_lane_that_was_left_out_fails_the_run_with_the_reason() {
        let mut lanes = Lanes::default();
        lanes.leave_out("boot", "needs root");
        assert_eq!(lanes.finish().unwrap_err().to_string(), "left out: boot (needs root)");
    }
}
