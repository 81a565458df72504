//! Runs of the real program, and checks of the source as a whole.
#![allow(clippy::disallowed_methods, reason = "tests make files and start programs of their own")]

mod add;
mod addresses;
mod adopt;
mod attacks;
mod broken;
mod bucket;
mod bundle;
mod cli;
mod collection;
mod crash;
mod dependencies;
mod deploy;
mod env;
mod find;
mod follow;
mod git_rows;
mod hooks;
mod hostile;
mod import;
mod ledger;
mod ledger_attacks;
mod machines;
mod minisign;
mod mirror;
mod old_packs;
mod partial;
mod recommend;
mod remote;
mod restore;
mod rows;
mod schema;
mod trust;
mod update;
mod vault;
mod walls;
