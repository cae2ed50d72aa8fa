//! The page of results.

use std::fmt::Write as _;
use std::time::Duration;

/// One row of the table, with what stands behind it.
#[derive(Debug)]
pub struct Figure {
    /// What was measured.
    pub what: &'static str,
    /// What it should be.
    pub bar: &'static str,
    /// What it was.
    pub measured: String,
    /// Whether the bar is met.
    pub met: bool,
    /// How it was measured, and the numbers around it.
    pub details: Vec<String>,
}

impl Figure {
    /// One word.
    pub const fn verdict(&self) -> &'static str {
        if self.met { "met" } else { "missed" }
    }
}

/// The whole page in Markdown.
pub fn page(figures: &[Figure], machine: &[String], took: Duration) -> String {
    let mut page =
        String::from("# Figures\n\nWritten by `cargo xtask bench` (release programs as processes, Microsoft played by entra-sim).\n\n");
    // Writing to a String cannot fail.
    for line in machine {
        let _ = writeln!(page, "- {line}");
    }
    let _ = writeln!(page, "- The run took {:.0} s\n", took.as_secs_f64());
    page.push_str("| what | bar | measured | |\n| --- | --- | --- | --- |\n");
    for figure in figures {
        let _ = writeln!(page, "| {} | {} | {} | {} |", figure.what, figure.bar, figure.measured, figure.verdict());
    }
    for figure in figures {
        let _ = write!(page, "\n## {}\n\n", figure.what);
        for line in &figure.details {
            let _ = writeln!(page, "- {line}");
        }
    }
    page
}

/// Times in order, to be asked for quantiles.
#[derive(Debug)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Of that many measurements.
    pub fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// The smallest time that at least `share` of all do not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "some thousands of samples"
        )]
        let rank = (self.0.len() as f64 * share).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// `p50 2.1 ms, p99 5.0 ms, max 7.3 ms of 200`.
    pub fn summary(&self) -> String {
        let milliseconds = |share| format!("{:.1} ms", self.quantile(share).as_secs_f64() * 1e3);
        format!("p50 {}, p99 {}, max {} of {}", milliseconds(0.5), milliseconds(0.99), milliseconds(1.0), self.0.len())
    }
}
