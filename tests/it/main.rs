//! Runs of the real program, and checks of the source as a whole.
#![allow(clippy::disallowed_methods, reason = "tests make files and start programs of their own")]

mod deploy;
mod walls;
