//! A progress bar on standard error, for work that takes more than half a second on a terminal.

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::ops::Progress;

/// Work shorter than this shows nothing.
const QUIET_TIME: Duration = Duration::from_millis(500);

/// Draws a bar once the work has taken long enough.
pub(super) struct Bar {
    started: Instant,
    bar: RefCell<Option<ProgressBar>>,
    shown: bool,
}

impl Bar {
    /// Makes a bar that stays hidden when `wanted` is false or standard error is no terminal.
    pub(super) fn new(wanted: bool) -> Self {
        let shown = wanted && std::io::stderr().is_terminal();
        Self { started: Instant::now(), bar: RefCell::new(None), shown }
    }
}

impl Progress for Bar {
    fn step(&self, what: &str, done: u64, total: Option<u64>) {
        if !self.shown || self.started.elapsed() < QUIET_TIME {
            return;
        }
        let mut slot = self.bar.borrow_mut();
        let bar = slot.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{spinner} {msg} {pos}/{len} [{elapsed}]");
            ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr())
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_message(what.to_owned());
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }
}
