//! A progress bar on standard error, for work that takes more than half a second on a terminal.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::ops::Progress;

/// Work shorter than this shows nothing.
const QUIET_TIME: Duration = Duration::from_millis(500);

/// How often the bar moves while nothing is reported, so that a wait for the network is seen to be one.
const TICK: Duration = Duration::from_millis(120);

/// Draws a bar once the work has taken long enough.
pub(super) struct Bar {
    /// None before the first step, and after a question.
    bar: RefCell<Option<ProgressBar>>,
    shown: bool,
    /// What was warned of: once is enough, however often it is found.
    told: RefCell<BTreeSet<String>>,
}

impl Bar {
    /// Makes a bar that stays hidden when `wanted` is false or standard error is no terminal.
    pub(super) fn new(wanted: bool) -> Self {
        let shown = wanted && std::io::stderr().is_terminal();
        Self { bar: RefCell::new(None), shown, told: RefCell::default() }
    }
}

/// Starts a bar that nobody sees before the quiet time is over.
fn start() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    bar.enable_steady_tick(TICK);
    let later = bar.clone();
    // Ends with the process at the latest; a bar that is finished draws nothing any more.
    std::thread::spawn(move || {
        std::thread::sleep(QUIET_TIME);
        if !later.is_finished() {
            later.set_draw_target(ProgressDrawTarget::stderr());
        }
    });
    bar
}

impl Progress for Bar {
    fn step(&self, what: &str, done: u64, total: Option<u64>) {
        if !self.shown {
            return;
        }
        let mut bar = self.bar.borrow_mut();
        let bar = bar.get_or_insert_with(start);
        let template =
            if total.is_some() { "{spinner} {msg} {pos}/{len} [{elapsed}]" } else { "{spinner} {msg} [{elapsed}]" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_position(done);
    }

    fn warn(&self, what: &str) {
        if !self.told.borrow_mut().insert(what.to_owned()) {
            return;
        }
        let print = || {
            // Nothing is left to report to when standard error is gone.
            let _ = writeln!(anstream::stderr(), "warning: {what}");
        };
        match &*self.bar.borrow() {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn pause(&self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.pause();
    }
}
